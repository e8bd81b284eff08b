#!/usr/bin/env bash
# Copies kit/ alone into an empty module with another path and tests it there:
# nothing in it may need the rest of the repository. With go.mod's own versions of
# the libraries, so that nothing is fetched or chosen anew. Arguments go to go test.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT

module=$(sed -n 's/^module //p' "$here/../go.mod")
cp -r "$here" "$to/kit"
rm -rf "$to/kit/bench" "$to/kit/copytest.sh"
grep -rlF "\"$module/kit/" "$to/kit" --include='*.go' | xargs -r sed -i "s#\"$module/kit/#\"example.org/app/kit/#"
sed "s#^module .*#module example.org/app#" "$here/../go.mod" >"$to/go.mod"
cp "$here/../go.sum" "$to/go.sum"
cd "$to"
export GOFLAGS=-mod=readonly GOWORK=off
if grep -rnF "$module" --include='*.go' .; then
  echo "kit/ still names $module" >&2
  exit 1
fi
go test "$@" ./...
