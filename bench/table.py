"""Rows with bars: chosen on the command line, measured, printed."""

import argparse
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from programs import BenchError, Unavailable
from report import Bar, Finding, Outcome, heading

S = TypeVar("S")
"""How long to measure."""


@dataclass(frozen=True)
class Row(Generic[S]):
    name: str
    bar: Bar
    measure: Callable[[S], Finding]

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]

    def outcome(self, scale: S) -> Outcome:
        try:
            return Outcome.of(self.name, self.bar, self.measure(scale))
        except Unavailable as reason:
            return Outcome(self.name, self.bar, "skipped", None, str(reason))
        except BenchError as reason:
            return Outcome(self.name, self.bar, "failed", None, str(reason))


def main(description: str | None, rows: Sequence[Row[S]], full: S, quick: S) -> int:
    """Measures the rows that the command line asks for; the exit code."""
    arguments = _parse_arguments(description, rows)
    print(heading())
    outcomes = []
    for row in _chosen(rows, arguments.rows):
        outcomes.append(row.outcome(quick if arguments.quick else full))
        print(outcomes[-1].line(), flush=True)
    if arguments.json:
        _write_json(arguments.json, outcomes)
    return int(any(outcome.verdict in ("missed", "failed") for outcome in outcomes))


def _parse_arguments(description: str | None, rows: Sequence[Row[S]]) -> argparse.Namespace:
    groups = " ".join(dict.fromkeys(row.group for row in rows))
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rows", nargs="+", metavar="ROW", default=[], help=f"rows, or groups: {groups}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there as well")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less long")
    arguments = parser.parse_args()
    for name in arguments.rows:
        if not _chosen(rows, [name]):
            parser.error(f"no row or group is called {name}; rows: {' '.join(row.name for row in rows)}")
    return arguments


def _chosen(rows: Sequence[Row[S]], names: list[str]) -> list[Row[S]]:
    return [row for row in rows if not names or row.name in names or row.group in names]


def _write_json(path: Path, outcomes: list[Outcome]) -> None:
    table = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "rows": [outcome.as_dict() for outcome in outcomes],
    }
    path.write_text(json.dumps(table, indent=2) + "\n")
