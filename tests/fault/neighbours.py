# SPDX-License-Identifier: BSD-3-Clause
"""A hostile function beside a service that wants to be left alone, and what else goes wrong on a host: a process that stands still, one that
runs out of memory, a full disk, an interface that goes and comes."""
import os
import statistics
import subprocess
import time

from manager import Failure, Manager, Service, account_of, kill_pid, percentiles, port_of, say, wait_until

PERIOD_MS = 1500  # the hostile one attacks in every second one of these
MARGIN_MS = 150   # between a trial and its period's ends
SLOWER_MAX = 0.05
ATTACKS = ("scribble", "indices", "replay", "forge", "hoard", "resize", "punch", "flood", "fork", "burn")


def good():
    return ('version: 1\nservice: good\nports:\n'
            '  left: {dev: "gen:", gen: {rate: 1000, count: 1, sequence: true, flows: 1024}}\n'
            '  right: {dev: "gen:", gen: {send: false, sequence: true}}\n'
            'functions:\n  one: {kind: "null"}\n  two: {kind: "null"}\npath: [left, one, two, right]\nlanes: [1]\nshare_cores: true\n')


def hostile(attacks, period_ms=0, core=0, rate=200000):
    config = f'{{attacks: [{", ".join(attacks)}]' + (f", period_ms: {period_ms}" if period_ms else "") + "}"
    return ('version: 1\nservice: hostile\nports:\n'
            f'  left: {{dev: "gen:", gen: {{rate: {rate}}}}}\n  right: {{dev: "null:"}}\n'
            f'functions:\n  r: {{kind: rogue, hang_ms: 300, config: {config}}}\npath: [left, r, right]\nlanes: [{core}]\nshare_cores: true\n')


def period():
    """The number of the next one, once it has begun."""
    now = time.monotonic() * 1000 / PERIOD_MS
    time.sleep(((int(now) + 1) * PERIOD_MS + MARGIN_MS) / 1000 - time.monotonic())
    return int(now) + 1


def rogue_beside(manager, seconds):
    manager.up("good", good())
    manager.up("hostile", hostile(ATTACKS, PERIOD_MS))
    service, attacker = Service(manager, "good"), Service(manager, "hostile")
    service.wait_running()
    before = {**service.pids(), "good": service.status()["dataplane"]["pid"], "hostile": attacker.status()["dataplane"]["pid"]}
    begin, rates, lost, odd, ratios = time.monotonic(), ([], []), 0, 0, []
    while time.monotonic() - begin < seconds or len(ratios) < 3:
        attacked = period() % 2
        status = service.status()
        account = account_of(service.trial_begin(PERIOD_MS - 3 * MARGIN_MS,
                                                 [{"port": "left", "rate": 0, "count": 10 ** 12}, {"port": "right"}]))
        missing, _ = service.lost(status)
        lost += missing
        if not account:
            continue
        right = port_of(account, "right")
        odd += right["duplicates"] + right["reordered"]
        rates[attacked].append(right["received"])
        if len(rates[0]) and len(rates[1]):
            ratios.append(rates[1].pop() / rates[0].pop())
            if len(ratios) % 20 == 0:
                say(f"  rogue: {len(ratios)} pairs of trials, ratio {statistics.median(ratios):.3f}, lost {lost}")
    status = attacker.status()
    after = {**service.pids(), "good": service.status()["dataplane"]["pid"], "hostile": status["dataplane"]["pid"]}
    restarts = attacker.function("r", status)["restarts"]
    violations = status["dataplane"]["counters"].get("violations", 0)
    kinds = {}
    for event in manager.events("hostile"):
        if event.get("function") == "r":
            kinds[event["kind"]] = kinds.get(event["kind"], 0) + 1
    _, log = manager.request("GET", "/services/hostile/logs?function=r&tail=2000")
    succeeded = sorted({line.split("attempt ")[1].split(":")[0] for line in log.split('"') if "SUCCEEDED" in line})
    # The bad one comes to its senses: its service carries packets again, and none of its buffers is missing.
    manager.down("hostile")
    leaked, duplicated = service.audit()
    slower = 1 - statistics.median(ratios)
    line = {"scenario": "rogue", "runs": len(ratios), "lost": lost, "duplicated": duplicated + odd, "leaked": leaked, "slower": round(slower, 4),
            "restarts_of_rogue": restarts, "violations": violations, "events": kinds, "succeeded": succeeded,
            "processes_kept": before == after}
    line["passed"] = not lost and not odd and not leaked and before == after and not succeeded and restarts > 0
    # On a machine that does other things a short run says nothing about time.
    if len(ratios) >= 100:
        line["passed"] = line["passed"] and slower < SLOWER_MAX
    return line


