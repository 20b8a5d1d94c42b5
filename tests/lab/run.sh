#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A machine with two NUMA nodes, an IOMMU and NICs, in qemu (tcg, no KVM): boots Debian's kernel over this host's root, read-only,
# and runs guest.sh in it. Writes BUILD/lab/summary.json. Nothing of the host is changed.
#
# run.sh BUILD. LAB_TIMEOUT: seconds (600). Exit code 0: all passed; 77: qemu or the kernel cannot be had here.
set -u
cd "$(dirname "$0")/../.." || exit 2
source=$PWD
build=$(cd "${1:-build}" && pwd) || exit 2
lab=$build/lab
timeout=${LAB_TIMEOUT:-600}
skip() {
	echo "skipped: $*"
	exit 77
}
say() {
	echo "lab: $*" >&2
}

[ "$(id -u)" = 0 ] || skip "needs root: the guest reads this host's root through qemu"
command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86_64"
busybox=$(command -v busybox) && ! ldd "$busybox" >/dev/null 2>&1 || skip "no busybox-static"
mkdir -p "$lab"

# The kernel that this Debian would install, unpacked and not installed. Kept for the next time.
fetch_kernel() {
	local package
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\).*/\1/p' | head -1)
	[ -n "$package" ] || return 1
	say "fetching $package"
	rm -rf "$lab/package" && mkdir -p "$lab/package"
	(cd "$lab/package" && apt-get -o APT::Sandbox::User=root download "$package") >"$lab/fetch.log" 2>&1 || return 1
	rm -rf "$lab/kernel.new" && dpkg -x "$lab"/package/*.deb "$lab/kernel.new" || return 1
	version=$(ls "$lab/kernel.new/lib/modules") && depmod -b "$lab/kernel.new" "$version" || return 1
	rm -rf "$lab/kernel" "$lab/package" && mv "$lab/kernel.new" "$lab/kernel"
}
[ -d "$lab/kernel" ] || fetch_kernel || skip "Debian's kernel cannot be fetched: see $lab/fetch.log"
version=$(ls "$lab/kernel/lib/modules")

# An initial ramdisk that finds the host's root by 9p; everything else comes from there.
make_ramdisk() {
	local root=$lab/ramdisk module file
	rm -rf "$root" && mkdir -p "$root"/{bin,proc,sys,dev,mnt,modules}
	cp "$busybox" "$root/bin/busybox"
	ln -s busybox "$root/bin/sh"
	cp tests/lab/init "$root/init"
	for module in virtio_pci 9pnet_virtio 9p overlay; do
		modprobe -d "$lab/kernel" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | awk '!seen[$0]++' >"$lab/modules.list"
	while read -r file; do
		cp "$file" "$root/modules/" && basename "$file" >>"$root/modules/order"
	done <"$lab/modules.list"
	(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$lab/ramdisk.gz"
}
make_ramdisk || skip "no initial ramdisk: kmod and cpio are needed"
DESTDIR=$build/stage meson install -C "$build" --no-rebuild --only-changed --quiet >"$lab/install.log" 2>&1 || {
	say "staged install failed: see $lab/install.log"
	exit 1
}

rm -rf "$lab/out" && mkdir -p "$lab/out"
say "booting Linux $version: 2 nodes, 4 processors, an IOMMU; log in $lab/console.log"
begin=$SECONDS
timeout --foreground -k 10 "$timeout" qemu-system-x86_64 \
	-accel tcg,thread=multi -cpu max,vendor=GenuineIntel -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on,caching-mode=on \
	-smp 4,sockets=2,cores=1,threads=2 -m 6G \
	-object memory-backend-ram,id=m0,size=3G -object memory-backend-ram,id=m1,size=3G \
	-numa node,nodeid=0,cpus=0-1,memdev=m0 -numa node,nodeid=1,cpus=2-3,memdev=m1 -numa dist,src=0,dst=1,val=21 \
	-device pxb-pcie,id=pxb0,bus_nr=64,bus=pcie.0,numa_node=0 -device pcie-root-port,id=root0,bus=pxb0,chassis=1 \
	-device pxb-pcie,id=pxb1,bus_nr=128,bus=pcie.0,numa_node=1 -device pcie-root-port,id=root1,bus=pxb1,chassis=2 \
	-netdev hubport,id=wire0,hubid=0 -device e1000e,bus=root0,netdev=wire0,mac=02:00:00:00:0b:00 \
	-netdev hubport,id=wire1,hubid=0 -device e1000e,bus=root1,netdev=wire1,mac=02:00:00:00:0b:01 \
	-fsdev local,id=root,path=/,security_model=none,readonly=on,multidevs=remap -device virtio-9p-pci,bus=pcie.0,fsdev=root,mount_tag=root \
	-fsdev local,id=out,path="$lab/out",security_model=none -device virtio-9p-pci,bus=pcie.0,fsdev=out,mount_tag=out \
	-fsdev local,id=modules,path="$lab/kernel/lib/modules",security_model=none,readonly=on \
	-device virtio-9p-pci,bus=pcie.0,fsdev=modules,mount_tag=modules \
	-kernel "$lab/kernel/boot/vmlinuz-$version" -initrd "$lab/ramdisk.gz" \
	-append "console=ttyS0 quiet panic=-1 intel_iommu=on iommu.strict=0 lab_source=$source lab_build=$build" \
	-nodefaults -no-user-config -no-reboot -display none -serial "file:$lab/console.log" </dev/null >"$lab/qemu.log" 2>&1 &
qemu=$!
trap 'kill "$qemu" 2>/dev/null' EXIT INT TERM
# What the guest says, as it says it.
shown=0
while kill -0 "$qemu" 2>/dev/null || [ "$(wc -l <"$lab/out/results" 2>/dev/null || echo 0)" -gt "$shown" ]; do
	if [ -f "$lab/out/results" ]; then
		tail -n +$((shown + 1)) "$lab/out/results"
		shown=$(wc -l <"$lab/out/results")
	fi
	sleep 1
done
wait "$qemu"
code=$?
took=$((SECONDS - begin))
[ "$code" = 124 ] && say "stopped after $timeout s"

python3 - "$lab" "$version" "$took" <<'PY'
import json, pathlib, sys
lab, version, took = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
path = lab / "out" / "results"
lines = path.read_text(errors="replace").splitlines() if path.exists() else []
checks = []
for line in lines:
    word, _, rest = line.partition(" ")
    if word in ("ok", "FAIL", "skip"):
        name, _, text = rest.partition(": ")
        checks.append({"check": name, "result": word, "seen": text})
complete = bool(lines) and lines[-1] == "end"
passed = complete and bool(checks) and all(c["result"] != "FAIL" for c in checks)
summary = {"kernel": version, "seconds": took, "complete": complete, "passed": passed, "checks": checks}
(lab / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
print(f"{lab}/summary.json: {sum(c['result'] == 'ok' for c in checks)} ok, {sum(c['result'] == 'FAIL' for c in checks)} failed, "
      f"{sum(c['result'] == 'skip' for c in checks)} skipped, in {took} s" + ("" if complete else "; it did not come to its end"))
sys.exit(not passed)
PY
result=$?
[ "$result" = 0 ] || tail -20 "$lab/console.log" | sed 's/^/console: /'
exit "$result"
