# shellcheck shell=bash
# What a runner that is thrown away waits for: nothing but the base, the cache in a registry. ci/bench.sh sources this.
# shellcheck disable=SC2154 # work, strix, project, source, first, took, address are bench.sh's and publish.sh's

# thrown_away ARG…: a builder and a store that have nothing but the base; sets took to the seconds of a build
thrown_away() {
	rm -rf "$work/thrown"
	mkdir "$work/thrown"
	ln -s "$STRIX_BUILD_STATE/trees" "$work/thrown/trees" # a base by digest would come from a registry
	watched "$strix" --state "$work/thrown" --builder own --project "$project" recipe --source "llama.cpp=$source" "$first" \
		--cache "$address/caches/llama" "$@" >"$work/thrown.out" 2>"$work/thrown.log"
	! grep 'not cached' "$work/thrown.log" || die "the cache was not written"
}

# ephemeral NEXT: the same base again, and another one a week later
ephemeral() {
	local once
	serve
	thrown_away
	once=$took
	row "empty runner, \`$first\`, the cache in the registry is empty" "$(minutes "$once")" ""
	thrown_away
	row "another empty runner, the same base" "$(minutes "$took")" ""
	row "… against the first" "$(ratio "$took" "$once")" "0.30"
	thrown_away --base "$1"
	row "another empty runner, base $1, $(grep -o 'compiler cache [0-9]* of [0-9]*' "$work/thrown.log" | tail -n 1)" "$(minutes "$took")" ""
	row "… against the first" "$(ratio "$took" "$once")" "0.30"
	row "size of the cache in the registry" "$(du -sm "$work/registry" | cut -f1) MB" ""
	stop_registry
	rm -rf "$work/thrown"
}
