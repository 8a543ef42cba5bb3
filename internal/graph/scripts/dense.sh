#!/bin/sh
# dense.sh IN OUT: every layer of IN (zstd) compressed as far as zstd goes, under the same name in OUT. The window is the
# largest that every reader takes without being asked to. zstd's threads cut the input in the same places for any number of
# cores, so the bytes are the same on each machine.
set -eu
for layer in "$1"/*; do
	zstd -dcq "$layer" | zstd -19 --long=27 -T0 -qo "$2/${layer##*/}"
done
