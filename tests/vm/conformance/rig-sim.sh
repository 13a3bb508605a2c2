# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# The same knobs of the simulated host; $tio_sim is the program.

ctl() {
	"$tio_sim" ctl "$@" >/dev/null
}

# As the other rig's: who tears a card out waits until the kernel has let go of it.
rig_gone() {
	gone_left=600
	while [ -e /sys/bus/pci/devices/0000:06:00.0 ] && [ $gone_left -gt 0 ]; do
		sleep 0.1
		gone_left=$((gone_left - 1))
	done
	[ ! -e /sys/bus/pci/devices/0000:06:00.0 ]
}

rig_connect_fails() { # ERRNO NUMBER
	ctl fault path='*/tsm/connect' act=errno errno="$1"
}

rig_insecure() { # FUNCTION on|off
	ctl ide-insecure function="$1" on="$([ "$2" = on ] && echo true || echo false)"
}

rig_fail_stream() { ctl ide-fail function="$1" end=endpoint; }
rig_fail_and_tell() { rig_fail_stream "$1"; }
rig_bind_tdi() { ctl tdi-bound function="$1" on=true; }
rig_unbind_tdi() { ctl tdi-bound function="$1" on=false; }
rig_streams() { ctl streams bridge=0000:00 nr="$1"; }
rig_link_down() { ctl silent function="$1" on=true; }
rig_link_up() { ctl silent function="$1" on=false; }
rig_hang() { ctl tsm-hang how="$1"; }
rig_tsm_leaves() { ctl tsm-remove; }
rig_tsm_returns() { ctl tsm-add; }

# From outside, and not a card that the slot has had: turning its power on would bring that.
rig_plug() {
	ctl "{\"do\":\"plug\",\"below\":\"0000:00:15.0\",\"functions\":$(cat "$here/plugged.json")}"
}

rig_unplug() { ctl unplug function=0000:06:00.0; }
rig_tear_out() {
	ctl surprise-remove function=0000:06:00.0
	rig_gone
}

rig_start() { :; }
