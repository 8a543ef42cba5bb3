#!/usr/bin/env bash
# bench.sh: measures this machine and prints a Markdown table. With LLAMA_CPP=CLONE it also builds the first sibling, the
# same by a plain Dockerfile on the same BuildKit, and the second sibling, each from nothing: hours, root, 40 GB.
# Without, the miniature stands in for the figures that need an image. Other recipes: BENCH_PROJECT, BENCH_FIRST,
# BENCH_SECOND; the base of a week later: BENCH_NEXT. Everything is made below bin/bench and removed at the end.
. "$(dirname "$0")/lib.sh"
. ci/bench/measure.sh
. ci/bench/dockerfile.sh
. ci/bench/publish.sh
. ci/bench/report.sh
. ci/bench/ephemeral.sh

[ "$(id -u)" = 0 ] || die "make bench builds an image, which needs root"
ci/setup.sh run
ci/build.sh ${LLAMA_CPP:+buildctl}

strix=$root/bin/strix-build
work=$root/bin/bench
export STRIX_BUILD_STATE=$work/state BUILDKIT_PROGRESS=plain
unset BUILDKIT_HOST
finish() {
	stop_watched
	stop_registry
	stop_daemon
	"$strix" builder stop || true
	[ ! -d "$work/thrown" ] || "$strix" --state "$work/thrown" builder stop || true
	rm -rf "$work"
}
rm -rf "$work"
mkdir -p "$work"
trap finish EXIT

machine
for command in --help lint "plan rocm-mmq"; do
	# shellcheck disable=SC2086 # the words of a command
	milliseconds "$strix" --project "$root" $command
	row "\`strix-build $command\`" "$took ms" "100 ms"
done
reporting

if [ -n "${LLAMA_CPP-}" ]; then
	mkdir "$work/project"
	cp -r "${BENCH_PROJECT:-$root}"/{recipes,containers,patches} "$work/project" # nobody's edits while it runs
	project=$work/project source=$(cd "$LLAMA_CPP" && pwd) first=${BENCH_FIRST:-rocm} second=${BENCH_SECOND:-rocm-mmq}
	histories
	dockerfile_build
	plain=$took
	row "plain Dockerfile, the steps of \`$first\`" "$(minutes "$plain")" ""
else
	"$strix" miniature "$work/miniature" >/dev/null
	project=$work/miniature/project source=$work/miniature/llama.cpp first=cpu second=cpu-patched plain=
fi
recipe=("$strix" --builder own --project "$project" recipe --source "llama.cpp=$source")

watched "${recipe[@]}" "$first" >"$work/first"
once=$took
row "first sibling, \`$first\`, from nothing" "$(minutes "$once")" ""
[ -z "$plain" ] || row "… against the Dockerfile" "$(ratio "$once" "$plain")" "1.00"
watched "${recipe[@]}" "$second" >"$work/second"
row "second sibling, \`$second\`" "$(minutes "$took")" ""
row "… against the first" "$(ratio "$took" "$once")" "0.25"
milliseconds "${recipe[@]}" "$first"
row "unchanged recipe" "$took ms" "1000 ms"
row "peak memory of strix-build" "$(peak) MB" "150 MB"
row "image of \`$first\`, compressed" "$(image_size <"$work/first")" "200 MB"
if have skopeo; then publishing "$(reference <"$work/first")" "$(reference <"$work/second")"; else row "publishing: skopeo is not here to compare with" "" ""; fi
# a week has about 60 builds; the miniature has one more
[ -n "${LLAMA_CPP-}" ] && week=60 || week=1
ephemeral "${BENCH_NEXT:-b$(($(lock build | tr -d b) + week))}"
