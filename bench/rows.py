"""The table: every row, its bar, and how it is measured."""

from dataclasses import dataclass

import footprint
import rivals
import speed
from report import Bar, Finding
from table import Row
from workloads import real, synthetic, times_over


@dataclass(frozen=True)
class Scale:
    """How long to measure."""

    rounds: int
    rival_rounds: int
    start_runs: int
    packets: int
    pipe_packets: int


FULL = Scale(rounds=7, rival_rounds=3, start_runs=21, packets=5_000_000, pipe_packets=16_000_000)
QUICK = Scale(rounds=3, rival_rounds=1, start_runs=7, packets=2_000_000, pipe_packets=1_600_000)


def _engine_row(live_flows: int, label: str) -> Row[Scale]:
    def measure(scale: Scale) -> Finding:
        return speed.engine(scale.rounds, synthetic("min", live_flows, scale.packets))

    return Row(f"engine.min_{label}", ENGINE_BAR, measure)


ENGINE_BAR = Bar(2.0, "x floor")

ROWS: list[Row[Scale]] = [
    Row("engine.real", ENGINE_BAR, lambda scale: speed.engine(scale.rounds, real())),
    _engine_row(10_000, "10k"),
    _engine_row(100_000, "100k"),
    _engine_row(1_000_000, "1m"),
    Row("csv.real", Bar(1.5, "x floor"), lambda scale: speed.csv(scale.rounds, real())),
    Row(
        "rivals.netflower",
        Bar(25, "x less", at_least=True),
        lambda scale: speed.rival(scale.rival_rounds, rivals.NETFLOWER),
    ),
    Row(
        "rivals.nfstream",
        Bar(15, "x less", at_least=True),
        lambda scale: speed.rival(scale.rival_rounds, rivals.NFSTREAM),
    ),
    Row("cores.real", Bar(0.6, "x one job"), lambda scale: speed.cores(scale.rounds, real())),
    Row("cores.long", Bar(0.6, "x one job"), lambda scale: speed.cores(scale.rounds, times_over(real(), 6))),
    Row("growth.min_100k", Bar(1.1, "x"), lambda scale: speed.growth(scale.rounds, scale.packets)),
    Row("memory.flow", Bar(512, "B"), lambda scale: footprint.flow_memory(scale.rival_rounds)),
    Row("memory.pipe", Bar(2, "MB"), lambda scale: footprint.pipe_memory(scale.pipe_packets)),
    Row("start.time", Bar(0.12, "s"), lambda scale: footprint.start_time(scale.start_runs)),
    Row("start.memory", Bar(25, "MB"), lambda scale: footprint.start_memory(scale.start_runs)),
    Row("start.numpy", Bar(0, "modules"), lambda scale: footprint.start_numpy()),
]
