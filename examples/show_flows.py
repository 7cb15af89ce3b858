"""Shows the first flows of a capture, and how the Python interface reads: python examples/show_flows.py demo.pcap"""

import sys
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

import flowedge

ROWS = 12
PROTOCOLS = {6: "TCP", 17: "UDP"}


def endpoint(flow: dict[str, Any], side: str) -> str:
    address, port = flow[f"{side}_ip"], flow[f"{side}_port"]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def cells(flow: dict[str, Any]) -> list[str]:
    return [
        PROTOCOLS.get(flow["protocol"], str(flow["protocol"])),
        endpoint(flow, "src"),
        endpoint(flow, "dst"),
        f"{flow['flow_duration']:.6f}",
        str(flow["tot_fwd_pkts"]),
        str(flow["tot_bwd_pkts"]),
    ]


def table_of(path: str) -> Table:
    flows = [flow for batch in flowedge.read_flows(path) for flow in batch.to_dicts()]
    table = Table("", "source", "destination", "seconds", "fwd", "bwd", box=box.SIMPLE)
    table.title = f"{len(flows)} flows in {path}, {len(flows[0]) if flows else 0} columns each; of these"
    for flow in flows[:ROWS]:
        table.add_row(*cells(flow))
    return table


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: show_flows.py CAPTURE")
    Console().print(table_of(sys.argv[1]))
