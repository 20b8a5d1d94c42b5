# SPDX-License-Identifier: BSD-3-Clause
"""The machine and the versions that figures were taken with."""
import os
import pathlib
import platform
import re
import subprocess


def _read(path, default=None):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return default


def _output(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return None
    return done.stdout.strip() or None


def _package(name):
    return _output("dpkg-query", "-W", "-f", "${Version}", name)


def describe(source):
    """A flat object of texts and numbers; what cannot be found out is left out."""
    info = _read("/proc/cpuinfo", "")
    model = re.search(r"^model name\s*:\s*(.*)$", info, re.M)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo", ""), re.M)
    dirty = _output("git", "-C", str(source), "status", "--porcelain", "--untracked-files=no")
    commit = _output("git", "-C", str(source), "rev-parse", "--short=12", "HEAD")
    found = {
        "cpu": model.group(1) if model else None,
        "cores": os.cpu_count(),
        "threads_per_core": len(re.split("[,-]", _read("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0"))),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none: the clock is not this machine's to set"),
        "numa_nodes": len(list(pathlib.Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1,
        "memory_gib": round(int(memory.group(1)) / 2**20, 1) if memory else None,
        "huge_pages": f"{_read('/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '0')} of 2 MiB",
        "isolated": _read("/sys/devices/system/cpu/isolated") or "none",
        "virtual": "yes" if re.search(r"^flags.*\bhypervisor\b", info, re.M) else "no",
        "kernel": platform.release(),
        "dpdk": _package("libdpdk-dev"),
        "openvswitch": _package("openvswitch-switch-dpdk"),
        "commit": commit + ("+" if dirty else "") if commit else None,
    }
    return {key: value for key, value in found.items() if value is not None}


def load():
    """Of the last minute: what else wanted the cores."""
    return round(os.getloadavg()[0], 2)
