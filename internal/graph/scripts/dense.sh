#!/bin/sh
# dense.sh IN OUT: every layer of IN (zstd) compressed further, under the same name in OUT, and beside it the sha256 of
# what it holds, unpacked again, and of itself. Unpacked here, because unpacking takes the window's 128 MB of memory. The window is the largest
# that every reader takes without being asked to. zstd cuts the input in the same places for any number of cores, so the
# bytes are the same on each machine; left alone, in pieces of four windows, of which a second core had little and a third none.
# Higher levels take four times as long for half a percent (docs/performance.md). Compilers go first (nice). A toolchain without
# zstd leaves OUT empty.
set -eu
command -v zstd >/dev/null || exit 0
for layer in "$1"/*; do
	out=$2/${layer##*/}
	zstd -dcq "$layer" | nice -n 15 zstd -12 --long=27 -B64MiB -T0 -qo "$out"
	{ zstd -dcq "$out" | sha256sum && sha256sum <"$out"; } | cut -d ' ' -f 1 >"$out.sha256"
done
