#!/usr/bin/env bash
# chart.sh: the charting library of reports, from npm into internal/report/chart, which the program embeds and git ignores. What is
# there is kept until ci/chart changes. Without npm, or a server, the program is built without charts; in CI that is an error.
. "$(dirname "$0")/lib.sh"

out=$root/internal/report/chart
want=$(cat ci/chart.sh ci/chart/* | sha256sum)
if [ -e "$out/plot.js" ] && [ "$(cat "$out/plot.sum" 2>/dev/null)" = "$want" ]; then exit 0; fi

without() {
	[ "${CI-}" != true ] || die "no charting library: $*"
	say "no charting library, reports will have tables alone: $*"
	exit 0
}

have npm || without "npm is not installed (make setup does)"
say "fetching the charting library"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp ci/chart/* "$tmp"
cd "$tmp"
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || without "npm ci ended with $?"
node_modules/.bin/esbuild chart.js --bundle --minify --format=iife --global-name=Plot --target=es2022 --legal-comments=none \
	--charset=utf8 --metafile=meta.json --outfile=bundle.js --log-level=warning

# The licences of what is in the bundle, each text once with the names it is for: they go wherever the bundle goes.
declare -A names=() text=()
sums=()
while read -r package; do
	file=$(find "node_modules/$package" -maxdepth 1 -iname 'licen[cs]e*' | head -n 1)
	[ -n "$file" ] || die "package $package has no licence file"
	sum=$(sha256sum <"$file")
	[ -n "${text[$sum]-}" ] || sums+=("$sum")
	names[$sum]+="${names[$sum]+, }$package" text[$sum]=$file
done < <(grep -o 'node_modules/\(@[^/"]*/\)\?[^/"]*' meta.json | sed 's,^node_modules/,,' | LC_ALL=C sort -u)
for sum in "${sums[@]}"; do
	printf '%s:\n\n' "${names[$sum]}"
	cat "${text[$sum]}"
	printf '\n\n'
done >licences
if grep -q -e '\*/' -e '</' licences; then die "a licence text would end the comment that it is in"; fi

{
	printf '/*!\nThis file has the work of others in it, by these licences.\n\n'
	cat licences
	printf '*/\n'
	cat bundle.js
} >plot.js
# written beside their places and renamed: another build may read, or do the same
for file in plot.js plot.sum; do
	[ "$file" = plot.js ] || printf '%s\n' "$want" >plot.sum
	cp "$file" "$out/$file.$$"
	mv "$out/$file.$$" "$out/$file"
done
