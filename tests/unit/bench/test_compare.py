#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""bench/compare without starting anybody: options, packets, figures, the document that it writes."""
import argparse
import contextlib
import io
import pathlib
import struct
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path[:0] = [str(SOURCE / "bench/compare"), str(SOURCE / "bench/report")]

# pylint: disable=wrong-import-position
import compare  # noqa: E402
import figures  # noqa: E402
import load  # noqa: E402
import packets  # noqa: E402
import session  # noqa: E402
import variants  # noqa: E402


class Options(unittest.TestCase):
    def test_refused(self):
        for argv in (["--lengths", "0"], ["--lengths", "9"], ["--lengths", "3-1"], ["--lengths", "x"], ["--lengths", "-1"],
                     ["--runs", "0"], ["--runs", "many"], ["--seconds", "0"], ["--seconds", "nan"], ["--size", "63"],
                     ["--size", "1519"], ["--flows", "0"], ["--peers", "ovs,vpp"], ["--cores", "0"], ["--cores", "0,1,2"]):
            with self.subTest(argv=argv), contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
                compare.read_options(argv)

    def test_numbers(self):
        parse = compare.numbers(1, 8)
        self.assertEqual(parse("1-3,8,2"), [1, 2, 3, 8])
        with self.assertRaises(argparse.ArgumentTypeError):
            parse("")

    def test_rows(self):
        options = compare.read_options(["--cores", "0,1", "--only", "ovs,nobody"])
        with self.assertRaises(session.Failure):
            compare.choose(options)
        options = compare.read_options(["--cores", "0,1", "--short"])
        rows, skipped = compare.choose(options)
        self.assertEqual({v.peer for v in rows} | set(skipped), set(compare.PEERS))
        names = [v.key for v in variants.all_variants([1, 0])]
        self.assertEqual(len(names), len(set(names)))
        self.assertTrue(compare.SHORT <= set(names))


class Packets(unittest.TestCase):
    def test_frame(self):
        for size in (packets.SIZE_MIN - 1, packets.SIZE_MAX + 1):
            with self.assertRaises(ValueError):
                packets.frame(size)
        for size in (64, 65, 512, 1518):
            frame = packets.frame(size)
            self.assertEqual(len(frame), size - 4)
            self.assertEqual(packets.checksum(frame[14:34]), 0)
            self.assertEqual(struct.unpack("!H", frame[16:18])[0], size - 18)
            self.assertEqual(struct.unpack("!H", frame[38:40])[0], size - 38)

    def test_flows_differ(self):
        keys = {packets.frame(64, flow)[26:38] for flow in range(60000)}
        self.assertEqual(len(keys), 60000)

    def test_checksum(self):
        # RFC 1071, section 3.
        self.assertEqual(packets.checksum(bytes([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7])), 0x220d)

    def test_pcap(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "p.pcap"
            packets.write_pcap(path, [b"\x01" * 60, b"\x02" * 61])
            data = path.read_bytes()
        self.assertEqual(struct.unpack("<I", data[:4])[0], 0xA1B2C3D4)
        self.assertEqual(len(data), 24 + 16 + 60 + 16 + 61)


class Figures(unittest.TestCase):
    def test_summary(self):
        self.assertIsNone(figures.summary([]))
        self.assertEqual(figures.summary([3, 1, 2]), {"median": 2, "min": 1, "max": 3, "runs": 3, "values": [3, 1, 2]})
        self.assertEqual(figures.summary([1, 2])["median"], 1.5)

    def test_ratios_pair_runs_and_skip_what_failed(self):
        self.assertEqual(figures.ratios([10, None, 30, 40], [5, 5, None, 0]), [2])

    def test_best(self):
        series = {"a": {3: [1, 9, 1]}, "b": {3: [2, None, 2]}, "c": {3: [None]}, "d": {1: [100]}}
        self.assertEqual(figures.best(series, 3), "b")
        self.assertIsNone(figures.best(series, 8))

    def test_per_added_function(self):
        self.assertIsNone(figures.per_added_function({1: 5, 2: None}))
        # 100 ns and 50 ns more for each.
        self.assertAlmostEqual(figures.per_added_function({n: 1e3 / (100 + 50 * n) for n in (1, 2, 4, 8)}), 50)


class Document(unittest.TestCase):
    def document(self, argv, rates, failures=()):
        options = compare.read_options(["--cores", "0,1", *argv])
        rows = [v for v in variants.all_variants([1, 0]) if v.key in rates]
        began = {"time": "2026-01-01T00:00:00+00:00", "clock": 0.0, "load": 0.5}
        return compare.result(rows, {"memif": "not installed"}, rates, list(failures), options, began)

    def test_is_as_its_schema_says(self):
        rates = {"catena": {1: [40, 40, 44], 3: [30, 30, 33]}, "ovs": {1: [4, 4, 4], 3: [1, None, 1]},
                 "ovs-both": {1: [9, 9, 9], 3: [0.5, 0.5, 0.5]}, "ovs-stock": {1: [None] * 3, 3: [None] * 3}, "testpmd": {0: [60, 61, 62]}}
        document = self.document(["--lengths", "1,3", "--runs", "3"], rates, [{"row": "ovs", "length": 3, "run": 2, "reason": "why\nmore"}])
        schema = load.read(load.SCHEMA)
        load.Schema(schema).check(document, schema, "document")
        self.assertEqual(document["figures"]["over_ovs"]["values"], [30, 33])  # of ovs, the best at 3, and of good runs only
        self.assertEqual(document["figures"]["over_ovs"]["wanted"], 10)
        self.assertNotIn("ovs-stock-mpps", document["figures"])
        self.assertEqual(document["figures"]["testpmd-mpps"]["median"], 61)
        best = next(c for c in document["curves"] if c["name"] == "chain-length")
        ovs = next(s for s in best["series"] if s["name"] == "OVS-DPDK")
        self.assertEqual([(p["x"], p["y"]) for p in ovs["points"]], [(1, 9), (3, 1)])
        self.assertIn("memif was left out: not installed", document["notes"])
        self.assertIn("ovs, 3 functions, run 2 failed: why", document["notes"])
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "new" / "compare.json"
            compare.write(document, rates, path)
            load.result(path)
            lines = path.with_suffix(".csv").read_text().splitlines()
        self.assertIn("ovs,ovs,3,64,1.0,1,1,2,1", lines)

    def test_one_length_has_no_curve(self):
        document = self.document(["--lengths", "8"], {"catena": {8: [1] * 5}, "kernel": {8: [0.1] * 5}})
        self.assertEqual(document["curves"], [])
        self.assertEqual(document["figures"]["over_kernel"]["median"], 10)


class Processes(unittest.TestCase):
    def test_what_ends_says_so(self):
        with session.Session() as s:
            process = s.start("false", ["sh", "-c", "echo because; exit 3"])
            with self.assertRaisesRegex(session.Failure, "(?s)false ended with 3.*because"):
                session.wait_for("nothing", lambda: False, 60, [process])

    def test_nothing_is_left(self):
        with self.assertRaises(KeyboardInterrupt), session.Session() as s:
            process, directory = s.start("sleeper", ["sleep", "1000"]), s.directory
            raise KeyboardInterrupt
        self.assertIsNotNone(process.child.returncode)
        self.assertFalse(directory.exists())


if __name__ == "__main__":
    unittest.main()
