# SPDX-License-Identifier: BSD-3-Clause
"""Processes killed under a million packets a second, each packet numbered: functions, the dataplane, the manager."""
import json
import signal
import time

from manager import Failure, Service, account_of, kill_pid, percentiles, port_of, say, wait_until

FUNCTIONS = ("one", "two", "three")
TRIAL_MS = 150
RESTART_TRIAL_MS = 400 # a new container is there before it ends
SETTLE_MS = 100
QUIET_EVERY = 4        # so many deaths, and one trial without, to compare with


def chain(rate, options="", left="rate: 1000, count: 1"):
    """Three functions between a generator and a sink that accounts."""
    functions = "".join(f'  {name}: {{kind: "null"{options}}}\n' for name in FUNCTIONS)
    return (f'version: 1\nservice: fault\nports:\n'
            f'  left: {{dev: "gen:", gen: {{{left}, sequence: true, flows: 1024}}}}\n'
            f'  right: {{dev: "gen:", gen: {{send: false, sequence: true}}}}\n'
            f'functions:\n{functions}path: [left, one, two, three, right]\nshare_cores: true\n')


class Tally:
    def __init__(self, scenario):
        self.line = {"scenario": scenario, "runs": 0, "leaked": 0, "duplicated": 0, "lost": 0, "unexplained": 0,
                     "reordered": 0}
        self.blocked_ms = []

    def add(self, **counts):
        for key, n in counts.items():
            self.line[key] = self.line.get(key, 0) + n

    def add_audit(self, service):
        leaked, duplicated = service.audit()
        self.add(leaked=leaked, duplicated=duplicated)

    def result(self, **more):
        bad = [key for key in ("leaked", "duplicated", "unexplained", "reordered") if self.line[key]]
        return {**self.line, **more, "blocked_ms": percentiles(self.blocked_ms), "passed": not bad and not more.get("failed")}

    def progress(self, every=50):
        if self.line["runs"] % every == 0:
            say(f"  {self.line['scenario']}: {self.line['runs']} runs, lost {self.line['lost']}, "
                f"duplicated {self.line['duplicated']}, {percentiles(self.blocked_ms)}")


