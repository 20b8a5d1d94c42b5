# SPDX-License-Identifier: BSD-3-Clause
"""How fast a chain is: in containers, and fused in one process; the generator alone."""
import json
import subprocess
import time

import tree
from manager import Failure

SERVICE = "bench"
WARM_S = 0.3


def _left_the_chain(status, both_ways):
    hops = status["hops"]
    return hops[-1]["right"]["packets"] + (hops[0]["left"]["packets"] if both_ways else 0)


def _sample(manager, both_ways, name):
    # What the manager tells is as old as its last look; the clock belongs to the reading.
    status = manager.status(name)
    return time.monotonic(), _left_the_chain(status, both_ways)


def running(manager, chain, seconds, name=SERVICE):
    """Mpps that leave a chain that runs, at either end."""
    _sample(manager, chain.both_ways, name)
    time.sleep(WARM_S)
    t0, p0 = _sample(manager, chain.both_ways, name)
    time.sleep(seconds)
    t1, p1 = _sample(manager, chain.both_ways, name)
    if p1 == p0:
        raise Failure("nothing came through the chain: see `catena status bench`")
    return (p1 - p0) / (t1 - t0) / 1e6


def containers(manager, chain, seconds, lanes=1, **more):
    """The same from up to down."""
    manager.up(chain.service(SERVICE, lanes, **more))
    try:
        return running(manager, chain, seconds)
    finally:
        manager.down(SERVICE)


def fused(chain, directory, cpu, burst, seconds, *extra):
    command = [tree.program("fused"), "--cpu", str(cpu), "--burst", str(burst), "--seconds", str(max(1, round(seconds))),
               "--rounds", "1", *chain.fused_arguments(directory), *extra]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(f"fused: {getattr(error, 'stderr', None) or error}") from None
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["mpps"] <= 0:
        raise Failure("nothing came through the functions in one process")
    return found["mpps"]


def burst_of(manager, chain):
    plan = manager.plan(chain.service(SERVICE))
    return plan["lanes"][0]["cpu"], plan["burst"]


class Device:
    """A chain in containers as what a search measures: trials at loads."""

    def __init__(self, manager, chain, name=SERVICE, settle_ms=50, on_trial=None):
        self.manager, self.chain, self.name, self.settle_ms, self.on_trial = manager, chain, name, settle_ms, on_trial
        self.last = None

    def trial(self, load_pps, duration_s):
        count = round(load_pps * duration_s)
        ports = {"left": (load_pps, count)}
        if not self.chain.both_ways:
            ports["right"] = (0, 0)
        accounts = self.manager.measure(self.name, duration_s, ports, self.settle_ms)
        receiver = accounts["left" if self.chain.both_ways else "right"]
        self.last = {"intended": count, "sent": accounts["left"]["sent"], "received": receiver["received"],
                     "duplicates": receiver["duplicates"], "reordered": receiver["reordered"],
                     "foreign": receiver["foreign"], "latency": receiver["latency"]}
        if self.on_trial:
            self.on_trial(load_pps, duration_s, self.last)
        return count, self.last["received"]
