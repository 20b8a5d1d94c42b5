# SPDX-License-Identifier: BSD-3-Clause
"""The chains that are measured: as services, and as arguments of the same functions in one process."""
import functools
import ipaddress
import json
import os
import pathlib
import random
import sys

import tree
from manager import Failure

sys.path.insert(0, str(tree.HERE.parent))
import chain_files  # pylint: disable=wrong-import-position

DATA = pathlib.Path(os.environ.get("CATENA_TEST_DATA", tree.HERE.parents[2] / "shared" / "data"))


@functools.lru_cache
def real_rules():
    """865 rules in ClassBench's format; None where the data is not there."""
    path = DATA / "acl/acl1_1k.rules"
    return chain_files.rules(path) if path.exists() else None


@functools.lru_cache
def real_routes():
    """323,487 prefixes of a table of 2010; None where the data is not there."""
    path = DATA / "rib/rib-2010.tsv.gz"
    return chain_files.routes(path) if path.exists() else None


def made_rules(count, seed):
    """Rules that no packet of the traffic matches, so that all are searched."""
    pick = random.Random(seed)
    return [{"name": f"m{i}", "action": "accept", "protocol": pick.choice(["tcp", "udp"]),
             "source": [f"172.{pick.randrange(16, 32)}.{pick.randrange(256)}.0/24"],
             "destination": [f"100.{pick.randrange(64, 128)}.{pick.randrange(256)}.{pick.randrange(256)}/32"],
             "destination_ports": [pick.randrange(1, 60000)]} for i in range(count)]


def made_routes(count, seed):
    """Distinct prefixes with the lengths of a real table's, more or less."""
    pick, found = random.Random(seed), set()
    while len(found) < count:
        length = pick.choice([16, 19, 20, 22, 23] + [24] * 5)
        address = pick.randrange(1 << 24, 223 << 24)
        found.add(str(ipaddress.ip_network((address, length), strict=False)))
    return [{"prefix": p, "via": f"203.0.113.{100 + i % chain_files.NEXT_HOPS}"} for i, p in enumerate(sorted(found))]


class Chain:
    """One chain with its traffic. functions: kinds in order; `options` by the scenario."""

    def __init__(self, functions, options, seed):
        self.options = options
        self.functions = [self._function(kind, i, seed) for i, kind in enumerate(functions)]
        generator = {"size": options.get("size", 64), "flows": options.get("flows", 1),
                     "sequence": options.get("sequence", True), "timed": options.get("timed", 64)}
        if options.get("ipv6"):
            generator |= {"source": "2001:db8:1::", "destination": "2001:db8:2::1"}
        if options.get("template"):
            generator["template"] = options["template"]
        sink = {"send": False, "sequence": generator["sequence"]}
        if any(kind != "null" for kind in functions):
            generator |= {"hosts": min(256, 1 << max(0, (generator["flows"] - 1).bit_length())), "source": "192.168.1.0",
                          "destination": "130.0.0.1", "destinations": 8192, "destination_step": 0x2E63F}
            generator["hosts"] = max(generator["hosts"], _power(generator["flows"] // 32768))
            if generator["hosts"] > 256:
                generator["source"] = "192.168.0.0" if generator["hosts"] <= 32768 else "10.64.0.0"
            # More packets under way than rings hold wait at the reflecting end, and get cold.
            if options.get("window"):
                generator["window"] = options["window"]
            sink = {"reflect": True, "source_mac": "02:00:00:00:02:01"}
        self.left, self.right = generator, sink
        self.both_ways = "reflect" in sink

    def _function(self, kind, index, seed):
        options = self.options
        if kind == "null":
            return f"n{index}", kind, {}
        if kind == "vcpe":
            wide = options.get("flows", 1) > 256 * 32768
            return "cpe", kind, {"lan": {"address": "10.64.0.1/10" if wide else "192.168.0.1/16", "mac": "02:00:00:00:01:02"},
                                 "wan": {"address": "10.0.0.2/30", "gateway": "10.0.0.1"},
                                 "nat": {"pool": [f"198.51.100.{i + 1}" for i in range(options.get("pool", 1))]}}
        if kind == "firewall":
            rules = real_rules() if options.get("rules", "real") == "real" else made_rules(options["rules"], seed)
            if rules is None:
                raise Failure(f"the rules are not at {DATA}: set CATENA_TEST_DATA, or give a number of rules")
            return "fw", kind, {"default": "drop", "rules": rules + [{"name": "lan-out", "from": "left", "action": "accept"}]}
        if kind == "router":
            routes = real_routes() if options.get("routes", "real") == "real" else made_routes(options["routes"], seed)
            if routes is None:
                raise Failure(f"the routes are not at {DATA}: set CATENA_TEST_DATA, or give a number of routes")
            # Alone, it has the hosts on its left; else a NAT.
            back = [] if "router_left" in options else [{"prefix": f"198.51.100.{i + 1}/32", "via": "10.0.0.2"}
                                                        for i in range(options.get("pool", 1))]
            left = {"addresses": [options.get("router_left", "10.0.0.1/30")]}
            return "rtr", kind, {"left": left | ({"mac": "02:00:00:00:01:02"} if "router_left" in options else {}),
                                 "right": {"addresses": ["203.0.113.1/24"]},
                                 "routes": routes + back + [{"prefix": "0.0.0.0/0", "via": "203.0.113.99"}]}
        raise Failure(f"a chain of kind {kind} is not known here")

    def service(self, name, lanes=1, **more):
        functions = {n: {"kind": kind, "config": config} for n, kind, config in self.functions}
        state = self.options.get("state")
        for function in functions.values():
            if state and function["kind"] != "null":
                function["state"] = state
        return {"version": 1, "service": name,
                "ports": {"left": {"dev": "gen:", "gen": self.left}, "right": {"dev": "gen:", "gen": self.right}},
                "functions": functions, "path": ["left"] + list(functions) + ["right"], "lanes": lanes,
                "latency": self.options.get("latency", "throughput"), "ring": self.options.get("ring", 4096)} | more

    def fused_arguments(self, directory):
        """Writes the configurations; the arguments of `fused`."""
        found = ["--left", json.dumps({"driver": "gen", "options": self.left}),
                 "--right", json.dumps({"driver": "gen", "options": self.right})]
        for name, kind, config in self.functions:
            if kind == "null":
                found += ["--function", kind]
                continue
            path = pathlib.Path(directory) / f"fused-{name}.json"
            path.write_text(json.dumps(config), encoding="utf-8")
            found += ["--function", f"{kind}={path}"]
        return found


def _power(n):
    return 1 << max(0, (n - 1).bit_length()) if n > 1 else 1
