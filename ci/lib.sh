# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# ci/go.sh may have put a Go into bin; runc and debootstrap lie in sbin, which is not on every user's PATH; a Go from
# go.dev lies in /usr/local/go
PATH=$root/bin/go/bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/go/bin
export PATH

# the same compiler flags for programs, vet and tests, or every package would be compiled twice; static, no paths of
# this machine. go asks git for the commit, and git refuses a checkout of another user's.
export CGO_ENABLED=0 GOFLAGS=-trimpath
git rev-parse HEAD >/dev/null 2>&1 || GOFLAGS+=" -buildvcs=false"

say() { printf '%s\n' "$*" >&2; }

die() {
	say "error: $*"
	exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# passed prints what a build or a test reads from the environment, one NAME=VALUE a line, for sudo, which drops it.
passed() {
	local name
	printf 'PATH=%s\n' "$PATH"
	for name in "${!STRIX_@}" CGO_ENABLED GOFLAGS BUILDKIT_HOST BUILDKIT_PROGRESS http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
		[ -z "${!name-}" ] || printf '%s=%s\n' "$name" "${!name}"
	done
}

# as_root runs a command as root. With replace=exec it takes the place of the shell, so that signals to that one reach it.
as_root() {
	local replace=${replace-}
	if [ "$(id -u)" = 0 ]; then
		$replace "$@"
		return
	fi
	have sudo || die "this step needs root, and sudo is not installed; run it as root: $*"
	local environment name keep=
	mapfile -t environment <<<"$(passed)"
	# secrets do not go on a command line, which everybody may read
	for name in COSIGN_PASSWORD SIGSTORE_ID_TOKEN ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN DOCKER_CONFIG; do
		[ -z "${!name-}" ] || keep+=,$name
	done
	$replace sudo -H ${keep:+"--preserve-env=${keep#,}"} env "${environment[@]}" "$@"
}
