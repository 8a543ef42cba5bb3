# shellcheck shell=bash
# Clocks and table rows of ci/bench.sh, which sources this.
# shellcheck disable=SC2154 # work, strix, project and source are bench.sh's

took=    # what the last clock measured
watched= # the process that is measured now
heading=yes

# row WHAT FIGURE LIMIT
row() {
	[ -z "$heading" ] || printf '| what | measured | limit |\n|---|---:|---:|\n'
	heading=
	printf '| %s | %s | %s |\n' "$1" "$2" "$3"
}

machine() {
	printf 'Machine: %s, %s cores, %s GB memory, Linux %s, %s. %s, %s.\n\n' \
		"$(awk -F': ' '/^model name/ {print $2; exit}' /proc/cpuinfo)" "$(nproc)" \
		"$(awk '/^MemTotal/ {printf "%.0f", $2 * 1024 / 1e9}' /proc/meminfo)" "$(uname -r)" \
		"$(. /etc/os-release && echo "$PRETTY_NAME")" "$("$strix" version)" "$(date -u +%F)"
}

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; } # microseconds

# milliseconds COMMAND…: sets took to the median of 15 runs after one to warm up
milliseconds() {
	if have hyperfine; then
		hyperfine -N --warmup 1 --runs 15 --export-csv "$work/times" "$(printf '%q ' "$@")" >/dev/null 2>&1 || die "$* failed"
		took=$(awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == "median") c = i} NR == 2 {printf "%.0f", $c * 1000}' "$work/times")
		return
	fi
	local i from
	: >"$work/times"
	for i in {0..15}; do
		from=$(now)
		"$@" >/dev/null 2>&1 || die "$* failed"
		[ "$i" = 0 ] || echo $(($(now) - from)) >>"$work/times"
	done
	took=$(sort -n "$work/times" | awk '{t[NR] = $1} END {printf "%.0f", t[int((NR + 1) / 2)] / 1000}')
}

# histories: what reads upstream's history, on the newest 200 builds of the clone
histories() {
	local tip
	tip=$(git -C "$source" -c "safe.directory=$source" rev-list --count HEAD)
	milliseconds "$strix" --project "$project" patch check --source "llama.cpp=$source" --range "b$((tip - 199))..b$tip"
	row "\`strix-build patch check\`, all sets, 200 builds" "$took ms" "10000 ms"
	milliseconds "$strix" --project "$project" lock --source "llama.cpp=$source" --dry-run --bases bootstrap
	row "\`strix-build lock\`" "$took ms" "5000 ms"
}

# watched COMMAND…: one run; sets took to seconds and notes the peak memory of the process. The kernel's high-water mark
# only grows, so looking five times a second misses nothing but the last moment.
watched() {
	local from
	from=$(now)
	"$@" &
	watched=$!
	while kill -0 "$watched" 2>/dev/null; do
		awk '/^VmHWM/ {print $2}' "/proc/$watched/status" >>"$work/memory" 2>/dev/null || true
		sleep 0.2
	done
	wait "$watched" || die "$* failed"
	watched=
	took=$((($(now) - from) / 1000000))
}

stop_watched() {
	[ -n "$watched" ] || return 0
	kill "$watched" 2>/dev/null || true
	wait "$watched" 2>/dev/null || true
	watched=
}

peak() { sort -n "$work/memory" | tail -n 1 | awk '{printf "%.0f", $1 * 1024 / 1e6}'; }

minutes() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN {printf "%.2f", a / (b > 0 ? b : 1)}'; }

# image_size reads reference@digest and adds up the layers of that image in the store.
image_size() {
	local ref
	read -r ref
	tr -d ' \n' <"$STRIX_BUILD_STATE/images/blobs/sha256/${ref##*@sha256:}" | sed 's/.*"layers"://' | grep -o '"size":[0-9]*' |
		awk -F: '{sum += $2; each = each (NR > 1 ? " + " : "") sprintf("%.1f", $2 / 1e6)} END {printf "%.1f MB (layers %s)", sum / 1e6, each}'
}
