# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# What the attributes say before anything has been done.

section look
reads $nic vendor device class revision subsystem_vendor subsystem_device modalias uevent \
	numa_node local_cpulist enable d3cold_allowed msi_bus ari_enabled reset_method \
	power/control power_state max_link_speed max_link_width current_link_speed \
	consistent_dma_mask_bits dma_mask_bits
reads $far numa_node local_cpulist ari_enabled reset_method
reads $plain reset_method uevent
reads $port uevent numa_node reset_method secondary_bus_number subordinate_bus_number
for function in $nic $port $plain devices/0000:00:1f.2; do
	names $function tsm
	names $function authenticated
	names $function doe_features
	names $function sriov
	names $function reset
	size $function/config
	size_uncapped $function/config
	ide $function
done
names $nic/tsm
names $nic/doe_features
reads $nic/doe_features 0001:01 0001:02 doe_discovery
w $nic/doe_features/0001:01 x
for name in connect disconnect dsm bound; do
	type_of $nic/tsm/$name
done
for name in authenticated driver_override sriov_numvfs sriov_drivers_autoprobe remove rescan \
	reset reset_method config numa_node uevent vendor; do
	type_of $nic/$name
done
for name in bind unbind new_id remove_id uevent; do
	type_of drivers/igb/$name
done
type_of drivers_probe
type_of rescan
names /sys/class/tsm
names /sys/class/tsm/tsm0
r /sys/class/tsm/tsm0/uevent
r /sys/devices/pci0000:00/available_secure_streams
r /sys/devices/pci0000:40/available_secure_streams
w /sys/devices/pci0000:00/available_secure_streams 1
names /sys/devices/pci0000:00 stream
link $nic/driver
link $nic/subsystem
link devices/0000:00:1f.2/driver
step "groups of siblings" -- sh -c "[ \$(readlink devices/0000:00:1f.3/iommu_group) = \
	\$(readlink devices/0000:00:1f.0/iommu_group) ] && echo one || echo two"
step "groups of strangers" -- sh -c "[ \$(readlink $nic/iommu_group) = \
	\$(readlink $nvme/iommu_group) ] && echo one || echo two"
names $nic/iommu_group/devices
r $nic/iommu_group/type
