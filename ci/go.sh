#!/usr/bin/env bash
# go.sh: sees to a Go toolchain that can build go.mod. From Go 1.21 on, go fetches the toolchain that a go.mod names
# by itself (from the module proxy), unless GOTOOLCHAIN=local forbids it; so a distribution's Go 1.21 is enough.
. "$(dirname "$0")/lib.sh"

want=$(awk '$1 == "go" {print $2}' go.mod)
enough=1.21

# newer A B: A is at least B
newer() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

version() { (cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || true; }

howto="install Go $want or newer from https://go.dev/dl/ into /usr/local/go, or set GOTOOLCHAIN=auto with Go $enough or newer"

usable() {
	local v
	v=$(version)
	[ -n "$v" ] || return 1
	if newer "$v" "$want"; then
		return 0
	fi
	newer "$v" "$enough" && [ "$(go env GOTOOLCHAIN)" != local ]
}

usable && exit 0
have go && [ -n "$(version)" ] && say "go $(version) at $(command -v go) is too old: go.mod wants $want"

candidate=
if have apt-cache; then
	candidate=$(apt-cache policy golang-go | awk '$1 == "Candidate:" {print $2}' | sed 's/^[0-9]*://; s/[~+-].*//')
	install=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install golang-go)
elif have dnf; then
	candidate=$(dnf -q repoquery --latest-limit 1 --queryformat '%{version}\n' golang | tail -n 1)
	install=(dnf -y install golang)
fi
if [ -n "$candidate" ] && [ "$candidate" != "(none)" ] && newer "$candidate" "$enough"; then
	say "installing: Go $candidate of the distribution"
	as_root "${install[@]}" >&2
	usable && exit 0
fi
die "no usable Go${candidate:+ (the distribution has $candidate)}: $howto"
