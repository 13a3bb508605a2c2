# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
# Hot-plug slots.  Nothing is turned off: QEMU would take the card away for good.

section slots
names slots
names slots/4
reads slots/4 address adapter power
reads slots/6 address adapter power
for value in '' 1 2 257; do
	w slots/4/power "$value"
done
for value in junk '' '\n' 0 0x1 2 -1; do
	w slots/6/power "$value"
done
w slots/6/power 1
r slots/6/power
r $plain/reset_method
w slots/4/adapter 1
type_of $plain
