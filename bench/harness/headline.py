# SPDX-License-Identifier: BSD-3-Clause
"""The figures that the project is measured by, out of the results of several scenarios, and the page about them."""
import json
import pathlib
import subprocess
import sys

import tree
from manager import Failure

SCENARIOS = ["null3", "chain", "length", "lanes", "latency-quick", "idle", "search"]
FIGURES = ("null3_over_fused", "null3_mpps", "chain_over_fused", "chain_mpps", "over_ovs", "over_memif", "over_kernel",
           "ns_per_added_function", "lanes_2_over_1", "p99_us_low_10", "idle_core_percent", "wake_us", "ndr_error")


def compare(output):
    """The peers in a program of its own: its result, or None where it could not be had."""
    program = tree.HERE.parent / "compare" / "compare.py"
    path = output / "compare.json"
    path.unlink(missing_ok=True)
    if not program.exists():
        print("without the comparison: it is not installed", file=sys.stderr)
        return None
    code = subprocess.call([sys.executable, str(program), "--short", "--runs", "5", "--seconds", "1", "--output", str(path)])
    if code:
        print(f"the comparison ended with {code}", file=sys.stderr)
    return path if path.exists() else None


def collect(paths):
    """One flat object of the figures in these results."""
    found = {}
    for path in paths:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        for name in FIGURES:
            if name in figures:
                found[name] = {key: figures[name][key] for key in ("median", "min", "max", "runs")}
    return {name: found[name] for name in FIGURES if name in found}


def write(output):
    """headline.json and report.html of the results in a directory. The names of figures that are missing."""
    output = pathlib.Path(output)
    order = SCENARIOS + ["compare"]
    paths = [output / f"{name}.json" for name in order if (output / f"{name}.json").exists()]
    if not paths:
        raise Failure(f"there are no results in {output}")
    found = collect(paths)
    headline = output / "headline.json"
    headline.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    report = tree.HERE.parent / "report" / "report.py"
    if report.exists():
        code = subprocess.call([sys.executable, str(report), "--headline", str(headline), "--output", str(output / "report.html"),
                                *map(str, paths)])
        if code:
            raise Failure(f"the report ended with {code}")
    for name, f in found.items():
        print(f"{name:24} {f['median']:10.4g}   from {f['min']:.4g} to {f['max']:.4g}, {f['runs']} runs")
    print(f"{headline}" + (f", {output / 'report.html'}" if report.exists() else ""))
    return [name for name in FIGURES if name not in found]
