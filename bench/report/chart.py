# SPDX-License-Identifier: BSD-3-Clause
"""Plots as SVG text: lines with whiskers, and dots with ranges. No scripts, colours by CSS class, values as tooltips."""
import math
from html import escape

ROW = 26  # pixels of a dot chart's row
LABEL_GAP = 14  # pixels between labels at the ends of lines
CHARACTER = 6.6  # pixels of one at 12 px, about


def number(value):
    """For a reader: three digits that count, groups of thousands by a thin space."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(digits, 4)}f}".replace(",", "\u2009")
    return text.rstrip("0").rstrip(".") if "." in text else text


def short(value):
    """For an axis: 1k, 300k, 1M; small numbers as they are."""
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:g}{letter}"
    return f"{value:g}"


class Axis:
    """A scale from values to pixels. kind: linear (from 0), log, or steps (each of `labels` one place)."""

    def __init__(self, title, kind="linear", values=(), labels=None):
        self.title, self.kind, self.labels = title, kind, labels
        good = [v for v in values if v is not None and (kind != "log" or v > 0)] or [1]
        if kind == "log":
            self.low, self.high = self._decades(min(good), max(good))
        elif kind == "linear":
            self.low, self.high = 0, self._round_up(max(good))
        else:
            self.low, self.high = -0.3, len(labels) - 0.7

    @staticmethod
    def _decades(low, high):
        """From the half decade below to the one above, so that little of the plot is empty."""
        steps = (1, 2, 5, 10)
        power = 10 ** math.floor(math.log10(low))
        floor = power * max(s for s in steps if s * power <= low * 1.0001)
        power = 10 ** math.floor(math.log10(high))
        ceiling = power * min(s for s in steps if s * power >= high * 0.9999)
        return (floor, ceiling) if floor < ceiling else (floor / 2, ceiling * 2)

    @staticmethod
    def _round_up(high):
        if high <= 0:
            return 1
        power = 10 ** math.floor(math.log10(high))
        return power * min(s for s in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if s * power >= high * 0.9999)

    def place(self, value):
        """0 to 1."""
        if self.kind == "log":
            value = max(value, self.low)
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most):
        if self.kind == "steps":
            return [(i, label) for i, label in enumerate(self.labels)]
        if self.kind == "log":
            span = math.log10(self.high / self.low)
            multiples = (1, 2, 5) if span * 3 <= most else (1,)
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            found = [m * 10.0 ** p for p in range(first, last + 1) for m in multiples]
            found = [t for t in found if self.low * 0.999 <= t <= self.high * 1.001]
            return [(t, short(float(f"{t:.6g}"))) for t in found[::math.ceil(len(found) / most)]]
        step = self._round_up((self.high - self.low) / most)
        return [(i * step, short(round(i * step, 6))) for i in range(int(self.high / step + 1.0001))]


class Svg:
    def __init__(self, width, height, title):
        self.parts = [f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" role="img" '
                      f'aria-label="{escape(title)}"><title>{escape(title)}</title>']

    def line(self, x1, y1, x2, y2, css):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>')

    def text(self, x, y, text, css="", anchor="start"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(str(text))}</text>')

    def dot(self, x, y, css, tip, radius=4):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" class="{css}"><title>{escape(tip)}</title></circle>')

    def path(self, points, css):
        steps = " ".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))
        self.parts.append(f'<path d="{steps}" class="{css}"/>')

    def done(self):
        return "".join(self.parts) + "</svg>"


def spread(places, gap, low, high):
    """Moves places apart until neighbours are `gap` away from each other, within low and high. Keeps their order."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = list(places)
    for before, i in zip([None] + order, order):
        moved[i] = max(moved[i], low if before is None else moved[before] + gap)
    limit = high
    for i in reversed(order):
        moved[i] = min(moved[i], limit)
        limit = moved[i] - gap
    return moved


def tip_of(name, where, point, unit):
    text = f"{name}, {where}: {number(point['median'])} {unit}"
    if point.get("runs", 1) > 1:
        text += f" (least {number(point['min'])}, most {number(point['max'])}, {point['runs']} runs)"
    return text


