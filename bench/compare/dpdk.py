# SPDX-License-Identifier: BSD-3-Clause
"""dpdk-testpmd as a network function, source or sink, and the counters of any DPDK process."""
import json
import os
import shutil
import socket
import time

from session import Failure, wait_for

MEGABYTES = 64  # of huge pages for each testpmd
PAGE_MEGABYTES = 2
TELEMETRY_LIMIT = 65536


def testpmd_missing():
    return None if shutil.which("dpdk-testpmd") else "dpdk-testpmd is not installed (package dpdk)"


class Telemetry:
    """DPDK's telemetry socket: port counters of a process."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(20)
        self.socket.connect(str(path))
        self.socket.recv(TELEMETRY_LIMIT)  # what the process is

    def ask(self, command):
        self.socket.send(command.encode())
        return json.loads(self.socket.recv(TELEMETRY_LIMIT))

    def port_of(self, name):
        for port in self.ask("/ethdev/list")["/ethdev/list"]:
            if self.ask(f"/ethdev/info,{port}")["/ethdev/info"]["name"] == name:
                return port
        raise Failure(f"port {name} is missing in a DPDK process")

    def sent(self, port):
        """The time, and packets that left by this port since it was started."""
        before = time.monotonic()
        counters = self.ask(f"/ethdev/stats,{port}")["/ethdev/stats"]
        return (before + time.monotonic()) / 2, counters["opackets"]

    def close(self):
        self.socket.close()


def environment(session, name, yield_library=None, yield_after=1):
    """DPDK's run-time directory goes into the session's, and the library that yields in front if there is one."""
    env = dict(os.environ, RUNTIME_DIRECTORY=str(session.path(name)), LANG="C")
    session.path(name).mkdir(exist_ok=True)
    if yield_library:
        env.update(LD_PRELOAD=str(yield_library), CATENA_YIELD_AFTER=str(yield_after))
    return env


class Testpmd:
    """One dpdk-testpmd in io mode: what comes in on one port leaves by the other, untouched."""

    def __init__(self, session, name, cores, vdevs, settings, yield_library=None):
        """cores: one forwarding thread on each; as many queues per port."""
        self.session, self.name = session, name
        queues = len(cores)
        # The main thread waits for a key that is never pressed.
        lcores = ",".join([f"0@{cores[0]}"] + [f"{i + 1}@{core}" for i, core in enumerate(cores)])
        argv = ["dpdk-testpmd", "--lcores", lcores, "--in-memory", "--single-file-segments", "--no-pci",
                "-m", str(MEGABYTES), "--file-prefix", name, "--log-level", "error"]
        for vdev in vdevs:
            argv += ["--vdev", vdev]
        argv += ["--", "--forward-mode=io", "--auto-start", "--no-lsc-interrupt", f"--nb-cores={queues}",
                 f"--rxq={queues}", f"--txq={queues}", f"--burst={settings['burst']}",
                 f"--rxd={settings['ring']}", f"--txd={settings['ring']}",
                 f"--total-num-mbufs={settings['buffers']}", f"--mbcache={settings['cache']}", "--no-flush-rx"]
        # Two queues are polled by each thread: one of each port.
        env = environment(session, name, yield_library, settings.get("yield_after", 2))
        reader, self.keep_open = os.pipe()
        self.process = session.start(name, argv, env=env, stdin=reader)
        os.close(reader)
        self.telemetry = None

    def connect(self):
        path = self.session.path(self.name) / "dpdk" / self.name / "dpdk_telemetry.v2"

        def attempt():
            try:
                return Telemetry(path)
            except OSError:
                return None
        self.telemetry = wait_for(f"{self.name}: telemetry", attempt, 30, [self.process])

    def stop(self):
        if self.telemetry:
            self.telemetry.close()
        os.close(self.keep_open)
        self.process.kill()  # nothing that it has outlives it
