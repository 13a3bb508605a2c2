#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The cache of the VM tier: what is damaged or half-built in it, two makers at once, what is
# fetched from where, and a machine without a network.  Nothing is booted.
set -u
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tap.sh
. "$here/tap.sh"

# make NAME: a part of a cache of our own, by the real vm_build; $work/made tells when.
export TIOD_VM_CACHE=$work/cache HERE=$here
cat >"$work/make" <<'MAKE'
#!/bin/bash
set -eu
. "$HERE/cache.sh"
thing() {
	echo begun >>"$MADE"
	mkdir tree
	echo image >image
	sleep "${TAKES:-0}"
	echo header >tree/header
	[ -z "${BREAKS:-}" ] || { echo "it breaks" && false; }
	echo done >>"$MADE"
}
vm_build "$1" thing
cat "$vm_cache/$1"/image "$vm_cache/$1"/tree/header
MAKE
chmod +x "$work/make"
export MADE=$work/made
part=$TIOD_VM_CACHE/thing

made() {
	grep -c "done" "$MADE" 2>/dev/null
}

expect 0 '^image$' "what isn't there is made" "$work/make" thing
expect 0 '^image$' "and used from then on" "$work/make" thing
[ "$(made)" = 1 ]
ok $? "made once"

# damaged SENTENCE COMMAND…: does that to the part, which is then made anew.
damaged() {
	local sentence=$1 before
	shift
	before=$(made)
	(cd "$part" && "$@")
	expect 0 'made anew' "$sentence is noticed" "$work/make" thing
	grep -qx image "$work/out" && grep -qx header "$work/out" &&
		[ "$(made)" = $((before + 1)) ]
	ok $? "and mended"
}

same_size_and_time() {
	local when
	when=$(stat -c %y image)
	echo IMAGE >image
	touch -d "$when" image
}

damaged "a file cut short" truncate -s 2 image
damaged "a file that is empty" truncate -s 0 tree/header
damaged "a file that is gone" rm tree/header
damaged "a file too many" touch tree/more
damaged "other contents of the same size and time" same_size_and_time
damaged "an empty list of what was complete" truncate -s 0 complete
damaged "a part that was never finished" rm complete
expect 0 '^image$' "what was mended is used" "$work/make" thing
! grep -q anew "$work/out"
ok $? "without a word"

expect 1 'broken could not be made; the whole log is' "a maker that fails: a sentence" \
	env BREAKS=1 "$work/make" broken
grep -q 'it breaks' "$work/out" && [ ! -e "$TIOD_VM_CACHE/broken" ]
ok $? "with its last lines, and nothing is left of it"
expect 1 'TIOD_VM_CACHE' "a cache that can't be written: a sentence" \
	env TIOD_VM_CACHE=/proc/cache "$work/make" thing

: >"$MADE"
TAKES=2 "$work/make" two >"$work/one" 2>&1 &
TAKES=2 "$work/make" two >"$work/out" 2>&1
status=$?
wait $! && [ $status = 0 ] && [ "$(made)" = 1 ]
ok $? "two at once make it once"
grep -hq 'waiting for another run' "$work/one" "$work/out"
ok $? "and the second says that it waits"

# A maker whose caller is killed goes on; the next keeps out of its way.
: >"$MADE"
TAKES=3 "$work/make" killed >/dev/null 2>&1 &
within 20 grep -q begun "$MADE"
kill -KILL $!
wait $! 2>/dev/null
expect 0 '^image$' "after a maker that was killed, it is made" "$work/make" killed
[ "$(tr '\n' ' ' <"$MADE")" = "begun done begun done " ] &&
	[ ! -e "$TIOD_VM_CACHE/building" ]
ok $? "one after the other"

# Builds by meson, of a tree that needs no compiler.
mkdir "$work/tree"
cat >"$work/tree/meson.build" <<'MESON'
project('tree')
custom_target('out', output : 'out', input : 'in', build_by_default : true,
  command : ['cp', '@INPUT@', '@OUTPUT@'])
