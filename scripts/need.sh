#!/usr/bin/env bash
# Makes sure that the named programs are here, in versions that fit. Installs
# Debian's packages where it can, and a newer Node.js from npm into web/.node
# where the system's is too old. Says what is still missing, and fails.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/web/.node/node_modules/.bin:$PATH # as the Makefile has it

wanted() { # the versions that fit, as npm writes ranges
  case $1 in
    go) sed -n 's/^go />=/p' go.mod ;;
    node) sed -n 's/.*"node": "\(.*\)".*/\1/p' web/package.json ;;
    npm) echo '>=7' ;;            # the first to read our lock file
    redis-server) echo '>=7.0' ;; # see docs/operations.md
  esac
}

version() { # the version that is here; nothing if there is none
  case $1 in
    go) go env GOVERSION | sed 's/^go//' ;;
    node) node --version | sed 's/^v//' ;;
    npm) npm --version ;;
    redis-server) redis-server --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p' ;;
    gcc) command -v "${CC:-gcc}" ;;
    nginx | caddy | haproxy | apache2) PATH=$PATH:/usr/sbin command -v "$1" ;;
    promtool) command -v "$1" ;;
    chromium) ls "${CHROMIUM:-/usr/bin/chromium}" ;;
  esac 2>/dev/null || true
}

package() { # what Debian calls it
  case $1 in
    gcc) echo gcc libc6-dev ;;
    promtool) echo prometheus ;;
    node) echo nodejs ;;
    *) echo "$1" ;;
  esac
}

hint() {
  case $1 in
    go) echo "Install Go, version $(wanted go)." ;;
    node | npm) echo "Install Node.js with npm, version $(wanted node)." ;;
    *) echo "Install it with your system's package manager (on Debian, as root: apt-get install $(package "$1"))." ;;
  esac
}

# fits VERSION RANGE: RANGE is ^1.2.3 or >=1.2.3, or several of them with || between.
fits() {
  local one lowest
  for one in ${2//||/ }; do
    lowest=${one#^} lowest=${lowest#>=}
    [ "$(printf '%s\n' "$lowest" "$1" | sort -V | head -1)" = "$lowest" ] || continue
    case $one in
      '>='*) return 0 ;;
      '^'*) [ "${1%%.*}" != "${lowest%%.*}" ] || return 0 ;;
    esac
  done
  return 1
}

# here PROGRAM: whether it is here and fits; says what is wrong.
here() {
  local found range
  found=$(version "$1") range=$(wanted "$1")
  if [ -z "$found" ]; then
    echo "$1 is missing."
    return 1
  fi
  [ -z "$range" ] || fits "$found" "$range" || {
    echo "$1 is $found, and $range is needed."
    return 1
  }
}

from_debian() {
  local policy=/usr/sbin/policy-rc.d
  echo "installing $*" >&2
  export DEBIAN_FRONTEND=noninteractive
  # Installing a server must not start it: tests start their own.
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
    trap "rm -f '$policy'" EXIT
  fi
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# It comes with an npm of its own: Debian's needs Debian's Node.js.
node_from_npm() {
  echo "installing a newer Node.js into web/.node" >&2
  npm install --prefix web/.node --no-save --no-fund --no-audit --loglevel=error node@22 npm@10 >&2
}

bad=() packages=()
for program in "$@"; do
  here "$program" >/dev/null && continue
  bad+=("$program")
  [ "$program" = go ] || [ -n "$(version "$program")" ] || packages+=($(package "$program"))
done
[ ${#bad[@]} -gt 0 ] || exit 0

if [ ${#packages[@]} -gt 0 ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  from_debian "${packages[@]}" || true
fi
if [[ " ${bad[*]} " == *" node "* ]] && ! here node >/dev/null && [ -n "$(version npm)" ]; then
  node_from_npm || true
fi
failed=0
for program in "${bad[@]}"; do
  if ! why=$(here "$program"); then
    echo "$why $(hint "$program")" >&2
    failed=1
  fi
done
exit $failed
