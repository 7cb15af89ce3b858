"""What watches a link: flowedge, and others to compare it with."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import rivals
import subject
from integration.network import INTERFACE, Network
from link import Load, link, send
from measure import Command
from programs import BUILD, BenchError

FOLDER = BUILD / "live"
LOG, STATS, TABLE = FOLDER / "log", FOLDER / "stats.json", FOLDER / "flows.csv"

START_SECONDS = 20.0
END_SECONDS = 30.0
SETTLE_SECONDS = 3.0
"""After the last packet: a slow tool has a buffer to work off, and NFStream tells what it saw each second only."""
POLL_SECONDS = 0.002
OPEN_TO_ALL = 0o777
"""The agent gives up root's rights."""

NETFLOWER = """\
import signal, sys, netflower
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
handle = netflower.capture_live(sys.argv[1], on_flow=lambda flow: None)
handle.start()
print("watching", flush=True)
signal.sigwait([signal.SIGTERM])
handle.stop()
print(f"{handle._pkt_counter} packets")
"""
NFSTREAM = """\
import signal, sys
from nfstream import NFStreamer
signal.signal(signal.SIGINT, signal.default_int_handler)
streamer = NFStreamer(source=sys.argv[1], statistical_analysis=True, n_dissections=0, n_meters=1, performance_report=1)
print("watching", flush=True)
for flow in streamer:
    pass
"""


@dataclass(frozen=True)
class Tool:
    """command  what to run, asked for when it is run: it may have to be installed
    ready    what the tool says once it watches
    seen     finds the packets that it saw in what it said
    stop     the signal that ends it
    """

    name: str
    command: Callable[[], Command]
    ready: str
    seen: Callable[[str], int]
    stop: signal.Signals = signal.SIGTERM


def last_number(pattern: str, said: str) -> int:
    """The last number that stands before or behind certain words."""
    found = re.findall(pattern, said)
    return int(found[-1]) if found else 0


def stats() -> dict[str, Any]:
    """The closing counters of the agent that ended last."""
    try:
        counters: dict[str, Any] = json.loads(STATS.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"the agent left no counters: {error}") from error
    return counters


def agent(*options: str | os.PathLike[str], command: Callable[[], Command] = lambda: [subject.command()]) -> Tool:
    """flowedge with a table and the closing counters; the table is on disk."""
    outputs = ["--csv", str(TABLE), "--stats", str(STATS)]
    return Tool(
        "flowedge",
        lambda: [*command(), "capture", INTERFACE, *options, *outputs],
        "capturing",
        lambda _: int(stats()["packets"]),
    )


FLOWEDGE = agent()
TCPDUMP = Tool(
    "tcpdump",
    lambda: ["tcpdump", "-i", INTERFACE, "-n", "-w", "/dev/null"],
    "listening on",
    partial(last_number, r"(\d+) packets? captured"),
)
NETFLOWER_LIVE = Tool(
    "netflower",
    lambda: [rivals.python(), "-c", NETFLOWER, INTERFACE],
    "watching",
    partial(last_number, r"(\d+) packets"),
)
NFSTREAM_LIVE = Tool(
    "NFStream",
    lambda: [rivals.python(), "-u", "-c", NFSTREAM, INTERFACE],
    "watching",
    partial(last_number, r'"packets_processed": (\d+)'),
    signal.SIGINT,
)


class Watch:
    """A tool at work on the watched end of a network; it ends with the block at the latest."""

    def __init__(self, tool: Tool, network: Network) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        FOLDER.chmod(OPEN_TO_ALL)
        for left_over in (STATS, TABLE):
            left_over.unlink(missing_ok=True)
        self.network = network
        self._tool = tool
        with LOG.open("wb") as log:
            self.process = subprocess.Popen(network.in_watched(*tool.command()), stdout=log, stderr=subprocess.STDOUT)

    def __enter__(self) -> "Watch":
        try:
            self._wait_for(lambda: self._tool.ready in self.said, START_SECONDS, "begin")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    def _kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()

    def _wait_for(self, happened: Callable[[], bool], seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not happened():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(f"{self._tool.name} did not {what}: {self.said.strip().rpartition(chr(10))[2]}")
            time.sleep(POLL_SECONDS)

    @property
    def said(self) -> str:
        return LOG.read_text(errors="replace")

    @property
    def seen(self) -> int:
        """Packets, once it has ended."""
        return self._tool.seen(self.said)

    def cpu_ns(self) -> int:
        """User and system time of all its processes so far; they are all there is in their namespace."""
        pids = subprocess.run(["ip", "netns", "pids", self.network.watched], capture_output=True, text=True).stdout
        return sum(_cpu_ns(pid) for pid in pids.split())

    def memory_kb(self, name: str) -> int:
        """VmRSS, VmHWM (its peak) or RssAnon (without what it maps) of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return last_number(rf"{name}:\s+(\d+) kB", status)

    def end(self) -> int:
        """Asks it to end, waits, and gives the CPU time in ns that it took in all, children included."""
        self.process.send_signal(self._tool.stop)
        deadline = time.monotonic() + END_SECONDS
        while True:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return int((usage.ru_utime + usage.ru_stime) * 1e9)
            if time.monotonic() > deadline:
                raise BenchError(f"{self._tool.name} did not end within {END_SECONDS:g} s")
            time.sleep(POLL_SECONDS)


def _cpu_ns(pid: str) -> int:
    """Of the threads that a process has; ticks, as its own sum is in, would be too coarse."""
    schedules = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(schedule.read_text().split()[0]) for schedule in schedules)


@dataclass(frozen=True)
class Watched:
    """What became of a load."""

    sent: int
    seen: int
    cpu_ns: int
    """of the tool, from the first packet to its end"""
    peak_kb: int
    counters: dict[str, Any]
    """of flowedge"""

    @property
    def lost(self) -> float:
        """Of the packets sent, in percent."""
        return 100 * (self.sent - self.seen) / self.sent

    @property
    def cpu_us(self) -> float:
        """A packet."""
        return self.cpu_ns / 1e3 / max(self.seen, 1)


def watch(tool: Tool, load: Load) -> Watched:
    """Sends a load past a tool, and ends it when all has come to rest."""
    with link() as network, Watch(tool, network) as running:
        before = running.cpu_ns()
        sent = send(network, load)
        time.sleep(SETTLE_SECONDS)
        peak = running.memory_kb("VmHWM")
        used = running.end() - before
        return Watched(sent, running.seen, used, peak, stats() if STATS.exists() else {})
