# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# vfio-pci and its nodes: kernel-abi.md 3.8.

section vfio
v=drivers/vfio-pci
names drivers vfio-pci
type_of /dev/vfio/vfio
type_of /dev/iommu
w $nvme/driver_override vfio-pci
w drivers/nvme/unbind 0000:02:00.0
we drivers_probe 0000:02:00.0
link $nvme/driver
run modprobe vfio-pci
link $nvme/driver
names $nvme vfio-dev
names $nvme/vfio-dev
names $nvme/vfio-dev/vfio0
step "the node's number" -- sh -c "[ -s $nvme/vfio-dev/vfio0/dev ] && echo there || echo none"
r $nvme/vfio-dev/vfio0/uevent
link $nvme/vfio-dev/vfio0/subsystem
link $nvme/vfio-dev/vfio0/device
names /sys/class/vfio-dev
names /dev/vfio devices
names /dev/vfio/devices
step "the group's node" -- sh -c "[ -e /dev/vfio/\$(basename \$(readlink $nvme/iommu_group)) ] \
	&& echo there || echo none"
names /dev/vfio vfio
names /dev iommu
w $v/bind 0000:02:00.0
w drivers/nvme/bind 0000:02:00.0
w $nvme/sriov_numvfs 1
we $v/unbind 0000:02:00.0
link $nvme/driver
names $nvme vfio-dev
names /dev/vfio/devices
w drivers/nvme/bind 0000:02:00.0
w drivers_probe 0000:02:00.0
link $nvme/driver
we $v/unbind 0000:02:00.0
w $nvme/driver_override '\n'
we $v/bind 0000:02:00.0
we drivers/nvme/bind 0000:02:00.0

section vfio-pf
w $nic/sriov_drivers_autoprobe 0
w $nvme/sriov_drivers_autoprobe 0
w $nvme/sriov_numvfs 1
w drivers/nvme/unbind 0000:02:00.0
w $nvme/driver_override vfio-pci
w $v/bind 0000:02:00.0
w drivers_probe 0000:02:00.0
link $nvme/driver
w $nvme/driver_override '\n'
w drivers/nvme/bind 0000:02:00.0
w $nvme/sriov_numvfs 0
w $nvme/sriov_drivers_autoprobe 1
w $port/driver_override vfio-pci
w $v/bind 0000:00:10.0
w $port/driver_override '\n'

section vfio-vf
w $nic/sriov_numvfs 2
w $vf0/driver_override vfio-pci
we $v/bind 0000:01:10.0
link $vf0/driver
w $vf1/driver_override vfio-pci
w drivers_probe 0000:01:10.2
names /sys/class/vfio-dev
names /dev/vfio/devices
w $nic/sriov_numvfs 1
hold /dev/vfio/devices/vfio0
started "$attr" write $v/unbind 0000:01:10.0
still "unbind while the node is open"
link $vf1/driver
names /dev/vfio/devices
w $v/bind 0000:01:10.2
let_go
finished "unbind after the node was closed"
link $vf0/driver
names /dev/vfio/devices
w drivers_probe 0000:01:10.0
names $vf0/vfio-dev
hold /dev/vfio/devices/vfio0
started "$attr" write $nic/sriov_numvfs 0
still "numvfs 0 while a VF's node is open"
let_go
finished "numvfs 0 after it was closed"
names devices 0000:01
names /dev/vfio/devices
w $nic/sriov_drivers_autoprobe 1

section vfio-module
w $nic2/driver_override vfio-pci
w drivers/igb/unbind 0000:03:00.0
w drivers_probe 0000:03:00.0
link $nic2/driver
run_e rmmod vfio-pci
link $nic2/driver
names drivers vfio-pci
names /dev/vfio/devices
run_e modprobe vfio-pci
link $nic2/driver
w $nic2/driver_override '\n'
w $v/unbind 0000:03:00.0
w drivers_probe 0000:03:00.0
link $nic2/driver
