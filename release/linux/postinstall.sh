#!/bin/sh
set -e
if ! getent passwd parley >/dev/null; then
	if command -v useradd >/dev/null; then
		useradd --system --user-group --home-dir /var/lib/parley --no-create-home --shell /usr/sbin/nologin parley
	else # Alpine
		addgroup -S parley
		adduser -S -D -H -h /var/lib/parley -s /sbin/nologin -G parley parley
	fi
fi
install -d -m 0700 -o parley -g parley /var/lib/parley
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart parley.service
fi
