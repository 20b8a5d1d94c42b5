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
import variants
from session import Failure, Session, wait_for

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PEERS = ("catena", "ovs", "memif", "kernel", "testpmd")
GOALS = {"ovs": (10, 20), "memif": (3, 5), "kernel": (50, 100)}
SETTLE = 0.7  # seconds before a measurement begins
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


SHORT = {"catena", "catena-1", "ovs", "ovs-stock", "memif", "memif-halves", "memif-stock", "kernel", "testpmd"}


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
    skipped = {peer: reason for peer in {v.peer for v in rows} if (reason := variants.MISSING[peer]())}
    return [v for v in rows if v.peer not in skipped], skipped


def measure(peer, seconds):
    """Millions of packets a second that reach the sink."""
    peer.start()
    wait_for("no packet reaches the sink", lambda: peer.sample()[1] > 0, 20)
    time.sleep(SETTLE)
    t0, p0 = peer.sample()
    time.sleep(seconds)
    t1, p1 = peer.sample()
    return (p1 - p0) / (t1 - t0) / 1e6


def one_run(variant, context, length, seconds):
    """A rate, or None and why."""
    peer = variant.make(context, length, variant.settings)
    try:
        return measure(peer, seconds), None
    except Failure as failure:
        return None, str(failure)
    finally:
        peer.stop()


def say(text):
    print(text, file=sys.stderr, flush=True)


def run_all(rows, context, options, failures):
    """{row: {length: [rate or None]}}. Rounds of everybody, each in an order of its own."""
    order = random.Random(options.seed)
    rates = {v.key: {} for v in rows}
    jobs = [(v, n) for v in rows for n in (options.lengths if v.peer != "testpmd" else [0])]
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


def headline(rows, rates, lengths):
    """Catena over the best row of each peer, at 3 functions (else the longest chain), and what one more function costs."""
    length = 3 if 3 in lengths else max(lengths)
    tuned = {peer: {v.key: rates[v.key] for v in rows if v.peer == peer} for peer in PEERS}
    ret, against = {}, {}
    ours = figures.best(tuned["catena"], length)
    for peer in GOALS:
        theirs = figures.best(tuned[peer], length)
        if ours and theirs:
            ret[f"over_{peer}"] = figures.summary(figures.ratios(rates[ours][length], rates[theirs][length]))
            against[f"over_{peer}"] = [ours, theirs]
            if "catena-1" in rates and ours != "catena-1":
                ret[f"one_lane_over_{peer}"] = figures.summary(figures.ratios(rates["catena-1"][length], rates[theirs][length]))
                against[f"one_lane_over_{peer}"] = ["catena-1", theirs]
    return {k: v for k, v in ret.items() if v}, against, length


def slopes(rates):
    """Nanoseconds a packet per added function, by row; of the medians."""
    ret = {}
    for key, points in rates.items():
        summaries = {n: figures.summary([v for v in values if v is not None]) for n, values in points.items()}
        slope = figures.per_added_function({n: s["median"] for n, s in summaries.items() if s})
        if slope is not None:
            ret[key] = round(slope, 2)
    return ret


def result(rows, skipped, rates, failures, options, before):
    entries = []
    for v in rows:
        for length, values in sorted(rates[v.key].items()):
            good = figures.summary([x for x in values if x is not None])
            entries.append({"row": v.key, "length": length, "failed": sum(x is None for x in values), "mpps": good})
    figure, against, length = headline(rows, rates, options.lengths)
    return {
        "version": 1, "kind": "compare", "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": {**machine.describe(SOURCE), "load_before": before},
        "settings": {"size": options.size, "flows": options.flows, "cores": options.cores, "runs": options.runs,
                     "seconds": options.seconds, "seed": options.seed, "lengths": options.lengths},
        "rows": {v.key: v.describe(options.cores) for v in rows}, "results": entries,
        "headline": figure, "headline_of": against, "headline_length": length,
        "ns_per_added_function": slopes(rates), "skipped": skipped, "failures": failures,
    }


def print_table(document):
    s = document["settings"]
    print(f"\n{s['size']}-byte frames, {s['flows']} flows where flows matter, cores {s['cores']}, {s['runs']} runs of {s['seconds']} s in turns; "
          "Mpps: median (least to most)\n")
    lengths = s["lengths"]
    by = {(e["row"], e["length"]): e for e in document["results"]}
    print(f"{'':36}" + "".join(f"{f'N={n}':>24}" for n in lengths))
    for key, row in document["rows"].items():
        cells = []
        for n in lengths if row["peer"] != "testpmd" else [0]:
            e = by.get((key, n))
            m = e and e["mpps"]
            cells.append(f"{m['median']:.2f} ({m['min']:.2f} to {m['max']:.2f})" if m else "failed")
        print(f"{row['title']:36}" + "".join(f"{c:>24}" for c in cells))
    print("\nConfiguration")
    for key, row in document["rows"].items():
        settings = ", ".join(f"{k} {v}" for k, v in row["settings"].items())
        print(f"  {row['title']}: {row['layout']} ({settings})")
    for peer, reason in document["skipped"].items():
        print(f"  {peer}: left out: {reason}")
    print(f"\nCatena over the best row of each peer, {document['headline_length']} functions, run by run")
    for name, m in document["headline"].items():
        goal = GOALS.get(name.removeprefix("over_"))
        wanted = f"   at least {goal[0]}, goal {goal[1]}" if goal else ""
        print(f"  {name:22} median {m['median']:7.2f}   {m['min']:.2f} to {m['max']:.2f} of {m['runs']} runs{wanted}")
    if len(lengths) > 1:
        print("\nNanoseconds a packet for one more function")
        for key, slope in document["ns_per_added_function"].items():
            print(f"  {document['rows'][key]['title']:36} {slope:8.1f}")


def write(document, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    with open(path.with_suffix(".csv"), "w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["row", "peer", "functions", "frame_bytes", "median_mpps", "min_mpps", "max_mpps", "runs", "failed"])
        for e in document["results"]:
            m = e["mpps"] or {}
            table.writerow([e["row"], document["rows"][e["row"]]["peer"], e["length"], document["settings"]["size"],
                            *[m.get(k, "") for k in ("median", "min", "max")], m.get("runs", 0), e["failed"]])


def compare(options):
    rows, skipped = choose(options)
    if not rows:
        raise Failure("nothing to compare: " + "; ".join(f"{p}: {r}" for p, r in skipped.items()))
    tools = options.build / "bench" / "compare"
    before, failures = machine.load(), []
    prefix = catena.stage(options.build) if any(v.peer == "catena" for v in rows) else None
    with Session(options.keep_logs) as session:
        context = variants.Context(session, options.size, options.flows, options.cores,
                                   (tools / "libyield.so").resolve(), (tools / "kernel_source").resolve())
        session.take_pages(variants.pages({v.peer for v in rows}, max(options.lengths)))
        packets.write_pcap(context.pcap, [packets.frame(options.size, flow) for flow in range(options.flows)])
        if prefix:
            context.manager = catena.Manager(session, prefix)
        try:
            rates = run_all(rows, context, options, failures)
        finally:
            if context.manager:
                context.manager.remove_services()
    return result(rows, skipped, rates, failures, options, before)


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
        document = compare(options)
    except Failure as failure:
        print(f"compare: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compare: interrupted; everything that was started has ended", file=sys.stderr)
        return 130
    print_table(document)
    if options.output:
        write(document, options.output)
    return 1 if any(e["mpps"] is None for e in document["results"]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
