# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# bind, unbind, drivers_probe, new_id, modules coming and going: kernel-abi.md 3.7.

section bind
d=drivers/e1000e
w $d/unbind 0000:99:00.0
w $d/unbind junk
w $d/unbind ''
w $d/unbind '\n'
w $d/unbind 0000:01:00.0
w $d/unbind 4:00.0
r $d/unbind
r $d/bind
r drivers_probe
w $d/bind 0000:99:00.0
w $d/bind 0000:04:00.0
w $d/bind 0000:01:00.0
w drivers/igb/bind 0000:04:00.0
we $d/unbind 0000:04:00.0
link $plain/driver
r $plain/uevent
r $plain/enable
w $d/unbind 0000:04:00.0
w $plain/driver/unbind 0000:04:00.0
w drivers/igb/bind 0000:04:00.0
w drivers/pcieport/bind 0000:04:00.0
w $d/bind '0000:04:00.0 '
w $d/bind '0000:04:00.0x'
we $d/bind '0000:04:00.0\n'
link $plain/driver
w $d/bind '0000:04:00.0'
names $d 0000
w drivers_probe 0000:99:00.0
w drivers_probe junk
w drivers_probe ''
w drivers_probe '\n'
we drivers_probe 0000:04:00.0
we $d/unbind '0000:04:00.0\n'
we drivers_probe '0000:04:00.0\n'
link $plain/driver
r drivers_autoprobe
w drivers_autoprobe 0
r drivers_autoprobe
w $d/unbind 0000:04:00.0
w drivers_probe 0000:04:00.0
link $plain/driver
w drivers_autoprobe 1
w $d/bind 0000:04:00.0
link $plain/driver

section stub
names drivers pci-stub
w drivers/pci-stub/bind 0000:04:00.0
run modprobe pci-stub
names drivers/pci-stub
w drivers/pci-stub/bind 0000:04:00.0
w $d/unbind 0000:04:00.0
w drivers/pci-stub/bind 0000:04:00.0
w drivers/pci-stub/new_id junk
w drivers/pci-stub/new_id ''
w drivers/pci-stub/new_id 8086
we drivers/pci-stub/new_id '8086 10d3'
link $plain/driver
w drivers/pci-stub/new_id '8086 10d3'
w drivers/pci-stub/remove_id '8086 10d4'
w drivers/pci-stub/remove_id '8086'
w drivers/pci-stub/remove_id '8086 10d3'
w drivers/pci-stub/remove_id '8086 10d3'
link $plain/driver
we drivers/pci-stub/unbind 0000:04:00.0
w drivers/pci-stub/bind 0000:04:00.0
w $plain/driver_override pci-stub
w $d/bind 0000:04:00.0
we drivers/pci-stub/bind 0000:04:00.0
link $plain/driver
w $d/bind 0000:04:00.0
w drivers/pci-stub/bind 0000:04:00.0
w $plain/driver_override e1000e
link $plain/driver
w $d/bind 0000:04:00.0
run_e rmmod pci-stub
names drivers pci-stub
link $plain/driver
w $plain/driver_override pci-stub
w drivers_probe 0000:04:00.0
link $plain/driver
run_e modprobe pci-stub
link $plain/driver
r $plain/driver_override
run rmmod pci-stub
w $plain/driver_override '\n'
we drivers_probe 0000:04:00.0
link $plain/driver
run rmmod pci-stub
run modprobe no-such-module
r /sys/module/igb/refcnt
r /sys/module/igb/initstate
names /sys/module/igb/drivers
names /sys/module pci_stub
link drivers/igb/module
