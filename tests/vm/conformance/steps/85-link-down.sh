# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# A card whose config space reads all ones, and that is still in the tree.

section link-down
tsm=$(basename /sys/class/tsm/tsm*)
w $nic/tsm/connect "$tsm"
w $nic/sriov_drivers_autoprobe 0
rig link_down 0000:01:00.0
bytes $nic/config 0 16
bytes $nic/config 4092 8
bytes $port/config 0 4
size $nic/config
ide $nic
reads $nic vendor device class subsystem_vendor numa_node driver_override enable power_state \
	current_link_speed current_link_width max_link_speed max_link_width reset_method \
	sriov_numvfs sriov_totalvfs tsm/connect tsm/dsm tsm/bound ari_enabled
link $nic/driver
names $nic/tsm
names /sys/devices/pci0000:00 stream
w $nic/tsm/connect "$tsm"
w $nic/tsm/disconnect "$tsm"
names /sys/devices/pci0000:00 stream
r $nic/tsm/connect
rig link_up 0000:01:00.0
bytes $nic/config 0 4
ide $nic
w $nic/tsm/connect "$tsm"
ide $nic
w $nic/tsm/disconnect "$tsm"
w $nic/sriov_drivers_autoprobe 1
rig link_down 0000:04:00.0
reads $plain vendor current_link_speed power_state
bytes $plain/config 0 4
w drivers/e1000e/unbind 0000:04:00.0
link $plain/driver
rig link_up 0000:04:00.0
w drivers_probe 0000:04:00.0
link $plain/driver
