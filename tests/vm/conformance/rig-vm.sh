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

# The virtual machine's own monitor, which answers each command with a line.
qmp() { # JSON…
	exec 7<>"$VM_QMP"
	for qmp_one in '{"execute":"qmp_capabilities"}' "$@"; do
		echo "$qmp_one" >&7
		qmp_line=
		until expr "$qmp_line" : '{"\(return\|error\)"' >/dev/null; do
			read -r qmp_line <&7 || break
		done
	done
	exec 7>&-
	expr "$qmp_line" : '{"return"' >/dev/null
}

# within COMMAND…: waits until it succeeds; generous, as pciehp takes its seconds.
within() {
	within_left=1200
	until "$@"; do
		[ $((within_left -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}

slot_is() { # off|on: what pciehp does last with power and the lamp
	case $1$(($(setpci -s 00:15.0 CAP_EXP+18.w | sed s/^/0x/) & 0x700)) in
	off1792 | on256) ;;
	*) return 1 ;;
	esac
}

rig_plug() {
	within slot_is off &&
		qmp '{"execute":"device_add","arguments":{"driver":"igb","id":"new","bus":"port6",
			"romfile":"","mac":"52:54:00:00:06:00"}}' &&
		within test -e devices/0000:06:00.0/driver && within slot_is on
}

gone_from_qemu() {
	qmp '{"execute":"qom-list","arguments":{"path":"/machine/peripheral"}}' || return
	case $qmp_line in *'"new"'*) return 1 ;; esac
}

rig_gone() {
	within test ! -e devices/0000:06:00.0 && within gone_from_qemu && within slot_is off
}

rig_unplug() {
	qmp '{"execute":"device_del","arguments":{"id":"new"}}' && rig_gone
}

# QEMU drops a card whose slot loses power; pciehp then finds it gone.
rig_tear_out() {
	setpci -s 00:15.0 CAP_EXP+18.w=0700:0720 && setpci -s 00:15.0 CAP_EXP+18.w=0120:0720 &&
		rig_gone
}

# Nobody else is to answer to events: the script is about the kernel alone.
rig_start() {
	udevadm control --exit
}
