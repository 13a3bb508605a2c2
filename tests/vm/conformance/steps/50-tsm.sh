# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# The TSM, connect, IDE: kernel-abi.md 3.2 to 3.5.

section connect
c=$nic/tsm/connect
host=/sys/devices/pci0000:00
tsm=$(basename /sys/class/tsm/tsm*)
reads $nic tsm/connect tsm/dsm tsm/bound authenticated
r $nic/tsm/disconnect
w $nic/tsm/dsm x
w $nic/tsm/bound x
w $nic/authenticated x
for value in junk '' '\n' tsm tsmx 0 -1 tsm-1 TSM0 ' tsm0' tsm9 tsm99999999999; do
	w $c "$value"
done
for value in "$tsm" tsm9 junk '' '\n'; do
	w $nic/tsm/disconnect "$value"
done
r $port/tsm/connect
r $plain/tsm/connect
w $plain/tsm/connect "$tsm"
ide $nic
we $c "$tsm"
reads $nic tsm/connect tsm/dsm tsm/bound authenticated
names $nic/tsm
names $host stream
link $host/stream0.0.0
r $host/available_secure_streams
ide $nic
ide $port
w $c "$tsm"
w $c tsm9
w $c junk
w $c tsmx
w $nic/tsm/disconnect tsm9
w $nic/tsm/disconnect junk
w $nic/tsm/disconnect ''
w $nic/tsm/disconnect '\n'
w $nic/tsm/disconnect "${tsm}x"
we $nic2/tsm/connect "$tsm\n"
names $host stream
link $host/stream1.0.0
r $host/available_secure_streams
ide $nic2
w $far/tsm/connect "${tsm}junk"
names /sys/devices/pci0000:40 stream
r /sys/devices/pci0000:40/available_secure_streams
r $far/tsm/connect
w $far/tsm/disconnect "${tsm}junk"
w $far/tsm/disconnect "$tsm"
we $nic2/tsm/disconnect "$tsm\n"
names $host stream
we $nic/tsm/disconnect "$tsm"
reads $nic tsm/connect tsm/dsm tsm/bound authenticated
names $nic/tsm
names $host stream
r $host/available_secure_streams
ide $nic
ide $port
w $nic/tsm/disconnect "$tsm"

section connect-fails
for error in 'EIO 5' 'EBUSY 16' 'ENOMEM 12' 'ENODEV 19' 'EINVAL 22' 'EFAULT 14' 'ETIMEDOUT 110'; do
	# shellcheck disable=SC2086
	rig connect_fails $error
	w $c "$tsm"
	r $c
	names $host stream
done
w $c "$tsm"
r $c
w $nic/tsm/disconnect "$tsm"

section insecure
rig insecure 0000:01:00.0 on
w $c "$tsm"
r $c
names $host stream
ide $nic
ide $port
rig insecure 0000:01:00.0 off
w $nic/tsm/disconnect "$tsm"
w $c "$tsm"
ide $nic
rig fail_stream 0000:01:00.0
ide $nic
ide $port
r $c
names $host stream
w $nic/tsm/disconnect "$tsm"
w $c "$tsm"
ide $nic

section tsm-vf
w $nic/sriov_drivers_autoprobe 0
w $nic/tsm/disconnect "$tsm"
w $nic/sriov_numvfs 2
names $vf0 tsm
w $c "$tsm"
names $vf0 tsm
names $vf0/tsm
names $vf0 authenticated
reads $vf0 tsm/dsm tsm/bound authenticated
r $vf0/tsm/connect
ide $nic
ide $port
rig bind_tdi 0000:01:10.0
r $vf0/tsm/bound
r $vf1/tsm/bound
r $nic/tsm/bound
rig unbind_tdi 0000:01:10.0
r $vf0/tsm/bound
w $nic/sriov_numvfs 0
w $nic/sriov_numvfs 1
names $vf0/tsm
r $vf0/tsm/dsm
rig bind_tdi 0000:01:10.0
w $nic/tsm/disconnect "$tsm"
names $vf0 tsm
names $vf0 authenticated
w $c "$tsm"
r $vf0/tsm/bound
we drivers/igb/unbind 0000:01:00.0
r $c
names $host stream
ide $nic
we drivers/igb/bind 0000:01:00.0
r $c
rig bind_tdi 0000:01:00.0
r $nic/tsm/bound
rig unbind_tdi 0000:01:00.0
r $nic/tsm/bound
w $nic/sriov_drivers_autoprobe 1

section tsm-gone
w $nic2/tsm/connect "$tsm"
names $host stream
step "run+events tsm leaves" -- "$attr" events "$here/rig-do" tsm_leaves
names /sys/class/tsm
names $nic tsm
names $nic authenticated
r $c
w $c "$tsm"
names $nic2 tsm
names $host stream
r $host/available_secure_streams
ide $nic
ide $nic2
ide $port
step "run+events tsm returns" -- "$attr" events "$here/rig-do" tsm_returns
names /sys/class/tsm
tsm=$(basename /sys/class/tsm/tsm*)
names $nic/tsm
names $port tsm
r $c
w $c tsm8
w $c "$tsm"
r $c
ide $nic
w $nic/tsm/disconnect "$tsm"
