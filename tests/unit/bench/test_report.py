#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""bench/report on small results: what it refuses, and that its page is well-formed and needs no network."""
import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ET

SOURCE = pathlib.Path(__file__).resolve().parents[3]
RESULTS = pathlib.Path(__file__).resolve().parent / "results"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "bench/report"))

# pylint: disable=wrong-import-position
import chart  # noqa: E402
import load  # noqa: E402
import page  # noqa: E402


def recorded():
    return [load.result(path) for path in sorted(RESULTS.glob("*.json"))]


def tree_of(results, headline):
    """The page as XML: it is written so that it is both."""
    text = page.page(results, headline)
    return text, ET.fromstring(text.partition("\n")[2])


class Refused(unittest.TestCase):
    def check(self, change, expected):
        document = copy.deepcopy(load.read(RESULTS / "flows.json"))
        change(document)
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "r.json"
            path.write_text(document if isinstance(document, str) else json.dumps(document))
            with self.assertRaisesRegex(load.Bad, expected):
                load.result(path)

    def test_documents(self):
        self.check(lambda d: d.pop("scenario"), "scenario is missing")
        self.check(lambda d: d.update(scenario="Two Words"), "Two Words")
        self.check(lambda d: d.update(surprise=1), "surprise: unknown")
        self.check(lambda d: d.update(figures=[]), "figures: found list, expected object")
        self.check(lambda d: d["figures"].update(x={"unit": "Mpps", "median": 3, "min": 4, "max": 5, "runs": 1}), "not between")
        self.check(lambda d: d["figures"].update(x={"unit": "Mpps", "median": 3, "min": 2, "max": 5, "runs": 0}), "at least 1")
        self.check(lambda d: d["figures"].update(x={"unit": "Mpps", "median": True, "min": 2, "max": 5, "runs": 1}), "found bool")
        self.check(lambda d: d["figures"].update(x={"unit": "Mpps", "median": float("nan"), "min": 2, "max": 5, "runs": 1}), "median")
        self.check(lambda d: d["curves"][0]["series"][0]["points"][1].update(y="fast"), r"points\[1\]: y: found str")
        self.check(lambda d: d.update(latencies=[{"name": "x", "load_pps": 1, "mode": "fast", "count": 1, "percentiles": {}}]), "fast")

    def test_files(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "r.json"
            with self.assertRaisesRegex(load.Bad, "No such file"):
                load.result(path)
            for text, expected in (("", "no JSON"), ("[1]", "expected an object"), ("[" * 100000, "no JSON"), ("\0", "no JSON")):
                path.write_text(text)
                with self.assertRaisesRegex(load.Bad, expected):
                    load.result(path)
            path.write_text('{"over_ovs": {"median": 1}}')
            with self.assertRaisesRegex(load.Bad, "over_ovs: min is missing"):
                load.headline(path)

    def test_program(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory) / "out" / "report.html"
            program = [sys.executable, SOURCE / "bench/report/report.py", "--output", out]
            bad = subprocess.run([*program, "/nonexistent"], capture_output=True, text=True, check=False)
            self.assertEqual(bad.returncode, 1)
            self.assertIn("/nonexistent: No such file", bad.stderr)
            self.assertFalse(out.exists())
            self.assertEqual(subprocess.run(program, capture_output=True, check=False).returncode, 2)
            good = subprocess.run([*program, RESULTS / "flows.json"], capture_output=True, text=True, check=False)
            self.assertEqual((good.returncode, good.stderr), (0, ""))
            self.assertTrue(out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>"))


class Page(unittest.TestCase):
    def test_whole_page(self):
        headline = {"over_ovs": {"median": 21.5, "min": 19, "max": 22, "runs": 5}, "p99_us_low_10": {"median": 61, "min": 60, "max": 80, "runs": 5}}
        text, tree = tree_of(recorded(), headline)
        self.assertEqual(re.findall(r"https?:|//|@import|url\(|<script|src=", text.replace("http://www.w3.org/2000/svg", "")), [])
        self.assertEqual(len(tree.findall(".//section[@id]")), len(recorded()) + 1)
        self.assertIn("21.5", text)
        self.assertIn("✓ wanted at least 10", text)
        self.assertIn("✗ wanted at most 50", text)
        # Every plot is there twice, for wide and narrow windows, and has its values beside it.
        for figure in tree.findall(".//figure"):
            self.assertEqual(len(figure.findall(".//svg")), 2)
            self.assertIsNotNone(figure.find(".//table"))
            self.assertIn("runs", " ".join(figure.find("figcaption").itertext()))

    def test_plots_say_their_values(self):
        _, tree = tree_of(recorded(), {})
        tips = [t.text for t in tree.findall(".//circle/title")]
        self.assertIn("OVS-DPDK, median: 2.5 Mpps (least 2, most 3, 5 runs)", tips)
        self.assertTrue(any("P99.9" in tip and "µs" in tip for tip in tips))
        self.assertIn("Generator without a chain: 100 Mpps", "".join(tree.itertext()))

    def test_points_stay_inside(self):
        _, tree = tree_of(recorded(), {})
        for svg in tree.findall(".//svg"):
            _, _, width, height = map(float, svg.get("viewBox").split())
            for circle in svg.findall("circle"):
                self.assertTrue(0 <= float(circle.get("cx")) <= width and 0 <= float(circle.get("cy")) <= height)

    def test_hostile_text_is_text(self):
        document = copy.deepcopy(recorded()[0])
        evil = '<script>"&\'</script>'
        document.update(title=evil, description=evil, notes=[evil])
        document["machine"][evil] = evil
        document["configuration"][evil] = {evil: [evil]}
        document["figures"][evil] = {"title": evil, "unit": evil, "median": 1, "min": 1, "max": 1, "runs": 1, "wanted": 2}
        for curve in document.get("curves", []):
            curve["title"] = curve["x"]["label"] = curve["series"][0]["name"] = evil
        text, _ = tree_of([document], {evil: {"median": 1, "min": 1, "max": 1, "runs": 1}})
        self.assertNotIn("<script", text)

    def test_empty_and_flat(self):
        document = copy.deepcopy(recorded()[0])
        flat = {"x": 1, "y": 0}
        document.update(figures={}, latencies=[], curves=[
            {"name": "none", "title": "none", "x": {"label": "x"}, "y": {"label": "y"}, "series": []},
            {"name": "one", "title": "one", "x": {"label": "x", "log": True}, "y": {"label": "y"}, "series": [{"name": "a", "points": [flat]}]}])
        tree_of([document], {})
        tree_of([], {"over_ovs": {"median": 0, "min": 0, "max": 0, "runs": 1}})


class Chart(unittest.TestCase):
    def test_number(self):
        for value, text in ((0, "0"), (0.0219, "0.0219"), (1.5, "1.5"), (90.33, "90.3"), (686.2, "686"), (22229.9, "22\u2009230"), (-0.364, "-0.364")):
            self.assertEqual(chart.number(value), text)

    def test_axes(self):
        axis = chart.Axis("x", "log", [0.02, 90])
        self.assertEqual((axis.low, axis.high), (0.02, 100))
        self.assertAlmostEqual(axis.place(100), 1)
        self.assertEqual([label for _, label in axis.ticks(5)], ["0.1", "1", "10", "100"])
        axis = chart.Axis("x", "linear", [0, 47])
        self.assertEqual(axis.high, 50)
        self.assertEqual([label for _, label in axis.ticks(5)], ["0", "10", "20", "30", "40", "50"])
        self.assertEqual(chart.Axis("x", "log", [1e6]).ticks(5)[-1][1], "2M")

    def test_spread(self):
        self.assertEqual(chart.spread([10, 12, 100], 14, 0, 200), [10, 24, 100])
        self.assertEqual(chart.spread([195, 199], 14, 0, 200), [186, 200])


if __name__ == "__main__":
    unittest.main()
