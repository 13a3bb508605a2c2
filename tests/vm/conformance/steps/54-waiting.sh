# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154
# Who waits while a connect takes its time, and for which signal: kernel-abi.md 3.3.

section waiting
tsm=$(basename /sys/class/tsm/tsm*)
host=/sys/devices/pci0000:00
rig hang killable
started "$attr" write $nic/tsm/connect "$tsm"
still "connect hangs"
sr $nic2/tsm/connect
sr $nic/tsm/connect
sr $nic/tsm/dsm
sr $nic/tsm/bound
sr $nic2/authenticated
w $nic2/tsm/connect junk
reads $nic vendor driver_override numa_node sriov_numvfs sriov_totalvfs reset_method \
	power/control d3cold_allowed enable
size $nic/config
link $nic/driver
names $nic/tsm
names $host stream
r $host/available_secure_streams
w $plain/driver_override e1000e
w $plain/driver_override '\n'
w drivers/igb/unbind 0000:03:00.0
w drivers/igb/bind 0000:03:00.0
w $nic2/sriov_drivers_autoprobe 0
beside=2
started "$attr" write $nic2/sriov_numvfs 1
still "VFs of another card"
link $nic2/virtfn0
beside=3
started "$attr" signalled write $nic2/tsm/connect "$tsm"
still "another connect, with signals"
kill_it
finished "another connect, killed"
beside=4
started "$attr" signalled write $nic2/tsm/disconnect "$tsm"
still "a disconnect, with signals"
beside=
kill_it
finished "the connect that hung, killed"
beside=4
finished "the disconnect after it"
beside=2
finished "VFs after it"
beside=
r $nic/tsm/connect
names $host stream
r $host/available_secure_streams
r $nic2/sriov_numvfs
w $nic2/sriov_numvfs 0
w $nic2/sriov_drivers_autoprobe 1

section unkillable
rig hang forever
started "$attr" write $nic/tsm/connect "$tsm"
still "connect hangs"
kill_it
still "connect, killed"
beside=2
started "$attr" read $nic2/tsm/connect
still "a read of another card's"
beside=
rig hang off
finished "connect, let go"
beside=2
finished "the read after it"
beside=
r $nic/tsm/connect
names $host stream
w $nic/tsm/disconnect "$tsm"
w $nic/tsm/connect "$tsm"
w $nic/tsm/disconnect "$tsm"
