#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Catena beside what people use today, in one run: the same packets, the same cores, everybody in turns."""
import argparse
import csv
import datetime
import json
import os
import pathlib
import random
import signal
import sys
import time

import catena
import figures
import machine
import packets
import peer
import variants
from session import Failure, Session

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PEERS = ("catena", "ovs", "memif", "kernel", "testpmd", "generator")
PEER_NAMES = {"catena": "Catena", "ovs": "OVS-DPDK", "memif": "memif", "kernel": "Linux"}
BOUNDS = ("testpmd", "generator")  # without functions
GOALS = {"ovs": (10, 20), "memif": (3, 5), "kernel": (50, 100)}
LENGTHS_MAX, RUNS_MAX = 8, 1000


def numbers(low, high):
    def parse(text):
        ret = []
        for part in text.split(","):
            first, _, last = part.partition("-")
            if not first.isdecimal() or (last and not last.isdecimal()):
                raise argparse.ArgumentTypeError(f"{text}: expected numbers and ranges, as 1,3 or 1-8")
            ret += range(int(first), int(last or first) + 1)
        if not ret or min(ret) < low or max(ret) > high:
            raise argparse.ArgumentTypeError(f"{text}: expected {low} to {high}")
        return sorted(set(ret))
    return parse


def number(low, high, kind=int):
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text}: expected {low} to {high}")
        return value
    return parse


def choice(names):
    def parse(text):
        chosen = text.split(",")
        unknown = [name for name in chosen if name not in names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]}: expected some of {', '.join(names)}")
        return chosen
    return parse


def read_options(argv):
    parser = argparse.ArgumentParser(
        prog="compare", description=__doc__, epilog="example: compare --lengths 1-8 --runs 5 --output build/bench/compare.json",
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=SOURCE / "build", type=pathlib.Path, metavar="DIR", help="Catena's build (build)")
    parser.add_argument("--cores", default=None, type=numbers(0, 1023), help="the two cores, as 0,1 (the last two)")
    parser.add_argument("--lengths", default=[3], type=numbers(1, LENGTHS_MAX), help="functions in the chain, as 3 or 1-8 (3)")
    parser.add_argument("--runs", default=5, type=number(1, RUNS_MAX), metavar="N", help="of everybody, in turns (5)")
    parser.add_argument("--seconds", default=2.0, type=number(0.1, 3600, float), metavar="S", help="of each run (2)")
    parser.add_argument("--size", default=64, type=number(packets.SIZE_MIN, packets.SIZE_MAX), metavar="BYTES",
                        help="of a frame with its check sequence (64)")
    parser.add_argument("--flows", default=64, type=number(1, 60000), metavar="N", help="among the packets (64)")
    parser.add_argument("--peers", default=list(PEERS), type=choice(PEERS), help=f"some of {','.join(PEERS)} (all)")
    parser.add_argument("--only", default=None, metavar="ROWS", help="rows by name, as ovs,ovs-stock (all of the peers)")
    parser.add_argument("--short", action="store_true", help="only the best rows and one stock row of each peer")
    parser.add_argument("--seed", default=1, type=number(0, 2**31), metavar="N", help="of the order of the runs (1)")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE", help="write JSON; a table for other programs goes beside it as .csv")
    parser.add_argument("--keep-logs", type=pathlib.Path, metavar="DIR", help="copy the logs of all processes there")
    options = parser.parse_args(argv)
    if options.cores is None:
        options.cores = sorted(os.sched_getaffinity(0))[-2:]
    if len(options.cores) != 2:
        parser.error("--cores: expected two, as 0,1: this machine may have fewer")
    return options


SHORT = {"catena", "catena-1", "ovs", "ovs-stock", "memif", "memif-halves", "memif-stock", "kernel", "testpmd", "generator"}


def choose(options):
    """The rows to measure, and why peers are left out."""
    rows = [v for v in variants.all_variants([options.cores[1], options.cores[0]]) if v.peer in options.peers]
    if options.only:
        names = options.only.split(",")
        unknown = set(names) - {v.key for v in rows}
        if unknown:
            raise Failure(f"--only: {sorted(unknown)[0]}: expected some of {', '.join(v.key for v in rows)}")
        rows = [v for v in rows if v.key in names]
    elif options.short:
        rows = [v for v in rows if v.key in SHORT]
    skipped = {who: reason for who in {v.peer for v in rows} if (reason := variants.MISSING[who]())}
    return [v for v in rows if v.peer not in skipped], skipped


