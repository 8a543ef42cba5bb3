#!/bin/sh
# verify.sh LOG PROGRAM…: every program of the image must start (its libraries resolve) and say who it is.
set -eu
log=$1
shift
: >"$log"
for program in "$@"; do
	case $program in
	llama-bench) set -- --list-devices ;;
	*rpc-server) set -- --help ;;
	*) set -- --version ;;
	esac
	printf '== %s %s\n' "$program" "$1" >>"$log"
	"/usr/local/bin/$program" "$1" >>"$log" 2>&1 || {
		code=$?
		cat "$log" >&2
		printf '%s %s: exit status %s\n' "$program" "$1" "$code" >&2
		exit 1
	}
done
cat "$log"
