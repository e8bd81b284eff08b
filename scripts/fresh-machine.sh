#!/usr/bin/env bash
# Tries the README's two commands on new Debian machines: a server started by
# `make run` answers, and `make test` passes. A machine is a directory with Debian
# in it, Go, git, make, CA certificates, and a clone of this repository's last
# commit. Needs root, debootstrap, and the registries of Debian, Go and npm as this
# machine reaches them. Arguments are the releases; without any, Debian 12 and 13.
# With KEEP=directory the machines stay there, and are used again.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "this needs root" >&2; exit 1; }
[ $# -gt 0 ] || set -- bookworm trixie

machine() { # RELEASE ROOT: makes one
  [ -e "$2/root" ] || debootstrap --variant=minbase --include=git,make,ca-certificates "$1" "$2" >"$2.log" 2>&1 ||
    { tail -20 "$2.log" >&2; return 1; }
  rm -rf "$2/root/parley" "$2/usr/local/go"
  cp -r "$(go env GOROOT)" "$2/usr/local/go"
  git clone -q . "$2/root/parley"
  # How this machine reaches its registries, beside what is in the environment.
  cp /etc/resolv.conf /etc/hosts "$2/etc/"
  cp /etc/ssl/certs/ca-certificates.crt "$2/etc/ssl/certs/"
  apt-config dump | sed -n '/^Acquire::https\?::/p' >"$2/etc/apt/apt.conf.d/99host"
}

# inside ROOT COMMAND: runs it there, in the clone. Mounts and processes end with it.
inside() {
  env -u GOROOT -u GOENV HOME=/root USER=root LANG=C.UTF-8 GOPROXY="$(go env GOPROXY)" GOSUMDB="$(go env GOSUMDB)" \
    GOTOOLCHAIN=local PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    unshare --mount --pid --fork --kill-child bash -euc '
      mount -t proc proc "$1/proc"
      mount --rbind /dev "$1/dev"
      exec chroot "$1" bash -euo pipefail -c "cd /root/parley; $2"' inside "$1" "$2"
}

runs='
make run ARGS="--listen 127.0.0.1:0" >/tmp/run.log 2>&1 &
until grep -q open: /tmp/run.log; do
  kill -0 $! 2>/dev/null || { cat /tmp/run.log; exit 1; }
  sleep 1
done
address=$(sed -n "s|.*open: *http://||p" /tmp/run.log)
exec 3<>/dev/tcp/${address%:*}/${address#*:}
printf "GET /readyz HTTP/1.0\r\n\r\n" >&3
read -r _ status _ <&3
echo "make run: /readyz answers with $status"
[ "$status" = 200 ]'

tests='
make test
git diff --exit-code --stat
echo "make test: passed with Node.js $(PATH=$PWD/web/.node/node_modules/.bin:$PATH node --version)"'

base=${KEEP:-$(mktemp -d /var/tmp/fresh.XXXXXX)}
mkdir -p "$base"
[ -n "${KEEP:-}" ] || trap 'rm -rf --one-file-system "$base"' EXIT
for release in "$@"; do
  echo "== Debian $release"
  machine "$release" "$base/$release"
  inside "$base/$release" "$runs"
  inside "$base/$release" "$tests"
done
