# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# A host bridge's pool of streams: kernel-abi.md 3.3 and 3.4.

section streams
tsm=$(basename /sys/class/tsm/tsm*)
host=/sys/devices/pci0000:00
s=$host/available_secure_streams
rig streams 1
r $s
w $nic/tsm/connect "$tsm"
r $s
w $nic2/tsm/connect "$tsm"
r $nic2/tsm/connect
names $host stream
rig streams 2
r $s
w $nic2/tsm/connect "$tsm"
r $s
names $host stream
w $nic/tsm/disconnect "$tsm"
r $s
w $nvme/tsm/connect "$tsm"
names $host stream
w $nvme/tsm/disconnect "$tsm"
rig streams 1
r $s
names $host stream
w $nic/tsm/connect "$tsm"
w $nic2/tsm/disconnect "$tsm"
r $s
w $nic/tsm/disconnect "$tsm"
rig streams 0
names $host available
r $s
w $nic/tsm/connect "$tsm"
r $nic/tsm/connect
r /sys/devices/pci0000:40/available_secure_streams
w $far/tsm/connect "$tsm"
w $far/tsm/disconnect "$tsm"
rig streams 256
names $host available
r $s
w $nic/tsm/connect "$tsm"
names $host stream
w $nic/tsm/disconnect "$tsm"
