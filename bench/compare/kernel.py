# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's network stack: N network namespaces on veth that forward IPv4.

    [source -> lo  ns 0  out]--[in  ns 1  out]-- ... --[in  sink: drops]

The source is inside the first function, as with the other peers. One sends on each core, with flows of its own: a packet's
whole way is worked through on the core where it was made, which is the fastest way there is with veth.
"""
import os
import re
import shutil
import time

import packets
from peer import Peer
from session import call, wait_for

# What a function does with a packet, by name.
RULES = {
    # The same as the other peers' functions: nothing; one rule, so that nftables is there.
    "forward": "table ip f { chain forward { type filter hook forward priority 0; policy accept; udp dport 9 accept; }; }",
    "firewall": "table ip f { chain forward { type filter hook forward priority 0; policy drop; "
                "ct state established,related accept; ct state new udp dport 9 accept; }; }",
    "firewall+nat": "table ip f { chain forward { type filter hook forward priority 0; policy drop; "
                    "ct state established,related accept; ct state new udp dport 9 accept; }; "
                    "chain post { type nat hook postrouting priority 100; oifname \"out\" masquerade; }; }",
}
SINK_RULES = "table netdev f { chain ingress { type filter hook ingress device in priority 0; drop; }; }"
LO_MAC = bytes(6)
SOURCE_MAC = b"\x02\0\0\0\0\1"


def missing():
    for program in ("ip", "nft", "unshare", "nsenter"):
        if not shutil.which(program):
            return f"{program} is not installed (packages iproute2, nftables, util-linux)"
    return None


class Namespace:
    """A network namespace without a name: it is gone with the process that holds it."""

    def __init__(self, session, name):
        reader, self.writer = os.pipe()
        # cat ends when the pipe does.
        self.holder = session.start(name, ["unshare", "--net", "cat"], stdin=reader)
        os.close(reader)
        ours = os.readlink("/proc/self/ns/net")
        path = f"/proc/{self.holder.pid}/ns/net"
        wait_for(f"{name}: network namespace", lambda: os.readlink(path) != ours, 10, [self.holder])
        self.enter = ["nsenter", f"--net={path}"]

    def call(self, *argv, **options):
        return call([*self.enter, *argv], **options)

    def close(self):
        os.close(self.writer)
        self.holder.kill()


class Kernel(Peer):
    def __init__(self, session, program, size, length, settings):
        self.session, self.program, self.size = session, program, size
        self.length, self.settings = length, settings
        self.namespaces, self.sources = [], []

    def _join(self, i):
        left, right = self.namespaces[i], self.namespaces[i + 1]
        left.call("ip", "link", "add", "out", "type", "veth", "peer", "name", "in", "netns", str(right.holder.pid))
        left.call("ip", "addr", "add", f"10.255.{i}.1/30", "dev", "out")
        left.call("ip", "link", "set", "out", "up")
        right.call("ip", "link", "set", "in", "up", "address", "02:00:00:00:00:02")
        right.call("ip", "addr", "add", f"10.255.{i}.2/30", "dev", "in")
        left.call("ip", "neigh", "add", f"10.255.{i}.2", "lladdr", "02:00:00:00:00:02", "dev", "out")
        left.call("ip", "route", "add", "default", "via", f"10.255.{i}.2", "dev", "out")

    def start(self):
        self.namespaces = [Namespace(self.session, f"netns{i}") for i in range(self.length + 1)]
        for namespace in self.namespaces:
            namespace.call("ip", "link", "set", "lo", "up")
        for i in range(self.length):
            self._join(i)
        for namespace in self.namespaces[:-1]:
            namespace.call("sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward && for f in /proc/sys/net/ipv4/conf/*/rp_filter; "
                           "do echo 0 >$f; done")
            namespace.call("nft", "-f", "-", input=RULES[self.settings["rules"]])
        self.namespaces[-1].call("nft", "-f", "-", input=SINK_RULES)
        for core in self.settings["cores"]:
            path = self.session.path(f"frame{core}")
            path.write_bytes(packets.frame(self.size, core, SOURCE_MAC, LO_MAC))
            with open(path, "rb") as data:
                self.sources.append(self.session.start(
                    f"source{core}", [*self.namespaces[0].enter, "taskset", "-c", core, self.program], stdin=data))

    def sample(self):
        for source in self.sources:
            source.check()
        before = time.monotonic()
        text = self.namespaces[-1].call("ip", "-s", "link", "show", "in")
        packets_in = re.search(r"RX:.*\n\s*\d+\s+(\d+)", text)
        return (before + time.monotonic()) / 2, int(packets_in.group(1))

    def stop(self):
        for source in self.sources:
            source.kill()
        for namespace in self.namespaces:
            namespace.close()
