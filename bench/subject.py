"""What is measured: the flowedge that is installed for this Python."""

import importlib.util
import sys
from pathlib import Path

from measure import LoopTime, Usage, answer_of, usage_of
from programs import BENCH, BUILD, Unavailable

OUT = BUILD / "flows.csv"


def command() -> Path:
    """Path of the `flowedge` command."""
    path = Path(sys.executable).with_name("flowedge")
    if not path.exists() or importlib.util.find_spec("flowedge") is None:
        raise Unavailable("flowedge is not installed for this Python")
    return path


def convert_command(capture: Path | str, out: Path = OUT, jobs: int = 1) -> list[str]:
    return [str(command()), "convert", str(capture), "-o", str(out), "--format", "csv", "--jobs", str(jobs)]


def convert(capture: Path, jobs: int = 1) -> Usage:
    """The whole command, capture to CSV."""
    OUT.unlink(missing_ok=True)
    return usage_of(convert_command(capture, jobs=jobs))


def rows_written() -> int:
    with OUT.open("rb") as table:
        return sum(1 for _ in table) - 1


def read_loop(capture: Path, packets: int) -> LoopTime:
    """read_flows() in a process of its own, the batches thrown away."""
    command()
    return LoopTime(packets, **answer_of([sys.executable, BENCH / "read_loop.py", capture]))
