#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs one test program, and fails it for a leak too: LeakSanitizer reports when a
# test's process ends, and by then Criterion has taken its verdict.

logs=$(mktemp -d) || exit 99
trap 'rm -rf "$logs"' EXIT

ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$logs/report" "$@"
status=$?

for report in "$logs"/report*; do
	[ -e "$report" ] || continue
	sed 's/^/# /' "$report"
	[ $status -ne 0 ] || status=1
done
exit $status
