#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tiod as it is installed, below the guest's systemd: what test_boot.py and under_unit.py do,
# and what boot-prepare puts in place for it.
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
plain=04:00.0,05:00.0
export VM_MODULE="no_tee=$plain no_ide=$plain no_doe=$plain evidence=1"
# Two boots, and more between them than any other test has.
"$vm_here/run" --systemd --timeout $((2 * ${VM_TIMEOUT:-450})) -- python3 "$vm_here/test_boot.py"
