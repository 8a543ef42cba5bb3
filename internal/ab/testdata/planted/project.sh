#!/bin/sh
# project.sh DIR: a project folder with this checkout's recipes and containers, and the planted patch sets beside its own.
# Then: strix-build --project DIR ab cpu --base b9909 --set patches=planted-wait --with planted-left --with planted-right …
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cp -R "$here"/../../../../recipes "$here"/../../../../containers "$here"/../../../../patches "$1"
cp -R "$here"/patches "$1"
