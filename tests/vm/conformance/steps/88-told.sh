# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# A stream that fails and is heard of: kernel-abi.md 3.4.

section told
tsm=$(basename /sys/class/tsm/tsm*)
port3=devices/0000:00:12.0
w drivers/igb/unbind 0000:03:00.0
w $nic2/tsm/connect "$tsm"
rig fail_and_tell 0000:03:00.0
reads $nic2 aer_dev_nonfatal aer_dev_fatal aer_dev_correctable
reads $port3 aer_dev_nonfatal aer_dev_fatal aer_rootport_total_err_nonfatal \
	aer_rootport_total_err_fatal aer_rootport_total_err_cor
r $nic2/tsm/connect
names /sys/devices/pci0000:00 stream
ide $nic2
ide $port3
link $nic2/driver
w $nic2/tsm/disconnect "$tsm"
w $nic2/tsm/connect "$tsm"
ide $nic2
rig fail_and_tell 0000:03:00.0
r $nic2/aer_dev_nonfatal
r $port3/aer_rootport_total_err_nonfatal
w $nic2/tsm/disconnect "$tsm"
w drivers/igb/bind 0000:03:00.0
r $nic2/aer_dev_nonfatal
we $nic2/remove 1
w rescan 1
reads $nic2 aer_dev_nonfatal
r $port3/aer_rootport_total_err_nonfatal
link $nic2/driver
