# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kernel of the vm rig: a stock Debian kernel in a cache folder, unpacked, not installed. To be
# sourced by run. A version in the cache is taken as it is; apt is asked only when there is none.
#
#     CACHE/VERSION/kernel                not compressed if possible, nor are
#     CACHE/VERSION/lib/modules/VERSION   the modules: that costs seconds in emulation
#
# A version folder appears under its name only when it is whole.

# What no test can use in a machine without hardware: 5 of 6 modules.
KERNEL_WITHOUT=(--exclude='*/kernel/sound/*' --exclude='*/drivers/net/ethernet/*'
	--exclude='*/drivers/net/wireless/*' --exclude='*/drivers/net/usb/*'
	--exclude='*/drivers/net/can/*' --exclude='*/drivers/net/phy/*')
KERNEL_DRIVERS='block|char|md|net|vhost|virtio'

# Versions in the cache, oldest first, that begin with $NFVS_VM_KERNEL.
kernel_cached() {
	local dir

	for dir in "$1/${NFVS_VM_KERNEL:-}"*/lib; do
		dir=${dir%/lib}
		[[ -d $dir && $dir != *.part ]] && echo "${dir##*/}"
	done | sort -V
}

# Package names that apt knows, oldest first. Not the cloud kernels: they lack 9p.
kernel_offered() {
	apt-cache pkgnames linux-image- |
		grep -E '^linux-image-[0-9]+\.[0-9]+\.[0-9][^-]*(-[0-9]+)?-amd64$' |
		grep -F "linux-image-${NFVS_VM_KERNEL:-}" | sort -V
}

# apt's lists are root's to renew; without any there is no package to be found.
kernel_package() {
	local package

	package=$(kernel_offered | tail -n 1)
	if [[ ! $package && $EUID = 0 ]]; then
		apt-get update -qq >&2
		package=$(kernel_offered | tail -n 1)
	fi
	[[ $package ]] && echo "$package"
}

# Downloads package $1 into folder $2. Lists that are out of date name files that are gone.
kernel_download() {
	(
		cd "$2" || exit
		# Root's apt would use a user of its own, who cannot write here, and say so.
		get=(apt-get download -qq -o APT::Sandbox::User=root "$1")
		"${get[@]}" >&2 && exit
		((EUID == 0)) && apt-get update -qq >&2 && "${get[@]}" >&2
	)
}

# The kernel of bzImage $1 without its loader and compression: kernel_extract IMAGE FILE. The header
# is Documentation/arch/x86/boot.rst's: setup_sects, payload_offset and payload_length. The last
# four bytes of the payload are its size.
kernel_extract() {
	local sects offset length start unpack

	sects=$(od -An -tu1 -j $((0x1f1)) -N 1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N 4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N 4 "$1")
	start=$(((sects + 1) * 512 + offset))
	case $(od -An -tx1 -j "$start" -N 4 "$1") in
	' 28 b5 2f fd') unpack=zstd ;;
	' fd 37 7a 58') unpack=xz ;;
	*) return 1 ;;
	esac
	command -v "$unpack" >/dev/null || return
	tail -c +$((start + 1)) "$1" | head -c $((length - 4)) | "$unpack" -dc >"$2" &&
		[[ $(head -c 4 "$2") == $'\x7fELF' ]]
}

# Unpacks the package in folder $1 and makes the folder complete.
kernel_unpack() {
	local dir=$1 version=$2 modules=$1/lib/modules/$2

	dpkg-deb --fsys-tarfile "$dir"/*.deb |
		tar -x -C "$dir" --no-same-owner "${KERNEL_WITHOUT[@]}" ./boot ./lib || return
	find "$modules/kernel/drivers" -mindepth 1 -maxdepth 1 -regextype posix-extended \
		! -regex ".*/($KERNEL_DRIVERS)" -exec rm -rf {} + || return
	find "$modules" -name '*.ko.xz' -print0 | xargs -0 -r -n 100 xz -d || return
	find "$modules" -name '*.ko.zst' -print0 | xargs -0 -r -n 100 zstd -q -d --rm || return
	depmod -b "$dir" "$version" || return
	kernel_extract "$dir/boot/vmlinuz-$version" "$dir/kernel" ||
		cp "$dir/boot/vmlinuz-$version" "$dir/kernel" || return
	rm -rf "$dir"/*.deb "${dir:?}/boot"
}

# Puts the newest kernel that apt knows into cache $1. Says on stderr why not; returns 77 then.
kernel_fetch() {
	local package version

	command -v apt-get >/dev/null ||
		{ echo "vm: no kernel in $1, and no apt-get to fetch one" >&2; return 77; }
	package=$(kernel_package) ||
		{ echo "vm: apt knows no package linux-image-${NFVS_VM_KERNEL:-}*-amd64" \
			"(apt-get update?)" >&2; return 77; }
	version=${package#linux-image-}
	part=$1/$version.part # for the trap of the caller
	rm -rf "$part"
	mkdir -p "$part" || return 77
	echo "vm: fetching $package (once; kept in $1)" >&2
	kernel_download "$package" "$part" ||
		{ echo "vm: $package cannot be downloaded (no network?)" >&2; return 77; }
	kernel_unpack "$part" "$version" ||
		{ echo "vm: $package cannot be unpacked" >&2; return 77; }
	mv "$part" "$1/$version"
}

# Fetches a kernel unless cache $1 has one; one at a time, since two runs may begin together.
kernel_provide() {
	[[ $(kernel_cached "$1") ]] && return
	mkdir -p "$1" 2>/dev/null
	[[ -d $1 && -w $1 ]] ||
		{ echo "vm: cannot write to $1 (NFVS_VM_CACHE names another folder)" >&2; return 77; }
	(
		part=
		trap 'rm -rf "$part"' EXIT
		trap 'exit 143' TERM
		flock 9 || exit 77
		[[ $(kernel_cached "$1") ]] || kernel_fetch "$1"
	) 9>"$1/lock"
}
