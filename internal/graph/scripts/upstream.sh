#!/bin/sh
# upstream.sh PATCH STATE: writes to STATE whether the tree already holds what PATCH does. It is asked before the
# patch is applied: with little context, git can put the same lines in twice.
if git apply --reverse --check --index "$1" 2>/dev/null; then
	echo already-upstream >"$2"
else
	echo absent >"$2"
fi
