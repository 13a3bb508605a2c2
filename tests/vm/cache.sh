# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2016
#
# What tests/vm/kernel, qemu and run share: the folder where built and fetched things are kept,
# one builder at a time, and packages of a newer suite of the mirror that apt already uses.
# Nothing is installed: apt works on private lists, and packages are unpacked into the cache.

vm_here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
vm_cache=${TIOD_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/tiod/vm}

vm_fail() {
	echo "tests/vm: $*" >&2
	exit 1
}

# A sentence for whoever waits, while a builder's output goes to its log.
vm_say() {
	echo "tests/vm: $*" >&"${vm_told:-2}"
}

# Hash of the files and words given: the name of what is made from them.
vm_hash() {
	local word
	for word; do
		if [ -f "$word" ]; then cat "$word"; else printf '%s\n' "$word"; fi
	done | sha256sum | cut -c1-16
}

# One maker at a time: waits for the lock $vm_cache/$1, which the maker's children inherit:
# what a killed one left running has it until it ends, too.
vm_lock() {
	mkdir -p "$vm_cache" 2>/dev/null || true
	{ exec 9>"$vm_cache/$1"; } 2>/dev/null ||
		vm_fail "cannot write in $vm_cache, and not all that is needed is there: let" \
			"TIOD_VM_CACHE name a folder of yours"
	flock -n 9 && return
	echo "tests/vm: waiting for another run that is at work in $vm_cache …" >&2
	flock 9
}

# What must be as it was when a folder was completed: sizes and times of all files, and the
# contents, too, but those of the two big trees: hashing them takes seconds.
vm_manifest() {
	(
		cd "$1" || exit
		find . ! -type d ! -path ./complete -printf '%y %s %T@ %p %l\n'
		find . -type f ! -path ./complete ! -path './tree/*' ! -path './root/*' \
			-exec sha256sum {} +
	) | LC_ALL=C sort
}

# Calls folder $1 complete, once it has reached the disk.
vm_seal() {
	local manifest
	manifest=$(vm_manifest "$1")
	sync -f "$1"
	echo "$manifest" >"$1/complete"
	sync -f "$1"
}

# Whether $vm_cache/$1 is complete and what it was; if not, vm_flaw says how one sees that.
vm_whole() {
	local folder=$vm_cache/$1
	vm_flaw=
	[ -e "$folder" ] || return
	vm_flaw="it was never finished"
	[ -e "$folder/complete" ] || return
	vm_flaw=$(vm_manifest "$folder" | LC_ALL=C diff - "$folder/complete" |
		sed -n 's/^[<>].* \.\//differs: /p;' | head -n 1)
	[ -z "$vm_flaw" ]
}

# Throws $vm_cache/$1 away, and says why.
vm_discard() {
	echo "tests/vm: $vm_cache/$1 cannot be used ($vm_flaw): it is made anew" >&2
	rm -rf "${vm_cache:?}/$1"
}

# vm_build NAME FUNCTION: runs FUNCTION in an empty folder that becomes $vm_cache/NAME when
# it succeeds, once; whatever a killed build left is thrown away by the next.
vm_build() {
	vm_whole "$1" && return
	vm_lock lock
	if ! vm_whole "$1"; then
		[ -z "$vm_flaw" ] || vm_discard "$1"
		vm_make "$1" "$2"
	fi
	exec 9>&-
}

vm_make() {
	local name=$1 build=$2 work=$vm_cache/building log=$vm_cache/$1.log status
	rm -rf "$work"
	mkdir "$work"
	echo "tests/vm: making $name (log: $log) …" >&2
	exec {vm_told}>&2
	# Not as a condition: bash would ignore -e all the way down.
	set +e
	(
		set -e
		cd "$work"
		"$build"
	) >"$log" 2>&1 </dev/null
	status=$?
	set -e
	exec {vm_told}>&-
	if [ $status != 0 ]; then
		rm -rf "$work"
		tail -n 15 "$log" >&2
		vm_fail "$name could not be made; the whole log is $log"
	fi
	vm_seal "$work"
	mv "$work" "$vm_cache/$name"
}

# vm_meson KIND SOURCE TARGET OPTION…: builds TARGET of the tree SOURCE in a folder of the
# cache, whose path it prints.  A build that was killed, or damaged since, is begun anew.
vm_meson() {
	local kind=$1 source=$2 target=$3 name folder log
	shift 3
	name=$kind-$(vm_hash "$source")
	folder=$vm_cache/$name
	log=$folder.log
	vm_lock "$name.lock"
	vm_whole "$name" || [ -z "$vm_flaw" ] || vm_discard "$name"
	rm -f "$folder/complete"
	if ! {
		[ -e "$folder" ] ||
			meson setup --buildtype=debugoptimized "$@" "$folder" "$source" ||
			{ rm -rf "$folder" && false; }
	} >"$log" 2>&1 || ! nice -n 10 ninja -C "$folder" "$target" >>"$log" 2>&1; then
		# What ninja itself gave up is no damage.
		[ ! -e "$folder" ] || vm_seal "$folder"
		tail -n 30 "$log" >&2
		vm_fail "$kind can't be built from $source"
	fi
	vm_seal "$folder"
	exec 9>&-
	echo "$folder"
}

