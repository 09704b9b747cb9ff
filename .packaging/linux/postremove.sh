#!/bin/sh
# After the removal. The data in /var/lib/chainwright stay.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
