#!/usr/bin/env bash
# Builds a release of the last commit twice, in two clones, and compares them. Then
# it installs the deb on a new Debian, starts the server as its unit does, and
# removes it. Needs root and debootstrap for that. Arguments are the platforms,
# linux/amd64 without any; FRESH=1 compiles everything twice.
set -euo pipefail
cd "$(dirname "$0")/.."
platforms=$(IFS=,; echo "${*:-linux/amd64}")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/parley-release-XXXXXX")
server=
end() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf --one-file-system "$work"
}
trap end EXIT

for n in one another-place; do
  git clone -q . "$work/$n"
  mkdir "$work/$n/tmp"
  (cd "$work/$n/release" && { [ -z "${FRESH:-}" ] || export GOCACHE="$work/cache-$n"; } &&
    go run . -out ../tmp/release -platforms "$platforms")
done
(cd "$work/one/tmp/release" && sha256sum --quiet -c SHA256SUMS && cat SHA256SUMS)
diff -r "$work/one/tmp/release" "$work/another-place/tmp/release"
echo "both builds are the same"

[ "$(id -u)" -eq 0 ] && command -v debootstrap >/dev/null ||
  { echo "the deb was not tried: that needs root and debootstrap"; exit 0; }
deb=$(echo "$work/one/tmp/release/"*"_$(dpkg --print-architecture).deb")
root=$work/debian
debootstrap --variant=minbase trixie "$root" >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
list() { (cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./sys -o -path ./var/lib/dpkg -o -path ./var/log -o -path ./tmp \) -prune -o -print | sort); }
list >"$work/before"
cp "$deb" "$root/tmp/parley.deb"
chroot "$root" dpkg -i /tmp/parley.deb
[ "$(stat -c %a "$root/var/lib/parley")" = 700 ]

# As the unit would: its command line, its user, its directory. The port is one that
# is free.
unit=$root/usr/lib/systemd/system/parley.service
if command -v systemd-analyze >/dev/null; then
  systemd-analyze verify --root="$root" --recursive-errors=no parley.service
fi
command=$(sed -n 's/^ExecStart=//p' "$unit")
user=$(sed -n 's/^User=//p' "$unit")
chroot --userspec="$user:$user" "$root" /usr/bin/env HOME=/var/lib/parley PARLEY_LISTEN=127.0.0.1:0 \
  $command >"$work/server.log" 2>&1 &
server=$!
until grep -q 'open: ' "$work/server.log"; do # a server that starts says so in its log
  kill -0 "$server" 2>/dev/null || { cat "$work/server.log" >&2; exit 1; }
  sleep 0.1
done
address=$(sed -n 's|.*open: *http://||p' "$work/server.log")
exec 3<>"/dev/tcp/${address%:*}/${address#*:}"
printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
read -r _ status _ <&3
exec 3>&-
[ "$status" = 200 ] || { echo "/readyz answers with $status" >&2; exit 1; }
kill "$server" && wait "$server"
server=
chroot "$root" parley version

chroot "$root" dpkg --purge parley
list >"$work/after"
# The data stay, and the user, of whose making useradd keeps copies of its files.
left=$(comm -13 "$work/before" "$work/after" | grep -v -e '^./var/lib/parley\(/\|$\)' -e '^./etc/[a-z]*-$' || true)
[ -z "$left" ] || { echo "left behind:"; echo "$left"; exit 1; } >&2
[ -e "$root/var/lib/parley/parley.db" ]
echo "the deb was installed, served, and was removed; the data stayed"
