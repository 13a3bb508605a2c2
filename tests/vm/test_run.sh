#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/vm/run itself: statuses, output, guests that die or hang, several at once, a cache
# that is half-built, and a machine without a network.
set -u
here=$(cd "$(dirname "$0")" && pwd)
n=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ok() {
	local good=$1
	n=$((n + 1))
	shift
	if [ "$good" = 0 ]; then
		echo "ok $n - $*"
	else
		echo "not ok $n - $*"
		sed 's/^/# /' "$work/out" 2>/dev/null | tail -n 12
		failed=$((failed + 1))
	fi
}

# expect STATUS PATTERN SENTENCE COMMAND…: exit status and a line of the output
expect() {
	local wanted=$1 pattern=$2 sentence=$3 got=0
	shift 3
	"$@" >"$work/out" 2>&1 || got=$?
	[ $got = "$wanted" ] && grep -qE -e "$pattern" "$work/out"
	ok $? "$sentence"
}

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

run "${quiet[@]}" sh -c 'echo one' >"$work/one" 2>&1 &
run "${quiet[@]}" sh -c 'echo two' >"$work/out" 2>&1
wait $!
[ "$(cat "$work/one")" = one ] && [ "$(cat "$work/out")" = two ]
ok $? "two guests at once don't meet"

mkdir "$work/tmp"
TMPDIR=$work/tmp "$here/run" "${quiet[@]}" sleep 1000 >"$work/out" 2>&1 &
pid=$!
for _ in $(seq 600); do
	qemu=$(pgrep -f "file:$work/tmp/tiod-vm.*/console" | head -n 1)
	[ -z "$qemu" ] || break
	sleep 0.1
done
kill $pid
wait $pid
for _ in $(seq 100); do
	kill -0 "$qemu" 2>/dev/null || break
	sleep 0.1
done
[ -n "$qemu" ] && ! kill -0 "$qemu" 2>/dev/null
ok $? "a run that is ended leaves no QEMU"
[ -z "$(ls -A "$work/tmp")" ]
ok $? "and no folder"

# A module that was being made when the power went.
cache=$("$here/kernel")
cache=${cache%/*}
mkdir -p "$work/cache/building" "$work/cache/$(basename "$("$here/kernel")")"
touch "$work/cache/building/rubbish"
ln -s "$cache"/qemu-* "$work/cache/"
rmdir "$work/cache/$(basename "$("$here/kernel")")"
ln -s "$("$here/kernel")" "$work/cache/"
half=$work/cache/$(basename "$(dirname "$("$here/module")")")
mkdir "$half"
touch "$half/tsm-test.ko"
expect 0 'tsm-test.ko$' "a half-built part of the cache is built anew" \
	env TIOD_VM_CACHE="$work/cache" "$here/module"
[ -s "$half/tsm-test.ko" ] && [ ! -e "$work/cache/building" ]
ok $? "whole"
expect 1 'is there a network' "no network: a sentence" \
	unshare -rn env TIOD_VM_CACHE="$work/empty" "$here/kernel"
expect 1 'is there a network' "for QEMU, too" \
	unshare -rn env TIOD_VM_CACHE="$work/empty" TIOD_VM_FETCH_QEMU=1 "$here/qemu"

echo "1..$n"
[ $failed = 0 ]
