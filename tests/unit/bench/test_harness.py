#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The harness's parts that need no manager: scenario files, histograms, searches, results and headlines."""
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv.pop(1))
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "bench" / "harness"))
# pylint: disable=wrong-import-position
import headline
import histogram
import result
import scenario
import search
from chains import Chain
from manager import Failure

GOOD = "scenario: x\ntitle: X\nmeasure: fused\nfigure: x\nchain: [\"null\"]\n"


class Scenarios(unittest.TestCase):
    def test_own_ones_are_good(self):
        for name in scenario.names():
            self.assertEqual(scenario.load(name)["scenario"], name)
        self.assertTrue(set(headline.SCENARIOS) <= set(scenario.names()))

    def test_problems_have_places(self):
        for text, expected in (
                ("- 1\n", "x: expected a map, found list"),
                (GOOD + "run: 3\n", 'x:6:1: run: unknown key; did you mean "runs"?'),
                (GOOD + "runs: -1\n", "x:6:7: runs: found -1, expected a number above 0"),
                (GOOD + "traffic: {size: big}\n", "x:6:17: traffic.size: found 'big', expected a number above 0"),
                (GOOD + "service: {rings: 1}\n", 'x:6:11: service.rings: unknown key; did you mean "ring"?'),
                (GOOD.replace('["null"]', "[nat]"), "x:5:8: chain: found ['nat'], expected a list of 1 to 16 of null, vcpe"),
                (GOOD.replace("figure: x\n", ""), "x: figure is missing"),
                ("a: [", "x: while parsing a flow")):
            with self.assertRaises(Failure) as caught:
                scenario.parse("x", text)
            self.assertIn(expected, str(caught.exception))
        with self.assertRaises(Failure) as caught:
            scenario.load("nul3")
        self.assertIn('did you mean "null3"?', str(caught.exception))


class Histograms(unittest.TestCase):
    def test_buckets(self):
        # As cat_histogram.h says: exact below 32, then 32 a power of two.
        for index, upper in ((0, 0), (31, 31), (32, 32), (63, 63), (64, 65), (95, 127), (96, 131), (37 * 32 - 1, 2**41 - 1)):
            self.assertEqual(histogram.upper(index), upper)

    def test_percentiles(self):
        total = histogram.merge([{"count": 3, "sum_ns": 30, "max_ns": 10, "buckets": [10, 3]},
                                 {"count": 1, "sum_ns": 129, "max_ns": 129, "buckets": [96, 1]}])
        self.assertEqual(histogram.percentile_us(total, 50), 0.010)
        self.assertEqual(histogram.percentile_us(total, 99), 0.129)
        self.assertEqual(histogram.summary(total)["mean_us"], 0.04)
        self.assertEqual(histogram.percentile_us(histogram.merge([]), 50), 0)


class Searches(unittest.TestCase):
    def test_asks_and_tells(self):
        found = search.run({"search": "throughput", "min": 1, "max": 1e6, "duration": 1, "resolution": 0.001},
                           lambda load, s: (load * s, min(load, 1e5) * s))
        self.assertAlmostEqual(found["result"]["throughput"], 1e5, delta=200)

    def test_says_what_is_wrong(self):
        with self.assertRaises(Failure) as caught:
            search.run({"search": "guess", "min": 1, "max": 2}, None)
        self.assertIn("guess", str(caught.exception))


class Chains(unittest.TestCase):
    def test_addresses_for_any_number_of_flows(self):
        for flows in (1, 10, 256, 10000, 1000000):
            chain = Chain(["firewall"], {"flows": flows, "rules": 5}, 1)
            self.assertGreaterEqual(chain.left["hosts"] * 65000, flows)
            self.assertEqual(chain.left["hosts"] & chain.left["hosts"] - 1, 0)
        self.assertEqual(Chain(["router"], {"routes": 7}, 1).functions, Chain(["router"], {"routes": 7}, 1).functions)


class Results(unittest.TestCase):
    def make(self):
        made = result.Result("x", "X", "", 1, {"ring": 4096})
        made.figure("null3_over_fused", [0.9, 0.7, 0.8], "ratio", "one over the other", 0.9)
        made.body["curves"].append({"name": "length", "title": "L", "x": {"label": "n"}, "y": {"label": "r", "unit": "Mpps"},
                                    "series": [{"name": "s", "points": [result.point(1, [3, 1, 2])]}]})
        made.body["latencies"].append({"name": "10 % of PDR", "mode": "low", "load_pps": 1.0, "lost": 0} |
                                      histogram.summary(histogram.merge([])))
        return made.finish()

    def test_is_what_the_schema_says(self):
        sys.path.insert(0, str(SOURCE / "bench" / "report"))
        import load  # pylint: disable=import-outside-toplevel
        schema = load.Schema(json.loads(load.SCHEMA.read_text()))
        schema.check(self.make(), schema.document, "made")

    def test_median_counts(self):
        figure = self.make()["figures"]["null3_over_fused"]
        self.assertEqual((figure["median"], figure["min"], figure["max"], figure["runs"]), (0.8, 0.7, 0.9, 3))

    def test_forms(self):
        body, text = self.make(), io.StringIO()
        result.write_csv(body, text)
        self.assertIn("x,null3_over_fused,,ratio,0.8,0.7,0.9,3", text.getvalue())
        self.assertIn("x,length/s,1,Mpps,2,1,3,3", text.getvalue())
        self.assertIn("one over the other", result.table(body))

    def test_headline(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory)
            with self.assertRaises(Failure):
                headline.write(path)
            result.write_json(self.make() | {"scenario": "null3"}, path / "null3.json")
            missing = headline.write(path)
            found = json.loads((path / "headline.json").read_text())
            self.assertEqual(list(found), ["null3_over_fused"])
            self.assertIn("over_ovs", missing)
            self.assertIn("</html>", (path / "report.html").read_text())


class CommandLine(unittest.TestCase):
    def test_help(self):
        program = [sys.executable, str(SOURCE / "bench" / "harness" / "catena-bench")]
        text = subprocess.run(program + ["--help"], capture_output=True, text=True, check=True).stdout
        self.assertIn("examples:", text)
        self.assertEqual(subprocess.run(program + ["run"], capture_output=True, check=False).returncode, 2)
        wrong = subprocess.run(program + ["run", "none-of-these"], capture_output=True, text=True, check=False)
        self.assertEqual((wrong.returncode, "Traceback" in wrong.stderr), (1, False))


if __name__ == "__main__":
    unittest.main(verbosity=1)
