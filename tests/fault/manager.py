# SPDX-License-Identifier: BSD-3-Clause
"""A catenad of this run: its process, its API on the unix socket, and what the scenarios ask of it."""
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

DEADLINE_S = 40  # against waiting for ever; nothing is judged by it


STILL, STILL_FOR_LONG = 2, 150  # looks that see the same: nothing moves; nothing will move


class Failure(Exception):
    """What must hold does not."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_until(what, condition, seconds=DEADLINE_S, pause=0.005):
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(pause)


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("catena", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Manager:
    def __init__(self, work, images=None, state_dir=None):
        self.socket = os.environ["CATENA_RUN_DIR"] + "/api.sock"
        self.log = open(work + "/catenad.log", "ab")
        self.arguments = ["--images", images] if images else []
        self.arguments += ["--state-dir", state_dir] if state_dir else []
        self.process = None
        self.random = random.Random(int(os.environ.get("FAULT_SEED", os.getpid())))

    def start(self):
        self.process = subprocess.Popen(["catenad", "--foreground", "--down-on-exit", *self.arguments],
                                        stdout=self.log, stderr=self.log)
        wait_until("catenad answers", self.answers)

    def answers(self):
        if self.process.poll() is not None:
            raise Failure(f"catenad ended with {self.process.returncode}")
        try:
            return self.request("GET", "/version")[0] == 200
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(DEADLINE_S)
        self.process = None

    def finish(self):
        """With all services, whatever state they are in."""
        try:
            for service in self.ask("GET", "/services")["services"]:
                self.down(service["service"])
        except (Failure, OSError) as e:
            say(f"  clean-up: {e}")
        self.stop()

    def request(self, verb, path, body=None, timeout=DEADLINE_S):
        connection = Connection(self.socket, timeout)
        try:
            connection.request(verb, "/catena/v1" + path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as e:
            raise OSError(str(e)) from e
        finally:
            connection.close()

    def ask(self, verb, path, body=None):
        status, text = self.request(verb, path, body)
        if status not in (200, 202):
            raise Failure(f"{verb} {path}: {status} {text}")
        return json.loads(text) if text else None

    def up(self, service, text):
        return self.ask("PUT", f"/services/{service}", text)

    def down(self, service):
        return self.ask("DELETE", f"/services/{service}")

    def events(self, service):
        status, text = self.request("GET", f"/services/{service}/events?limit=1000")
        return [json.loads(line) for line in text.splitlines()] if status == 200 else []

    def pause(self, least_ms, most_ms):
        """Until a moment that nobody could foresee."""
        time.sleep(self.random.uniform(least_ms, most_ms) / 1000)


class Service:
    """One that runs."""

    def __init__(self, manager, name):
        self.manager, self.name = manager, name

    def status(self):
        return self.manager.ask("GET", f"/services/{self.name}/status")

    def function(self, name, status=None):
        return next(f for f in (status or self.status())["functions"] if f["name"] == name)

    def pids(self, status=None):
        return {f["name"]: f["pid"] for f in (status or self.status())["functions"]}

    def counter(self, name, status=None):
        return (status or self.status())["dataplane"]["counters"].get(name, 0)

    def torn(self, status=None):
        return sum(hop.get("drops", {}).get("torn", 0) for hop in (status or self.status())["hops"])

    def dropped(self, status=None):
        """All that somebody counted as dropped."""
        status = status or self.status()
        own = sum(n for name, n in status["dataplane"]["counters"].items() if name.startswith("drop."))
        return own + sum(sum(hop.get("drops", {}).values()) for hop in status["hops"] if hop["type"] == "function")

    def runs(self):
        status = self.status()
        return status["state"] == "running" and all(f["state"] == "running" for f in status["functions"]) and status

    def wait_running(self, also=lambda status: True):
        def condition():
            try:
                status = self.runs()
            except OSError:
                return None
            return status if status and also(status) else None
        return wait_until(f"{self.name} runs", condition)

    def wait_counter(self, name, least, seconds=DEADLINE_S):
        """Its value then, or what it came to."""
        end, value = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            value = self.counter(name)
            if value >= least:
                break
            time.sleep(0.002)
        return value

    def trial(self, length_ms, ports, settle_ms=50):
        body = json.dumps({"length_ms": length_ms, "settle_ms": settle_ms, "ports": ports})
        return self.manager.ask("POST", f"/services/{self.name}/measure", body)

    def trial_begin(self, *arguments, **named):
        return Later(lambda: self.trial(*arguments, **named))

    def moved(self, before):
        """Packets that came in and went out since, and those that a death may have torn."""
        status = self.status()
        since = lambda counter: self.counter(counter, status) - self.counter(counter, before)
        return since("port.left.rx_packets"), since("port.right.tx_packets"), self.torn(status) - self.torn(before)

    def lost(self, before):
        """(lost, torn) since, once nothing moves. Counted by the ports and not by a trial's account: where the machine has other work, a
        lane may begin and end its trial later than the account is made."""
        last, same = None, 0
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            now = self.moved(before)
            same = same + 1 if now == last else 0
            last = now
            came, went, torn = now
            # Some look missing while a process is started in another's place.
            if same >= STILL and came - went == torn or same >= STILL_FOR_LONG:
                break
            time.sleep(0.02)
        return last[0] - last[1], last[2]

    def audit(self, tries=2000):
        """(leaked, duplicated), once nothing moves; else what the last look said."""
        missing = duplicated = 0
        for _ in range(tries):
            status, text = self.manager.request("GET", f"/services/{self.name}/audit")
            if status == 200:
                a = json.loads(text)
                missing = a["buffers"] - a["free"] - a["under_way"] + a["leaked"]
                duplicated = a["duplicated"]
                if a["still"] and missing == 0 and duplicated == 0:
                    return 0, 0
            time.sleep(0.005)
        return abs(missing), duplicated


def account_of(trial):
    """What a trial's end said, or None: a lane that had no processor for seconds did not answer. The counters tell then."""
    try:
        return trial.wait()
    except Failure as e:
        if "did not give its account" not in str(e):
            raise
        return None


class Later:
    """Something that takes its time, on a thread."""

    def __init__(self, what):
        self.value = self.error = None

        def run():
            try:
                self.value = what()
            except (Failure, OSError) as e:
                self.error = e
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def wait(self):
        self.thread.join(3600)
        if self.error:
            raise self.error
        return self.value


def kill_pid(pid, sign=signal.SIGKILL):
    os.kill(pid, sign)


def port_of(account, name):
    return next(p for p in account["ports"] if p["port"] == name)


def percentiles(values):
    """P50, P99, max of milliseconds."""
    if not values:
        return None
    values = sorted(values)
    at = lambda share: round(values[min(len(values) - 1, int(share * len(values)))], 3)
    return {"p50": at(0.5), "p99": at(0.99), "max": round(values[-1], 3)}
