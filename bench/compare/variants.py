# SPDX-License-Identifier: BSD-3-Clause
"""Who is compared, and with which settings: every peer at the best ones known, tried on two cores at chain lengths 1 to 8.

A peer with several good layouts has several rows; what Catena is compared with is the best of them at that length.
"""
import catena
import kernel
import memif
import ovs

# Bursts of 64 do best with testpmd: 32 costs a fifth, 256 a half. Small pools stay in the second-level cache.
TESTPMD = {"burst": 64, "ring": 1024, "buffers": 8192, "cache": 256}


class Variant:
    """One row of the comparison."""

    def __init__(self, key, peer, title, layout, make, settings=None, stock=False):
        self.key, self.peer, self.title, self.layout = key, peer, title, layout
        self.make, self.settings, self.stock = make, settings or {}, stock

    def describe(self, cores):
        """For the reader: every setting as text."""
        settings = {}
        for key, value in self.settings.items():
            if callable(value):
                value = f"{value(0, 2)}, {value(1, 2)}, ..." if key == "cores" else f"{value(0)}, {value(1)}, ..."
            settings[key] = value
        return {"peer": self.peer, "title": self.title, "layout": self.layout, "stock": self.stock,
                "cores": cores, "settings": settings}


class Context:
    """What all variants share: session, packets, programs, two cores."""

    def __init__(self, session, size, flows, cores, build):
        self.session, self.size, self.flows, self.cores = session, size, flows, cores
        self.build = build
        self.yield_library = build / "bench/compare/libyield.so"
        self.kernel_source = build / "bench/compare/kernel_source"
        self.pcap, self.manager = session.path("packets.pcap"), None


def _catena(context, length, settings):
    return catena.Catena(context.manager, context.session, context.size, context.flows, length, settings)


def _ovs(context, length, settings):
    library = context.yield_library if settings["yield"] else None
    return ovs.Ovs(context.session, context.pcap, length, settings, library)


def _memif(context, length, settings):
    library = context.yield_library if settings["yield"] else None
    return memif.Memif(context.session, context.pcap, length, settings, library)


def _kernel(context, length, settings):
    return kernel.Kernel(context.session, context.kernel_source, context.size, length, settings)


def _generator(context, _length, settings):
    return catena.Generator(context.session, context.build, context.size, context.flows, settings)


def _testpmd(context, _length, settings):
    return memif.Testpmd(context.session, context.pcap, settings)


NEVER = 1000000  # polls that find nothing before a thread yields: a core of one's own needs no yielding


def all_variants(cores):
    """cores: two. The first is the one that Catena and testpmd use when they use one."""
    a, b = cores
    io = "mrg_rxbuf=0,in_order=1"
    split = {"switch_cores": [b], "function_cores": lambda i: [a], "switch_yield_after": NEVER, "yield": True, "virtio": io}
    both = {"switch_cores": [b, a], "function_cores": lambda i: [b, a], "switch_yield_after": 4, "yield": True, "virtio": io}
    lanes = {"cores": lambda i, n: [b, a], "separate": False, "yield": True}
    halves = {"cores": lambda i, n: [b if 2 * i < n else a], "separate": False, "yield": True}
    fast = {"latency": "throughput", "ring": 4096}
    return [
        Variant("catena", "catena", "Catena", "a lane on each core: all functions, generator and sink on both", _catena,
                {**fast, "lanes": sorted(cores)}),
        Variant("catena-1", "catena", "Catena, one lane", "all functions, generator and sink on one core", _catena,
                {**fast, "lanes": [a]}),
        Variant("ovs", "ovs", "OVS-DPDK, functions share a core",
                "switch, source and sink on one core, all functions on the other; functions yield when idle", _ovs,
                {**TESTPMD, **split, "ring": 512}),
        Variant("ovs-vector", "ovs", "OVS-DPDK, vector receive",
                "as before; virtio's vector path instead of its in-order one", _ovs,
                {**TESTPMD, **split, "virtio": "mrg_rxbuf=0"}),
        Variant("ovs-both", "ovs", "OVS-DPDK, everybody on both cores",
                "two queues: switch and functions have a thread on each core and yield when idle", _ovs,
                {**TESTPMD, **both, "virtio": "mrg_rxbuf=0"}),
        Variant("ovs-stock", "ovs", "OVS-DPDK, stock", "switch, source and sink on one core, functions on the other, polling",
                _ovs, {**TESTPMD, **split, "burst": 32, "yield": False, "virtio": "mrg_rxbuf=0"}, stock=True),
        Variant("memif", "memif", "memif, everybody on both cores",
                "two queues: each function has a thread on each core and yields when idle; source and sink inside the ends (with one function there is no link)",
                _memif, {**TESTPMD, **lanes}),
        Variant("memif-halves", "memif", "memif, half the functions per core",
                "one thread each, the first half of the chain on one core; source and sink inside the ends", _memif,
                {**TESTPMD, **halves}),
        Variant("memif-one", "memif", "memif, one core", "all functions on one core; source and sink inside the ends",
                _memif, {**TESTPMD, **lanes, "cores": lambda i, n: [a]}),
        Variant("memif-separate", "memif", "memif, separate source and sink",
                "two queues, as the first; source and sink are processes of their own", _memif,
                {**TESTPMD, **lanes, "separate": True}),
        Variant("memif-stock", "memif", "memif, stock", "one thread each, on the two cores in turn, polling", _memif,
                {**TESTPMD, **halves, "burst": 32, "yield": False, "cores": lambda i, n: [[b], [a]][i % 2]}, stock=True),
        Variant("kernel", "kernel", "Linux, forwarding", "namespaces that forward IPv4, one nftables rule; both cores", _kernel,
                {"rules": "forward", "cores": sorted(cores)}),
        Variant("kernel-nat", "kernel", "Linux, firewall and NAT",
                "the same with nftables' stateful firewall and NAT in each namespace; both cores", _kernel,
                {"rules": "firewall+nat", "cores": sorted(cores)}),
        Variant("testpmd", "testpmd", "testpmd io", "one process, one core, no function: the bound of any driver", _testpmd,
                {**TESTPMD, "core": a}),
        Variant("generator", "generator", "Catena's generator and sink alone", "no function, one core: the bound of Catena's rows with one lane",
                _generator, {**fast, "lanes": [a]}),
    ]


MISSING = {"catena": catena.missing, "ovs": ovs.missing, "memif": memif.missing, "kernel": kernel.missing,
           "testpmd": memif.missing, "generator": catena.missing}


def pages(peers, longest):
    """Huge pages of 2 MiB that the greediest of these peers needs; peers run one at a time."""
    wanted = [64] if "testpmd" in peers else [0]
    if "ovs" in peers:
        wanted.append(ovs.Ovs.pages(longest))
    if "memif" in peers:
        wanted.append(memif.Memif.pages(longest))
    if peers & {"catena", "generator"}:
        wanted.append(128)  # a region and rings; catenad makes what is missing
    return max(wanted)
