# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# ci/go.sh may have put a Go into bin; runc and debootstrap lie in sbin, which is not on every user's PATH; a Go from
# go.dev lies in /usr/local/go
PATH=$root/bin/go/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin
export PATH

say() { printf '%s\n' "$*" >&2; }

die() {
	say "error: $*"
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND…: sudo drops the environment, so what a build reads from it is passed on by name.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
		return
	fi
	have sudo || die "this step needs root, and sudo is not installed; run it as root: $*"
	local pass=(PATH="$PATH") name
	for name in STRIX_BUILD_STATE STRIX_BUILDKITD STRIX_BUILDKIT_IMAGE STRIX_DEBIAN_MIRROR BUILDKIT_HOST BUILDKIT_PROGRESS \
		http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		[ -z "${!name-}" ] || pass+=("$name=${!name}")
	done
	sudo -H env "${pass[@]}" "$@"
}
