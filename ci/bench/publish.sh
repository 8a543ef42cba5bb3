# shellcheck shell=bash
# What publishing costs, beside skopeo on the same image and the same registry. ci/bench.sh sources this.
# shellcheck disable=SC2154 # work, strix and took are bench.sh's

registry= # the process

# serve: a registry with nothing in it; sets address
serve() {
	rm -rf "$work/registry" "$work/registry.log"
	"$strix" registry serve --dir "$work/registry" --listen 127.0.0.1:0 2>"$work/registry.log" &
	registry=$!
	address=
	while [ -z "$address" ]; do
		kill -0 "$registry" || die "the registry ended: $(cat "$work/registry.log")"
		sleep 0.02
		address=$(sed -n 's/^.*registry at \([^,]*\),.*/\1/p' "$work/registry.log" 2>/dev/null || true)
	done
}

stop_registry() {
	[ -n "$registry" ] || return 0
	kill "$registry" 2>/dev/null || true
	wait "$registry" 2>/dev/null || true
	registry=
}

# pushed COMMAND…: appends the time of a push to a registry that has nothing, in microseconds; @ stands for its address
pushed() {
	local file=$1 from
	shift
	serve
	from=$(now)
	"${@//@/$address}" >/dev/null 2>>"$work/push.log" || die "$* failed: $(tail -n 3 "$work/push.log")"
	echo $(($(now) - from)) >>"$file"
}

reference() { cut -d@ -f1; } # of what recipe prints

middle() { sort -n "$1" | awk '{t[NR] = $1} END {printf "%.0f", t[int((NR + 1) / 2)] / 1000}'; }

# publishing IMAGE SIBLING: names in the store
publishing() {
	local ours theirs
	COSIGN_PASSWORD='' "$strix" key generate --out "$work/bench" >/dev/null 2>&1
	for _ in 1 2 3 4 5; do # in turn, so that the machine is as fast for both
		pushed "$work/theirs" skopeo copy --dest-tls-verify=false "oci:$STRIX_BUILD_STATE/images:$1" docker://@/bench/llama:x
		stop_registry
		pushed "$work/ours" "$strix" publish "$1" --candidate --to @/bench/llama
		stop_registry
	done
	ours=$(middle "$work/ours") theirs=$(middle "$work/theirs")
	row "\`publish\` to a registry on loopback, no key" "$ours ms" ""
	row "\`skopeo copy\` of the same image to the same registry" "$theirs ms" ""
	row "… speed of \`publish\` against it" "$(ratio "$theirs" "$ours")" "≥ 0.80"
	serve
	export COSIGN_PASSWORD=
	milliseconds "$strix" publish "$1" --candidate --key "$work/bench.key" --to "$address/bench/llama"
	row "\`publish --key\` again, all is there" "$took ms" ""
	from=$(du -sb "$work/registry/blobs" | cut -f1)
	"$strix" publish "$2" --candidate --to "$address/bench/llama" >/dev/null 2>>"$work/push.log" || die "publish $2 failed: $(tail -n 3 "$work/push.log")"
	row "bytes that the sibling added to the registry" "$(($(du -sb "$work/registry/blobs" | cut -f1) - from))" ""
	# no gate has seen the image, so verify says that evidence is missing: exit code 3
	milliseconds sh -c '"$0" verify "$1" --key "$2" || [ $? = 3 ]' "$strix" "$address/bench/llama:$(candidate)" "$work/bench.pub"
	row "\`verify\`, three documents" "$took ms" "2000 ms"
	stop_registry
}

candidate() { "$strix" tags "$address/bench/llama" --json | grep -o '"tag":"[^"]*-candidate"' | head -n 1 | cut -d'"' -f4; }
