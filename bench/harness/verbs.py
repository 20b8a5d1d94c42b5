# SPDX-License-Identifier: BSD-3-Clause
"""What is measured: one function a kind of scenario, each fills a result."""
import math
import os
import pathlib
import re
import subprocess
import time

import histogram
import rates
import search
import tree
from chains import Chain
from manager import Failure
from result import Result, point


class Bench:
    """What every scenario needs: the manager, a directory, the options of the command line, and a line of progress."""

    def __init__(self, manager, directory, options, say):
        self.manager, self.directory, self.options, self.say = manager, directory, options, say

    def runs(self, scenario):
        return self.options.runs or scenario.get("runs", 5)

    def seconds(self, scenario):
        return self.options.seconds or scenario.get("seconds", 2)

    def chain(self, scenario, **more):
        functions = more.pop("functions", None) or scenario["chain"]
        return Chain(functions, scenario.get("traffic", {}) | scenario.get("service", {}) | more, self.options.seed)

    def result(self, scenario, chain, **more):
        cpu, burst = rates.burst_of(self.manager, chain)
        configuration = {"functions": [kind for _, kind, _ in chain.functions], "core": cpu, "burst": burst,
                         "ring": chain.options.get("ring", 4096), "generator": chain.left, "sink": chain.right,
                         "seconds of each run": self.seconds(scenario)} | more
        return Result(scenario["scenario"], scenario["title"], scenario.get("description", ""), self.options.seed,
                      configuration), cpu, burst


def _both(bench, scenario, chain, cpu, burst, runs, label=""):
    """Interleaved runs in containers and fused, after one of each that is not counted."""
    seconds, inside, outside = bench.seconds(scenario), [], []
    rates.fused(chain, bench.directory, cpu, burst, 1)
    for run in range(1, runs + 1):
        inside.append(rates.containers(bench.manager, chain, seconds))
        outside.append(rates.fused(chain, bench.directory, cpu, burst, seconds))
        bench.say(f"{label}run {run} of {runs}: containers {inside[-1]:.2f} Mpps, fused {outside[-1]:.2f}")
    return inside, outside


def fused(bench, scenario):
    """A chain in containers over the same functions called in one process."""
    chain = bench.chain(scenario)
    result, cpu, burst = bench.result(scenario, chain)
    inside, outside = _both(bench, scenario, chain, cpu, burst, bench.runs(scenario))
    key = scenario["figure"]
    result.figure(f"{key}_mpps", inside, "Mpps", "in containers", scenario.get("wanted_mpps"))
    result.figure(f"{key}_fused_mpps", outside, "Mpps", "the same functions in one process")
    result.figure(f"{key}_over_fused", [a / b for a, b in zip(inside, outside)], "ratio", "containers over one process",
                  scenario.get("wanted_ratio"))
    result.figure(f"{key}_ns", [1e3 / a for a in inside], "ns", "a packet, all in all")
    _ceiling(bench, scenario, result, cpu, burst)
    return result.finish()


def _ceiling(bench, scenario, result, cpu, burst):
    """The generator into its own sink, with nothing between: what no chain can exceed."""
    chain = bench.chain(scenario, functions=["null"])
    result.figure("generator_mpps", [rates.fused(chain, bench.directory, cpu, burst, 1) for _ in range(3)], "Mpps",
                  "generator and sink alone, the ceiling")


def matrix(bench, scenario):
    """Rate against the length of the chain, in containers and fused."""
    lengths = [n for n in scenario["lengths"] if n <= (bench.options.limit or math.inf)]
    chains = {n: bench.chain(scenario, functions=scenario["chain"] * n) for n in lengths}
    result, cpu, burst = bench.result(scenario, chains[lengths[0]])
    series = {"containers": {n: [] for n in lengths}, "one process": {n: [] for n in lengths}}
    runs = bench.runs(scenario)
    for run in range(1, runs + 1):
        for n in lengths:
            inside, outside = _both(bench, scenario, chains[n], cpu, burst, 1, f"round {run} of {runs}, length {n}, ")
            series["containers"][n] += inside
            series["one process"][n] += outside
    result.body["curves"].append({
        "name": "length", "title": "Rate against the length of the chain", "x": {"label": "functions"},
        "y": {"label": "rate", "unit": "Mpps"},
        "series": [{"name": name, "points": [point(n, values[n]) for n in lengths]} for name, values in series.items()]})
    if len(lengths) > 1:
        first, last = lengths[0], lengths[-1]
        for name, key in (("containers", "ns_per_added_function"), ("one process", "ns_per_added_function_fused")):
            ns = [(1e3 / b - 1e3 / a) / (last - first) for a, b in zip(series[name][first], series[name][last])]
            result.figure(key, ns, "ns", f"for each added function, {name}")
    return result.finish()


