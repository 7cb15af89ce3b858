"""The windows of `flowedge subscribe` on a terminal, as they come."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from flowedge.edges import EdgeList
from flowedge.edges.edge_list import ENDS

if TYPE_CHECKING:
    from rich.console import Group

SHOWN = 12  # windows
TALKERS = 5
SECOND = 10**9  # nanoseconds
PACKETS = ("tot_fwd_pkts", "tot_bwd_pkts")
OCTETS = ("totlen_fwd_pkts", "totlen_bwd_pkts")
HEADINGS = ("window", "node", "interface", "edges", "nodes", "packets", "bytes", "dropped")
TEXT_COLUMNS = 3


class WindowTable:
    """The last windows, and who talked most in the last one that had flows. Needs a terminal."""

    def __init__(self) -> None:
        from rich.live import Live

        self._rows: deque[tuple[str, ...]] = deque(maxlen=SHOWN)
        self._talkers: Sequence[tuple[str, float]] = ()
        self._live = Live(self._drawn(), refresh_per_second=4)
        self._live.start()

    def put(self, window: EdgeList) -> None:
        self._rows.append(cells(window))
        self._talkers = talkers(window) or self._talkers
        self._live.update(self._drawn())

    def close(self) -> None:
        self._live.stop()

    def _drawn(self) -> "Group":
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        windows = Table(box=box.SIMPLE)
        for number, heading in enumerate(HEADINGS):
            windows.add_column(heading, justify="left" if number < TEXT_COLUMNS else "right")
        for row in self._rows:
            windows.add_row(*map(Text, row))
        most = Table("top talkers", box=box.SIMPLE)
        most.add_column("bytes", justify="right")
        for ends, octets in self._talkers:
            most.add_row(Text(ends), Text(f"{octets:,.0f}"))
        return Group(windows, most) if self._talkers else Group(windows)


def cells(window: EdgeList) -> tuple[str, ...]:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(window.start_ns // SECOND))
    numbers = (
        len(window),
        len(window.nodes),
        _sum(window, PACKETS),
        _sum(window, OCTETS),
        window.drop.get("dropped", 0),
    )
    return (moment, window.node, window.iface, *("-" if number is None else f"{number:,.0f}" for number in numbers))


def talkers(window: EdgeList) -> list[tuple[str, float]]:
    """The pairs of nodes with the most octets, in either direction."""
    columns = [_numbers(window, name) for name in OCTETS]
    octets: Counter[tuple[int, int]] = Counter()
    for column in columns:
        for *ends, number in zip(*(window.columns[end].values() for end in ENDS), column or (), strict=False):
            octets[min(ends), max(ends)] += number
    texts = window.nodes_text()
    return [(f"{texts[one]} - {texts[other]}", number) for (one, other), number in octets.most_common(TALKERS)]


def _sum(window: EdgeList, names: Sequence[str]) -> float | None:
    columns = [_numbers(window, name) for name in names]
    return None if None in columns else sum(sum(column) for column in columns if column is not None)


def _numbers(window: EdgeList, name: str) -> Any:
    """One an edge; None if the window has no such column."""
    column = window.columns.get(name)
    return None if column is None or column.offsets is not None else column.values()
