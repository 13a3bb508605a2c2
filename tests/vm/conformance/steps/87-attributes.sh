# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Counters of errors, and what else of a function can be written: kernel-abi.md 3.4 to 3.10.

section aer
for function in $nic $nvme $plain $port $far devices/0000:00:1f.2; do
	names $function aer_
done
reads $nic aer_dev_correctable aer_dev_fatal aer_dev_nonfatal
reads $plain aer_dev_fatal aer_dev_nonfatal
reads $port aer_dev_fatal aer_dev_nonfatal
reads $port aer_rootport_total_err_cor aer_rootport_total_err_fatal \
	aer_rootport_total_err_nonfatal
w $nic/aer_dev_fatal 0
type_of $nic/aer_dev_nonfatal

section msix
w $nic/sriov_drivers_autoprobe 0
w $nic/sriov_numvfs 1
names $vf0 aer_
type_of $vf0/sriov_vf_msix_count
r $vf0/sriov_vf_msix_count
for value in 0 2 '3\n' 0x10 -0 -2147483648 2147483647 2147483648 99999999999 1x ' 1' '' '\n'; do
	w $vf0/sriov_vf_msix_count "$value"
done
r $nic/sriov_vf_total_msix
w $nic/sriov_vf_total_msix 1
type_of $nic/sriov_vf_total_msix
run modprobe pci-stub
w $vf0/driver_override pci-stub
w drivers/pci-stub/bind 0000:01:10.0
w $vf0/sriov_vf_msix_count 2
r $vf0/enable
w $nic/sriov_numvfs 0
w $nic/sriov_drivers_autoprobe 1
w drivers/igb/unbind 0000:01:00.0
r $nic/sriov_vf_total_msix
w drivers/igb/bind 0000:01:00.0
run rmmod pci-stub

section methods
m=$nic/reset_method
for value in flr 'bus flr' 'flr flr' 'flr,bus' FLR ' flr ' 'flr\n' 'default\n' Default \
	'flr flr flr flr flr flr flr' 'flr flr flr flr flr flr flr flr' \
	'flr flr flr flr flr flr flr flr flr' 'default flr' acpi device_specific cxl_bus bus 'junk flr' 'flr bus pm' '\nflr' default; do
	w $m "$value"
	r $m
done
fill $m 100
fill $m 4095
r $m
w $vf0/reset_method flr
for value in '1\n' ' 1' 1x 01 0x1 '1 1' -1 +1 99999999999999999999; do
	w $nic/reset "$value"
done
w $plain/reset_method '\n'
names $plain reset
w $plain/reset 1
r $plain/reset_method
w $plain/reset_method default
w $plain/reset 1

section power
names $plain power
p=$plain/power
reads $plain power_state power/runtime_status power/control
for value in 'on\n' 'auto\n' 'on ' ON '' '\n' o automatic auto on; do
	w $p/control "$value"
	r $p/control
done
d=$plain/d3cold_allowed
for value in 2 '1\n' 0x0 -1 yes 1x ' 1' 18446744073709551616 '\n' 1; do
	w $d "$value"
	r $d
done
w $plain/power_state D3hot
w drivers/e1000e/unbind 0000:04:00.0
reads $plain power_state power/runtime_status enable
w drivers/e1000e/bind 0000:04:00.0
reads $plain power_state enable

section numa
a=$plain/numa_node
for value in 1 0 -1 '0\n' 2 0x1 1x '' '\n' ' 1' -2 99 1024 4294967296 0; do
	w $a "$value"
	r $a
done
r $plain/local_cpulist
w $a 1
r $plain/local_cpulist
w $a -1
r $plain/local_cpulist
w $a 0
w $plain/local_cpulist 0

section enable
e=$plain/enable
for value in 0 1 '' x; do
	w $e "$value"
	r $e
done
w drivers/e1000e/unbind 0000:04:00.0
for value in 0 1 1 0 0 0 2 -1 '1\n' 0; do
	w $e "$value"
	r $e