def sweep(bench, scenario):
    """Rate against one number of the traffic or the configuration: flows, rules, routes, size."""
    key, values = scenario["over"], scenario["values"]
    if bench.options.limit:
        values = [v for v in values if v <= bench.options.limit] or values[:1]
    chains = {v: bench.chain(scenario, **{key: v}) for v in values}
    result, _, _ = bench.result(scenario, chains[values[0]])
    found = {v: [] for v in values}
    for run in range(1, bench.runs(scenario) + 1):
        for v in values:
            found[v].append(rates.containers(bench.manager, chains[v], bench.seconds(scenario)))
            bench.say(f"round {run} of {bench.runs(scenario)}, {v} {key}: {found[v][-1]:.2f} Mpps")
    result.body["curves"].append({
        "name": key, "title": f"Rate against {key}", "x": {"label": key, "log": True},
        "y": {"label": "rate", "unit": "Mpps"},
        "series": [{"name": " - ".join(scenario["chain"]), "points": [point(v, found[v]) for v in values]}]})
    low, high = scenario.get("ratio", [values[0], values[-1]])
    if low in found and high in found:
        result.figure(f"{key}_{high}_over_{low}", [b / a for a, b in zip(found[low], found[high])], "ratio",
                      f"{high} {key} over {low}", scenario.get("wanted_ratio"))
    return result.finish()


def lanes(bench, scenario):
    """One lane to two."""
    chain = bench.chain(scenario)
    result, _, _ = bench.result(scenario, chain)
    if os.cpu_count() < 2:
        raise Failure("two lanes need two cores")
    one, two = [], []
    for run in range(1, bench.runs(scenario) + 1):
        one.append(rates.containers(bench.manager, chain, bench.seconds(scenario), 1))
        two.append(rates.containers(bench.manager, chain, bench.seconds(scenario), 2))
        bench.say(f"run {run} of {bench.runs(scenario)}: one lane {one[-1]:.2f} Mpps, two {two[-1]:.2f}")
    result.figure("lanes_1_mpps", one, "Mpps", "one lane")
    result.figure("lanes_2_mpps", two, "Mpps", "two lanes")
    result.figure("lanes_2_over_1", [b / a for a, b in zip(one, two)], "ratio", "two lanes over one",
                  scenario.get("wanted_ratio"))
    return result.finish()


GOALS = {"ndr": 0.0, "pdr": 0.005}


def find_rates(bench, device, scenario, most_pps, goals=("ndr", "pdr")):
    """NDR and PDR by MLRsearch, with trials as long as the scenario says."""
    trial_s = scenario.get("trial_s", 0.5)
    what = {"search": "mlr", "min": most_pps / 10000, "max": most_pps, "time_max_s": scenario.get("search_s", 120),
            "goals": [{"loss_ratio": GOALS[g], "exceed_ratio": 0.5, "initial_trial_s": trial_s / 2, "final_trial_s": trial_s,
                       "duration_sum_s": trial_s * scenario.get("trials", 5), "width": scenario.get("width", 0.02)}
                      for g in goals]}
    answer = search.run(what, device.trial)
    for goal, found in zip(goals, answer["result"]):
        if found["outcome"] == "min":
            raise Failure(f"{goal}: even {most_pps / 1e10:.4f} Mpps lose packets")
    return dict(zip(goals, answer["result"])), answer


def _say_trial(bench):
    def said(load_pps, duration_s, last):
        lost = last["intended"] - last["received"]
        bench.say(f"trial: {load_pps / 1e6:.3f} Mpps for {duration_s:g} s, {lost} of {last['intended']} lost")
    return said


