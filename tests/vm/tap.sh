# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of the scripts share: TAP, a folder for a while ($work), and who is left of
# the processes that a test started.

n=0 failed=0
work=$(mktemp -d)
# The mark of all that the test starts: it is in their environment.
export VM_TEST_MARK=$work
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

# The names of the processes with $1 in their environment, this one and its parents apart.
marked() {
	local file
	grep -lzsF "$1" /proc/[0-9]*/environ | while read -r file; do
		file=${file%/environ}
		[ "${file#/proc/}" = $$ ] || cat "$file/comm" 2>/dev/null
	done
}

# within SECONDS COMMAND…: waits until COMMAND succeeds.
within() {
	local left=$(($1 * 10))
	shift
	until "$@"; do
		[ $((left -= 1)) -gt 0 ] || return 1
		sleep 0.1
	done
}

finish() {
	echo "1..$n"
	[ $failed = 0 ]
}
