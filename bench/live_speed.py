"""The rows about keeping up with a link: what is lost, and what a packet costs."""

import functools
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import watchers
from link import TOP_SPEED, Load
from measure import Command, interleave
from programs import BUILD, PACKAGE_SOURCES, ROOT, BenchError, Unavailable, up_to_date
from report import Finding
from watchers import FLOWEDGE, TCPDUMP, Tool, Watched, watch
from workloads import synthetic

LIVE_FLOWS = 10_000
CAPTURED_PACKETS = 2_000_000
RIVAL_RATES = (30_000, 100_000, 300_000)
RATE = 300_000
FALLBACK_RATE = 100_000
FALLBACK = BUILD / "without_libpcap"


@dataclass(frozen=True)
class Scale:
    """How long to measure: rounds, and seconds of sending in each."""

    rounds: int
    rival_rounds: int
    seconds: float


def load(packets_per_second: int, seconds: float) -> Load:
    """Frames of 60 octets, of 10,000 flows at any moment."""
    return Load(synthetic("min", LIVE_FLOWS, CAPTURED_PACKETS), packets_per_second, seconds)


def loss(scale: Scale, packets_per_second: int) -> Finding:
    """Percent of the packets that flowedge loses, less what tcpdump loses of the same."""
    ours, theirs = _beside_tcpdump(FLOWEDGE, scale, packets_per_second)
    sent = median(run.sent for run in ours) / scale.seconds
    return Finding(
        [mine.lost - its.lost for mine, its in zip(ours, theirs, strict=True)],
        f"{_percent(ours)} of {sent:,.0f} packets/s; tcpdump {_percent(theirs)} of its own",
    )


def top_speed(scale: Scale) -> Finding:
    return loss(scale, TOP_SPEED)


def cpu(scale: Scale) -> Finding:
    """CPU time of the agent in microseconds a packet, rows written to disk included."""
    ours, theirs = _beside_tcpdump(FLOWEDGE, scale, RATE)
    return Finding(
        [run.cpu_us for run in ours],
        f"{RATE:,} packets/s, {median(run.counters['rows'] for run in ours):,.0f} rows; tcpdump {_cpu(theirs)}",
    )


def memory(scale: Scale) -> Finding:
    """Peak resident memory of the agent in MB with 10,000 open flows; and with those that load() leaves open."""
    steady = Load(synthetic("mem", LIVE_FLOWS, 0), RATE, scale.seconds)
    runs = [_run(FLOWEDGE, steady) for _ in range(scale.rounds)]
    flows = {run.counters["flows"] for run in runs}
    if flows != {LIVE_FLOWS}:
        raise BenchError(f"{flows} flows instead of {LIVE_FLOWS:,}")
    busy, _ = _beside_tcpdump(FLOWEDGE, scale, RATE)
    return Finding(
        [_peak_mb(run) for run in runs],
        f"{LIVE_FLOWS:,} open flows, {RATE:,} packets/s; {median(map(_peak_mb, busy)):.1f} MB with up to 65,536 open",
    )


def _peak_mb(run: Watched) -> float:
    return run.peak_kb * 1024 / 1e6


def rival(scale: Scale, tool: Tool) -> Finding:
    """A rival's CPU time a packet by ours, at a rate that it can follow; what it loses there and beyond."""
    pairs = {rate: _contest((tool, FLOWEDGE), scale.rival_rounds, rate, scale.seconds) for rate in RIVAL_RATES}
    theirs, ours = pairs[RIVAL_RATES[0]]
    lost = ", ".join(f"{_percent(its)} ({_percent(mine)})" for its, mine in pairs.values())
    rates = ", ".join(f"{rate // 1000}k" for rate in RIVAL_RATES)
    return Finding(
        [its.cpu_us / mine.cpu_us for its, mine in zip(theirs, ours, strict=True)],
        f"{_cpu(theirs)} against {_cpu(ours)}; it loses (we lose) {lost} at {rates} packets/s",
    )


def fallback(scale: Scale) -> Finding:
    """As loss(), of a build that knows no libpcap and captures with pcapy-ng."""
    tool = watchers.agent(command=_command_without_libpcap)
    ours, theirs = _beside_tcpdump(tool, scale, FALLBACK_RATE)
    return Finding(
        [mine.lost - its.lost for mine, its in zip(ours, theirs, strict=True)],
        f"{_percent(ours)} of {FALLBACK_RATE:,} packets/s by pcapy-ng, {_cpu(ours)}",
    )


def _beside_tcpdump(tool: Tool, scale: Scale, packets_per_second: int) -> tuple[list[Watched], list[Watched]]:
    ours, theirs = _contest((tool, TCPDUMP), scale.rounds, packets_per_second, scale.seconds)
    return ours, theirs


@functools.cache
def _contest(
    tools: tuple[Tool, ...], rounds: int, packets_per_second: int, seconds: float
) -> tuple[list[Watched], ...]:
    """The tools in turns, the same load for each: a list of runs a tool. Several rows are made from one contest."""
    contenders = [functools.partial(_run, tool, load(packets_per_second, seconds)) for tool in tools]
    return tuple(list(runs) for runs in zip(*interleave(rounds, *contenders), strict=True))


def _run(tool: Tool, sending: Load) -> Watched:
    watched = watch(tool, sending)
    if watched.counters:
        check_counters(watched.counters, watched.sent)
    return watched


def check_counters(counters: dict[str, Any], sent: int | None = None) -> None:
    """BenchError if what the agent says about its losses does not add up, or not to what was sent."""
    before = counters["received"] == counters["packets"] + counters["kernel_dropped"]
    after = counters["packets"] == counters["in_flows"] + sum(counters["skipped"].values())
    behind = counters["flows"] == counters["rows"] + counters["queue_dropped"] + counters["rows_lost"]
    arrived = sent is None or sent == counters["received"]
    if not (before and after and behind and arrived):
        raise BenchError(f"the counters do not add up; sent {sent}, {counters}")


@functools.cache
def _command_without_libpcap() -> Command:
    """Builds it in a copy of the tree: the build folder of the tree holds objects of the other kind."""
    installed = FALLBACK / "installed"
    if not up_to_date(installed, PACKAGE_SOURCES):
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder, "tree")
            shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "dist"))
            _install_without_libpcap(tree)
        installed.touch()
    return ["env", f"PYTHONPATH={FALLBACK}", sys.executable, "-m", "flowedge"]


def _install_without_libpcap(tree: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(FALLBACK)]
    command = ["env", "FLOWEDGE_LIBPCAP=none", *pip, f"{tree}[pcapy]"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Unavailable(f"no build without libpcap: {done.stderr.strip().rpartition(chr(10))[2]}")


def _percent(runs: list[Watched]) -> str:
    return f"{median(run.lost for run in runs):.3f} %"


def _cpu(runs: list[Watched]) -> str:
    return f"{median(run.cpu_us for run in runs):.2f} us/packet of CPU"
