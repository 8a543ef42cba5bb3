#!/usr/bin/env bash
# setup.sh [run|test]: installs what is missing and nothing else. With nothing missing it asks no package server and
# takes a moment. It never touches what is there already (a runc that came with Docker stays).
. "$(dirname "$0")/lib.sh"
what=${1:-test}

missing=()
# need COMMAND|FILE DEBIAN-PACKAGE FEDORA-PACKAGE
need() {
	have "$1" || [ -e "$1" ] || missing+=("${!manager}")
}

if have apt-get; then
	manager=2
elif have dnf; then
	manager=3
else
	manager=1 # names the command instead of a package
fi

need git git git
need runc runc runc
need debootstrap debootstrap debootstrap
need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring debian-keyring
[ -e /etc/pki/tls/certs/ca-bundle.crt ] || need /etc/ssl/certs/ca-certificates.crt ca-certificates ca-certificates
need npm npm nodejs-npm # fetches the charting library of reports, see ci/chart.sh: 37 s and 236 MB on a bare Debian 12
if [ "$what" = test ]; then # tests compile the miniature upstream on this machine, and shaders through the compiler cache
	need c++ g++ gcc-c++
	need cmake cmake cmake
	need ninja ninja-build ninja-build
	need ccache ccache ccache
	need glslc glslc glslc
fi

if [ ${#missing[@]} -gt 0 ]; then
	say "installing: ${missing[*]}"
	case $manager in
	2)
		as_root apt-get -qq update
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0 --no-install-recommends install "${missing[@]}" >&2
		;;
	3) as_root dnf -y --setopt=install_weak_deps=False install "${missing[@]}" >&2 ;;
	*) die "this is neither Debian, Ubuntu nor Fedora; install these yourself: ${missing[*]}" ;;
	esac
fi

ci/go.sh
