# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# The words in which steps/*.sh are written.  Each step is one line of the transcript,
#
#   SECTION.NN what it did = what came of it
#
# and events that came with it follow, indented.  NN counts within the section.

section=none
number=0

section() {
	section=$1
	number=0
	echo "# $section"
}

# step WORDS -- COMMAND…: says WORDS and what COMMAND prints.
step() {
	number=$((number + 1))
	step_words=
	while [ "$1" != -- ]; do
		step_words="$step_words $1"
		shift
	done
	shift
	printf '%s.%02d%s = %s\n' "$section" "$number" "$step_words" "$("$@" 2>&1)"
}

r() { step "read $1" -- "$attr" read "$1"; }
w() { step "write $1 '$2'" -- "$attr" write "$1" "$2"; }
we() { step "write+events $1 '$2'" -- "$attr" events "$attr" write "$1" "$2"; }
fill() { step "fill $1 $2" -- "$attr" fill "$1" "$2"; }
size() { step "size $1" -- "$attr" size "$1"; }
size_uncapped() { step "size-uncapped $1" -- "$attr" size-uncapped "$1"; }
link() { step "link $1" -- "$attr" link "$1"; }
type_of() { step "type $1" -- "$attr" type "$1"; }
names() { step "names $1 $2" -- "$attr" names "$1" "$2"; }
bytes() { step "bytes $1 $2 $3" -- "$attr" bytes "$1" "$2" "$3"; }
# A signal comes while it waits.
sr() { step "signalled read $1" -- timeout -s KILL 8 "$attr" signalled read "$1"; }
ide() { step "ide $1" -- "$attr" ide "$1/config"; }

# Reads of several attributes of one function.
reads() {
	reads_folder=$1
	shift
	for reads_name; do
		r "$reads_folder/$reads_name"
	done
}

# A command of the machine: only its exit status counts.
run() { step "run $*" -- status_of "$@"; }
run_e() { step "run+events $*" -- "$attr" events "$here/status-of" "$@"; }

# One that brings events is a step.
knob() { step "knob $*" -- "$attr" events "$here/rig-do" "$@"; }

status_of() {
	"$here/status-of" "$@"
}

# A knob of the rig: no step of its own, but it must work.
rig() {
	rig_knob=$1
	shift
	"rig_$rig_knob" "$@" || echo "rig: $rig_knob $* failed"
}

# started COMMAND…: in the background, with its output kept for finished and still.  $beside
# tells apart those that run at the same time.
beside=
started() {
	"$@" >"$work/background$beside" 2>&1 5>&- &
	echo $! >"$work/pid$beside"
}

background() {
	cat "$work/pid$beside"
}

# Says whether the command in the background is still at work after a while.
still() {
	sleep 1
	step "$1" -- background_state
}

background_state() {
	if kill -0 "$(background)" 2>/dev/null; then
		echo waits
	else
		cat "$work/background$beside"
	fi
}

# Its end, within a time limit.
finished() {
	finished_left=150
	while [ $finished_left -gt 0 ] && kill -0 "$(background)" 2>/dev/null; do
		sleep 0.1
		finished_left=$((finished_left - 1))
	done
	step "$1" -- background_state
}

# No message of the shell's about it: those differ.
kill_it() {
	kill -KILL "$(background)"
}

# Opens a file and keeps it open until let_go.
hold() {
	rm -f "$work/leash" "$work/held"
	mkfifo "$work/leash"
	"$attr" hold "$1" <"$work/leash" >"$work/held" &
	holder=$!
	exec 5>"$work/leash"
	while [ ! -s "$work/held" ] && kill -0 $holder 2>/dev/null; do
		sleep 0.1
	done
	step "open $1" -- cat "$work/held"
}

let_go() {
	exec 5>&-
	wait "$holder"
}
