# shellcheck shell=bash
# What ci/bench.sh, which sources this, measures of reports: a page of a thousand processes. They are those of a stand-in for llama-bench
# that prints a made-up row, because only their number counts here.
# shellcheck disable=SC2154 # work, strix and took are bench.sh's

# stand_in DIR SPEED: a llama-bench for the test pp64
stand_in() {
	mkdir -p "$1"
	cat >"$1/llama-bench" <<-END
		#!/bin/bash
		while [ "\$1" != -m ]; do shift; done
		ns=\$((64000000000 / ($2 + RANDOM % 20)))
		printf '{"build_commit":"75f3bc94e","build_number":8779,"cpu_info":"none","gpu_info":"","backends":"CPU","model_filename":"%s",' "\$2"
		printf '"type_k":"f16","type_v":"f16","n_gpu_layers":-1,"n_prompt":64,"n_gen":0,"n_depth":0,"test_time":"%s",' "\$(date -u +%FT%TZ)"
		printf '"samples_ns":[%d],"samples_ts":[%d.%06d]}\n' "\$ns" \$((64000000000 / ns)) \$((64000000000000000 / ns % 1000000))
	END
	chmod +x "$1/llama-bench"
}

reporting() {
	local bytes
	stand_in "$work/one" 1000
	stand_in "$work/two" 1010
	"$strix" bench --bin "$work/one" --bin "$work/two" --others 0 --rounds 84 --test pp64 --json "$work/runs.json" >/dev/null 2>&1 || die "bench with the stand-ins failed"
	milliseconds "$strix" report "$work/runs.json" --html "$work/runs.html"
	bytes=$(stat -c %s "$work/runs.html")
	row "\`report\` of $(grep -c '"began"' "$work/runs.json") processes, a page" "$took ms" "2000 ms"
	row "… its size" "$(awk -v b="$bytes" 'BEGIN {printf "%.2f MB", b / 1e6}')" "2 MB"
}
