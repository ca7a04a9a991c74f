#!/usr/bin/env bash
# Copyright (c) 2026, the backhaul.sftp authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs the Debian packages for tests in bindep.txt if possible; prints the missing ones otherwise.
set -eu
cd "$(dirname "$0")/../.."

missing=()
while read -r package; do
    dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done < <(sed -n 's/^\([a-z0-9.+-]*\) \[test platform:dpkg\]$/\1/p' bindep.txt)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing for the full tests: ${missing[*]}. On Debian, as root: apt-get install ${missing[*]}" >&2
    exit 1
fi

# The lab starts its own servers; this file keeps Debian from starting the packages' services.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
echo "Installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}"
