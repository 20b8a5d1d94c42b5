# SPDX-License-Identifier: BSD-3-Clause
"""Connections through NAT and firewall, while everything between their ends dies and is upgraded: a stream by iperf3, one that says a
word after every death, and one that is silent till the end. The hosts are those of tests/hosts/branch.sh."""
import json
import os
import shutil
import subprocess
import sys
import time

from manager import DEADLINE_S, Failure, Manager, Service, kill_pid, say, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVER = "203.0.113.2"
TALK_PORT = "7001"
FUNCTIONS = {"cpe": "vcpe", "fw": "firewall", "rtr": "router"}
GAP_S = (0.4, 0.9)  # between two deaths: longer than TCP takes to go on


def next_images(work):
    """The installed images, each under a second tag."""
    layout = work + "/layout"
    shutil.copytree(os.environ["FAULT_IMAGES"], layout)
    with open(layout + "/index.json", encoding="utf-8") as file:
        index = json.load(file)
    name = "org.opencontainers.image.ref.name"
    for kind in FUNCTIONS.values():
        entry = next(m for m in index["manifests"] if m["annotations"][name] == kind)
        index["manifests"].append({**entry, "annotations": {**entry["annotations"], name: "next-" + kind}})
    with open(layout + "/index.json", "w", encoding="utf-8") as file:
        json.dump(index, file)
    return layout


class Hosts:
    def __init__(self, work):
        self.name, self.directory = os.environ["FAULT_HOSTS"], work + "/hosts"
        self.processes = []

    def dhcp(self):
        script = f'. "{SOURCE}/tests/hosts/branch.sh"; HOSTS_NAME={self.name} HOSTS_DIR={self.directory}; hosts_dhcp'
        subprocess.run(["bash", "-c", script], check=True, stdout=sys.stderr, timeout=60)

    def start(self, side, *command, **named):
        process = subprocess.Popen(["ip", "netns", "exec", f"{self.name}-{side}", *command], text=True, **named)
        self.processes.append(process)
        return process

    def listens(self, port):
        out = subprocess.run(["ip", "netns", "exec", f"{self.name}-wan", "ss", "-Htln", f"sport = :{port}"],
                             capture_output=True, text=True, check=True, timeout=10)
        return out.stdout.strip()

    def finish(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()


class Talk:
    """A connection that is open."""

    def __init__(self, hosts):
        self.process = hosts.start("lan", sys.executable, SOURCE + "/tests/fault/talk.py", "connect", SERVER, TALK_PORT,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.words = 0

    def says(self):
        self.words += 1
        self.process.stdin.write(f"word {self.words}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == f"word {self.words}\n"


def kill_one(manager, service, victim):
    status = service.wait_running()
    if victim == "manager":
        manager.kill()
        manager.start()
    elif victim == "dataplane":
        pid = status["dataplane"]["pid"]
        kill_pid(pid)
        service.wait_running(lambda now: now["dataplane"]["pid"] != pid)
    else:
        pid = service.function(victim, status)["pid"]
        kill_pid(pid)
        service.wait_running(lambda now: service.function(victim, now)["pid"] != pid)
    service.wait_running()


def upgrade(service, function):
    """By a changed file, as `catena upgrade` does it."""
    tag = "next-" + FUNCTIONS[function]
    subprocess.run(["catena", "upgrade", f"branch/{function}", "--image", tag], check=True, stdout=subprocess.DEVNULL,
                   timeout=DEADLINE_S)
    if service.function(function).get("image") != tag:
        raise Failure(f"{function}: image {service.function(function).get('image')} after the upgrade")


def kill_and_upgrade(manager, service, chat, stream, seconds):
    deaths, upgraded = dict.fromkeys((*FUNCTIONS, "dataplane", "manager"), 0), []
    begin = time.monotonic()
    while stream.poll() is None and time.monotonic() - begin < seconds - 1:
        for victim in deaths:
            kill_one(manager, service, victim)
            deaths[victim] += 1
            if not chat.says():
                raise Failure(f"the connection that talks ended after {victim} was killed")
            time.sleep(manager.random.uniform(*GAP_S))
        if len(upgraded) < len(FUNCTIONS):
            for function in FUNCTIONS:
                upgrade(service, function)
                upgraded.append(function)
                if not chat.says():
                    raise Failure(f"the connection that talks ended after {function} was upgraded")
        if sum(deaths.values()) % 50 == 0:
            say(f"  connections: {deaths}")
    return deaths, upgraded


def run(work, seconds):
    manager, hosts = Manager(work, next_images(work)), Hosts(work)
    with open(SOURCE + "/chains/examples/branch.yaml", encoding="utf-8") as file:
        text = file.read().replace("veth:lan0", "veth:" + os.environ["LAN_PORT"])
        text = text.replace("veth:wan0", "veth:" + os.environ["WAN_PORT"])
    try:
        manager.start()
        manager.up("branch", text)
        service = Service(manager, "branch")
        hosts.dhcp()
        hosts.start("wan", sys.executable, SOURCE + "/tests/fault/talk.py", "serve", SERVER, TALK_PORT)
        wait_until("the server listens", lambda: hosts.listens(TALK_PORT))
        idle, chat = Talk(hosts), Talk(hosts)
        if not idle.says() or not chat.says():
            raise Failure("no connection to begin with")
        # The rate leaves the host's processors something for those who start again.
        stream = hosts.start("lan", "iperf3", "-c", SERVER, "-t", str(seconds), "-b", "100M", "-J",
                             stdout=subprocess.PIPE)
        deaths, upgraded = kill_and_upgrade(manager, service, chat, stream, seconds)
        out, _ = stream.communicate(timeout=seconds + 60)
        report = json.loads(out)
        broken = sum((stream.returncode != 0 or "error" in report, not chat.says(), not idle.says()))
        sent = report.get("end", {}).get("sum_sent", {})
        manager.down("branch")
        return {"scenario": "connections", "runs": sum(deaths.values()), "deaths": deaths, "upgraded": upgraded,
                "broken": broken, "words": chat.words, "stream_bytes": sent.get("bytes", 0), "retransmits": sent.get("retransmits"),
                "stream_error": report.get("error"), "passed": not broken and bool(sent.get("bytes"))}
    finally:
        hosts.finish()
        manager.finish()