def out_of_memory(manager, times):
    """A function that is killed for want of memory, again and again, and then mended by its configuration."""
    manager.up("hostile", hostile(["allocate"], rate=1000))
    service = Service(manager, "hostile")
    dataplane = service.status()["dataplane"]["pid"]
    wait_until("killed for want of memory", lambda: service.function("r")["restarts"] >= times)
    manager.up("hostile", hostile([], rate=1000))
    status = service.wait_running()
    if status["dataplane"]["pid"] != dataplane:
        raise Failure("the dataplane did not live on")
    out = service.counter("port.right.tx_packets")
    if service.wait_counter("port.right.tx_packets", out + 100) < out + 100:
        raise Failure("no packets after the configuration was mended")
    restarts = service.function("r")["restarts"]
    manager.down("hostile")
    return {"scenario": "out of memory", "runs": restarts, "passed": True}


def fill(path):
    """To the last byte."""
    size = 1 << 20
    with open(path, "wb", buffering=0) as file:
        while size:
            try:
                if not file.write(bytes(size)):
                    size //= 2
            except OSError:
                size //= 2


def full_disk(work):
    """The store's file system is full: everything that runs goes on and is kept running, and once there is room, all is as always."""
    directory = work + "/tiny"
    os.mkdir(directory)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", directory], check=True)
    manager = Manager(work, state_dir=directory)
    try:
        manager.start()
        manager.up("good", good())
        service = Service(manager, "good")
        pid = service.function("one", service.wait_running())["pid"]
        fill(directory + "/filler")
        kill_pid(pid)
        status = service.wait_running(lambda status: service.function("one", status)["pid"] != pid)
        pid = service.function("one", status)["pid"]
        service.trial(200, [{"port": "left", "rate": 100000, "count": 20000}, {"port": "right"}])
        lost, _ = service.lost(status)
        os.unlink(directory + "/filler")
        kill_pid(pid)
        service.wait_running(lambda status: service.function("one", status)["pid"] != pid)
        pids = service.pids()
        manager.kill()
        manager.start()
        if service.pids(service.wait_running()) != pids:
            raise Failure("other processes after the disk was full")
        manager.down("good")
        return {"scenario": "disk full", "runs": 2, "lost": lost, "passed": not lost}
    finally:
        if os.path.exists(directory + "/filler"):
            os.unlink(directory + "/filler")
        manager.finish()
        subprocess.run(["umount", directory], check=True)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, timeout=30)


class Pair:
    """A namespace whose eth0 is the other end of an interface of that name."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        ip("netns", "add", name)
        self.make()

    def make(self):
        ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self.name, "up")
        ip("-n", self.name, "link", "set", "eth0", "up")
        ip("-n", self.name, "addr", "add", self.address, "dev", "eth0")

    def finish(self):
        subprocess.run(["ip", "link", "del", self.name], check=False)
        ip("netns", "del", self.name)


def interface_replaced(manager, times):
    """An interface is deleted, and another one has its name."""
    tag = os.environ["FAULT_HOSTS"]
    left, right = Pair(tag + "-x", "198.18.9.1/24"), Pair(tag + "-y", "198.18.9.2/24")
    back_ms = []
    try:
        manager.up("wire", f'version: 1\nservice: wire\nports:\n  left: {{dev: "veth:{left.name}"}}\n  right: {{dev: "veth:{right.name}"}}\n'
                           'functions:\n  one: {kind: "null"}\n  two: {kind: "null"}\npath: [left, one, two, right]\nshare_cores: true\n')
        service = Service(manager, "wire")
        pids = service.pids(service.wait_running())

        def pings():
            return subprocess.run(["ip", "netns", "exec", left.name, "ping", "-q", "-c", "1", "-W", "1", "198.18.9.2"],
                                  stdout=subprocess.DEVNULL, check=False).returncode == 0
        wait_until("a ping comes back", pings)
        for _ in range(times):
            time.sleep(0.5)  # a dataplane that hardly ran is not replaced by itself
            ip("link", "del", left.name)
            time.sleep(0.3)
            left.make()
            made = time.monotonic()
            wait_until("a ping comes back by the new interface", pings)
            back_ms.append((time.monotonic() - made) * 1000)
            if service.pids(service.wait_running()) != pids:
                raise Failure("a function did not outlive the interface")
        manager.down("wire")
        return {"scenario": "interface replaced", "runs": times, "pids_kept": True, "blocked_ms": percentiles(back_ms), "passed": True}
    finally:
        left.finish()
        right.finish()
