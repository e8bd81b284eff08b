#!/usr/bin/env bash
# part.sh NAME COMMAND...: runs a part of a check, and says how long it took and
# how much processor time it used.
set -uo pipefail
name=$1
shift
echo "== $name"
TIMEFORMAT="== $name: %0R s, processor time %0U + %0S s"
time "$@"