def lines(width, title, series, x, y, unit):
    """series: [{name, css, stock, points: [(x, {median, min, max, runs})]}]. Labels stand at the lines' ends."""
    narrow = width < 500
    longest = max(len(s["name"]) for s in series) * CHARACTER
    left, right, top, bottom = 46, 14 if narrow else longest + 22, 26, 42
    height = 300 if narrow else 340
    inner_w, inner_h = width - left - right, height - top - bottom
    svg = Svg(width, height, title)

    def at(px, py):
        return left + x.place(px) * inner_w, top + (1 - y.place(py)) * inner_h
    for value, label in y.ticks(7):
        _, py = at(x.low, value)
        svg.line(left, py, left + inner_w, py, "grid")
        svg.text(left - 7, py + 4, label, "tick", "end")
    for value, label in x.ticks(5 if narrow else 9):
        px, _ = at(value, y.low)
        svg.line(px, top + inner_h, px, top + inner_h + 4, "axis")
        svg.text(px, top + inner_h + 18, label, "tick", "middle")
    svg.line(left, top + inner_h, left + inner_w, top + inner_h, "axis")
    svg.text(left + inner_w / 2, height - 6, x.title, "name", "middle")
    svg.text(4, 14, y.title, "name")
    ends = []
    for s in series:
        css = s["css"] + (" stock" if s.get("stock") else "")
        points = [(at(px, p["median"]), px, p) for px, p in s["points"]]
        svg.path([place for place, _, _ in points], f"line {css}")
        for (cx, cy), px, p in points:
            if p["max"] > p["min"]:
                svg.line(cx, at(px, p["min"])[1], cx, at(px, p["max"])[1], f"whisker {css}")
            where = x.labels[px] if x.labels else f"{x.title} {short(px)}"
            svg.dot(cx, cy, f"dot {css}", tip_of(s["name"], where, p, unit))
        ends.append(points[-1][0])
    if not narrow:
        for s, (cx, _), py in zip(series, ends, spread([e[1] for e in ends], LABEL_GAP, top, top + inner_h)):
            svg.text(max(cx + 10, left + inner_w + 8), py + 4, s["name"], f"label {s['css']}")
    return svg.done()


def dots(width, title, rows, axis, unit):
    """rows: [{name, css, stock, value: {median, min, max, runs}}], one line each, the value written beside."""
    narrow = width < 500
    values_w, top, bottom = 74, 8, 40
    left = 12 if narrow else max(len(r["name"]) for r in rows) * CHARACTER + 18
    row_h = ROW + 16 if narrow else ROW
    height = top + row_h * len(rows) + bottom
    inner_w = width - left - values_w - 8
    svg = Svg(width, height, title)
    for value, label in axis.ticks(5 if narrow else 8):
        px = left + axis.place(value) * inner_w
        svg.line(px, top, px, height - bottom, "grid")
        svg.text(px, height - bottom + 16, label, "tick", "middle")
    svg.text(left + inner_w / 2, height - 6, axis.title, "name", "middle")
    for i, row in enumerate(rows):
        cy = top + row_h * i + (row_h - 11 if narrow else row_h / 2)
        css = row["css"] + (" stock" if row.get("stock") else "")
        if narrow:
            svg.text(left, cy - 13, row["name"], "label")
        else:
            svg.text(left - 12, cy + 4, row["name"], "label", "end")
        value = row.get("value")
        if not value:
            svg.text(width - 4, cy + 4, "failed", "tick", "end")
            continue
        low, middle, high = (left + axis.place(value[k]) * inner_w for k in ("min", "median", "max"))
        svg.line(left, cy, middle, cy, f"stem {css}")
        svg.line(low, cy, high, cy, f"range {css}")
        svg.dot(middle, cy, f"dot {css}", tip_of(row["name"], "median", value, unit), 5)
        svg.text(width - 4, cy + 4, number(value["median"]), "value", "end")
    return svg.done()
