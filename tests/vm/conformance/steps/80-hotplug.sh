# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# remove, rescan, reset, uevent and other attributes that can be written.

section hotplug
tsm=$(basename /sys/class/tsm/tsm*)
host=/sys/devices/pci0000:00
for value in junk '' '\n' 0; do
	w $plain/remove "$value"
	w rescan "$value"
done
type_of $plain
w $plain/driver_override e1000e
we $plain/remove 1
type_of $plain
w $plain/remove 1
names $host/0000:00:13.0 0000:04
we $host/0000:00:13.0/rescan 1
link $plain/driver
r $plain/driver_override
we rescan 1
w drivers/e1000e/unbind 0000:04:00.0
we rescan 1
link $plain/driver
w $plain/rescan 1
w drivers_probe 0000:04:00.0
w $nic/tsm/connect "$tsm"
names $host stream
we $nic/remove '1\n'
names $host stream
r $host/available_secure_streams
ide $port
names devices 0000:01
we rescan 1
r $nic/tsm/connect
names $nic/tsm
link $nic/driver
ide $nic
w $nic/sriov_drivers_autoprobe 0
w $nic/sriov_numvfs 1
w $vf0/remove 1
names devices 0000:01
names $nic virtfn
r $nic/sriov_numvfs
w rescan 1
names devices 0000:01
w $nic/sriov_numvfs 0
w $nic/sriov_drivers_autoprobe 1
we $port/remove 1
names devices 0000:01
w rescan 1
names devices 0000:01
link $nic/driver
r $nic/tsm/connect

section reset
m=$plain/reset_method
for value in junk flr '' 'pm' 'bus pm' 'pm junk' default 'pm bus\n' '\n' default; do
	w $m "$value"
	r $m
done
for value in 0 junk '' '\n' 2; do
	w $plain/reset "$value"
done
we $plain/reset 1
r $plain/reset
w $nic/tsm/connect "$tsm"
w $nic/reset 1
r $nic/tsm/connect
names $host stream
w $nic/tsm/disconnect "$tsm"

section uevent
u=$plain/uevent
for value in junk '' '\n' CHANGE 'change x' bogus; do
	we $u "$value"
done
for value in change add remove 'change\n' bind \
	'change 12345678-1234-1234-1234-123456789abc' \
	'change 12345678-1234-1234-1234-123456789abc A=1 B=two' \
	'change 12345678-1234-1234-1234-123456789abc A' 'change junk'; do
	we $u "$value"
done
link $plain/driver
we /sys/class/tsm/$tsm/uevent change

section other
for value in junk '' -1 0 1; do
	w $plain/d3cold_allowed "$value"
done
for value in junk auto on; do
	w $plain/power/control $value
	r $plain/power/control
done
for value in junk 7 -2; do
	w $plain/numa_node $value
done
w $plain/vendor 1
w $plain/modalias 1
w $plain/enable junk
w $plain/msi_bus junk
r $plain/remove
r $plain/rescan
r rescan
r $plain/no-such-attribute
w $plain/no-such-attribute 1
r devices/0000:99:00.0/vendor