# vm_folder NAME: makes a folder for a while, vm_temporary.  It goes when this script and all
# that it has started are gone, whatever ended them: kill -9 can't be caught, but its end of
# a pipe closes.
vm_folder() {
	vm_temporary=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
	# In a session of its own, out of the way of whoever ends the whole group.
	exec {vm_keeper}> >(exec setsid sh -c 'cat; rm -rf "$1"' sh "$vm_temporary" \
		>/dev/null 2>&1)
}

# vm_await COMMAND…: runs COMMAND, which gets a SIGTERM when this script ends before it.
vm_await() {
	setpriv --pdeathsig TERM -- "$@" &
	wait $!
}

# The mirror of apt's first Debian source that isn't the security archive; its lists need not
# have been fetched.
vm_mirror() {
	apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' \
		'Created-By: Packages' 2>/dev/null |
		awk -v suite="$(. /etc/os-release && echo "$VERSION_CODENAME")" '
			!/security|^cdrom:/ && ($2 == suite ||
				$2 ~ /^(oldstable|stable|testing|unstable|sid)$/) { print $1; exit }'
}

# Calls apt on private lists of suite $1: vm_apt SUITE get|cache ARGUMENT…
# The machine's settings (a proxy, say) hold, but what it runs after apt is not for these.
vm_apt() {
	local suite=$1 tool=$2 root=$vm_cache/apt/$1 hook
	shift 2
	mkdir -p "$root/state" "$root/lists/partial"
	: >"$root/status"
	{
		for hook in APT::Update::{Pre-Invoke,Post-Invoke,Post-Invoke-Success} \
			DPkg::{Pre-Invoke,Post-Invoke,Pre-Install-Pkgs} AptCli::Hooks; do
			echo "#clear $hook;"
		done
		cat <<-CONF
			Dir::Etc::SourceList "$root/sources.list";
			Dir::Etc::SourceParts "/dev/null";
			Dir::State "$root/state";
			Dir::State::Lists "$root/lists";
			Dir::State::status "$root/status";
			Dir::Cache "$root/cache";
			Dir::Cache::archives "$PWD/packages";
			APT::Architecture "amd64";
			APT::Architectures { "amd64"; };
			APT::Sandbox::User "$(id -un)";
			Acquire::Languages "none";
			Acquire::Retries "2";
			Acquire::http::Timeout "30";
			Acquire::https::Timeout "30";
		CONF
	} >"$root/conf"
	mkdir -p "$root/cache" packages/partial
	# Read last, so that nothing of the machine's overrides it.
	"apt-$tool" -c "$root/conf" -q "$@"
}

# Refreshes the lists of suite $1, from the mirror that the machine uses now.
vm_update() {
	local mirror
	mirror=$(vm_mirror)
	[ -n "$mirror" ] || {
		echo "apt-get names no Debian mirror: is this a Debian?"
		return 1
	}
	mkdir -p "$vm_cache/apt/$1"
	# Nothing but the packages themselves: other lists are big.
	printf 'deb [signed-by=%s target=Packages] %s %s main\n' \
		/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$1" \
		>"$vm_cache/apt/$1/sources.list"
	vm_apt "$1" get -o APT::Update::Error-Mode=any -o Acquire::Retries=1 update ||
		{
			echo "The package lists of $1 can't be fetched from $mirror: is there a network?"
			return 1
		}
}

# vm_unpack "SUITE…" PACKAGE…: unpacks the packages, and what they need to run, into the folder
# root: of the first suite that gives them.
vm_unpack() {
	local suites=$1 suite package found=
	shift
	for suite in $suites; do
		vm_update "$suite" && vm_apt "$suite" get -y --no-install-recommends \
			--download-only install "$@" && found=$suite && break
	done
	[ -n "$found" ] || {
		echo "No suite ($suites) gives $*."
		return 1
	}
	mkdir root
	for package in packages/*.deb; do
		dpkg-deb -x "$package" root
	done
	rm -r packages
}

# vm_wrap PROGRAM [FOLDER]: a script beside root that starts root/PROGRAM through its own ld.so,
# with the libraries that were unpacked with it; FOLDER below theirs has more of them.
vm_wrap() {
	local name=${1##*/}
	cat >"$name" <<-WRAPPER
		#!/bin/sh
		root=\$(dirname "\$(readlink -f "\$0")")/root
		libraries=\$root/usr/lib/x86_64-linux-gnu
		exec "\$libraries/ld-linux-x86-64.so.2" --library-path \\
			"\$libraries${2:+:\$libraries/$2}" "\$root/$1" "\$@"
	WRAPPER
	chmod +x "$name"
}
