#!/usr/bin/env bash
# Runs every fuzz target of the repository for the time given, as many at once as
# there are cores, each with one worker. Says how many inputs each has tried, and
# everything that was said of one that fails. FUZZ names the ones to run, as a
# pattern: FUZZ=Frame scripts/fuzz.sh 5m.
#
# Only our own packages are instrumented, where go test -fuzz instruments
# all that they import, too: inputs are to find ways through our code, and it
# neither compiles the libraries once more nor slows them down. In a few seconds
# no way is found through others of ours either: then it is the package alone,
# and nothing else is compiled once more.
set -euo pipefail
cd "$(dirname "$0")/.."
export time=${1:-30s} cache bin module
module=$(go list -m)
cache=$(go env GOCACHE)/fuzz
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
if [ -w /dev/shm ]; then # what stores sync is not to wait for a disk
  TMPDIR=$(mktemp -d /dev/shm/fuzz.XXXXXX)
  export TMPDIR GOTMPDIR=/tmp # programs may not run from there
  trap 'rm -rf "$bin" "$TMPDIR"' EXIT
fi

build() { # PACKAGE
  local package=$module/${1#./}
  local ways=$module/...
  [[ $time =~ ^[0-9]s$ ]] && ways=$package
  go test -c -vet=off -trimpath -ldflags='-s -w' -o "$bin/${1//\//-}.test" -gcflags="$ways=-d=libfuzzer" "$package"
}

# A run that ends with its time alone has found nothing, although go test
# sometimes says FAIL then (golang/go#75804, mended in Go 1.27).
over() { # OUTPUT
  grep -qx ' *context deadline exceeded' <<<"$1" && ! grep -qE 'Failing input|panic|fuzzing process|_test.go:' <<<"$1"
}

one() { # PACKAGE TARGET
  if out=$(cd "$1" && "$bin/${1//\//-}.test" -test.run '^$' -test.fuzz "^$2\$" -test.fuzztime "$time" \
    -test.fuzzcachedir "$cache/$module/${1#./}" -test.parallel 1 2>&1) || over "$out"; then
    echo "fuzz $1 $2 for $time:$(grep -E '^fuzz: elapsed' <<<"$out" | tail -1 | cut -d, -f2)"
  else
    echo "fuzz $1 $2 for $time FAILED"$'\n'"$out"
    return 1
  fi
}
export -f build over one

targets=$(grep -roE '^func Fuzz[A-Za-z0-9_]+' --include='*_test.go' internal kit cmd |
  sed -E 's|^(.*)/[^/]*:func (.*)$|./\1 \2|' | grep -E "${FUZZ:-.}" | sort)
cut -d' ' -f1 <<<"$targets" | uniq | xargs -I{} bash -c 'build {}'
xargs -P "$(nproc)" -I{} bash -c 'one {}' <<<"$targets"