def ndr(bench, scenario):
    """NDR, PDR, MRR, and by option RFC 2544's tests."""
    chain = bench.chain(scenario)
    result, _, _ = bench.result(scenario, chain)
    bench.manager.up(chain.service(rates.SERVICE))
    try:
        device = rates.Device(bench.manager, chain, on_trial=_say_trial(bench))
        most = rates.running(bench.manager, chain, 0.5) * 1e6 / (2 if chain.both_ways else 1)
        mrr = search.run({"search": "mrr", "min": 1, "max": most * 1.5, "trials": 10, "duration": bench.seconds(scenario) / 2},
                         device.trial)["result"]
        result.figure("mrr_mpps", [mrr["min"] / 1e6, mrr["median"] / 1e6, mrr["max"] / 1e6], "Mpps",
                      "maximum receive rate (least, median and most of 10 trials)")
        found, answer = find_rates(bench, device, scenario, most * 1.5)
        for goal, title in (("ndr", "NDR, no loss"), ("pdr", "PDR, 0.5 % loss")):
            r = found[goal]
            result.body["figures"][f"{goal}_mpps"] = {
                "title": title, "unit": "Mpps", "median": r["conditional"] / 1e6, "min": r["lower"] / 1e6,
                "max": (r["upper"] or r["lower"]) / 1e6, "runs": answer["trials"]}
        result.body["notes"].append(f"MLRsearch: {answer['trials']} trials, {answer['trial_s']:.0f} s; min and max are the bounds. "
                                    "What the generator did not send in time counts as lost.")
        if scenario.get("rfc2544", True):
            _rfc2544(bench, scenario, device, result, most * 1.5)
    finally:
        bench.manager.down(rates.SERVICE)
    return result.finish()


def _rfc2544(bench, scenario, device, result, most_pps):
    trial_s, limits = scenario.get("rfc2544_trial_s", 1), {"min": most_pps / 10000, "max": most_pps}
    plain = search.run(limits | {"search": "throughput", "duration": trial_s, "resolution": 0.01}, device.trial)["result"]
    checked = search.run(limits | {"search": "throughput", "duration": trial_s, "resolution": 0.01, "verifications": 3},
                         device.trial)["result"]
    result.figure("throughput_mpps", [plain["throughput"] / 1e6], "Mpps", f"RFC 2544 throughput, trials of {trial_s:g} s")
    result.figure("throughput_verified_mpps", [checked["throughput"] / 1e6], "Mpps", "TST 009, loss verified 3 times")
    curve = search.run(limits | {"search": "loss_curve", "duration": trial_s}, device.trial)["result"]
    result.body["curves"].append({
        "name": "loss", "title": "Frame loss against load (RFC 2544, 26.3)", "x": {"label": "load", "unit": "Mpps"},
        "y": {"label": "lost", "unit": "percent"},
        "series": [{"name": "chain", "points": [{"x": p["load"] / 1e6, "y": 100 * p["loss_ratio"]} for p in curve]}]})
    if 0 < plain["throughput"] < most_pps:
        b2b = search.run(limits | {"search": "back_to_back", "frames_max": 1 << 20, "repetitions": 5,
                                   "throughput": plain["throughput"]}, device.trial)["result"]
        result.figure("back_to_back_frames", [b2b["average_frames"]], "frames", "back-to-back frames (RFC 9004)")
        result.figure("buffer_us", [b2b["corrected_buffer_s"] * 1e6], "us", "buffer time, corrected")


def latency(bench, scenario):
    """Latency at shares of PDR, for each latency mode."""
    chain = bench.chain(scenario)
    result, _, _ = bench.result(scenario, chain)
    points, p99_low = [], []
    for mode in scenario.get("modes", ["low", "throughput"]):
        service = chain.service(rates.SERVICE) | {"latency": mode}
        if mode == "low":
            service.pop("ring")
        bench.manager.up(service)
        try:
            most = rates.running(bench.manager, chain, 0.5) * 1e6 / (2 if chain.both_ways else 1)
            device = rates.Device(bench.manager, chain, on_trial=_say_trial(bench))
            found, _ = find_rates(bench, device, scenario, most * 1.5, ("pdr",))
            pdr = found["pdr"]["conditional"]
            result.figure(f"pdr_{mode}_mpps", [pdr / 1e6], "Mpps", f"PDR, latency: {mode}")
            for percent in scenario.get("percents", [10, 50, 90]):
                entry, p99 = _latency_at(bench, scenario, device, pdr * percent / 100)
                result.body["latencies"].append({"name": f"{percent} % of PDR", "mode": mode} | entry)
                points.append((mode, percent, entry))
                if mode == "low" and percent == 10:
                    p99_low = p99
        finally:
            bench.manager.down(rates.SERVICE)
    if p99_low:
        result.figure("p99_us_low_10", p99_low, "us", "P99 at 10 % of PDR, latency: low", scenario.get("wanted_p99_us"))
    modes = list(dict.fromkeys(mode for mode, _, _ in points))
    result.body["curves"].append({
        "name": "latency", "title": "P99 latency against load", "x": {"label": "load", "unit": "% of PDR"},
        "y": {"label": "P99", "unit": "us", "log": True},
        "series": [{"name": f"latency: {m}", "points": [{"x": p, "y": e["percentiles"]["99"]} for mode, p, e in points
                                                       if mode == m]} for m in modes]})
    return result.finish()


