#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Installs the packages of packages.txt that are missing. Says nothing when there are none.
set -eu
list=$(sed 's/#.*//' "$(dirname "$0")/packages.txt")
missing=
for package in $list; do
	dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q ' installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "missing packages:$missing" >&2
	echo "install them as root: apt-get install$missing" >&2
	exit 1
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # a list of names
if ! { apt-get update -q && apt-get install -q -y --no-install-recommends $missing; } >"$log" 2>&1; then
	tail -20 "$log" >&2
	exit 1
fi
