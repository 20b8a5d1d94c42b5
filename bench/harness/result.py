# SPDX-License-Identifier: BSD-3-Clause
"""Results: what was measured, on what machine, in the form of docs/bench-result.schema.json; as a table, JSON and CSV."""
import csv
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess

import tree


def _read(path, absent=""):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return absent


def machine():
    info = _read("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    memory = re.search(r"MemTotal:\s+(\d+)", _read("/proc/meminfo"))
    nodes = [n for n in pathlib.Path("/sys/devices/system/node").glob("node[0-9]*")]
    pages = _read("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0")
    found = {
        "cpu": model[1] if model else os.uname().machine,
        "cores": os.cpu_count(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "not to be seen"),
        "numa_nodes": max(1, len(nodes)),
        "memory_gib": round(int(memory[1]) / 2**20, 1) if memory else 0,
        "huge_pages": f"{pages} of 2 MiB before",
        "kernel": os.uname().release,
        "isolated": _read("/sys/devices/system/cpu/isolated") or "none",
    }
    try:
        found["dpdk"] = subprocess.check_output(["pkg-config", "--modversion", "libdpdk"], text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        pass
    return found


def commit():
    try:
        git = ["git", "-C", str(tree.HERE)]
        head = subprocess.check_output(git + ["rev-parse", "--short", "HEAD"], text=True, stderr=subprocess.DEVNULL)
        changed = subprocess.check_output(git + ["status", "--porcelain", "-uno"], text=True, stderr=subprocess.DEVNULL)
        return head.strip() + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def figure(values, unit, title=None, wanted=None):
    values = [float(v) for v in values]
    found = {"unit": unit, "median": statistics.median(values), "min": min(values), "max": max(values),
             "runs": len(values), "values": values}
    if title:
        found["title"] = title
    if wanted is not None:
        found["wanted"] = wanted
    return found


def point(x, values):
    return {"x": x, "y": statistics.median(values), "min": min(values), "max": max(values), "runs": len(values)}


class Result:
    """One scenario's, being filled."""

    def __init__(self, scenario, title, description, seed, configuration):
        self.begin = datetime.datetime.now(datetime.timezone.utc)
        self.body = {"catena": _version(), "scenario": scenario, "title": title, "description": description,
                     "started": self.begin.isoformat(timespec="seconds"), "seconds": 0, "seed": seed,
                     "machine": machine(), "configuration": configuration, "figures": {}, "curves": [],
                     "latencies": [], "notes": []}
        sha = commit()
        if sha:
            self.body["commit"] = sha

    def figure(self, name, values, unit, title=None, wanted=None):
        self.body["figures"][name] = figure(values, unit, title, wanted)
        return self.body["figures"][name]

    def finish(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        self.body["seconds"] = round((now - self.begin).total_seconds(), 1)
        return self.body


def _version():
    text = _read(tree.HERE.parent.parent / "meson.build") or ""
    found = re.search(r"version: '([0-9.]+)'", text)
    return found[1] if found else _read(tree.HERE / "VERSION", "unknown")


def _number(value):
    return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def table(body):
    lines = [f"{body['title']}  ({body['seconds']:.0f} s, commit {body.get('commit', 'unknown')}, {body['machine']['cpu']})"]
    width = max([len(f.get("title", n)) for n, f in body["figures"].items()] + [10])
    for name, f in body["figures"].items():
        wanted = f"   wanted {_number(f['wanted'])}" if "wanted" in f else ""
        lines.append(f"  {f.get('title', name):{width}}  {_number(f['median']):>9} {f['unit']:<8} "
                     f"from {_number(f['min'])} to {_number(f['max'])}, {f['runs']} runs{wanted}")
    for curve in body["curves"]:
        lines.append(f"  {curve['title']} ({curve['y']['label']}, {curve['y'].get('unit', '')})")
        xs = sorted({p["x"] for s in curve["series"] for p in s["points"]})
        lines.append(f"    {curve['x']['label']:>24} " + " ".join(f"{_number(x):>9}" for x in xs))
        for series in curve["series"]:
            at = {p["x"]: p["y"] for p in series["points"]}
            lines.append(f"    {series['name'][:24]:>24} " + " ".join(f"{_number(at[x]) if x in at else '-':>9}" for x in xs))
    for entry in body["latencies"]:
        values = "  ".join(f"P{p} {_number(v)}" for p, v in entry["percentiles"].items())
        lines.append(f"  latency: {entry['mode']}, {entry['name']} ({entry['load_pps'] / 1e6:.3f} Mpps): {values}  "
                     f"max {_number(entry['max_us'])} us, {entry.get('lost', 0)} lost of {entry['count']}")
    lines += [f"  {note}" for note in body["notes"]]
    return "\n".join(lines)


def write_json(body, path):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(body, file, indent=1)
        file.write("\n")


def write_csv(body, file):
    out = csv.writer(file)
    out.writerow(["scenario", "figure", "x", "unit", "median", "min", "max", "runs"])
    for name, f in body["figures"].items():
        out.writerow([body["scenario"], name, "", f["unit"], f["median"], f["min"], f["max"], f["runs"]])
    for curve in body["curves"]:
        for series in curve["series"]:
            for p in series["points"]:
                out.writerow([body["scenario"], f"{curve['name']}/{series['name']}", p["x"], curve["y"].get("unit", ""),
                              p["y"], p.get("min", ""), p.get("max", ""), p.get("runs", 1)])
    for entry in body["latencies"]:
        for percent, value in entry["percentiles"].items():
            out.writerow([body["scenario"], f"latency/{entry['mode']}/{entry['name']}", percent, "us", value, "", "", 1])
