# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Cards that are put into an empty slot, taken out in good order, and torn out.

section plugged
tsm=$(basename /sys/class/tsm/tsm*)
host=/sys/devices/pci0000:00
new=devices/0000:06:00.0 slot_port=devices/0000:00:15.0
reads slots/6 adapter power
knob plug
type_of $new
reads slots/6 address adapter power
reads $new vendor device class subsystem_vendor numa_node driver_override enable \
	current_link_speed current_link_width reset_method d3cold_allowed power/control \
	sriov_numvfs sriov_totalvfs sriov_drivers_autoprobe tsm/connect tsm/dsm tsm/bound
link $new/driver
size $new/config
names $new/tsm
ide $new
ide $slot_port
w drivers_probe 0000:06:00.0
w drivers/igb/bind 0000:06:00.0
w $new/tsm/connect "$tsm"
w $new/driver_override vfio-pci
names $host stream
r $host/available_secure_streams
ide $new
ide $slot_port

# In good order, while its stream is there.
knob unplug
type_of $new
names devices 0000:06
names $host stream
r $host/available_secure_streams
ide $slot_port
reads slots/6 adapter power
w $new/driver_override igb
w drivers/igb/unbind 0000:06:00.0
w drivers_probe 0000:06:00.0
w rescan 1
type_of $new

section torn-out
knob plug
reads $new driver_override tsm/connect sriov_numvfs
link $new/driver
ide $new
w $new/tsm/connect "$tsm"
w $new/sriov_drivers_autoprobe 0
w $new/sriov_numvfs 2
names devices 0000:06
ide $new
knob tear_out
type_of $new
names devices 0000:06
names $host stream
r $host/available_secure_streams
ide $slot_port
reads slots/6 adapter power
w $new/tsm/disconnect "$tsm"
w $new/sriov_numvfs 0
r $new/vendor
w rescan 1
type_of $new

# While somebody has it open: it goes when that one does.
section torn-out-of-use
run modprobe vfio-pci
knob plug
w $new/driver_override vfio-pci
w drivers/igb/unbind 0000:06:00.0
w drivers_probe 0000:06:00.0
link $new/driver
w $new/tsm/connect "$tsm"
hold "/dev/vfio/devices/$(ls $new/vfio-dev)"
started "$here/rig-do" tear_out
still "torn out while it is open"
type_of $new
bytes $new/config 0 4
reads $new vendor device driver_override
ide $new
let_go
finished "torn out, after it was closed"
type_of $new
names $host stream
r $host/available_secure_streams
ide $slot_port
names $plain vfio
knob plug
link $new/driver
r $new/driver_override
ide $new
knob unplug
type_of $new
