#!/usr/bin/env bash
# lint.sh: the checks that need no BuildKit: format, vet, shell scripts (where shellcheck is installed), workflows, units (where
# systemd is), the project's own recipes, containers and patch sets.
. "$(dirname "$0")/lib.sh"

unformatted=$(gofmt -l cmd internal recipes patches containers)
[ -z "$unformatted" ] || die "not formatted, run gofmt -w on: $unformatted"
go vet ./...
if have shellcheck; then
	shellcheck -x .ci/run ci/*.sh internal/graph/scripts/*.sh internal/runner/*.sh internal/runner/testdata/ssh
fi
for forge in ci/workflows/*/; do
	go run -C ci/tools -buildvcs=false github.com/rhysd/actionlint/cmd/actionlint -config-file "$root/ci/workflows/actionlint.yaml" "$root/$forge"*.yaml
done
if have systemd-analyze; then
	units=$(mktemp -d)
	for unit in ci/systemd/*; do # as if this checkout were installed where the units say
		sed "s|/opt/strix-build|$root|g" "$unit" >"$units/${unit##*/}"
	done
	systemd-analyze verify "$units"/*
	rm -r "$units"
fi
bin/strix-build --project "$root" lint
