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

# Hash of the files and words given: the name of what is made from them.
vm_hash() {
	local word
	for word; do
		if [ -f "$word" ]; then cat "$word"; else printf '%s\n' "$word"; fi
	done | sha256sum | cut -c1-16
}

# vm_build NAME FUNCTION: runs FUNCTION in an empty folder that becomes $vm_cache/NAME when
# it succeeds, once; whatever a killed build left is thrown away by the next.
vm_build() {
	local name=$1 build=$2 work log status
	[ -e "$vm_cache/$name/complete" ] && return
	mkdir -p "$vm_cache" || vm_fail "cannot make the cache folder $vm_cache"
	exec 9>"$vm_cache/lock"
	flock 9
	[ -e "$vm_cache/$name/complete" ] && exec 9>&- && return
	work=$vm_cache/building
	log=$vm_cache/$name.log
	rm -rf "$work" "${vm_cache:?}/$name"
	mkdir "$work"
	echo "tests/vm: making $name (log: $log) …" >&2
	# Not as a condition: bash would ignore -e all the way down.
	set +e
	(
		set -e
		cd "$work"
		"$build"
	) 9>&- >"$log" 2>&1 </dev/null
	status=$?
	set -e
	if [ $status != 0 ]; then
		rm -rf "$work"
		tail -n 15 "$log" >&2
		vm_fail "$name could not be made; the whole log is $log"
	fi
	touch "$work/complete"
	rm -rf "${vm_cache:?}/$name"
	mv "$work" "$vm_cache/$name"
	exec 9>&-
}

# The mirror of apt's first Debian source that isn't the security archive.
vm_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 2>/dev/null |
		awk -v suite="$(. /etc/os-release && echo "$VERSION_CODENAME")" \
			'$2 == suite && !/security/ { print $1; exit }'
}

# Calls apt on private lists of suite $1: vm_apt SUITE get|cache ARGUMENT…
vm_apt() {
	local suite=$1 tool=$2 root=$vm_cache/apt/$1 mirror
	shift 2
	if [ ! -s "$root/conf" ]; then
		mirror=$(vm_mirror)
		[ -n "$mirror" ] || {
			echo "apt-get names no Debian mirror: is this a Debian?"
			return 1
		}
		mkdir -p "$root/state" "$root/lists/partial" "$root/cache/archives/partial"
		: >"$root/status"
		printf 'deb [signed-by=%s] %s %s main\n' \
			/usr/share/keyrings/debian-archive-keyring.gpg "$mirror" "$suite" \
			>"$root/sources.list"
		cat >"$root/conf.new" <<-CONF
			Dir::Etc::SourceList "$root/sources.list";
			Dir::Etc::SourceParts "/dev/null";
			Dir::State "$root/state";
			Dir::State::Lists "$root/lists";
			Dir::State::status "$root/status";
			Dir::Cache "$root/cache";
			APT::Architecture "amd64";
			APT::Architectures { "amd64"; };
			APT::Sandbox::User "$(id -un)";
			Acquire::Languages "none";
			Acquire::Retries "3";
		CONF
		mv "$root/conf.new" "$root/conf"
	fi
	APT_CONFIG=$root/conf "apt-$tool" -q "$@"
}

# Refreshes the lists of suite $1.
vm_update() {
	vm_apt "$1" get -o APT::Update::Error-Mode=any update ||
		{
			echo "The package lists of $1 can't be fetched: is there a network?"
			return 1
		}
}
