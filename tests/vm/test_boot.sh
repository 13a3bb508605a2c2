#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tiod as it is installed, below the guest's systemd: what test_boot.py does, and what
# boot-prepare puts in place for it.
set -eu
# shellcheck source=cache.sh
. "$(dirname "$0")/cache.sh"

build=$("$vm_here/guest-build")
vm_folder tiod-boot
# It writes a log into the folder, whose files are listed.
vm_lock "${build##*/}.lock"
meson install --quiet --no-rebuild -C "$build" --destdir "$vm_temporary" >&2
vm_seal "$build"
exec 9>&-
export VM_INSTALLED=$vm_temporary VM_PREPARE=$vm_here/boot-prepare VM_TIMES=1
export PYTHONDONTWRITEBYTECODE=1
"$vm_here/run" --systemd --timeout "${VM_TIMEOUT:-300}" -- python3 "$vm_here/test_boot.py"
