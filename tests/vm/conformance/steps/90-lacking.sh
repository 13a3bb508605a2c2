# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Cards that lack a part of TDISP: kernel-abi.md 3.3.
# cards: no_doe=01:00.0,04:00.0 no_ide=00:11.0,05:00.0,04:00.0,40:00.0 no_tee=03:00.0,04:00.0,41:00.0

section no-mailbox
tsm=$(basename /sys/class/tsm/tsm*)
host=/sys/devices/pci0000:00
names $nic tsm
names $nic/tsm
names $nic doe
ide $nic
ide $port
w $nic/tsm/connect "$tsm"
w $nic/tsm/connect tsm9
w $nic/tsm/connect junk
r $nic/tsm/connect
w $nic/tsm/disconnect "$tsm"
names $host stream
r $host/available_secure_streams
w $nic/sriov_drivers_autoprobe 0
w $nic/sriov_numvfs 1
names $vf0 tsm
w $nic/sriov_numvfs 0
w $nic/sriov_drivers_autoprobe 1

section port-without-ide
names $nvme tsm
names $nvme/tsm
names $nvme authenticated
names $nvme doe
names $nvme/doe_features
ide devices/0000:00:11.0
w $nvme/tsm/connect "$tsm"
r $nvme/tsm/connect
reads $nvme tsm/dsm tsm/bound authenticated
r $host/available_secure_streams
w $nvme/tsm/disconnect "$tsm"

section no-tee
names $nic2 tsm
names $nic2/tsm
names $nic2/doe_features
ide $nic2
w $nic2/tsm/connect "$tsm"
reads $nic2 tsm/connect tsm/dsm tsm/bound authenticated
names $nic2/tsm
names $host stream
ide $nic2
w $nic2/sriov_drivers_autoprobe 0
w $nic2/sriov_numvfs 1
names devices/0000:03:10.0 tsm
names devices/0000:03:10.0 authenticated
w $nic2/sriov_numvfs 0
w $nic2/sriov_drivers_autoprobe 1
w $nic2/tsm/disconnect "$tsm"

section neither
names $plain tsm
names $plain authenticated
names $plain doe
r $plain/tsm/connect
w $plain/tsm/connect "$tsm"
w $plain/tsm/disconnect "$tsm"

section tee-alone
boot=devices/0000:05:00.0
names $boot/tsm
names $boot/doe_features
ide $boot
w $boot/tsm/connect "$tsm"
reads $boot tsm/connect tsm/dsm tsm/bound
names $host stream

# Its port has no IDE, so that the kernel forgets the card's.
section ide-forgotten
names $far tsm
names $far authenticated
names $far/doe_features
ide $far
r $far/tsm/connect
w $far/tsm/connect "$tsm"

section lacking-gone
step "run+events tsm leaves" -- "$attr" events "$here/rig-do" tsm_leaves
for function in $nic $nvme $nic2 $plain $boot $far; do
	names $function tsm
done
step "run+events tsm returns" -- "$attr" events "$here/rig-do" tsm_returns
for function in $nic $nvme $nic2 $plain $boot $far; do
	names $function tsm
done
we $nic2/remove 1
we rescan 1
names $nic2/tsm