def begin_trial(service, rate, ms=TRIAL_MS):
    before = service.status()
    trial = service.trial_begin(ms, [{"port": "left", "rate": rate, "count": rate * ms // 1000}, {"port": "right"}],
                                SETTLE_MS)
    wait_until("the trial begins", lambda: trial.error or
               service.counter("port.left.rx_packets") > service.counter("port.left.rx_packets", before))
    return before, trial


def end_trial(service, tally, before, trial, away_ms):
    """away_ms: from the death until another process was seen to run."""
    account = account_of(trial)
    left, right = (port_of(account, "left"), port_of(account, "right")) if account else (None, None)
    lost, torn = service.lost(before)
    blocked_ms = right["latency"]["max_ns"] / 1e6 if account else 0
    # Who came after the account was made had waited longest.
    if not account or right["received"] < left["sent"] - torn:
        blocked_ms = max(blocked_ms, away_ms)
    tally.add(offered=service.moved(before)[0], lost=max(lost, 0), unexplained=max(lost - torn, 0),
              duplicated=(right["duplicates"] if account else 0) + max(-lost, 0),
              reordered=right["reordered"] if account else 0)
    tally.blocked_ms.append(blocked_ms)


def quiet_trial(service, rate):
    """The longest that a packet takes when nobody dies."""
    before, trial = begin_trial(service, rate)
    account = account_of(trial)
    lost, torn = service.lost(before)
    if lost > torn:
        raise Failure(f"a trial in which nobody died lost {lost} packets")
    service.wait_running()
    return [port_of(account, "right")["latency"]["max_ns"] / 1e6] if account else []


def kill_functions(manager, runs, rate, standby, sign=signal.SIGKILL):
    """Any of the three, at any moment, with or without one that stands by. SIGSTOP: hangs are found."""
    hang = sign == signal.SIGSTOP
    tally = Tally("functions" + (" stand still" if hang else "") + (", warm standby" if standby else ""))
    manager.up("fault", chain(rate, (", standby: warm" if standby else "") + (", hang_ms: 200" if hang else "")))
    service = Service(manager, "fault")
    ready = (lambda status: all(f["standby"]["state"] == "standby" for f in status["functions"])) if standby else (
        lambda status: True)
    ms, quiet_ms = TRIAL_MS if standby else RESTART_TRIAL_MS, []
    for n in range(runs):
        status = service.wait_running(ready)
        if n % QUIET_EVERY == 0:
            quiet_ms += quiet_trial(service, rate)
        name = manager.random.choice(FUNCTIONS)
        pid = service.function(name, status)["pid"]
        before, trial = begin_trial(service, rate, ms)
        manager.pause(1, TRIAL_MS / 2)
        killed = time.monotonic()
        kill_pid(pid, sign)
        service.wait_running(lambda status: service.function(name, status)["pid"] != pid)
        end_trial(service, tally, before, trial, (time.monotonic() - killed) * 1000)
        tally.add_audit(service)
        tally.add(runs=1)
        tally.progress()
    manager.down("fault")
    return tally.result(without_kill_ms=percentiles(quiet_ms))


def settled(service):
    """Nothing comes in any more, and nothing goes out."""
    last = None
    while True:
        status = service.status()
        now = service.counter("port.left.rx_packets", status), service.counter("port.right.tx_packets", status)
        if now == last:
            return now
        last = now
        time.sleep(0.1)


def kill_dataplane(manager, runs, rate):
    """Functions keep their processes, and packets come again. Each dataplane sends for a while when it begins."""
    tally = Tally("dataplane")
    manager.up("fault", chain(rate, left=f"rate: {rate}, count: {rate * 3 // 10}"))
    service = Service(manager, "fault")
    pids = service.pids(service.wait_running())
    for _ in range(runs):
        settled(service)  # and one that hardly ran would not be replaced by itself
        before, trial = begin_trial(service, rate)
        manager.pause(1, TRIAL_MS * 2 / 3)
        killed = time.monotonic()
        kill_pid(before["dataplane"]["pid"])
        # What still left before the end was seen is less than this.
        out = service.counter("port.right.tx_packets") + rate // 500
        if service.wait_counter("port.right.tx_packets", out) < out:
            raise Failure("no packets after the dataplane was killed")
        tally.blocked_ms.append((time.monotonic() - killed) * 1000)
        after = service.wait_running(lambda now: now["dataplane"]["pid"] != before["dataplane"]["pid"])
        if service.pids(after) != pids:
            raise Failure(f"functions {service.pids(after)}, before {pids}")
        trial.thread.join()
        settled(service)
        tally.add_audit(service)
        tally.add(runs=1)
        tally.progress(20)
    came, went = settled(service)
    tally.add(offered=came, lost=max(came - went - service.dropped(), 0))
    manager.down("fault")
    # What a dead dataplane had in its own hands is lost, and counted by nobody but here.
    return tally.result(pids_kept=True)


def kill_manager(manager, runs, rate):
    """During trials: not one packet is late for it."""
    tally = Tally("manager")
    manager.up("fault", chain(rate))
    service = Service(manager, "fault")
    pids = {**service.pids(service.wait_running()), "dataplane": service.status()["dataplane"]["pid"]}
    quiet_ms, back_ms = [], []
    for n in range(runs):
        if n % QUIET_EVERY == 0:
            quiet_ms += quiet_trial(service, rate)
        before, trial = begin_trial(service, rate)
        manager.pause(1, TRIAL_MS / 2)
        killed = time.monotonic()
        manager.kill()
        manager.start()
        service.wait_running()
        back_ms.append((time.monotonic() - killed) * 1000)
        account = wait_until("the trial's end", lambda: last_trial(manager))
        right = port_of(account, "right")
        lost, _ = service.lost(before)
        tally.add(offered=service.moved(before)[0], lost=max(lost, 0), unexplained=abs(lost),
                  duplicated=right["duplicates"], reordered=right["reordered"])
        tally.blocked_ms.append(right["latency"]["max_ns"] / 1e6)
        tally.add_audit(service)
        now = {**service.pids(), "dataplane": service.status()["dataplane"]["pid"]}
        if now != pids:
            raise Failure(f"processes {now}, before {pids}")
        tally.add(runs=1)
        tally.progress(20)
    manager.down("fault")
    return tally.result(pids_kept=True, without_kill_ms=percentiles(quiet_ms), manager_back_ms=percentiles(back_ms))


def last_trial(manager):
    status, text = manager.request("GET", "/services/fault/measure")
    return json.loads(text) if status == 200 else None
