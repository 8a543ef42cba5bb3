#!/bin/sh
# dense.sh IN OUT: every layer of IN (zstd) compressed further, under the same name in OUT, and beside it the sha256 of
# what it holds, unpacked again, and of itself. Unpacked here, because unpacking takes the window's 128 MB of memory. The window is the largest
# that every reader takes without being asked to. zstd cuts the input in the same places for any number of cores, so the
# bytes are the same on each machine; left alone, in pieces of four windows, of which a second core had little and a third none.
# A piece looks back an eighth of the window beyond its beginning (ovlog), and for long matches all the way. A toolchain without zstd leaves OUT empty.
set -eu
command -v zstd >/dev/null || exit 0
for layer in "$1"/*; do
	out=$2/${layer##*/}
	zstd -dcq "$layer" | zstd -18 --long=27 -B64MiB --zstd=ovlog=6 -T0 -qo "$out"
	{ zstd -dcq "$out" | sha256sum && sha256sum <"$out"; } | cut -d ' ' -f 1 >"$out.sha256"
done
