# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# sriov_*: kernel-abi.md 3.6.

section sriov
reads $nic sriov_totalvfs sriov_numvfs sriov_offset sriov_stride sriov_vf_device \
	sriov_drivers_autoprobe sriov_vf_total_msix
names $nic virtfn
n=$nic/sriov_numvfs
for value in junk '' '\n' -1 65536 99999999999 '1 2' 1x 8 0x8 010; do
	w $n "$value"
done
w $n 0
w $nic/sriov_totalvfs 3
a=$nic/sriov_drivers_autoprobe
for value in 2 maybe '' '\n' -1 n Y 0 on off 1 0; do
	w $a "$value"
	r $a
done
we $n 2
r $n
names $nic virtfn
link $nic/virtfn0
link $nic/virtfn1
link $nic/virtfn2
link $vf0/physfn
link $vf0/driver
names $vf0 sriov
names $vf0 physfn
reads $vf0 vendor device class revision subsystem_vendor subsystem_device uevent modalias \
	numa_node reset_method driver_override enable d3cold_allowed ari_enabled
names $vf0 tsm
names $vf0 authenticated
names $vf0 doe_features
size $vf0/config
size_uncapped $vf0/config
ide $vf0
step "groups of two VFs" -- sh -c "[ \$(readlink $vf0/iommu_group) = \
	\$(readlink $vf1/iommu_group) ] && echo one || echo two"
we $n 2
w $n 3
w $n 1
w $n 8
w $n junk
w $n 02
r $n
w $vf0/sriov_vf_msix_count 1
w $vf0/sriov_vf_msix_count -1
w $vf0/sriov_vf_msix_count junk
run modprobe pci-stub
we drivers_probe 0000:01:10.0
w drivers/pci-stub/bind 0000:01:10.0
w $vf0/driver_override pci-stub
link $vf0/driver
we drivers_probe 0000:01:10.0
link $vf0/driver
link $vf1/driver
run_e modprobe igbvf
link $vf0/driver
link $vf1/driver
w drivers/igbvf/bind 0000:01:10.2
w drivers_probe 0000:01:10.2
link $vf1/driver
w $a 1
we drivers/igbvf/bind 0000:01:10.2
link $vf1/driver
we $n 0
r $n
names $nic virtfn
names devices 0000:01
w drivers_probe 0000:01:10.0
we $n 1
link $vf0/driver
r $vf0/driver_override
w $vf0/driver_override pci-stub
w $n 0
w $n 1
r $vf0/driver_override
we drivers/igbvf/unbind 0000:01:10.0
w $a 0
w drivers/igbvf/bind 0000:01:10.0
run rmmod igbvf
we drivers/igb/unbind 0000:01:00.0
names devices 0000:01
names $nic sriov
r $n
w $n 0
w $n 1
w $n 8
r $a
we drivers/igb/bind 0000:01:00.0
r $n
r $a
w $a 1
r $plain/sriov_numvfs
r $port/sriov_numvfs

section sriov-nvme
n=$nvme/sriov_numvfs
w $nvme/sriov_drivers_autoprobe 0
we $n 2
r $n
names $nvme virtfn
link $nvme/virtfn0
we drivers/nvme/unbind 0000:02:00.0
r $n
names $nvme virtfn
w $n 2
w $n 3
w $n 0
r $n
we drivers/nvme/bind 0000:02:00.0
r $n
we $n 0
r $n
w $nvme/sriov_drivers_autoprobe 1

section sriov-stub
w $nvme/driver_override pci-stub
w drivers/nvme/unbind 0000:02:00.0
w drivers_probe 0000:02:00.0
link $nvme/driver
w $n 1
w drivers/pci-stub/unbind 0000:02:00.0
run modprobe pci-pf-stub
w $nvme/driver_override pci-pf-stub
w drivers_probe 0000:02:00.0
link $nvme/driver
w $nvme/sriov_drivers_autoprobe 0
w $n 4
names $nvme virtfn
w $n 0
w drivers/pci-pf-stub/unbind 0000:02:00.0
w $nvme/sriov_drivers_autoprobe 1
w $nvme/driver_override '\n'
w drivers_probe 0000:02:00.0
link $nvme/driver
run rmmod pci-pf-stub
run rmmod pci-stub
