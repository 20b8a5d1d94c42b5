#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes one self-contained HTML page of result files (docs/bench-result.schema.json)."""
import argparse
import pathlib
import sys

import load
import page


def main(argv):
    parser = argparse.ArgumentParser(prog="report", description=__doc__,
                                     epilog="example: report --headline build/bench/headline.json --output build/bench/report.html "
                                            "build/bench/compare.json")
    parser.add_argument("results", nargs="*", type=pathlib.Path, metavar="FILE", help="results, shown in this order")
    parser.add_argument("--headline", type=pathlib.Path, metavar="FILE", help="the figures at the top of the page")
    parser.add_argument("--output", type=pathlib.Path, required=True, metavar="FILE")
    options = parser.parse_args(argv)
    if not options.results and not options.headline:
        parser.error("nothing to report: give result files, --headline, or both")
    try:
        results = [load.result(path) for path in options.results]
        headline = load.headline(options.headline) if options.headline else {}
    except load.Bad as bad:
        print(f"report: {bad}", file=sys.stderr)
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page.page(results, headline), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