def one_run(variant, context, length, seconds):
    """A rate, or None and why."""
    chain = variant.make(context, length, variant.settings)
    try:
        return chain.rate(seconds), None
    except Failure as failure:
        return None, str(failure)
    finally:
        chain.stop()


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_all(rows, context, options, failures):
    """{row: {length: [rate or None]}}. Rounds of everybody, each in an order of its own."""
    order = random.Random(options.seed)
    rates = {v.key: {} for v in rows}
    jobs = [(v, n) for v in rows for n in (options.lengths if v.peer not in BOUNDS else [0])]
    for run in range(1, options.runs + 1):
        order.shuffle(jobs)
        for i, (variant, length) in enumerate(jobs, 1):
            rate, reason = one_run(variant, context, length, options.seconds)
            rates[variant.key].setdefault(length, []).append(rate)
            if reason:
                failures.append({"row": variant.key, "length": length, "run": run, "reason": reason})
            of = f"run {run}/{options.runs} {i:3}/{len(jobs)}"
            say(f"{of}  {variant.key:15} {'' if not length else f'{length} functions':11} " +
                (f"{rate:9.3f} Mpps" if rate is not None else f"failed: {reason.splitlines()[0]}"))
    return rates


def good(values):
    return [v for v in values if v is not None]


def figure(values, unit, title, **more):
    """A figure of docs/bench-result.schema.json, or None where no run was good."""
    values = good(values)
    return {"title": title, "unit": unit, **figures.summary(values), **more} if values else None


def headline(rows, rates, length):
    """Catena over the best row of each peer, run by run: figures, and which rows they are of."""
    of_peer = {who: {v.key: rates[v.key] for v in rows if v.peer == who} for who in PEERS}
    ret, against = {}, {}
    ours = figures.best(of_peer["catena"], length)
    for who, (wanted, _) in GOALS.items():
        theirs = figures.best(of_peer[who], length)
        if not ours or not theirs:
            continue
        for name, row, more in ((f"over_{who}", ours, {"wanted": wanted}), (f"one_lane_over_{who}", "catena-1", {})):
            if row not in rates or name in ret:
                continue
            title = f"{'one lane of Catena' if more == {} else 'Catena'} over {PEER_NAMES[who]}, {length} functions"
            ret[name] = figure(figures.ratios(rates[row][length], rates[theirs][length]), "ratio", title, **more)
            against[name] = [row, theirs]
    return {name: f for name, f in ret.items() if f}, against


def slopes(rows, rates, runs):
    """Nanoseconds a packet per added function, by row, run by run."""
    ret = {}
    for v in rows:
        per_run = [figures.per_added_function({n: values[i] for n, values in rates[v.key].items() if n}) for i in range(runs)]
        if good(per_run):
            ret[f"ns-per-function-{v.key}"] = figure(per_run, "ns", f"{v.title}: per added function")
    return ret


def curves(rows, rates, lengths):
    """Rate against length: of the best row of each peer, and of all rows."""
    def series(name, pick):
        points = []
        for n in lengths:
            key = pick(n)
            values = good(rates[key].get(n, [])) if key else []
            if values:
                m = figures.summary(values)
                points.append({"x": n, "y": m["median"], "min": m["min"], "max": m["max"], "runs": m["runs"]})
        return {"name": name, "points": points}
    chains = [v for v in rows if v.peer in PEER_NAMES]
    best_of = []
    for who, name in PEER_NAMES.items():
        mine = {v.key: rates[v.key] for v in chains if v.peer == who}
        if mine:
            best_of.append(series(name, lambda n, mine=mine: figures.best(mine, n)))
    best_of += [series(v.title, lambda n, v=v: v.key) for v in chains if v.stock]
    every = [series(v.title, lambda n, v=v: v.key) for v in chains]
    x, y = {"label": "functions in the chain"}, {"label": "rate", "unit": "Mpps", "log": True}
    return [{"name": name, "title": title, "x": x, "y": y, "series": [s for s in found if s["points"]]}
            for name, title, found in (("chain-length", "Rate against chain length, everybody's best row", best_of),
                                       ("chain-length-all", "Rate against chain length, every row", every))]


def result(rows, skipped, rates, failures, options, began):
    """The document that docs/bench-result.schema.json describes."""
    length = 3 if 3 in options.lengths else max(options.lengths)
    ratio, against = headline(rows, rates, length)
    found = dict(ratio)
    for v in rows:
        n = 0 if v.peer in BOUNDS else length
        found[f"{v.key}-mpps"] = figure(rates[v.key].get(n, []), "Mpps", v.title)
    if len(options.lengths) > 1:
        found.update(slopes(rows, rates, options.runs))
    facts = machine.describe(SOURCE)
    commit = facts.pop("commit", None)
    document = {
        "catena": catena_version(SOURCE), "scenario": "compare", "title": "Catena beside what people use today",
        "description": f"A chain of functions that do nothing, {length} where no other number is said; everybody on the same two cores, "
                       "with the source and the sink on them too, with the same packets, one after the other in every round. "
                       "Stock rows are the same programs as they come; in all others they were made to give up the core when idle.",
        "started": began["time"], "seconds": round(time.monotonic() - began["clock"], 1), "seed": options.seed,
        "machine": {**facts, "load_before": began["load"]},
        "configuration": {"size": options.size, "flows": options.flows, "cores": options.cores, "runs": options.runs,
                          "seconds": options.seconds, "settle_seconds": peer.SETTLE, "lengths": options.lengths,
                          "compared": {name: " over ".join(pair) for name, pair in against.items()},
                          "rows": {v.key: v.describe(options.cores) for v in rows}},
        "figures": {name: f for name, f in found.items() if f},
        "curves": curves(rows, rates, options.lengths) if len(options.lengths) > 1 else [],
        "notes": [f"{who} was left out: {reason}" for who, reason in skipped.items()] +
                 [f"{f['row']}, {f['length']} functions, run {f['run']} failed: {f['reason'].splitlines()[0]}" for f in failures],
    }
    if commit:
        document["commit"] = commit
    return document


