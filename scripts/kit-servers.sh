#!/usr/bin/env bash
# The short form of the kit's tests on each server that is here besides
# redis-server: on valkey-server, and on those whose paths are in
# PARLEY_TEST_REDIS_SERVERS, with colons between. Says what it left out.
set -euo pipefail
cd "$(dirname "$0")/../kit"
export GOWORK=off PARLEY_TEST_REDIS=require
valkey=$(command -v valkey-server || true)
[ -n "$valkey" ] || echo "Left out: Valkey; valkey-server is not installed."
IFS=: read -ra servers <<<"${PARLEY_TEST_REDIS_SERVERS:-}"
[ ${#servers[@]} -gt 0 ] || echo "Left out: other versions of Redis; PARLEY_TEST_REDIS_SERVERS names none."

failed=0
for server in $valkey ${servers[@]+"${servers[@]}"}; do
  version=$("$server" --version) || { echo "$server does not run."; failed=1; continue; }
  echo "On $version"
  packages=$(go list ./...)
  case $version in # sharded channels, without which hardly a test of bus can do
    *' v='[0-6].*) echo "Left out: bus, which is tested from Redis 7.0 on."; packages=$(grep -v '/bus$' <<<"$packages") ;;&
    *' v=6.'[01].*) echo "Left out: object, session and stream, which need Redis 6.2."; packages=$(grep -vE '/(object|session|stream)$' <<<"$packages") ;;
  esac
  REDISTEST_SERVER=$server go test -short -vet=off -timeout=10m $packages || failed=1
done
exit $failed
