# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# The knobs of the rig in the virtual machine: tests/vm/tsm-test's.

knobs=/sys/kernel/debug/tsm-test

rig_connect_fails() { # ERRNO NUMBER
	echo "$2" >$knobs/connect_errno && echo 1 >$knobs/connect_fails
}

rig_insecure() { # FUNCTION on|off
	if [ "$2" = on ]; then echo 1; else echo 0; fi >$knobs/insecure
}

rig_fail_stream() { echo "$1" >$knobs/fail; }
# The card's end fails and its port hears of it, which the kernel does in its own time.
rig_fail_and_tell() {
	told=$(grep IDECheck "devices/$1/aer_dev_nonfatal")
	modprobe aer_inject && "$attr" aer-inject "$1" 0x10000000 && echo "$1" >$knobs/fail ||
		return
	tell_left=100
	while grep -q "$told" "devices/$1/aer_dev_nonfatal" && [ $tell_left -gt 0 ]; do
		sleep 0.1
		tell_left=$((tell_left - 1))
	done
	sleep 0.5 # for the port's own counter
}

rig_bind_tdi() { echo "$1" >$knobs/bind; }
rig_unbind_tdi() { echo "$1" >$knobs/unbind; }
rig_streams() { echo "$1" >$knobs/streams; }
rig_link_down() { echo "$1" >$knobs/link_down; }
rig_link_up() { echo none >$knobs/link_down; }

rig_hang() { # killable|forever|off
	case $1 in
	killable) echo 1 ;;
	forever) echo 2 ;;
	off) echo 0 ;;
	esac >$knobs/hang
}

rig_tsm_leaves() { echo 0 >$knobs/present; }
rig_tsm_returns() { echo 1 >$knobs/present; }

# Nobody else is to answer to events: the script is about the kernel alone.
rig_start() {
	udevadm control --exit
}