def catena_version(source):
    """Of the project's own description."""
    for line in (source / "meson.build").read_text(encoding="utf-8").splitlines():
        if line.strip().startswith("version:"):
            return line.split("'")[1]
    return "unknown"


def cell(values):
    m = figures.summary(good(values))
    return f"{m['median']:.2f} ({m['min']:.2f} to {m['max']:.2f})" if m else "failed"


def print_table(document, rates):
    c = document["configuration"]
    print(f"\n{c['size']}-byte frames, {c['flows']} flows, cores {c['cores']}, {c['runs']} runs of {c['seconds']} s in turns; "
          "Mpps: median (least to most)\n")
    print(f"{'':36}" + "".join(f"{f'N={n}':>24}" for n in c["lengths"]))
    for key, row in c["rows"].items():
        columns = [0] if row["peer"] in BOUNDS else c["lengths"]
        print(f"{row['title']:36}" + "".join(f"{cell(rates[key].get(n, [])):>24}" for n in columns))
    print("\nConfiguration")
    for row in c["rows"].values():
        print(f"  {row['title']}: {row['layout']} ({', '.join(f'{k} {v}' for k, v in row['settings'].items())})")
    for note in document["notes"]:
        print(f"  {note}")
    print("\nRatios and costs, run by run")
    for name, f in document["figures"].items():
        if f["unit"] == "Mpps":
            continue
        goal = GOALS.get(name.removeprefix("over_"))
        wanted = f"   at least {goal[0]}, goal {goal[1]}" if goal else ""
        pair = c["compared"].get(name)
        print(f"  {f['title'] + (f' [{pair}]' if pair else ''):66} {f['median']:8.2f} {f['unit']}, {f['min']:.2f} to {f['max']:.2f}, "
              f"{f['runs']} runs{wanted}")


def write(document, rates, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    with open(path.with_suffix(".csv"), "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["row", "peer", "functions", "frame_bytes", "median_mpps", "min_mpps", "max_mpps", "runs", "failed"])
        for key, row in document["configuration"]["rows"].items():
            for n, values in sorted(rates[key].items()):
                m = figures.summary(good(values)) or {}
                table.writerow([key, row["peer"], n, document["configuration"]["size"], *[m.get(k, "") for k in ("median", "min", "max")],
                                m.get("runs", 0), len(values) - m.get("runs", 0)])


def compare(options):
    rows, skipped = choose(options)
    if not rows:
        raise Failure("nothing to compare: " + "; ".join(f"{p}: {r}" for p, r in skipped.items()))
    began = {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "clock": time.monotonic(), "load": machine.load()}
    failures = []
    ours = any(v.peer in ("catena", "generator") for v in rows)
    prefix = catena.stage(options.build) if ours else None
    with Session(options.keep_logs) as session:
        context = variants.Context(session, options.size, options.flows, options.cores,
                                   options.build.resolve())
        session.take_pages(variants.pages({v.peer for v in rows}, max(options.lengths)))
        packets.write_pcap(context.pcap, [packets.frame(options.size, flow) for flow in range(options.flows)])
        if prefix:
            context.manager = catena.Manager(session, prefix)
        try:
            rates = run_all(rows, context, options, failures)
        finally:
            if context.manager:
                context.manager.remove_services()
    return result(rows, skipped, rates, failures, options, began), rates


def interrupted(number_, _frame):
    raise KeyboardInterrupt(signal.Signals(number_).name)


def main(argv):
    options = read_options(argv)
    if os.geteuid() != 0:
        print("compare: needs root: it makes network namespaces and containers", file=sys.stderr)
        return 77
    for number_ in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number_, interrupted)
    try:
        document, rates = compare(options)
    except Failure as failure:
        print(f"compare: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compare: interrupted; everything that was started has ended", file=sys.stderr)
        return 130
    print_table(document, rates)
    if options.output:
        write(document, rates, options.output)
    # A row of which no run was good has nothing to show.
    return 1 if any(not good(values) for points in rates.values() for values in points.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