done
w drivers_probe 0000:04:00.0
link $plain/driver
r $e
w drivers/e1000e/unbind 0000:04:00.0
r $e
w $e 0
r $e
w drivers/e1000e/bind 0000:04:00.0
r $e

section autoprobe
for value in junk '' '\n' 2 0 off no 01 n -1 on 1; do
	w drivers_autoprobe "$value"
	r drivers_autoprobe
done
w drivers_autoprobe 1

section ids
run modprobe pci-stub
i=drivers/pci-stub/new_id
for value in '8086' '8086:10d3' '8086 zz' '0x8086 0x10d4' ' 8086  10d5 ' '8086 10d4' \
	'8086 10d4 0 0' '8086 10d6 1af4 1100 020000 ffffff' '8086 10d6' \
	'8086 10d7 ffffffff ffffffff 0 0 7' '1ffff 10d8' '-1 -1' '8086 10d9 junk' \
	'8086\n10da'; do
	w $i "$value"
done
o=drivers/pci-stub/remove_id
for value in junk '8086' '8086 10d4' '8086 10d4' '0x8086 0x10d5' '8086 10d6 1 1' \
	'8086 10d6 1af4 1100' '8086 10d7' '8086 10d9' '8086 10da' '8086 10db'; do
	w $o "$value"
done
w $i '8086 10dc 1af4 1100 020000 ffff00'
for value in '8086 10dc 1 1100' '8086 10dc 1af4 1' '8086 10dc 1af4 1100 030000 ff0000' \
	'8086 10dc ffffffff 1100' '8086 10dc'; do
	w $o "$value"
done
w drivers/e1000e/new_id '8086 10d3'
w drivers/e1000e/new_id '8086 10d3 ffffffff ffffffff 0 0 99999'
w drivers/e1000e/remove_id '8086 10d3'
link $plain/driver
run rmmod pci-stub

section groups
t=$plain/iommu_group/type
r $t
r $nic/iommu_group/type
r $port/iommu_group/type
type_of $t
for value in junk '' '\n' identity DMA auto 'identity\n'; do
	w $t "$value"
	r $t
done
w drivers/e1000e/unbind 0000:04:00.0
for value in junk '\n' identity 'DMA\n' dma DMA-FQ auto; do
	w $t "$value"
	r $t
done
w drivers/e1000e/bind 0000:04:00.0
r $t
names $plain/iommu_group
run modprobe vfio-pci
w $plain/driver_override vfio-pci
w drivers/e1000e/unbind 0000:04:00.0
w drivers/vfio-pci/bind 0000:04:00.0
r $t
r $plain/enable
w $t identity
w $t DMA
hold /dev/vfio/devices/vfio0
r $t
let_go
w drivers/vfio-pci/unbind 0000:04:00.0
w $plain/driver_override '\n'
w drivers_probe 0000:04:00.0
r $t
w $t DMA
w $t DMA-FQ
r $t
w $t DMA-FQ
w $port/iommu_group/type identity
r $port/iommu_group/type
w $port/iommu_group/type auto
r $port/iommu_group/type
r $port/enable

section two-nodes
w $nic2/driver_override vfio-pci
w drivers/igb/unbind 0000:03:00.0
we drivers/vfio-pci/bind 0000:03:00.0
w $far/driver_override vfio-pci
w drivers/nvme/unbind 0000:41:00.0
we drivers_probe 0000:41:00.0
names $nic2/vfio-dev
names $far/vfio-dev
names /sys/class/vfio-dev
names /dev/vfio/devices
r $far/numa_node
we drivers/vfio-pci/unbind 0000:03:00.0
names /dev/vfio/devices
we drivers/vfio-pci/bind 0000:03:00.0
names $nic2/vfio-dev
w drivers/vfio-pci/unbind 0000:03:00.0
w drivers/vfio-pci/unbind 0000:41:00.0
names /dev/vfio/devices
w $nic2/driver_override '\n'
w $far/driver_override '\n'
w drivers_probe 0000:03:00.0
w drivers_probe 0000:41:00.0
link $nic2/driver
link $far/driver
