#!/bin/sh
set -e
# An upgrade says so: the service goes on, and the new package restarts it.
case "$1" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now parley.service
fi