MESON
echo source >"$work/tree/in"
cat >"$work/build" <<'BUILD'
#!/bin/bash
set -eu
. "$HERE/cache.sh"
vm_meson tree "$TREE" all
BUILD
chmod +x "$work/build"
export TREE=$work/tree
expect 0 "^$TIOD_VM_CACHE/tree-" "a tree is built by meson" "$work/build"
built=$(cat "$work/out")
truncate -s 0 "$built/out"
expect 0 'made anew' "a damaged build is noticed" "$work/build"
grep -qx source "$built/out"
ok $? "and mended"
rm "$built/complete"
truncate -s 10 "$built/build.ninja"
expect 0 'made anew' "a build that was killed, too" "$work/build"
grep -qx source "$built/out"
ok $? "and mended"
rm "$TREE/in"
expect 1 "tree can't be built" "an error in the tree is told" "$work/build"
echo new >"$TREE/in"
expect 0 "^$built$" "and when it is gone" "$work/build"
! grep -q anew "$work/out" && grep -qx new "$built/out"
ok $? "the build goes on where it was"

# The real parts.
unset TIOD_VM_CACHE
kernel=$("$here/kernel") module=$("$here/module") qemu=$(TIOD_VM_FETCH_QEMU=1 "$here/qemu")
export TIOD_VM_CACHE=$work/real
mkdir "$TIOD_VM_CACHE"
ln -s "$kernel" "${qemu%/*}" "$TIOD_VM_CACHE/"
half=$TIOD_VM_CACHE/$(basename "${module%/*}")
cp -a "${module%/*}" "$half"
expect 0 'tsm-test.ko$' "a module that is whole is used" "$here/module"
! grep -q anew "$work/out"
ok $? "as it is"
truncate -s 1000 "$half/tsm-test.ko"
expect 0 'made anew' "a module cut short is built anew" "$here/module"
[ "$(stat -c %s "$half/tsm-test.ko")" = "$(stat -c %s "$module")" ]
ok $? "whole"
rm "$TIOD_VM_CACHE/${kernel##*/}"
cp -al "$kernel" "$TIOD_VM_CACHE/"
# A file of its own: the other has the same inode.
cp --remove-destination "$kernel/bzImage" "$TIOD_VM_CACHE/${kernel##*/}/bzImage"
truncate -s 1000 "$TIOD_VM_CACHE/${kernel##*/}/bzImage"
expect 1 'bzImage.*made anew' "a kernel cut short isn't booted" unshare -rn "$here/kernel"

# What is fetched: apt-get and apt-cache of our own, $1 -c CONF -q WORDS.
mkdir "$work/bin"
cat >"$work/bin/apt-get" <<'APT'
#!/bin/bash
case "$*" in
indextargets*) echo "$MIRROR $(. /etc/os-release && echo "$VERSION_CODENAME")" ;;
*update) [[ $2 != *apt/${NO_SUITE:-none}/conf ]] ;;
*download*) echo "fetches ${*: -1}" && exit 1 ;;
*) exit 1 ;;
esac
APT
cat >"$work/bin/apt-cache" <<'APT'
#!/bin/bash
suite=${2%/conf} suite=${suite##*/}
while read -r where package version; do
	[ "$where" = "$suite" ] || continue
	case "$*" in
	*madison*) echo "$package | $version | http://mirror/ $where/main amd64 Packages" ;;
	*) echo "$package - Linux kernel source" ;;
	esac
