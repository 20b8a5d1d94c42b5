# SPDX-License-Identifier: BSD-3-Clause
"""Searches by catena-search: it asks for trials, a function here makes them."""
import json
import subprocess

import tree
from manager import Failure


def run(what, trial):
    """what: as bench/search/tool.c says. trial(load_pps, duration_s) gives (intended, received). The last line."""
    with subprocess.Popen([tree.program("catena-search")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as tool:
        try:
            print(json.dumps(what), file=tool.stdin, flush=True)
            for line in tool.stdout:
                message = json.loads(line)
                if "result" in message:
                    return message
                asked = message["trial"]
                intended, received = trial(asked["load"], asked["duration"])
                print(json.dumps({"intended": round(intended), "received": round(received)}), file=tool.stdin, flush=True)
            raise Failure(f"search: {tool.stderr.read().strip()}")
        finally:
            tool.kill()
