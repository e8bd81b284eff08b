#!/usr/bin/env bash
# An answer within a minute: vets and tests the packages with changed files, then
# those that import them, with -short and without -race, until the time is up. Says
# what it left out. What has changed is what differs from where the branch left
# main; on main, from its last commit. COMMIT names another one to compare with.
#
# usage: scripts/quick.sh [SECONDS [COMMIT]]
set -euo pipefail
cd "$(dirname "$0")/.."
end=$((SECONDS + ${1:-55}))
base=${2:-$(git merge-base HEAD main 2>/dev/null || git rev-parse HEAD)}
if [ $# -lt 2 ] && [ "$base" = "$(git rev-parse HEAD)" ] && [ -z "$(git status --porcelain)" ]; then
  base=HEAD~1
fi

files=$({ git diff --name-only "$base" && git ls-files --others --exclude-standard; } | sort -u)
# A line for each package: its directory and path, and what it and its tests import.
packages=$(go list -f '{{.Dir}} {{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... "$(go list -m)/kit/..." | sed "s|^$PWD|.|")
# A file belongs to the nearest package above it; to the one at the top only if it is Go and right there.
changed=$(awk 'NR == FNR { path[$1] = $2; next }
  /^(kit\/|kit\/prom\/)?go\.(mod|sum)$/ { for (dir in path) print path[dir] }
  { dir = "./" $0; do sub("/[^/]*$", "", dir); while (dir != "." && !(dir in path))
    if (dir != "." || /^[^\/]*\.go$/) print path[dir] }' <(echo "$packages") <(echo "$files") | sort -u)
[ -n "$changed" ] || { echo "No Go package has changed since $(git rev-parse --short "$base")."; exit 0; }
importers=$(awk 'NR == FNR { changed[$1]; next }
  !($2 in changed) { for (i = 3; i <= NF; i++) if ($i in changed) { print $2; next } }' <(echo "$changed") <(echo "$packages"))

echo "Changed since $(git rev-parse --short "$base"):" $changed
go vet $changed $importers
out=$(mktemp)
trap 'rm -f "$out"' EXIT
status=0 time=$((end - SECONDS))
timeout $((time > 5 ? time : 5)) go test -vet=off -short $changed $importers 2>&1 | tee "$out" || status=$?
[ $status -eq 0 ] || [ $status -eq 124 ] || exit 1
echo "Left out: -race, what -short skips, the client and the browser tests (make test)"
[ $status -eq 0 ] || for package in $changed $importers; do
  grep -qP "\t$package(\t|$)" "$out" || echo "Left out for want of time: $package"
done
