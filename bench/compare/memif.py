# SPDX-License-Identifier: BSD-3-Clause
"""N functions as testpmd processes joined by DPDK's net_memif, zero-copy on the side that owns the memory.

    source -> [client .. server] -> [client .. server] -> sink

The first function has the source inside and the last one the sink, so N processes in all; or both are processes of their
own ("separate"). Each process is a memif server on its left and a client on its right.
"""
import os

import dpdk
from peer import Peer
from session import wait_for

missing = dpdk.testpmd_missing


class Memif(Peer):
    """settings: cores (of a function, by index and length), separate, and of testpmd."""

    def __init__(self, session, pcap, length, settings, yield_library=None):
        self.session, self.pcap, self.settings = session, pcap, settings
        self.count = length + 2 if settings["separate"] else length
        self.library, self.hops = yield_library, []

    @staticmethod
    def pages(length):
        return (length + 2) * dpdk.MEGABYTES // dpdk.PAGE_MEGABYTES

    def _link(self, i):
        return self.session.path(f"memif{i}.sock")

    def _vdevs(self, i, queues):
        ring = f"socket-abstract=no,rsize={self.settings['ring'].bit_length() - 1}"
        source = "net_pcap0," + ",".join([f"rx_pcap={self.pcap}"] * queues) + ",infinite_rx=1"
        left = f"net_memif0,role=server,id=0,socket={self._link(i)},{ring}"
        right = f"net_memif1,role=client,id=0,socket={self._link(i + 1)},{ring},zero-copy=yes"
        return [left if i else source, right if i + 1 < self.count else "net_null1"]

    def start(self):
        # From the end: a client whose server is not there yet tries again only much later.
        for i in reversed(range(self.count)):
            cores = self.settings["cores"](i, self.count)
            hop = dpdk.Testpmd(self.session, f"hop{i}", cores, self._vdevs(i, len(cores)), self.settings, self.library)
            self.hops.insert(0, hop)
            if i:
                wait_for(f"hop{i}: memif socket", self._link(i).exists, 30, [hop.process])
        for hop in self.hops:
            hop.connect()
        self.telemetry = self.hops[-1].telemetry
        self.sink = self.telemetry.port_of("net_null1")

    def sample(self):
        for hop in self.hops:
            hop.process.check()
        return self.telemetry.sent(self.sink)

    def stop(self):
        for hop in self.hops:
            hop.stop()
        for i in range(self.count + 1):
            if os.path.exists(self._link(i)):
                os.unlink(self._link(i))


class Testpmd(Peer):
    """One testpmd on one core that takes packets from memory and throws them away: the bound of any driver."""

    def __init__(self, session, pcap, settings):
        self.session, self.pcap, self.settings = session, pcap, settings
        self.process = None

    def start(self):
        vdevs = [f"net_pcap0,rx_pcap={self.pcap},infinite_rx=1", "net_null1"]
        self.process = dpdk.Testpmd(self.session, "testpmd", [self.settings["core"]], vdevs, self.settings)
        self.process.connect()
        self.sink = self.process.telemetry.port_of("net_null1")

    def sample(self):
        self.process.process.check()
        return self.process.telemetry.sent(self.sink)

    def stop(self):
        if self.process:
            self.process.stop()
