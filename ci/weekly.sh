#!/usr/bin/env bash
# weekly.sh [FLAG…]: all set-up, then "strix-build weekly" with the flags. What a runner or a timer says comes from the environment:
#
#   STRIX_TO            repository that is published to, ghcr.io/me/llama; unset: images stay on this machine
#   STRIX_KEY           file with the private key that signs; unset and STRIX_KEYLESS=1: the workflow's identity does; COSIGN_PASSWORD opens the key
#   STRIX_CACHE         repository for the caches of a runner that keeps nothing, ghcr.io/me/llama-cache
#   STRIX_MODELS        models for the gate: "dense=/models/a.gguf moe=/models/b.gguf"
#   STRIX_SUMMARY       file for the summary (default: weekly.md in the checkout, which git ignores); it is added to $GITHUB_STEP_SUMMARY too
#   STRIX_SITE          folder for a page of each image and each run, and their index (weekly --site); unset: none
#   STRIX_COMMIT_LOCKS  1: commit lock files that changed, and push them to the branch that is checked out
#
# The exit code is that of strix-build weekly.
. "$(dirname "$0")/lib.sh"

ci/setup.sh run
ci/build.sh

summary=${STRIX_SUMMARY:-$root/weekly.md}
args=(weekly --summary "$summary")
[ -z "${STRIX_TO-}" ] || args+=(--to "$STRIX_TO")
if [ -n "${STRIX_KEY-}" ]; then
	args+=(--key "$STRIX_KEY")
elif [ "${STRIX_KEYLESS-}" = 1 ]; then
	args+=(--keyless)
fi
[ -z "${STRIX_CACHE-}" ] || args+=(--cache "$STRIX_CACHE")
[ -z "${STRIX_SITE-}" ] || args+=(--site "$STRIX_SITE")
for model in ${STRIX_MODELS-}; do
	args+=(--model "$model")
done

rm -f -- "$summary" # that of a run before would stand for one that never got so far
# systemd and runners signal this script alone, and bash would wait for what it started: that is told to end, and then waited for. Ctrl-C reaches it by itself.
signalled=
trap 'signalled=1; as_root kill -TERM "$child" 2>/dev/null' TERM
trap 'signalled=1' INT
set +e
replace=exec as_root bin/strix-build "${args[@]}" "$@" &
child=$!
wait "$child"
status=$?
while [ -n "$signalled" ]; do # it ended the waiting: what strix-build says is still to come, also where it has ended by now
	signalled=
	wait "$child"
	again=$?
	[ "$again" = 127 ] || status=$again
done
trap - INT TERM
set -e

if [ -n "${GITHUB_STEP_SUMMARY-}" ] && [ -e "$summary" ]; then
	cat "$summary" >>"$GITHUB_STEP_SUMMARY"
fi
# also after a failure: the siblings that were published came from these locks
as_me() { git -c user.name="${GIT_AUTHOR_NAME:-strix-build}" -c user.email="${GIT_AUTHOR_EMAIL:-strix-build@localhost}" "$@"; }
# hours have passed since the checkout: somebody else may have pushed
push_locks() {
	git push -q origin HEAD || { as_me pull -q --rebase --autostash origin "$(git branch --show-current)" && git push -q origin HEAD; }
}
if [ "${STRIX_COMMIT_LOCKS-}" = 1 ] && [ -n "$(git status --porcelain -- 'recipes/*.lock.yaml')" ]; then
	git add -- 'recipes/*.lock.yaml' # a track's first one too
	if as_me commit -qm "lock: $(date -u +%F)" -- 'recipes/*.lock.yaml' && push_locks; then
		say "committed: $(git log -1 --format='%h %s')"
	else
		say "error: the locks could not be committed and pushed; what there is of it is in $root"
		[ "$status" != 0 ] || status=1
	fi
fi
exit "$status"
