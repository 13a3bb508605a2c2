# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Modules of drivers that are in use go and come back.

section modules
tsm=$(basename /sys/class/tsm/tsm*)
w $nic/sriov_drivers_autoprobe 0
w $nic/sriov_numvfs 1
w $nic/tsm/connect "$tsm"
r /sys/module/igb/refcnt
run_e rmmod igb
names devices 0000:01
link $nic/driver
r $nic/tsm/connect
names $nic sriov
r $nic/sriov_numvfs
w $nic/sriov_numvfs 1
names drivers igb
run_e modprobe igb
link $nic/driver
link $nic2/driver
r $nic/sriov_drivers_autoprobe
w $nic/sriov_drivers_autoprobe 1
w $nic/tsm/disconnect "$tsm"

section module-in-use
run modprobe vfio-pci
w $nic2/driver_override vfio-pci
w drivers/igb/unbind 0000:03:00.0
w drivers/vfio-pci/bind 0000:03:00.0
r /sys/module/vfio_pci/refcnt
r /sys/module/vfio_pci_core/refcnt
names /sys/module/vfio_pci_core/holders
run rmmod vfio-pci-core
run rmmod vfio
run rmmod iommufd
hold /dev/vfio/devices/vfio0
r /sys/module/vfio_pci/refcnt
started "$here/status-of" rmmod vfio-pci
still "rmmod while a node is open"
names drivers vfio-pci
let_go
finished "rmmod after the node was closed"
run modprobe vfio-pci
w $nic2/driver_override '\n'
w drivers/vfio-pci/unbind 0000:03:00.0
w drivers_probe 0000:03:00.0
link $nic2/driver
run modprobe -r vfio-pci
names /sys/module vfio
names /dev vfio
names /dev iommu
run modprobe vfio-pci
names /dev iommu
