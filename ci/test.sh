#!/usr/bin/env bash
# test.sh [PACKAGE…]: all set-up, the checks, and the tests of all packages with a real BuildKit. The last line counts;
# the exit status is that of the tests.
. "$(dirname "$0")/lib.sh"

ci/setup.sh test
ci/build.sh
ci/lint.sh

export STRIX_BUILDKITD=$root/bin/buildkitd
flags=(-timeout 30m)
if [ "$(id -u)" != 0 ]; then
	# buildkitd needs root: compile as this user, run the test programs through sudo
	have sudo || die "the tests start buildkitd, which needs root, and sudo is not installed; run make test as root"
	sudo -v
	flags+=(-exec "sudo -H env $(passed | sed "s/.*/'&'/" | tr '\n' ' ')")
fi
say "go test"
set +e
go test -json "${flags[@]}" "${@:-./...}" | awk -f ci/tests.awk
status=("${PIPESTATUS[@]}")
set -e
[ "${status[0]}" = 0 ] || exit "${status[0]}"
exit "${status[1]}"
