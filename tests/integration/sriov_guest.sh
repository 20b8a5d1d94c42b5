#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Devices are taken and given back on a kernel that has VFIO and SR-IOV: Debian's, in a guest with an IOMMU. The kernel
# package has to be unpacked (dpkg -x) in build/lab/kernel, or where CATENA_LAB_KERNEL says; without it, or without
# qemu, nothing is tested (77).
set -u
BUILD=${CATENA_BUILD:?}
KERNEL=${CATENA_LAB_KERNEL:-$BUILD/lab/kernel}
HERE=$(cd "$(dirname "$0")" && pwd)

skip() {
	echo "skipped: $1"
	exit 77
}
for tool in qemu-system-x86_64 busybox cpio modprobe depmod; do
	command -v "$tool" >/dev/null || skip "no $tool"
done
IMAGE=$(find "$KERNEL/boot" -name 'vmlinuz-*' 2>/dev/null | head -1)
[ -n "$IMAGE" ] || skip "no kernel in $KERNEL"
VERSION=${IMAGE##*/vmlinuz-}

WORK=$(mktemp -d /tmp/catena-sriov-XXXXXX)
trap 'rm -rf "$WORK"' EXIT
ROOT=$WORK/root
mkdir -p "$ROOT"/{bin,modules,proc,sys,dev,tmp}
install -m 755 "$HERE/sriov_guest.init" "$ROOT/init"
install -m 755 "$(command -v busybox)" "$BUILD/tests/integration/nic_try" "$ROOT/bin"
for library in $(ldd "$ROOT/bin/nic_try" "$ROOT/bin/busybox" 2>/dev/null | grep -o '/[^ ]*\.so[^ ]*' | sort -u); do
	mkdir -p "$ROOT/${library%/*}"
	cp -L "$library" "$ROOT/$library"
done
# In the order in which they need each other. The package may be somebody else's to write to.
mkdir -p "$WORK/modules/lib/modules"
cp -r --symbolic-link "$(realpath "$KERNEL")/lib/modules/$VERSION" "$WORK/modules/lib/modules/"
depmod -b "$WORK/modules" "$VERSION" 2>/dev/null
count=100
for module in vfio_iommu_type1 vfio-pci e1000e nvme; do
	while read -r _ path; do
		name=${path##*/}
		compgen -G "$ROOT/modules/*-$name" >/dev/null && continue
		count=$((count + 1))
		cp -L "$path" "$ROOT/modules/$count-$name"
	done < <(modprobe -d "$WORK/modules" -S "$VERSION" --show-depends "$module" | grep '^insmod')
done
(cd "$ROOT" && find . | cpio -o -H newc --quiet | gzip -1) >"$WORK/initrd"

timeout 280 qemu-system-x86_64 -accel tcg -machine q35,kernel-irqchip=split -m 1024 -smp 2 -nographic -no-reboot \
	-device intel-iommu,intremap=on,caching-mode=on -kernel "$IMAGE" -initrd "$WORK/initrd" \
	-append "console=ttyS0 intel_iommu=on quiet panic=-1" -nic none -device e1000e,addr=3 \
	-device pcie-root-port,id=slot1,slot=1 -device nvme-subsys,id=subsystem \
	-device nvme,serial=x,subsys=subsystem,bus=slot1,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4 \
	</dev/null >"$WORK/console" 2>&1
tr -d '\r' <"$WORK/console" | grep -aE '^(ok|FAIL|nic|pf|PASS)'
if ! tr -d '\r' <"$WORK/console" | grep -aq '^PASS$'; then
	tail -40 "$WORK/console"
	exit 1
fi
