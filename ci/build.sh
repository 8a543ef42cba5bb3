#!/usr/bin/env bash
# build.sh [TOOL…]: bin/strix-build, and of the tools module bin/buildkitd and the TOOLs named. A second run is done in
# seconds.
. "$(dirname "$0")/lib.sh"

ci/chart.sh
mkdir -p bin
say "building bin/strix-build"
go build -o bin/strix-build ./cmd/strix-build
for tool in buildkitd "$@"; do
	say "building bin/$tool (first time: a minute or two)"
	go build -C ci/tools -buildvcs=false -o "$root/bin/$tool" "github.com/moby/buildkit/cmd/$tool"
done