def _latency_at(bench, scenario, device, load_pps):
    """Several trials at one load: what all of them saw, and the P99 of each."""
    all_of_them, p99, lost, sent = [], [], 0, 0
    for _ in range(bench.runs(scenario)):
        device.trial(load_pps, bench.seconds(scenario))
        all_of_them.append(device.last["latency"])
        p99.append(histogram.percentile_us(histogram.merge([device.last["latency"]]), 99))
        lost += device.last["intended"] - device.last["received"]
        sent += device.last["sent"]
    return {"load_pps": load_pps, "lost": lost} | histogram.summary(histogram.merge(all_of_them)), p99


def function(bench, scenario):
    """Each kind alone: ns a packet, instructions a packet."""
    result = None
    for kind in scenario["chain"]:
        chain = bench.chain(scenario, functions=[kind], **({"router_left": "192.168.0.1/16"} if kind == "router" else {}))
        if result is None:
            result, cpu, burst = bench.result(scenario, chain)
        bare = bench.chain(scenario, functions=["null"])
        ns = []
        for _ in range(bench.runs(scenario)):
            with_it = 1e3 / rates.fused(chain, bench.directory, cpu, burst, bench.seconds(scenario))
            without = 1e3 / rates.fused(bare, bench.directory, cpu, burst, 1)
            ns.append(max(0.0, with_it - without))
            bench.say(f"{kind}: {ns[-1]:.1f} ns")
        result.figure(f"{kind}_ns", ns, "ns", f"{kind}, a packet")
        count = _instructions(bench, chain, burst)
        if count:
            result.figure(f"{kind}_instructions", [count], "instructions", f"{kind} with generator and sink, a packet")
    return result.finish()


