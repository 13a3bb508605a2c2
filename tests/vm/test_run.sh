#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/vm/run itself: statuses, output, guests that die or hang, several at once, runs that
# are killed, and an ordinary user.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tap.sh
. "$here/tap.sh"

run() {
	"$here/run" "$@"
}

quiet=(--bare --timeout 120 --)
# shellcheck disable=SC2016
expect 3 '^to stderr$' "a command's exit status and output come out" run "${quiet[@]}" sh -c \
	'uname -r; echo "<$1>"; pwd; touch "$2" && echo touched; echo to stderr >&2; exit 3' \
	sh 'a  b' "$here/written"
grep -qx "$(cat "$("$here/kernel")/release")" "$work/out" && [ "$(uname -r)" != "$(head -n 1 "$work/out")" ]
ok $? "of the other kernel"
grep -qx '<a  b>' "$work/out"
ok $? "arguments keep their spaces"
grep -qx "$PWD" "$work/out"
ok $? "the folder is the same in the guest"
grep -qx touched "$work/out" && [ ! -e "$here/written" ]
ok $? "what the guest writes stays in the guest"
expect 127 'not found|No such' "a command that isn't there" run "${quiet[@]}" /no/such/command
expect 125 'Kernel panic' "a panic shows on the console and fails" \
	run "${quiet[@]}" sh -c 'echo c >/proc/sysrq-trigger'
expect 124 'still running after 15 s' "a command that hangs is ended at the limit" \
	run --bare --timeout 15 -- sleep 1000
grep -qE '^(init: |\[ *[0-9]+\.[0-9]+\])' "$work/out"
ok $? "after the console's last lines"
# shellcheck disable=SC2016
expect 3 '^systemd 2$' "below systemd, and after a reboot" run --systemd "${quiet[@]}" sh -c \
	'[ $VM_BOOT = 2 ] || exit 75; echo "$(cat /proc/1/comm) $VM_BOOT"; exit 3'
VM_TIMES=1 expect 0 '^# time: kernel .* boot [0-9]+ s, command [0-9]+ s' \
	"the time of each part is told when asked for" run "${quiet[@]}" true

run "${quiet[@]}" sh -c 'echo one' >"$work/one" 2>&1 &
run "${quiet[@]}" sh -c 'echo two' >"$work/out" 2>&1
wait $!
[ "$(cat "$work/one")" = one ] && [ "$(cat "$work/out")" = two ]
ok $? "two guests at once don't meet"

# ended SIGNAL PROCESS COMMAND…: COMMAND gets SIGNAL once PROCESS runs for it, and then nothing
# of it is left, neither a process nor a file.
ended() {
	local signal=$1 process=$2 pid
	shift 2
	mkdir -p "$work/tmp"
	# What runs in the background ignores SIGINT, unless told otherwise.
	VM_TEST_MARK=$work/ended TMPDIR=$work/tmp env --default-signal=INT "$@" >"$work/out" 2>&1 &
	pid=$!
	within 60 runs "$process"
	ok $? "$process runs for ${1##*vm/}"
	marked "$work/ended" | sort | uniq -c | sed 's/^/# /'
	kill "-$signal" $pid
	wait $pid 2>/dev/null
	within 30 nothing_left
	ok $? "SIG$signal leaves nothing of it"
	nothing_left || { marked "$work/ended" && ls "$work/tmp"; } | sed 's/^/# /'
}

runs() {
	marked "$work/ended" | grep -q "^$1"
}

nothing_left() {
	[ -z "$(marked "$work/ended")" ] && [ -z "$(ls -A "$work/tmp")" ]
}

for signal in TERM INT HUP KILL; do
	ended $signal qemu-system "$here/run" "${quiet[@]}" sleep 1000
done
tio_sim=$("$here/conformance/sim-build")
for signal in TERM KILL; do
	ended $signal qemu-system "$here/conformance/run" --sim "$tio_sim"
	ended $signal tio-sim "$here/conformance/run" --sim "$tio_sim" --real /dev/null
done

# An ordinary user, with a cache that is only to be read.
kernel=$("$here/kernel") qemu=$(TIOD_VM_FETCH_QEMU=1 "$here/qemu") module=$("$here/module")
mkdir "$work/cache" "$work/nobody"
chmod 755 "$work"
chmod 777 "$work/nobody"
cp -al "$kernel" "${qemu%/*}" "${module%/*}" "$work/cache/"
nobody=()
[ "$(id -u)" != 0 ] || nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
expect 0 '^tsm0$' "an ordinary user has a guest, too" \
	"${nobody[@]}" env HOME="$work/nobody" TIOD_VM_CACHE="$work/cache" TMPDIR="$work/nobody" \
	TIOD_VM_FETCH_QEMU=1 "$here/run" --timeout 120 -- ls /sys/class/tsm
[ -z "$(ls "$work/nobody")" ]
ok $? "and nothing stays behind"

finish
