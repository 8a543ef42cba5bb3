#!/bin/sh
# configure.sh LOG CMAKE ARG…: runs CMake and keeps what it says; strix-build reads its list of unused variables.
log=$1
shift
"$@" >"$log" 2>&1
code=$?
cat "$log"
exit $code
