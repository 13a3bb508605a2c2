#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs one Criterion test program.  Criterion 2.4.1 takes its verdict before
# LeakSanitizer speaks, so a leak has to be looked for in the sanitizer's own log.
set -u
log=$(mktemp -d) || exit 99
trap 'rm -rf "$log"' EXIT
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}log_path=$log/asan" "$@"
status=$?
for report in "$log"/*; do
	[ -e "$report" ] || continue
	cat "$report" >&2
	echo "not ok - a sanitizer spoke (see its report on standard error)"
	status=1
done
exit $status
