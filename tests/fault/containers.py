# SPDX-License-Identifier: BSD-3-Clause
"""containers.py WORK SCENARIO...: what dies with real containers, under load. Each scenario is a line of JSON on standard output, its
progress on standard error. Fails if one did not pass. Counts come by the environment, see COUNTS."""
import json
import os
import signal
import subprocess
import sys
import time
import traceback

import connections
import kills
import neighbours
from manager import Failure, Manager, say

COUNTS = {  # name: a short run's
    "FAULT_RATE": 1000000,    # packets a second
    "FAULT_KILLS": 4,         # of functions, each with and without a standby
    "FAULT_DATAPLANES": 3,
    "FAULT_MANAGERS": 3,
    "FAULT_STREAM_S": 10,     # how long connections must live
    "FAULT_HANGS": 2,
    "FAULT_ROGUE_S": 10,      # how long the second service must bear its neighbour
    "FAULT_OOMS": 2,
    "FAULT_INTERFACES": 2,
}


def count(name):
    return int(os.environ.get(name, COUNTS[name]))


def with_manager(scenario, *counts):
    """A scenario with a catenad of its own."""
    def start(work):
        manager = Manager(work)
        try:
            manager.start()
            return scenario(manager, *(count(c) if isinstance(c, str) else c for c in counts))
        finally:
            manager.finish()
    return start


SCENARIOS = {  # name: function of the directory to work in, that returns a line
    "functions": with_manager(kills.kill_functions, "FAULT_KILLS", "FAULT_RATE", False),
    "standby": with_manager(kills.kill_functions, "FAULT_KILLS", "FAULT_RATE", True),
    "hang": with_manager(kills.kill_functions, "FAULT_HANGS", "FAULT_RATE", False, signal.SIGSTOP),
    "dataplane": with_manager(kills.kill_dataplane, "FAULT_DATAPLANES", "FAULT_RATE"),
    "manager": with_manager(kills.kill_manager, "FAULT_MANAGERS", "FAULT_RATE"),
    "memory": with_manager(neighbours.out_of_memory, "FAULT_OOMS"),
    "interface": with_manager(neighbours.interface_replaced, "FAULT_INTERFACES"),
    "disk": neighbours.full_disk,
    "rogue": with_manager(neighbours.rogue_beside, "FAULT_ROGUE_S"),
    "connections": lambda work: connections.run(work, count("FAULT_STREAM_S")),
}


def run(name, work):
    begin = time.monotonic()
    say(f"{name} ...")
    try:
        line = SCENARIOS[name](work)
    except (Failure, OSError, subprocess.SubprocessError) as e:
        traceback.print_exc()
        line = {"scenario": name, "passed": False, "failed": str(e)}
    line["seconds"] = round(time.monotonic() - begin, 1)
    print(json.dumps(line), flush=True)
    return line["passed"]


def main():
    work, names = sys.argv[1], sys.argv[2:] or list(SCENARIOS)
    results = [run(name, work) for name in names]
    return 0 if all(results) else 1


sys.exit(main())
