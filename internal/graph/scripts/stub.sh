#!/bin/sh
# stub.sh ROOT LIBRARY RESULT REPORT: the library ROOT/LIBRARY gives way to one with the same name and functions, each of which
# returns RESULT. What other libraries of its folder take from it must all be functions in C: the rest cannot be stood in for.
set -eu
root=$1 library=$2 result=$3 report=$1$4
file=$root/$(cd "$root" && readlink -f "$library" | sed "s|^$(readlink -f "$root")/||")
[ -f "$file" ] || { echo "stub.sh: the packages bring no $library" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
defined() { nm -D --defined-only "$1" | awk -v kinds="$2" 'index(kinds, $2) { sub(/@.*/, "", $3); print $3 }' | sort -u; }
defined "$file" TW | grep -E '^[a-z][A-Za-z0-9_]*$' >"$work/functions"
defined "$file" TWVDBRui >"$work/all"
name=$(readelf -d "$file" | sed -n 's/.*(SONAME).*\[\(.*\)\].*/\1/p')
for other in "${file%/*}"/*.so*; do
	[ "$(readlink -f "$other")" != "$(readlink -f "$file")" ] || continue
	readelf -d "$other" 2>/dev/null | grep -qF "[$name]" || continue
	nm -D --undefined-only "$other" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort -u | comm -12 - "$work/all" | comm -23 - "$work/functions" >"$work/rest"
	[ ! -s "$work/rest" ] || { echo "stub.sh: ${other##*/} takes more from $library than functions in C: $(head -n 3 "$work/rest" | tr '\n' ' ')" >&2; exit 1; }
done
awk -v result="$result" '{ printf "int %s(void) { return %d; }\n", $1, result }' "$work/functions" >"$work/stub.c"
cc -shared -O1 -fPIC -fno-builtin -w -nostdlib -s -Wl,-soname,"$name" -Wl,--build-id=none -o "$work/stub.so" "$work/stub.c"
cat "$work/stub.so" >"$file" # keeps its owner and mode
mkdir -p "${report%/*}"
echo "$library: $(wc -l <"$work/functions") functions return $result" >>"$report"
