#!/bin/sh
# Before the removal: "remove" with dpkg, 0 with rpm. An upgrade changes nothing.
set -e
case "${1:-}" in
remove | 0)
	if [ -d /run/systemd/system ]; then
		systemctl disable --now chainwright.service || true
	fi
	;;
esac
