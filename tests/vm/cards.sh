# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2154,SC2054
#
# The cards of the guest, for tests/vm/run: each behind a root port of its own, which SeaBIOS
# and the kernel number in this order, so that the addresses stand.
#
#   01:00.0  igb, 7 VFs                 nic1
#   02:00.0  NVMe, 4 VFs                nvme1
#   03:00.0  igb, 7 VFs                 nic2
#   04:00.0  e1000e without TDISP       plain
#   05:00.0  NVMe without TDISP         boot
#   06, 07, 08  nothing: for hot-plug   port6, port7, port8
#   41:00.0  NVMe on the second host bridge (NUMA node 1)   nvme2

port() {
	arguments+=(-device "pcie-root-port,id=port$1,bus=${3:-pcie.0},chassis=$1,slot=$1,addr=$2")
}
port 1 0x10
port 2 0x11
port 3 0x12
port 4 0x13
port 5 0x14
port 6 0x15
port 7 0x16
port 8 0x17
arguments+=(-device pxb-pcie,id=far,bus=pcie.0,bus_nr=0x40,numa_node=1)
port 9 0x0 far

for disk in 0 1 2; do
	arguments+=(-drive "if=none,id=disk$disk,format=raw,file=$share/disk$disk")
done
# What 4 VFs can be given of.
virtual=sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=10,msix_qsize=9
arguments+=(
	-device igb,id=nic1,bus=port1,romfile=,mac=52:54:00:00:01:00
	-device nvme-subsys,id=subsys1,nqn=subsys1
	-device "nvme,id=nvme1,bus=port2,serial=nvme1,subsys=subsys1,$virtual"
	-device nvme-ns,drive=disk0,bus=nvme1,shared=false
	-device igb,id=nic2,bus=port3,romfile=,mac=52:54:00:00:03:00
	-device e1000e,id=plain,bus=port4,romfile=,mac=52:54:00:00:04:00
	-device nvme,id=boot,bus=port5,serial=boot,drive=disk1
	-device nvme,id=nvme2,bus=port9,serial=nvme2,drive=disk2
)
