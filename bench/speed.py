"""The rows about time: the engine and the CSV against the floors, rivals, cores, growth."""

import functools
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import rivals
import subject
import workloads
from measure import LoopTime, answer_of, interleave, ratios
from programs import BUILD, csv_floor, program
from report import Finding

RIVAL_PACKETS = 200_000
GROWTH = 4
GROWTH_LIVE_FLOWS = 100_000
GROWTH_SECONDS = 500
"""Of the smaller capture: several idle time-outs, so that the table is in its steady state."""


def floor(capture: Path) -> LoopTime:
    """Parsing, looking up and updating a flow, batched and prefetched: floor.c's hashwp."""
    answer = answer_of([program("floor"), "hashwp", capture])
    return LoopTime(answer["packets"], answer["wall_ns"], answer["cpu_ns"])


def csv_floor_cpu(rows: int) -> int:
    """CPU time in ns of writing as many rows of 82 values."""
    cpu_ns: int = answer_of([csv_floor(), str(rows), BUILD / "floor.csv"])["cpu_ns"]
    return cpu_ns


def engine(rounds: int, capture: Path) -> Finding:
    """read_flows() by the floor, CPU time."""
    packets = floor(capture).packets
    pairs = interleave(rounds, lambda: subject.read_loop(capture, packets), lambda: floor(capture))
    ours, floors = zip(*pairs, strict=True)
    return Finding(
        ratios([(mine.cpu_ns, least.cpu_ns) for mine, least in pairs]),
        f"{_per_packet(ours)} against {_per_packet(floors)} ns/packet of CPU (wall)",
    )


def csv(rounds: int, capture: Path) -> Finding:
    """`flowedge convert` by the sum of both floors, CPU time."""
    subject.convert(capture)
    rows = subject.rows_written()
    times = interleave(
        rounds,
        lambda: subject.convert(capture).cpu_ns,
        lambda: floor(capture).cpu_ns,
        lambda: csv_floor_cpu(rows),
    )
    ours, reading, writing = (median(values) / 1e6 for values in zip(*times, strict=True))
    return Finding(
        ratios(times),
        f"{ours:.0f} ms against {reading:.0f} + {writing:.0f} ms of CPU for {rows:,} rows",
    )


def rival(rounds: int, script: str) -> Finding:
    """A rival's CPU time by that of `flowedge convert`, on the start of the real capture."""
    capture = workloads.first_packets(workloads.real(), RIVAL_PACKETS)
    pairs = interleave(rounds, lambda: rivals.run(script, capture).cpu_ns, lambda: subject.convert(capture).cpu_ns)
    theirs, ours = (median(values) / 1e9 for values in zip(*pairs, strict=True))
    return Finding(ratios(pairs), f"{theirs:.2f} s against {ours:.3f} s of CPU for {RIVAL_PACKETS:,} packets")


def cores(rounds: int, capture: Path) -> Finding:
    """Two jobs by one, wall time."""
    pairs = interleave(
        rounds,
        lambda: subject.convert(capture, jobs=2).wall_ns,
        lambda: subject.convert(capture, jobs=1).wall_ns,
    )
    two, one = (median(values) / 1e6 for values in zip(*pairs, strict=True))
    return Finding(ratios(pairs), f"{two:.0f} ms with two jobs, {one:.0f} ms with one")


def growth(rounds: int, packets: int) -> Finding:
    """Time a packet of a capture by that of one a quarter as long."""
    make = functools.partial(
        workloads.synthetic, "min", GROWTH_LIVE_FLOWS, packets_per_second=packets // GROWTH_SECONDS
    )
    small, large = make(packets), make(GROWTH * packets)
    pairs = interleave(
        rounds,
        lambda: subject.read_loop(large, GROWTH * packets).cpu_ns,
        lambda: subject.read_loop(small, packets).cpu_ns,
    )
    late, early = (median(values) for values in zip(*pairs, strict=True))
    return Finding(
        [ratio / GROWTH for ratio in ratios(pairs)],
        f"{late / GROWTH / packets:.0f} ns/packet of CPU over {GROWTH * packets:,} packets, "
        f"{early / packets:.0f} over {packets:,}",
    )


def _per_packet(times: Sequence[LoopTime]) -> str:
    cpu = median(time.cpu_ns / time.packets for time in times)
    wall = median(time.wall_ns / time.packets for time in times)
    return f"{cpu:.0f} ({wall:.0f})"
