#!/usr/bin/env bash
# lint.sh: the checks that need no BuildKit: format, vet, shell scripts (where shellcheck is installed), the project's
# own recipes, containers and patch sets.
. "$(dirname "$0")/lib.sh"

unformatted=$(gofmt -l cmd internal recipes patches containers)
[ -z "$unformatted" ] || die "not formatted, run gofmt -w on: $unformatted"
go vet ./...
if have shellcheck; then
	shellcheck -x .ci/run ci/*.sh internal/graph/scripts/*.sh internal/runner/*.sh internal/runner/testdata/ssh
fi
bin/strix-build --project "$root" lint
