"""The rows about memory and about starting up."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import subject
import workloads
from measure import Usage, interleave, run
from programs import BenchError
from report import Finding

FEW_FLOWS, MANY_FLOWS = 100_000, 1_000_000
START_PACKETS = 10
PIPE_LIVE_FLOWS = 1_000
PIPE_PACKETS_PER_SECOND = 2_000
"""Slow, so that the first idle time-outs pass while little has been read."""
SAMPLE_SECONDS = 0.02


def flow_memory(rounds: int) -> Finding:
    """Octets of peak memory that an open flow adds."""
    captures = [workloads.synthetic("mem", flows, 3 * flows) for flows in (FEW_FLOWS, MANY_FLOWS)]
    pairs = interleave(rounds, *(lambda c=capture: subject.convert(c).peak_rss for capture in captures))
    few, many = (median(values) for values in zip(*pairs, strict=True))
    return Finding(
        [(more - less) / (MANY_FLOWS - FEW_FLOWS) for less, more in pairs],
        f"{few / 1e6:.0f} MB at {FEW_FLOWS:,} open flows, {many / 1e6:.0f} MB at {MANY_FLOWS:,}",
    )


def pipe_memory(packets: int) -> Finding:
    """MB by which resident memory grows while a large capture comes through a pipe, from its second quarter on."""
    source = subprocess.Popen(
        workloads.gensyn(Path("/dev/stdout"), "imix", PIPE_LIVE_FLOWS, packets, PIPE_PACKETS_PER_SECOND),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    reader = subprocess.Popen(
        subject.convert_command("-", Path("/dev/null")), stdin=source.stdout, stderr=subprocess.DEVNULL
    )
    assert source.stdout is not None
    assert source.stderr is not None
    source.stdout.close()  # the reader has the only end
    samples = list(_resident_sizes(reader))
    octets = _octets_written(source.stderr.read())
    if source.wait() != 0 or reader.returncode != 0 or len(samples) < 4:
        raise BenchError(f"the pipe ended early (exit code {reader.returncode})")
    quarter = len(samples) // 4
    early, late = max(samples[quarter : 2 * quarter]), max(samples[2 * quarter :])
    return Finding([(late - early) / 1e6], f"{late / 1e6:.1f} MB resident, {octets / 1e9:.1f} GB through the pipe")


def start_time(runs: int) -> Finding:
    """Wall time in seconds of the whole command on ten packets."""
    times = [used.wall_ns / 1e9 for used in _starts(runs)]
    return Finding(times, f"{START_PACKETS} packets, least {min(times):.3f} s of {runs} runs")


def start_memory(runs: int) -> Finding:
    """Peak memory in MB of the whole command on ten packets."""
    return Finding([used.peak_rss / 1e6 for used in _starts(runs)], f"{START_PACKETS} packets")


def start_numpy() -> Finding:
    """Modules of numpy that the command imports on ten packets."""
    done = run([sys.executable, "-X", "importtime", *subject.convert_command(_ten_packets())])
    modules = re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE)
    if "flowedge" not in modules:
        raise BenchError("the list of imports does not name flowedge")
    numpy = [module for module in modules if module.partition(".")[0] == "numpy"]
    return Finding([len(numpy)], f"of {len(modules)} modules imported")


def _starts(runs: int) -> list[Usage]:
    return [subject.convert(_ten_packets()) for _ in range(runs)]


def _ten_packets() -> Path:
    return workloads.synthetic("min", 2, START_PACKETS)


def _resident_sizes(process: "subprocess.Popen[bytes]") -> Iterator[int]:
    while process.poll() is None:
        resident = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        if resident:  # not there any more once it has ended
            yield int(resident[1]) * 1024
        time.sleep(SAMPLE_SECONDS)


def _octets_written(told: str) -> int:
    found = re.search(r"file_bytes (\d+)", told)
    return int(found[1]) if found else 0
