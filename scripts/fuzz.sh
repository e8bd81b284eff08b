#!/usr/bin/env bash
# Runs every fuzz target of the module for the time given, as many at once as there are cores, each with one worker. Says how many inputs
# each has tried; all that was said of one that fails. FUZZ names the ones to run, as a pattern: FUZZ=Frame scripts/fuzz.sh 5m.
set -euo pipefail
cd "$(dirname "$0")/.."
export time=${1:-30s}
if [ -w /dev/shm ]; then # what stores sync is not to wait for a disk
  TMPDIR=$(mktemp -d /dev/shm/fuzz.XXXXXX)
  export TMPDIR GOTMPDIR=/tmp # programs may not run from there
  trap 'rm -rf "$TMPDIR"' EXIT
fi

one() {
  read -r package target <<<"$1"
  if out=$(go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 1 2>&1); then
    echo "fuzz $package $target for $time:$(grep -E '^fuzz: elapsed' <<<"$out" | tail -1 | cut -d, -f2)"
  else
    echo "fuzz $package $target for $time FAILED"$'\n'"$out"
    return 1
  fi
}
export -f one

grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' internal kit cmd |
  sed -E 's|^(.*)/[^/]*:func (.*)$|./\1 \2|' | grep -E "${FUZZ:-.}" | sort |
  xargs -P "$(nproc)" -I{} bash -c 'one "{}"'
