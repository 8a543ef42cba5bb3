#!/usr/bin/env bash
# run.sh: all set-up, then the main job. $LLAMA_CPP names a clone; without one the source is upstream's. Where upstream
# is out of reach too, the same recipe is built from the embedded miniature, and the first and last line say so. Only
# this script substitutes anything; strix-build recipe never does.
. "$(dirname "$0")/lib.sh"

upstream=$(awk '$1 == "url:" {gsub(/"/, "", $2); print $2; exit}' recipes/stable.lock.yaml)
recipe=rocm-mmq

reachable() { GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --exit-code "$upstream" HEAD >/dev/null 2>&1; }

early=
if [ -n "${LLAMA_CPP-}" ]; then
	LLAMA_CPP=${LLAMA_CPP/#\~\//$HOME/} # not every shell expands it in make's arguments
	[ -d "$LLAMA_CPP" ] || die "LLAMA_CPP=$LLAMA_CPP: no such folder; give a clone of llama.cpp"
	source=$(cd "$LLAMA_CPP" && pwd)
else
	if ! have git; then # needed to ask; what its installation says comes after the first line
		early=$(ci/setup.sh run 2>&1) || die "$early"
	fi
	if ! reachable; then
		notice="NOTE: $upstream is out of reach and LLAMA_CPP is not set: this is the miniature stand-in, not llama.cpp"
		printf '%s\n' "$notice"
		trap 'printf "%s\n" "$notice"' EXIT
	fi
fi
[ -z "$early" ] || say "$early"

ci/setup.sh run
ci/build.sh

args=(recipe "$recipe")
if [ -n "${source-}" ]; then
	args+=(--source "llama.cpp=$source")
elif [ -n "${notice-}" ]; then
	bin/strix-build miniature bin/miniature >/dev/null
	args=(--project bin/miniature/project "${args[@]}" --source llama.cpp=bin/miniature/llama.cpp)
fi
say "strix-build ${args[*]}"
as_root bin/strix-build "${args[@]}"
