#!/usr/bin/env bash
# docs.sh: writes what is generated in docs/: cli.md and schema/. The same tests, without -update, fail where it is not
# current.
. "$(dirname "$0")/lib.sh"

go test ./cmd/strix-build -run '^(TestCLIReference|TestSchemasAreCurrent|TestEvidenceSchemaIsCurrent)$' -update
