#!/usr/bin/env bash
# build.sh [TOOL…]: bin/strix-build, and of the tools module bin/buildkitd and the TOOLs named. Static, without paths of
# this machine; a second run is done in seconds.
. "$(dirname "$0")/lib.sh"

flags=(-trimpath)
# go asks git for the commit, and git refuses a checkout of another user's
git rev-parse HEAD >/dev/null 2>&1 || flags+=(-buildvcs=false)

mkdir -p bin
export CGO_ENABLED=0
say "building bin/strix-build"
go build "${flags[@]}" -o bin/strix-build ./cmd/strix-build
for tool in buildkitd "$@"; do
	say "building bin/$tool (first time: a minute or two)"
	go build -C ci/tools -trimpath -buildvcs=false -o "$root/bin/$tool" "github.com/moby/buildkit/cmd/$tool"
done
