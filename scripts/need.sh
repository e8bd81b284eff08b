#!/usr/bin/env bash
# Makes sure that the named programs are there: installs Debian's packages where it can, otherwise says what to
# install and fails.
set -euo pipefail

package() {
  case $1 in
    redis-server) echo redis-server ;;
    chromium) echo chromium ;;
    node) echo nodejs npm ;;
  esac
}

missing=()
for program in "$@"; do
  command -v "$program" >/dev/null || missing+=($(package "$program"))
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "Missing: ${missing[*]}. Install them with your system's package manager (on Debian, as root: apt-get install ${missing[*]}) and try again." >&2
  exit 1
fi
echo "installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
# Installing a server must not start it: tests start their own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
for program in "$@"; do
  command -v "$program" >/dev/null || { echo "$program is still missing after installing $(package "$program")" >&2; exit 1; }
done