done <<<"$OFFERS"
APT
chmod +x "$work/bin"/*
export TIOD_VM_CACHE=$work/fetch MIRROR=http://one/debian OFFERS="
sid linux-source-7.2 7.2.13-1
testing linux-source-7.2 7.2.12-1
stable-backports linux-source-7.2 7.2.12-1~bpo13+1
stable-backports linux-source-7.3 7.3.1-1~bpo13+1
experimental linux-source-7.3 7.3~rc7-1~exp1
experimental linux-source-7.10 7.10~rc2-1~exp1"
while read -r wanted version suite; do
	expect 1 "linux $version: .* of $suite " "asked for $wanted, it takes $version of $suite" \
		env PATH="$work/bin:$PATH" "$here/kernel" "$wanted"
done <<-TABLE
	6.19 7.2.13 sid
	7.2 7.2.13 sid
	7.2.12 7.2.12 testing
	7.3 7.3.1 stable-backports
	7.3.1 7.3.1 stable-backports
	7.4 7.10~rc2 experimental
TABLE
grep -q 'fetches linux-source-7.10=7.10~rc2-1~exp1' "$work/out"
ok $? "and fetches just that"
expect 1 'No suite .* offers linux-source-8.0 or newer, but only' "nothing new enough: a sentence" \
	env PATH="$work/bin:$PATH" "$here/kernel" 8.0
expect 1 'linux 7.2.12: .* of testing ' "a suite that can't be had is left out" \
	env NO_SUITE=sid PATH="$work/bin:$PATH" "$here/kernel" 7.2
expect 1 'of sid' "another mirror of the machine" \
	env MIRROR=http://two/debian PATH="$work/bin:$PATH" "$here/kernel" 7.2
grep -q '^deb .* http://two/debian sid main' "$TIOD_VM_CACHE/apt/sid/sources.list"
ok $? "is used at once"

# QEMU: the machine's own, when it will do.
own() {
	cat >"$work/bin/qemu-system-x86_64" <<-QEMU
		#!/bin/sh
		[ "\$1" = --version ] && echo "QEMU emulator version $1 (Debian)"
		[ "\$1" = -device ] && echo "$2"
	QEMU
	chmod +x "$work/bin/qemu-system-x86_64"
}
own 10.0.2 "  iommufd=<link<iommufd>>"
export TIOD_VM_CACHE=$work/real
expect 0 "^$work/bin/qemu" "a QEMU that will do is used" env PATH="$work/bin:$PATH" "$here/qemu"
own 7.2.1 "  iommufd=<link<iommufd>>"
expect 0 "^$TIOD_VM_CACHE/qemu" "one too old isn't" env PATH="$work/bin:$PATH" "$here/qemu"
own 10.0.2 "  host=<str>"
expect 0 "^$TIOD_VM_CACHE/qemu" "one without iommufd neither" \
	env PATH="$work/bin:$PATH" "$here/qemu"
export TIOD_VM_CACHE=$work/none
expect 1 'knows no iommufd: one of a newer suite' "which is said" \
	env PATH="$work/bin:$PATH" "$here/qemu"
grep -q 'install QEMU 10 or newer yourself' "$work/out"
ok $? "and when none can be fetched, what to do"

# No network, by several ways.
expect 1 'is there a network' "no network: a sentence" unshare -rn "$here/kernel"
expect 1 'is there a network' "for QEMU, too" unshare -rn env TIOD_VM_FETCH_QEMU=1 "$here/qemu"
# In a namespace of its own, the machine's apt has a dead proxy and a hook.
mkdir "$work/apt.conf.d" "$work/elsewhere"
cat >"$work/apt.conf.d/99" <<CONF
Acquire::http::Proxy "http://127.0.0.1:9";
APT::Update::Pre-Invoke { "touch $work/hook"; };
APT::Update::Post-Invoke { "touch $work/hook"; };
Dir::State::Lists "$work/elsewhere";
CONF
# shellcheck disable=SC2016
expect 1 'is there a network' "a proxy that can't be reached: a sentence" unshare -rm sh -c \
	'mount --bind "$1" /etc/apt/apt.conf.d && exec "$2"' sh "$work/apt.conf.d" "$here/kernel"
[ ! -e "$work/hook" ] && [ -z "$(ls "$work/elsewhere")" ]
ok $? "without the machine's hooks and folders"

finish
