#!/bin/sh
# guard.sh MARK AFTER DIR PROGRAM [ARG...]
#
# Runs a program in a session of its own, in DIR where there is one, until the program ends or standard input does. That is how
# whoever asked for it goes away, whatever ends them, and over a connection too. Then all that is left of the program's group is
# ended, and AFTER, a command, is run where the program did not succeed. The exit status is the program's; where there is a MARK,
# it is written to standard error as well, behind a NUL and the MARK.
mark=$1 after=$2 dir=$3
shift 3
[ -z "$dir" ] || cd "$dir" || exit
exec 3<&0 </dev/null
setsid "$@" 3<&- &
program=$!
# asks the program to end, and makes it end three seconds later; before setsid has made the group there is only the process
setsid sh -c '
	while read -r _; do :; done
	kill -TERM "-$1" || kill -TERM "$1"
	sleep 3
	kill -KILL "-$1" "$1"
' watch "$program" <&3 3<&- >/dev/null 2>&1 &
watch=$!
exec 3<&- 4>&2 2>/dev/null # some shells tell of each signal
wait "$program"
status=$?
kill -KILL "-$watch" "$watch"
# what is dead and not yet collected stays in its group: so there is an end to the wait
tries=0
while kill -KILL "-$program" && [ "$tries" -lt 100 ]; do
	tries=$((tries + 1))
	sleep 0.01
done
[ "$status" = 0 ] || eval "$after" >/dev/null
[ -z "$mark" ] || printf '\000%s %d\n' "$mark" "$status" >&4
exit "$status"
