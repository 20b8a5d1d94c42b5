# SPDX-License-Identifier: BSD-3-Clause
"""Everything that a comparison starts or takes, and gives back: processes, a directory, huge pages.

A process that is started here dies with the one that started it, however that ends: a Ctrl-C, an exception, kill -9.
"""
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
HUGE_PAGES_FREE = HUGE_PAGES.with_name("free_hugepages")
LIBC = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What went wrong, for the one who reads it: no trace back is printed."""


def _die_with_parent():
    # A group of its own, so that a Ctrl-C meets this program first and the processes end in the order that it wants.
    os.setpgid(0, 0)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Process:
    """One child: its output goes into a log of its own."""

    def __init__(self, name, argv, log, env=None, stdin=subprocess.DEVNULL, patience=5):
        self.name, self.argv, self.log = name, [str(a) for a in argv], pathlib.Path(log)
        self.patience = patience
        with open(log, "ab") as out:
            # pylint: disable=subprocess-popen-preexec-fn,consider-using-with
            self.child = subprocess.Popen(self.argv, stdin=stdin, stdout=out, stderr=out, env=env,
                                          preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.child.pid

    def check(self):
        """Fails if the process has ended."""
        code = self.child.poll()
        if code is not None:
            raise Failure(f"{self.name} ended with {code}:\n{self.tail()}")

    def tail(self, lines=12):
        text = self.log.read_text(errors="replace").strip().splitlines()
        return "\n".join("    " + line for line in text[-lines:])

    def stop(self):
        """Asks the process to end, and ends it after some seconds."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(self.patience)
            except subprocess.TimeoutExpired:
                self.child.kill()
        self.child.wait()

    def kill(self):
        self.child.kill()
        self.child.wait()

    def cpu_seconds(self):
        """Processor time used so far; 0 once it has ended."""
        try:
            fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _read_pages(path):
    return int(path.read_text()) if path.exists() else 0


class Session:
    """A with-block that leaves nothing behind."""

    def __init__(self, keep_logs=None):
        self.processes, self.keep_logs, self.pages = [], keep_logs, 0
        self.directory = None

    def __enter__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="catena-compare-"))
        self.directory.chmod(0o711)  # containers' users come through
        return self

    def __exit__(self, *_):
        # What ends this program must not keep it from cleaning up, however often it is asked.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self.stop_all()
        self.give_pages_back()
        if self.keep_logs:
            for log in self.directory.rglob("*.log"):
                pathlib.Path(self.keep_logs).mkdir(parents=True, exist_ok=True)
                shutil.copy(log, self.keep_logs)
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self, name, argv, **options):
        process = Process(name, argv, self.directory / f"{name}.log", **options)
        self.processes.append(process)
        return process

    def stop_all(self):
        for process in reversed(self.processes):
            process.stop()
        self.processes.clear()

    def take_pages(self, count):
        """Makes `count` pages of 2 MiB free. What others have or reserve meanwhile is left alone."""
        missing = count - _read_pages(HUGE_PAGES_FREE)
        if missing > 0:
            before = _read_pages(HUGE_PAGES)
            HUGE_PAGES.write_text(str(before + missing))
            self.pages += _read_pages(HUGE_PAGES) - before
        if _read_pages(HUGE_PAGES_FREE) < count:
            raise Failure(f"huge pages: {_read_pages(HUGE_PAGES_FREE)} of 2 MiB are free, {count} are needed: "
                          "free some memory, or compare shorter chains")

    def give_pages_back(self):
        if self.pages > 0:
            HUGE_PAGES.write_text(str(max(0, _read_pages(HUGE_PAGES) - self.pages)))
            self.pages = 0

    def path(self, name):
        return self.directory / name


def wait_for(what, ready, seconds, processes=()):
    """Calls ready() until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        for process in processes:
            process.check()
        answer = ready()
        if answer:
            return answer
        if time.monotonic() > end:
            tails = "\n".join(f"  {p.name}:\n{p.tail()}" for p in processes)
            raise Failure(f"{what}: not within {seconds} s\n{tails}")
        time.sleep(0.02)


def call(argv, **options):
    """Runs a command to its end; fails with what it said."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **options)
    if done.returncode:
        raise Failure(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
