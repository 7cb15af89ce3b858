"""Measures flowedge against floors, rivals and its own bars; exit code 1 if a bar is missed."""

import argparse
import json
import platform
from pathlib import Path

from report import Outcome, heading
from rows import FULL, GROUPS, QUICK, ROWS, Row


def main() -> int:
    arguments = parse_arguments()
    scale = QUICK if arguments.quick else FULL
    print(heading())
    outcomes = []
    for row in chosen(arguments.rows):
        outcomes.append(row.outcome(scale))
        print(outcomes[-1].line(), flush=True)
    if arguments.json:
        write_json(arguments.json, outcomes)
    return int(any(outcome.verdict in ("missed", "failed") for outcome in outcomes))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", metavar="ROW", default=[], help=f"rows, or groups: {' '.join(GROUPS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table there as well")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller captures")
    arguments = parser.parse_args()
    for name in arguments.rows:
        if not chosen([name]):
            parser.error(f"no row or group is called {name}; rows: {' '.join(row.name for row in ROWS)}")
    return arguments


def chosen(names: list[str]) -> list[Row]:
    return [row for row in ROWS if not names or row.name in names or row.name.partition(".")[0] in names]


def write_json(path: Path, outcomes: list[Outcome]) -> None:
    table = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "rows": [outcome.as_dict() for outcome in outcomes],
    }
    path.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
