# SPDX-License-Identifier: BSD-3-Clause
"""Scenario files: YAML, checked whole, every problem with its place."""
import difflib
import pathlib

import yaml

import tree
from manager import Failure

POSITIVE = "a number above 0"
CHAIN_KINDS = ("null", "vcpe", "firewall", "router")
MEASURES = ("fused", "matrix", "sweep", "lanes", "ndr", "latency", "function", "idle", "search")


def _text(value):
    return None if isinstance(value, str) and value else "text"


def _positive(value):
    return None if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else POSITIVE


def _flag(value):
    return None if isinstance(value, bool) else "true or false"


def _numbers(value):
    good = isinstance(value, list) and value and len(value) <= 32 and all(_positive(v) is None for v in value)
    return None if good else "a list of 1 to 32 numbers above 0"


def _map(value):
    return None if isinstance(value, dict) else "a map"


def _chain(value):
    good = isinstance(value, list) and 1 <= len(value) <= 16 and all(v in CHAIN_KINDS for v in value)
    return None if good else f"a list of 1 to 16 of {', '.join(CHAIN_KINDS)}"


def _one_of(*words):
    return lambda value: None if value in words else " or ".join(words)


def _modes(value):
    good = isinstance(value, list) and value and all(v in ("low", "balanced", "throughput") for v in value)
    return None if good else "a list of low, balanced, throughput"


KEYS = {
    "scenario": _text, "title": _text, "description": _text, "measure": _one_of(*MEASURES), "chain": _chain,
    "traffic": _map, "service": _map, "runs": _positive, "seconds": _positive, "figure": _text, "wanted_mpps": _positive,
    "wanted_ratio": _positive, "wanted_p99_us": _positive, "wanted_percent": _positive, "wanted_wake_us": _positive,
    "lengths": _numbers, "over": _one_of("flows", "rules", "routes", "size"), "values": _numbers, "ratio": _numbers,
    "modes": _modes, "percents": _numbers, "trial_s": _positive, "trials": _positive, "search_s": _positive,
    "width": _positive, "rfc2544": _flag, "rfc2544_trial_s": _positive, "silence_s": _positive,
}
TRAFFIC = {"size": _positive, "flows": _positive, "window": _positive, "ipv6": _flag, "template": _one_of("udp", "tcp"), "sequence": _flag,
           "timed": _positive}
SERVICE = {"ring": _positive, "latency": _one_of("low", "balanced", "throughput"), "rules": None, "routes": None,
           "state": _text, "pool": _positive}
REQUIRED = ("scenario", "title", "measure")
NEEDS = {"fused": ("chain", "figure"), "matrix": ("chain", "lengths"), "sweep": ("chain", "over", "values"), "lanes": ("chain",),
         "ndr": ("chain",), "latency": ("chain",), "function": ("chain",), "idle": ("chain",), "search": ()}


def _check(name, node, known, problems, value, where=""):
    for key_node, value_node in node.value:
        key, mark = key_node.value, key_node.start_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}: {where}{key}"
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            problems.append(f"{place}: unknown key" + (f"; did you mean \"{near[0]}\"?" if near else
                                                       f", expected {', '.join(sorted(known))}"))
            continue
        expected = known[key](value[key]) if known[key] else None
        if expected:
            mark = value_node.start_mark
            problems.append(f"{name}:{mark.line + 1}:{mark.column + 1}: {where}{key}: found {value[key]!r}, expected {expected}")
        elif key == "traffic":
            _check(name, value_node, TRAFFIC, problems, value[key], "traffic.")
        elif key == "service":
            _check(name, value_node, SERVICE, problems, value[key], "service.")


def parse(name, text):
    try:
        node, found = yaml.compose(text, yaml.SafeLoader), yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Failure(f"{name}: {error}") from None
    if not isinstance(found, dict):
        raise Failure(f"{name}: expected a map, found {type(found).__name__}")
    problems = []
    _check(name, node, KEYS, problems, found)
    needed = REQUIRED + NEEDS.get(found.get("measure"), ())
    problems += [f"{name}: {key} is missing" for key in needed if key not in found]
    if problems:
        raise Failure("\n".join(problems))
    return found


def load(what):
    """A file, or the name of a scenario that comes with Catena."""
    path = pathlib.Path(what)
    if not path.suffix:
        path = tree.scenarios() / f"{what}.yaml"
    try:
        return parse(str(path), path.read_text(encoding="utf-8"))
    except OSError as error:
        near = difflib.get_close_matches(what, names(), 1)
        raise Failure(f"{path}: {error.strerror}" + (f"; did you mean \"{near[0]}\"?" if near else
                                                    f"; there are {', '.join(names())}")) from None


def names():
    return sorted(p.stem for p in tree.scenarios().glob("*.yaml"))
