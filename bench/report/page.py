# SPDX-License-Identifier: BSD-3-Clause
"""Results as one HTML page that needs nothing but itself: plots in SVG, tables, and what a sceptic asks for beside each."""
import json
import pathlib
import statistics
from html import escape

import chart

WIDE, NARROW = 860, 340
STYLE = pathlib.Path(__file__).with_name("style.css")
# Whose colour a name has, by its first word; others by their place.
COLOURS = {"catena": "c0", "fused": "c4", "ovs-dpdk": "c1", "ovs": "c1", "memif": "c2", "linux": "c3", "kernel": "c3", "testpmd": "c5"}
LOG_FROM = 12  # greatest over least value from which on an axis is logarithmic
# The lines of headline.json: title, unit, what is wanted, whether less is better.
HEADLINES = {
    "null3_mpps": ("three containers that do nothing", "Mpps", 30, False),
    "null3_over_fused": ("3 containers over one process", "×", 0.9, False),
    "chain_over_fused": ("NAT, firewall, router over one process", "×", 0.9, False),
    "chain_mpps": ("NAT, firewall, router", "Mpps", 14.88, False),
    "over_ovs": ("over OVS-DPDK", "×", 10, False),
    "over_memif": ("over memif hops", "×", 3, False),
    "over_kernel": ("over the kernel", "×", 50, False),
    "ns_per_added_function": ("per added function", "ns", None, True),
    "lanes_2_over_1": ("two lanes over one", "×", 1.8, False),
    "p99_us_low_10": ("P99, latency: low, 10 % of PDR", "µs", 50, True),
    "idle_core_percent": ("of a core when idle", "%", 3, True),
    "wake_us": ("first packet after silence", "µs", 1000, True),
    "ndr_error": ("of the truth, the NDR search's error", "", 0.005, True),
}
UNITS = {"ratio": "×", "percent": "%", "us": "µs"}


def colour(name, index):
    return COLOURS.get(name.lower().replace(",", " ").split()[0] if name.split() else "", f"c{index % 6}")


def is_stock(name):
    return name.lower().endswith("stock")


def unit_of(unit):
    return UNITS.get(unit, unit)


def both(draw):
    """A plot for wide windows and one for narrow ones: text in a plot that shrinks cannot be read."""
    return f'<div class="wide">{draw(WIDE)}</div><div class="narrow">{draw(NARROW)}</div>'


def figure(title, body, caption, table=""):
    data = f"<details><summary>The values</summary>{table}</details>" if table else ""
    return f'<figure><h3>{escape(title)}</h3>{body}<figcaption>{caption}</figcaption>{data}</figure>'


