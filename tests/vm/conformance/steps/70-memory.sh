# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Hugepages, whose writes are best effort: kernel-abi.md 3.9.

section memory
h=/sys/kernel/mm/hugepages/hugepages-2048kB
n0=/sys/devices/system/node/node0/hugepages/hugepages-2048kB
n1=/sys/devices/system/node/node1/hugepages/hugepages-2048kB
names $h
names $n0
reads $h nr_hugepages free_hugepages resv_hugepages surplus_hugepages nr_overcommit_hugepages
w $h/nr_hugepages 8
reads $h nr_hugepages free_hugepages
reads $n0 nr_hugepages free_hugepages surplus_hugepages
reads $n1 nr_hugepages free_hugepages
for value in junk '' '\n' 0x8 -1 '4 4' 99999999999999999999; do
	w $h/nr_hugepages "$value"
	r $h/nr_hugepages
done
w $n0/nr_hugepages 10
reads $h nr_hugepages free_hugepages
r $n0/nr_hugepages
r $n1/nr_hugepages
w $n1/nr_hugepages 0
reads $h nr_hugepages free_hugepages
w $n1/nr_hugepages junk
w $n0/free_hugepages 1
w $n0/nr_hugepages 100000
step "less than asked for" -- sh -c "[ \$(cat $n0/nr_hugepages) -lt 100000 ] && echo yes || echo no"
step "none of the other node" -- cat $n1/nr_hugepages
w $h/nr_overcommit_hugepages 4
r $h/nr_overcommit_hugepages
w $h/nr_overcommit_hugepages junk
w $h/nr_overcommit_hugepages 0
w $h/resv_hugepages 1
w $h/nr_hugepages 0
reads $h nr_hugepages free_hugepages
reads $n0 nr_hugepages free_hugepages
r /proc/sys/vm/nr_hugepages
