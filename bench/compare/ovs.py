# SPDX-License-Identifier: BSD-3-Clause
"""OVS-DPDK that steers packets through N testpmd functions on vhost-user ports.

The source is a pcap port of OVS, which makes packets as fast as OVS takes them, and the sink a null port: neither costs
a process of its own or a copy. Port i's packets go to function i by one rule each, which OVS resolves without a lookup.
"""
import pathlib
import shutil

import dpdk
from peer import Peer
from session import call, wait_for

SWITCHD = pathlib.Path("/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk")
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
MEGABYTES = 256


def missing():
    for program in ("ovsdb-server", "ovsdb-tool", "ovs-vsctl", "ovs-ofctl"):
        if not shutil.which(program):
            return f"{program} is not installed (package openvswitch-switch-dpdk)"
    if not SWITCHD.exists():
        return f"{SWITCHD} is not installed (package openvswitch-switch-dpdk)"
    return dpdk.testpmd_missing()


class Ovs(Peer):
    """OVS and its functions. settings: switch_cores, function_cores (a function of the index), and of testpmd."""

    def __init__(self, session, pcap, length, settings, yield_library=None):
        self.session, self.length, self.settings = session, length, settings
        self.pcap, self.library = pcap, yield_library
        self.functions, self.telemetry, self.processes = [], None, []
        self.directory = session.path("ovs")

    @staticmethod
    def pages(length):
        return (MEGABYTES + 64 + length * dpdk.MEGABYTES) // dpdk.PAGE_MEGABYTES

    def _environment(self):
        directory = str(self.directory)
        env = dpdk.environment(self.session, "ovs", self.library, self.settings["switch_yield_after"])
        env.update(OVS_RUNDIR=directory, OVS_LOGDIR=directory, OVS_DBDIR=directory, OVS_SYSCONFDIR=directory)
        return env

    def _ctl(self, program, *arguments):
        env = self._environment()
        env.pop("LD_PRELOAD", None)
        return call([program, *arguments], env=env)

    def _vsctl(self, *arguments):
        return self._ctl("ovs-vsctl", f"--db=unix:{self.directory}/db.sock", "--timeout=30", *arguments)

    def _start_switch(self):
        env = self._environment()
        plain = {key: value for key, value in env.items() if key != "LD_PRELOAD"}
        database = self.directory / "conf.db"
        call(["ovsdb-tool", "create", database, SCHEMA])
        server = self.session.start("ovsdb-server", ["ovsdb-server", database, f"--remote=punix:{self.directory}/db.sock",
                                                     "--no-chdir"], env=plain)
        self.processes.append(server)
        wait_for("ovsdb-server", (self.directory / "db.sock").exists, 10, [server])
        cores = self.settings["switch_cores"]
        extra = ("--in-memory --single-file-segments --no-pci --file-prefix=ovs "
                 f"--vdev=net_pcap0,{','.join([f'rx_pcap={self.pcap}'] * len(cores))},infinite_rx=1 --vdev=net_null0")
        options = {"dpdk-init": "true", "dpdk-socket-mem": str(MEGABYTES),
                   "dpdk-socket-limit": str(MEGABYTES), "dpdk-extra": extra,
                   "dpdk-lcore-mask": hex(1 << min(cores)), "pmd-cpu-mask": hex(sum(1 << c for c in cores))}
        options.update(self.settings.get("other_config", {}))
        self._vsctl("--no-wait", "init", "--", "set", "Open_vSwitch", ".",
                    *[f'other_config:{key}="{value}"' for key, value in options.items()])
        # In a network namespace of its own: the interface that a bridge has goes with it. unshare executes the switch in
        # its own place, so the process that is stopped later is the switch.
        self.switch = self.session.start("ovs-vswitchd", ["unshare", "--net", SWITCHD, f"unix:{self.directory}/db.sock",
                                                          "--no-chdir", "-vconsole:warn"], env=env)
        self.processes.append(self.switch)
        self._vsctl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure")

    def _port(self, name, *settings):
        self._vsctl("add-port", "br0", name, "--", "set", "Interface", name, *settings)

    def _rules(self):
        hops = ["source"]
        for i in range(self.length):
            hops += [f"in{i}", f"out{i}"]
        hops.append("sink")
        rules = "".join(f"in_port={hops[i]},actions=output:{hops[i + 1]}\n" for i in range(0, len(hops), 2))
        path = self.session.path("ovs/rules")
        path.write_text(rules)
        self._ctl("ovs-ofctl", "add-flows", f"unix:{self.directory}/br0.mgmt", path)

    def start(self):
        self.directory.mkdir(exist_ok=True)
        self._start_switch()
        queues, s = len(self.settings["switch_cores"]), self.settings
        for name, device in (("source", "net_pcap0"), ("sink", "net_null0")):
            self._port(name, "type=dpdk", f"options:dpdk-devargs={device}", f"options:n_rxq={queues}")
        for i in range(self.length):
            vdevs = []
            for side, letter in enumerate(("in", "out")):
                path = self.session.path(f"ovs/{letter}{i}.sock")
                self._port(f"{letter}{i}", "type=dpdkvhostuserclient", f"options:vhost-server-path={path}")
                vdevs.append(f"net_virtio_user{side},path={path},server=1,queues={queues},"
                             f"queue_size={s['ring']},{s['virtio']}")
            name = f"vnf{i}"
            self.functions.append(dpdk.Testpmd(self.session, name, s["function_cores"](i), vdevs, s, self.library))
        for function in self.functions:
            function.connect()
        self._rules()
        path = self.session.path("ovs") / "dpdk" / "ovs" / "dpdk_telemetry.v2"
        wait_for("OVS: telemetry", path.exists, 10, [self.switch])
        self.telemetry = dpdk.Telemetry(path)
        self.sink = self.telemetry.port_of("net_null0")

    def sample(self):
        for process in [self.switch] + [f.process for f in self.functions]:
            process.check()
        return self.telemetry.sent(self.sink)

    def stop(self):
        if self.telemetry:
            self.telemetry.close()
        for function in self.functions:
            function.stop()
        for process in reversed(self.processes):
            process.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
