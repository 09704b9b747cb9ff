#!/bin/sh
# After the installation and after an upgrade. The service stays off until an
# administrator turns it on; one that runs goes on with the new program.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	systemctl try-restart chainwright.service || true
fi
