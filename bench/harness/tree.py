# SPDX-License-Identifier: BSD-3-Clause
"""Where things are: beside us when installed, in the build directory when not."""
import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = {"catenad": "bin", "catena": "bin", "catena-search": "libexec/catena", "fused": "libexec/catena"}
BUILT = {"catena-search": "bench/search/catena-search", "fused": "bench/fused"}


def prefix():
    """PREFIX, when we are in PREFIX/share/catena/bench/harness; None in the source."""
    return HERE.parents[3] if HERE.parts[-4:] == ("share", "catena", "bench", "harness") else None


def program(name):
    where = prefix()
    if where:
        return str(where / PROGRAMS[name] / name)
    build = pathlib.Path(os.environ.get("CATENA_BUILD", HERE.parents[1] / "build"))
    if name in BUILT:
        return str(build / BUILT[name])
    staged = list((build / "stage").glob(f"**/{PROGRAMS[name]}/{name}"))
    return str(staged[0]) if staged else name


def scenarios():
    return HERE.parent / "scenarios"
