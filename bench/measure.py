"""Measuring: what one command uses, and contenders against each other in interleaved rounds."""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from programs import BenchError, program

Command: TypeAlias = Sequence[str | os.PathLike[str]]
T = TypeVar("T")


@dataclass(frozen=True)
class Usage:
    """What a command used, with the children it waited for (peak_rss: of the largest of them)."""

    wall_ns: int
    cpu_ns: int
    """User and system time."""
    peak_rss: int
    """Octets."""


@dataclass(frozen=True)
class LoopTime:
    """Of one pass over a capture, without the start of the process."""

    packets: int
    wall_ns: int
    cpu_ns: int


def usage_of(command: Command) -> Usage:
    """Runs a command to its end; BenchError if it fails."""
    read_end, write_end = os.pipe()
    try:
        launched = subprocess.run(
            [program("launch"), str(write_end), *command],
            pass_fds=[write_end],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(write_end)
    with open(read_end) as report:
        line = report.read()
    if launched.returncode != 0 or not line:
        raise BenchError(f"launch: {launched.stderr.strip()}")
    used = json.loads(line)
    if used.pop("exit_code") != 0:
        raise BenchError(f"{command[0]} failed: {_last_line(launched.stderr)}")
    return Usage(**used)


def run(command: Command) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end and keeps what it printed; BenchError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"{command[0]} failed: {_last_line(done.stderr)}")
    return done


def answer_of(command: Command) -> dict[str, Any]:
    """The line of JSON that a program prints about itself."""
    answer: dict[str, Any] = json.loads(run(command).stdout)
    return answer


def interleave(rounds: int, *contenders: Callable[[], T]) -> list[tuple[T, ...]]:
    """Every contender once a round: what else the machine does meets all of them."""
    return [tuple(contender() for contender in contenders) for _ in range(rounds)]


def ratios(rounds: Sequence[tuple[float, ...]]) -> list[float]:
    """Of every round, the first contender by the sum of the others."""
    return [first / sum(others) for first, *others in rounds]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]
