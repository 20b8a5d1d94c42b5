# SPDX-License-Identifier: BSD-3-Clause
"""Talking to the manager: HTTP with JSON over its unix socket."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import time
import urllib.parse

import tree


class Failure(Exception):
    """What went wrong, for the one who reads it; no trace back is printed."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("catena", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Manager:
    """A catenad. One that runs is used, else one is started, and ended with us."""

    def __init__(self, directory):
        self.run_dir = os.environ.get("CATENA_RUN_DIR", "/run/catena")
        self.socket = f"{self.run_dir}/api.sock"
        self.child = None
        self.up_services = set()
        try:
            self.request("GET", "/version")
        except (OSError, Failure):
            self._start(directory)

    def _start(self, directory):
        env = dict(os.environ)
        if "CATENA_RUN_DIR" not in env:
            # Beside an installed manager and its state, which are not ours.
            self.run_dir = f"{directory}/run"
            self.socket = f"{self.run_dir}/api.sock"
            env |= {"CATENA_RUN_DIR": self.run_dir, "CATENA_STATE_DIR": f"{directory}/state"}
        with open(f"{directory}/catenad.log", "ab") as log:
            # pylint: disable=consider-using-with
            self.child = subprocess.Popen([tree.program("catenad"), "--foreground"], env=env, stdin=subprocess.DEVNULL,
                                          stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.request("GET", "/version")
                return
            except (OSError, Failure):
                if self.child.poll() is not None or time.monotonic() > deadline:
                    log = pathlib.Path(f"{directory}/catenad.log").read_text(errors="replace")[-2000:]
                    raise Failure(f"catenad does not serve on {self.socket}:\n{log}") from None
                time.sleep(0.02)

    def request(self, verb, path, body=None, timeout=60):
        connection = _Connection(self.socket, timeout)
        try:
            connection.request(verb, "/catena/v1" + path, body=body)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        found = json.loads(text) if text else {}
        if answer.status >= 400:
            problems = "".join(f"\n  {p.get('line')}:{p.get('column')}: {p.get('pointer')}: {p.get('message')}"
                               for p in found.get("problems", []))
            raise Failure(f"{found.get('detail', found.get('title', answer.status))}{problems}")
        return found

    def up(self, service):
        """Brings a service up, given as what its file holds."""
        name = service["service"]
        self.up_services.add(name)
        self.request("PUT", "/services/" + urllib.parse.quote(name), json.dumps(service))

    def down(self, name):
        self.request("DELETE", "/services/" + urllib.parse.quote(name))
        self.up_services.discard(name)

    def plan(self, service):
        return self.request("POST", "/plan", json.dumps(service))

    def status(self, name):
        return self.request("GET", f"/services/{urllib.parse.quote(name)}/status")

    def measure(self, name, length_s, ports, settle_ms=50):
        """One trial. ports: {name: (rate, count)}. The accounts, by port."""
        body = {"length_ms": max(1, round(length_s * 1000)), "settle_ms": settle_ms,
                "ports": [{"port": p, "rate": round(rate), "count": round(count)} for p, (rate, count) in ports.items()]}
        answer = self.request("POST", f"/services/{urllib.parse.quote(name)}/measure", json.dumps(body), length_s + 30)
        return {p["port"]: p for p in answer["ports"]}

    def close(self):
        for name in list(self.up_services):
            try:
                self.down(name)
            except (OSError, Failure):
                pass
        if self.child:
            self.child.terminate()
            try:
                self.child.wait(15)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
