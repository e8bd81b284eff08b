#!/usr/bin/env bash
# Copies kit/ alone into an empty module with another path and tests it there:
# nothing in it may need the rest of the repository. With go.mod's own versions of
# the libraries, so that nothing is fetched or chosen anew. Then tests the modules
# beside it. Arguments go to go test.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
to=$(mktemp -d)
trap 'rm -rf "$to"' EXIT

module=$(sed -n 's/^module //p' "$here/go.mod")
cp -r "$here" "$to/kit"
rm -rf "$to"/kit/{bench,prom,copytest.sh}
grep -rlF "\"$module/" "$to/kit" --include='*.go' | xargs -r sed -i "s#\"$module/#\"example.org/app/kit/#"
sed "s#^module .*#module example.org/app#" "$here/go.mod" >"$to/go.mod"
cp "$here/go.sum" "$to/go.sum"
rm "$to"/kit/go.{mod,sum}
cd "$to"
export GOFLAGS=-mod=readonly GOWORK=off
if grep -rnF "${module%/kit}" --include='*.go' .; then
  echo "kit/ still names ${module%/kit}" >&2
  exit 1
fi
go test "$@" ./...
cd "$here/prom"
go test "$@" ./...
