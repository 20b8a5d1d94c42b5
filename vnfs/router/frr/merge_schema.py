#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""merge_schema.py BASE MORE OUTPUT: a schema with the properties and definitions of both, and MORE's description."""
import json
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        schema = json.load(f)
    with open(sys.argv[2], encoding="utf-8") as f:
        more = json.load(f)
    schema["description"] = more["description"]
    for part in ("properties", "$defs"):
        schema[part].update(more[part])
    with open(sys.argv[3], "w", encoding="utf-8") as f:
        json.dump(schema, f, indent=2)
        f.write("\n")


if __name__ == "__main__":
    main()