def table(head, rows):
    cells = "".join(f"<th>{escape(str(h))}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(c))}</td>" for c in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table></div>'


def legend(names):
    items = "".join(f'<li class="{css}{" stock" if stock else ""}"><i></i>{escape(name)}</li>' for name, css, stock in names)
    return f'<ul class="legend">{items}</ul>'


def value_text(f):
    unit = unit_of(f.get("unit", ""))
    text = f"{chart.number(f['median'])} {unit}".strip()
    return text + (f" ({chart.number(f['min'])} to {chart.number(f['max'])})" if f["max"] > f["min"] else "")


def tile(title, unit, f, wanted, less_is_better):
    met = ""
    if wanted is not None:
        good = f["median"] <= wanted if less_is_better else f["median"] >= wanted
        met = f'<span class="{"met" if good else "unmet"}">{"✓" if good else "✗"} wanted {"at most" if less_is_better else "at least"} {chart.number(wanted)}</span>'
    return (f'<div class="tile"><div class="big">{chart.number(f["median"])}<small> {escape(unit)}</small></div>'
            f'<div class="what">{escape(title)}</div><div class="fine">{chart.number(f["min"])} to {chart.number(f["max"])}, '
            f'{f["runs"]} run{"s" if f["runs"] != 1 else ""} {met}</div></div>')


def tiles(headline, results):
    """From headline.json; without it the results' own figures that something is wanted of."""
    found = []
    for name, f in headline.items():
        title, unit, wanted, less = HEADLINES.get(name, (f.get("title", name.replace("_", " ")), unit_of(f.get("unit", "")), None, False))
        found.append(tile(title, unit, f, wanted, less))
    if not headline:
        for r in results:
            for name, f in r["figures"].items():
                if "wanted" in f:
                    title, unit, _, less = HEADLINES.get(name, (f.get("title", name), unit_of(f["unit"]), None, False))
                    found.append(tile(title, unit, f, f["wanted"], less))
    return f'<section class="tiles">{"".join(found)}</section>' if found else ""


def ceiling(result):
    """What the generator itself reaches, said beside everything that it measured."""
    for name, f in result["figures"].items():
        if f["unit"] == "Mpps" and ("ceiling" in name or "generator" in name):
            return f"Generator without a chain: {value_text(f)}."
    return ""


def circumstances(result):
    """The line below a plot: how often, how long, with what, when."""
    c = result["configuration"]
    parts = []
    if "size" in c or "sizes" in c:
        parts.append(f"{c.get('size', c.get('sizes'))}-byte frames")
    for key, unit in (("cores", "cores {}"), ("lanes", "lanes {}"), ("ring", "rings of {}"), ("burst", "bursts of up to {}"),
                      ("runs", "{} runs in turns"), ("seconds", "{} s each"), ("flows", "{} flows")):
        if key in c and not isinstance(c[key], (dict,)):
            parts.append(unit.format(", ".join(map(str, c[key])) if isinstance(c[key], list) else c[key]))
    if "seed" in result:
        parts.append(f"seed {result['seed']}")
    text = "Dots are medians, bars reach from the least to the most of all runs. " + ("; ".join(parts) + ". " if parts else "")
    return escape(text + ceiling(result))


def rates_plot(result):
    """All rates among the figures beside each other."""
    rates = [(f.get("title", name), f) for name, f in result["figures"].items() if f["unit"] == "Mpps"]
    if len(rates) < 3:
        return ""
    rates.sort(key=lambda r: -r[1]["median"])
    low, high = min(f["min"] for _, f in rates), max(f["max"] for _, f in rates)
    log = low > 0 and high / low >= LOG_FROM
    rows = [{"name": name, "css": colour(name, i), "stock": is_stock(name), "value": f} for i, (name, f) in enumerate(rates)]
    values = [f[k] for _, f in rates for k in ("min", "max") if f[k] > 0]

    def draw(width):
        axis = chart.Axis("Mpps, logarithmic" if log else "Mpps", "log" if log else "linear", values)
        return chart.dots(width, f"{result['title']}: rates", rows, axis, "Mpps")
    data = table(["", "median Mpps", "least", "most", "runs", "over the first"],
                 [(name, chart.number(f["median"]), chart.number(f["min"]), chart.number(f["max"]), f["runs"],
                   f"1/{chart.number(rates[0][1]['median'] / f['median'])}" if f["median"] else "") for name, f in rates])
    return figure("Rates side by side", both(draw), circumstances(result), data)


def points_of(series):
    for p in series["points"]:
        yield p["x"], {"median": p["y"], "min": p.get("min", p["y"]), "max": p.get("max", p["y"]), "runs": p.get("runs", 1)}


def axis_title(axis):
    return axis["label"] + (f", {unit_of(axis['unit'])}" if axis.get("unit") else "")


def curve_plot(result, curve):
    series = [{"name": s["name"], "css": colour(s["name"], i), "stock": is_stock(s["name"]), "points": sorted(points_of(s), key=lambda p: p[0])}
              for i, s in enumerate(curve["series"]) if s["points"]]
    if not series:
        return ""
    xs = [x for s in series for x, _ in s["points"]]
    ys = [p[k] for s in series for _, p in s["points"] for k in ("min", "max")]
    x_log = curve["x"].get("log", min(xs) > 0 and max(xs) / min(xs) >= 50)
    y_log = curve["y"].get("log", min(ys) > 0 and max(ys) / min(ys) >= LOG_FROM)
    unit = unit_of(curve["y"].get("unit", ""))

    def draw(width):
        steps = sorted(set(xs))
        if not x_log and len(steps) <= 12 and all(float(v).is_integer() for v in steps):
            x = chart.Axis(axis_title(curve["x"]), "steps", labels=[f"{v:g}" for v in steps])
            placed = [{**s, "points": [(steps.index(px), p) for px, p in s["points"]]} for s in series]
        else:
            x, placed = chart.Axis(axis_title(curve["x"]), "log" if x_log else "linear", xs), series
        y = chart.Axis(axis_title(curve["y"]) + (", logarithmic" if y_log else ""), "log" if y_log else "linear", ys)
        return chart.lines(width, curve["title"], placed, x, y, unit)
    data = table(["", axis_title(curve["x"]), axis_title(curve["y"]), "least", "most", "runs"],
                 [(s["name"], f"{x:g}", *[chart.number(p[k]) for k in ("median", "min", "max")], p["runs"]) for s in series for x, p in s["points"]])
    names = legend([(s["name"], s["css"], s["stock"]) for s in series]) if len(series) > 1 else ""
    return figure(curve["title"], names + both(draw), circumstances(result), data)


def latency_groups(latencies):
    """{mode: {name: {percentile: {median, min, max, runs}}}}: the same load measured again is one more run."""
    raw = {}
    for entry in latencies:
        group = raw.setdefault(entry["mode"], {}).setdefault(entry["name"], {})
        for p, value in entry["percentiles"].items():
            group.setdefault(float(p), []).append(value)
    return {mode: {name: {p: {"median": statistics.median(v), "min": min(v), "max": max(v), "runs": len(v)} for p, v in sorted(by.items())}
                   for name, by in names.items()} for mode, names in raw.items()}


def latency_plots(result):
    groups = latency_groups(result.get("latencies", []))
    steps = sorted({p for names in groups.values() for by in names.values() for p in by})
    values = [p[k] for names in groups.values() for by in names.values() for p in by.values() for k in ("min", "max")]
    ret = ""
    for mode, names in groups.items():
        series = [{"name": name, "css": f"s{i % 5}", "points": [(steps.index(p), v) for p, v in by.items()]}
                  for i, (name, by) in enumerate(names.items())]

        def draw(width, mode=mode, series=series):
            x = chart.Axis("percentile of packets", "steps", labels=[f"P{p:g}" for p in steps])
            # One scale for all modes, so that they can be compared by eye.
            y = chart.Axis("µs, logarithmic", "log", values)
            return chart.lines(width, f"Latency, {mode}", series, x, y, "µs")
        timed = [e for e in result["latencies"] if e["mode"] == mode]
        counts = "; ".join(f"{e['name']}: {chart.number(e['load_pps'] / 1e6)} Mpps offered, {e['count']:,} packets timed, "
                           f"{e.get('lost', 0):,} lost" for e in timed[:12])
        data = table(["", *[f"P{p:g} µs" for p in steps]],
                     [(name, *[chart.number(by[p]["median"]) if p in by else "" for p in steps]) for name, by in names.items()])
        ret += figure(f"Latency with latency: {mode}", legend([(s["name"], s["css"], False) for s in series]) + both(draw),
                      escape(counts + ". ") + circumstances(result), data)
    return ret


def plain(value):
    if isinstance(value, dict):
        return ", ".join(f"{k} {plain(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(plain(v) for v in value)
    return json.dumps(value) if isinstance(value, bool) or value is None else str(value)


def configuration(result):
    rows = []
    for key, value in result["configuration"].items():
        if key == "rows" and isinstance(value, dict):
            continue
        rows.append((key.replace("_", " "), plain(value)))
    body = table(["", ""], rows)
    peers = result["configuration"].get("rows")
    if isinstance(peers, dict) and all(isinstance(r, dict) for r in peers.values()):
        body = table(["who", "how", "settings"], [(r.get("title", name), r.get("layout", ""), plain(r.get("settings", {})))
                                                  for name, r in peers.items()]) + body
    return f"<details><summary>Configuration, to repeat it</summary>{body}</details>"


def figures_table(result):
    shown = [(f.get("title", name.replace("_", " ")), f) for name, f in result["figures"].items()
             if f["unit"] != "Mpps" or sum(g["unit"] == "Mpps" for g in result["figures"].values()) < 3]
    if not shown:
        return ""
    return table(["", "median", "least", "most", "runs", "wanted"],
                 [(title, f"{chart.number(f['median'])} {unit_of(f['unit'])}", chart.number(f["min"]), chart.number(f["max"]), f["runs"],
                   chart.number(f["wanted"]) if "wanted" in f else "") for title, f in shown])


def section(result):
    notes = "".join(f"<li>{escape(n)}</li>" for n in result.get("notes", []))
    notes = f'<ul class="notes">{notes}</ul>' if notes else ""
    return (f'<section id="{escape(result["scenario"])}"><h2>{escape(result["title"])}</h2>'
            f'<p class="lead">{escape(result.get("description", ""))}</p>'
            f'{rates_plot(result)}{"".join(curve_plot(result, c) for c in result.get("curves", []))}'
            f'{latency_plots(result)}{figures_table(result)}{notes}{configuration(result)}'
            f'<p class="fine">Began {escape(result["started"])}, took {chart.number(result["seconds"])} s.</p></section>')


def machines(results):
    """Each machine and version once: results of one run share theirs."""
    seen = {}
    for r in results:
        facts = {**r["machine"], "catena": r["catena"], "commit": r.get("commit", "unknown")}
        facts = {k: v for k, v in facts.items() if not k.startswith("load")}
        seen.setdefault(json.dumps(facts, sort_keys=True), (facts, []))[1].append(r["title"])
    parts = []
    for facts, titles in seen.values():
        of = f'<p class="fine">Of: {escape(", ".join(titles))}</p>' if len(seen) > 1 else ""
        parts.append(of + table(["", ""], [(k.replace("_", " "), v) for k, v in facts.items()]))
    return f'<section id="machine"><h2>The machine</h2>{"".join(parts)}</section>'


def page(results, headline):
    """The whole page as text."""
    first = results[0] if results else None
    where = ""
    if first:
        m = first["machine"]
        where = f"{m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, DPDK {m.get('dpdk', 'unknown')}, commit {first.get('commit', 'unknown')}"
    links = "".join(f'<a href="#{escape(r["scenario"])}">{escape(r["title"])}</a>' for r in results)
    return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
            '<meta name="viewport" content="width=device-width, initial-scale=1"/><title>Catena: benchmark</title>'
            f'<style>{STYLE.read_text(encoding="utf-8")}</style></head><body><main>'
            f'<header><h1>Catena: benchmark</h1><p class="lead">{escape(where)}</p></header>'
            f'{tiles(headline, results)}<nav>{links}<a href="#machine">The machine</a></nav>'
            f'{"".join(section(r) for r in results)}{machines(results) if results else ""}</main></body></html>\n')
