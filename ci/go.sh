#!/usr/bin/env bash
# go.sh: sees to a Go that can build go.mod. One that is too old, as Debian 12's is, can still fetch the wanted one: the
# toolchain is a Go module, checked against the checksum database like any other. It lands in bin/go of this checkout.
. "$(dirname "$0")/lib.sh"

want=$(awk '$1 == "go" {print $2}' go.mod)

version() { (cd / && GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go//; s/[^0-9.].*//') || true; }

# at_least A B: version A is B or newer
at_least() { [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

usable() {
	at_least "$(version)" "$want" && return
	# from 1.21 on, go fetches what a go.mod wants by itself, unless it is told not to (distributions tell it)
	at_least "$(version)" 1.21 && [ "$(cd / && go env GOTOOLCHAIN)" != local ]
}

fetch() {
	local module=golang.org/toolchain@v0.0.1-go$want.linux-amd64 tmp
	say "fetching Go $want with Go $(version)"
	tmp=$(mktemp -d)
	(cd "$tmp" && GOTOOLCHAIN=local GOFLAGS=-modcacherw GOMODCACHE=$tmp/mod go mod download "$module") || return
	mkdir -p bin
	rm -rf bin/go
	cp -r --no-preserve=mode "$tmp/mod/$module" bin/go.part
	find bin/go.part/bin bin/go.part/pkg/tool -type f -exec chmod +x {} +
	mv bin/go.part bin/go
	rm -rf "$tmp"
	hash -r
}

usable && exit 0
if ! have go; then
	say "installing: the distribution's Go"
	if have apt-get; then
		as_root apt-get -qq update
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install golang-go >&2
	elif have dnf; then
		as_root dnf -y install golang >&2
	fi
	usable && exit 0
fi
have go && fetch && [ -x bin/go/bin/go ] && PATH=$root/bin/go/bin:$PATH && usable && exit 0
die "no Go $want: install it from https://go.dev/dl/ into /usr/local/go"
