"""Shows what `flowedge capture --edges FOLDER --edge-kind pair` has written: python examples/show_edges.py FOLDER"""

import csv
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

ROWS = 12
COLUMNS = {
    "src": "from",
    "dst": "to",
    "flow_count": "flows",
    "tot_fwd_pkts": "packets there",
    "tot_bwd_pkts": "back",
    "server_ports": "ports",
}


def read_edges(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def table_of(path: Path) -> Table:
    edges = sorted(read_edges(path), key=lambda edge: -int(edge["flow_count"]))
    table = Table(*COLUMNS.values(), box=box.SIMPLE, title=f"{len(edges)} edges in {path.name}")
    for edge in edges[:ROWS]:
        table.add_row(*(edge[name] for name in COLUMNS))
    return table


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: show_edges.py FOLDER")
    files = sorted(Path(sys.argv[1]).glob("*/*.csv"))
    busiest = max(files, key=lambda path: len(read_edges(path)))
    console = Console()
    console.print(f"{len(files)} windows; the one with the most edges:")
    console.print(table_of(busiest))
