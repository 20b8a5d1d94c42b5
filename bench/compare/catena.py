# SPDX-License-Identifier: BSD-3-Clause
"""Catena itself: N null functions in containers between a generator and a sink, by a manager of this comparison's own."""
import fcntl
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import time

from peer import Peer
from session import Failure, call, wait_for


SERVICE = "compare"


def stage(build):
    """The installed layout below the build directory, made anew where something changed. Returns its prefix."""
    build = pathlib.Path(build).resolve()
    if not (build / "build.ninja").exists():
        raise Failure(f"{build}: no build: run make first")
    root = build / "stage"
    with open(build / "stage.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        call(["meson", "install", "-C", build, "--no-rebuild", "--only-changed", "--quiet"],
             env=dict(os.environ, DESTDIR=str(root)))
    options = json.loads(call(["meson", "introspect", build, "--buildoptions"]))
    prefix = next(o["value"] for o in options if o["name"] == "prefix")
    return pathlib.Path(f"{root}{prefix}")


def missing():
    return None if shutil.which("runc") else "runc is not installed (package runc)"


class Manager:
    """catenad with directories of its own; started once for all runs."""

    def __init__(self, session, prefix):
        self.session = session
        self.env = dict(os.environ, PATH=f"{prefix}/bin:{os.environ['PATH']}",
                        CATENA_RUN_DIR=str(session.path("run")), CATENA_STATE_DIR=str(session.path("state")))
        self.process = session.start("catenad", [prefix / "bin/catenad", "--foreground"], env=self.env,
                                     patience=30)

        def answers():
            return subprocess.run(["catena", "version"], env=self.env, capture_output=True, check=False).returncode == 0
        wait_for("catenad", answers, 20, [self.process])

    def remove_services(self):
        """A manager that ends leaves its services running: what a run that was interrupted has left is taken down here."""
        if self.process.child.poll() is None:
            subprocess.run(["catena", "down", SERVICE], env=self.env, capture_output=True, timeout=60, check=False)

    def call(self, *argv):
        return call(["catena", *argv], env=self.env)


class Catena(Peer):
    """settings: lanes (list of cores), latency, ring."""

    def __init__(self, manager, session, size, flows, length, settings):
        self.manager, self.length, self.settings = manager, length, settings
        self.name = SERVICE
        functions = {f"f{i}": {"kind": "null"} for i in range(length)}
        service = {"version": 1, "service": self.name,
                   "ports": {"left": {"dev": "gen:", "gen": {"size": size, "flows": flows}}, "right": {"dev": "null:"}},
                   "functions": functions, "path": ["left", *functions, "right"], "lanes": settings["lanes"],
                   "latency": settings["latency"], "ring": settings["ring"]}
        self.file = session.path("compare.yaml")
        self.file.write_text(json.dumps(service))  # YAML 1.2 contains JSON
        self.up = False

    def start(self):
        self.manager.call("up", self.file)  # what fails is undone by the manager
        self.up = True

    def sample(self):
        before = time.monotonic()
        status = json.loads(self.manager.call("status", self.name, "--json"))
        return (before + time.monotonic()) / 2, status["hops"][-1]["right"]["packets"]

    def stop(self):
        if self.up:
            self.up = False
            self.manager.call("down", self.name)


class Generator(Peer):
    """The dataplane with a generator and a sink and no function between: what no chain on one core can exceed."""

    def __init__(self, session, build, size, flows, settings):
        self.session, self.process = session, None
        self.argv = [build / "bench/passthrough", "--dataplane", build / "dataplane/catena-dataplane", "--functions", 0, "--runs", 1,
                     "--size", size, "--flows", flows, "--cpu", settings["lanes"][0], "--ring", settings["ring"], "--huge"]

    def rate(self, seconds):
        """The program measures by itself, whole seconds."""
        length = max(1, math.ceil(seconds))
        self.process = self.session.start("passthrough", [*self.argv, "--seconds", length])
        found = wait_for("passthrough", lambda: re.search(r"median ([0-9.]+) Mpps", self.process.log.read_text()), length + 30)
        return float(found.group(1))

    def stop(self):
        if self.process:
            self.process.stop()
            self.process.log.unlink()  # the next run is read from the beginning
            self.process = None