def _instructions(bench, chain, burst):
    """By callgrind, which counts them repeatably: what a longer run has more, over its packets."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={bench.directory}/callgrind.out",
               tree.program("fused"), "--burst", str(burst), *chain.fused_arguments(bench.directory)]
    counts = []
    for packets in (1 << 16, 1 << 18):
        try:
            done = subprocess.run(command + ["--packets", str(packets)], capture_output=True, text=True, timeout=300, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        found = re.search(r"Collected : (\d+)", done.stderr)
        if not found:
            return None
        counts.append((packets, int(found[1])))
    return (counts[1][1] - counts[0][1]) / (counts[1][0] - counts[0][0])


def idle(bench, scenario):
    """A chain with nothing to do: processor time, and how soon it answers then."""
    tag = f"cb{os.getpid() % 100000}"
    chain = [("ip", "netns", "add", f"{tag}-{end}") for end in "ab"]
    for end, address in (("a", "10.77.0.1/24"), ("b", "10.77.0.2/24")):
        chain += [("ip", "link", "add", f"{tag}{end}", "type", "veth", "peer", "name", "eth0", "netns", f"{tag}-{end}"),
                  ("ip", "link", "set", f"{tag}{end}", "up"),
                  ("ip", "-n", f"{tag}-{end}", "addr", "add", address, "dev", "eth0"),
                  ("ip", "-n", f"{tag}-{end}", "link", "set", "eth0", "up")]
    service = {"version": 1, "service": rates.SERVICE, "share_cores": True,
               "ports": {"left": {"dev": f"veth:{tag}a"}, "right": {"dev": f"veth:{tag}b"}},
               "functions": {f"n{i}": {"kind": kind} for i, kind in enumerate(scenario["chain"])},
               "path": ["left", *[f"n{i}" for i in range(len(scenario["chain"]))], "right"]}
    result = Result(scenario["scenario"], scenario["title"], scenario.get("description", ""), bench.options.seed,
                    {"functions": scenario["chain"], "ports": "veth", "silence of each run, s": scenario.get("silence_s", 10)})
    try:
        for command in chain:
            subprocess.run(command, check=True, capture_output=True, text=True)
        _idle_runs(bench, scenario, service, tag, result)
    except subprocess.CalledProcessError as error:
        raise Failure(f"{' '.join(error.cmd)}: {error.stderr.strip()}") from None
    finally:
        if rates.SERVICE in bench.manager.up_services:
            bench.manager.down(rates.SERVICE)
        for end in "ab":
            subprocess.run(("ip", "netns", "del", f"{tag}-{end}"), check=False, capture_output=True)
    return result.finish()


def _idle_runs(bench, scenario, service, tag, result):
    bench.manager.up(service)
    ping = ("ip", "netns", "exec", f"{tag}-a", "ping", "-n", "-c", "1", "-W", "2", "10.77.0.2")
    subprocess.run(ping, check=True, capture_output=True, text=True)
    # Neighbours stay known, so that the first packet after the silence is the ping itself.
    for end, other, address in (("a", "b", "10.77.0.2"), ("b", "a", "10.77.0.1")):
        mac = subprocess.run(("ip", "netns", "exec", f"{tag}-{other}", "cat", "/sys/class/net/eth0/address"), check=True,
                             capture_output=True, text=True).stdout.strip()
        subprocess.run(("ip", "-n", f"{tag}-{end}", "neigh", "replace", address, "lladdr", mac, "dev", "eth0"), check=True,
                       capture_output=True)
    status = bench.manager.status(rates.SERVICE)
    pids = [f["pid"] for f in status["functions"]] + [status["dataplane"]["pid"]]
    percent, wake = [], []
    for run in range(1, bench.runs(scenario) + 1):
        before, begin = _cpu_seconds(pids), time.monotonic()
        time.sleep(scenario.get("silence_s", 10))
        percent.append(100 * (_cpu_seconds(pids) - before) / (time.monotonic() - begin))
        answer = subprocess.run(ping, check=True, capture_output=True, text=True).stdout
        wake.append(float(re.search(r"time=([0-9.]+) ms", answer)[1]) * 1e3)
        bench.say(f"run {run}: {percent[-1]:.2f} % of a core, first answer after {wake[-1]:.0f} us")
    result.figure("idle_core_percent", percent, "percent", "of a core, all processes of the chain, idle",
                  scenario.get("wanted_percent"))
    result.figure("wake_us", wake, "us", "round trip of the first packet after the silence", scenario.get("wanted_wake_us"))


def _cpu_seconds(pids):
    """Of the processes and the threads and children they have; the schedulers' own clock, in ns."""
    total = 0
    for pid in pids:
        for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(task.read_text().split()[0])
    return total / 1e9


def search_error(bench, scenario):
    """The search itself, on a simulated device whose rate is known."""
    result = Result(scenario["scenario"], scenario["title"], scenario.get("description", ""), bench.options.seed,
                    {"device": "simulated, carries 1 Mpps"})
    errors = []
    for most in (2e6, 5e6, 10e6, 14.88e6, 37e6):
        what = {"search": "mlr", "min": 1000, "max": most, "goals": [{"loss_ratio": 0}]}
        answer = search.run(what, lambda load, s: (load * s, min(load, 1e6) * s))
        errors.append(abs(answer["result"][0]["conditional"] / 1e6 - 1))
        bench.say(f"from {most / 1e6:g} Mpps: NDR {answer['result'][0]['conditional'] / 1e6:.5f} Mpps in {answer['trials']} trials")
    result.figure("ndr_error", errors, "ratio", "distance of the NDR found from the true one", scenario.get("wanted_ratio"))
    return result.finish()


KINDS = {"fused": fused, "matrix": matrix, "sweep": sweep, "lanes": lanes, "ndr": ndr, "latency": latency,
         "function": function, "idle": idle, "search": search_error}


