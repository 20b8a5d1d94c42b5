# SPDX-License-Identifier: BSD-3-Clause
"""Reads `catena status NAME --json`: every hop must have moved packets in both directions."""
import json
import sys

status = json.load(open(sys.argv[1]))
quiet = []
for hop in status["hops"]:
    for direction in ("right", "left"):
        packets = hop[direction]["packets"]
        print(f"{hop['name']:8} {direction:6} {packets:10} packets")
        if packets == 0:
            quiet.append(f"{hop['name']} {direction}")
if quiet:
    sys.exit("no packets at: " + ", ".join(quiet))
