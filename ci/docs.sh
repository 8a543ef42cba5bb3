#!/usr/bin/env bash
# docs.sh: writes what is generated in docs/. The same tests, without -update, fail where it is not current.
. "$(dirname "$0")/lib.sh"

go test ./cmd/strix-build -run '^TestCLIReference$' -update
go test ./internal/recipe ./internal/patch -run 'Schema' -update
