"""The windows of one interface: flows as they are closed in, edge lists out."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from flowedge._core import FlowBatch
from flowedge._core import Windows as NativeWindows
from flowedge.columns import COLUMNS
from flowedge.edges import Column, EdgeList, Node

Assignment: TypeAlias = Literal["closed", "start"]
EdgeKind: TypeAlias = Literal["flow", "pair", "service"]

PIECE_FLOWS = 2048  # edges in a piece: with all features 1.2 MB
PIECE_SUMS = 65536  # likewise of pairs and services, whose sums are to be one edge a window
MEMORY = 64 << 20  # octets held by the windows of an interface

NOTHING_SETTLED = -(2**63)
"""settled_ns of an engine that has had no packet"""
ENDED = 2**63 - 1
"""settled_ns of an engine that will have no more"""

_NODE_COLUMNS = ("src_ip", "dst_ip", "src_port", "dst_port", "protocol", "timestamp")
FEATURES = tuple(column.name for column in COLUMNS if column.group == "feature" and column.name not in _NODE_COLUMNS)
"""What an edge of kind "flow" tells of its flow unless something else is asked for."""


@dataclass(frozen=True, kw_only=True)
class WindowSettings:
    """How flows become edge lists."""

    window_ns: int = 10 * 10**9
    """length of a window; window k is [k * window_ns, (k + 1) * window_ns), in ns since 1970"""
    assign: Assignment = "closed"
    """a flow belongs to the window in which it was closed, or to that in which it began"""
    kind: EdgeKind = "flow"
    """what an edge is: see EdgeList.kind"""
    subnets: bool = False
    """nodes are subnets, not addresses"""
    v4_prefix: int = 24
    v6_prefix: int = 64
    columns: tuple[str, ...] = FEATURES
    """of each flow, for kind "flow": names from flowedge.columns.COLUMNS"""
    piece_edges: int | None = None
    """most edges of a piece; None: PIECE_FLOWS or PIECE_SUMS"""
    memory: int = MEMORY
    """octets held; beyond, the oldest window ends before its time"""


@dataclass(frozen=True)
class Observer:
    """Who sees the flows: what every edge list repeats."""

    site: str
    node: str
    boot: str
    """identity of the agent's run"""


class Losses(Protocol):
    """Counters from the beginning of the run of what no edge shows."""

    kernel_dropped: int
    interface_dropped: int
    queue_dropped: int
    evicted: int
    skipped: dict[str, int]


class InterfaceWindows:
    """Makes edge lists of the flows of one interface.

    Windows end in order, the first is that of the first flow or of the first time that is settled, and `seq` counts
    them from 0. Windows without flows are told too, unless there are more than 10,000 on end: those are left out, and
    `seq` goes on by one. An edge list with `parts` 0 is a piece of a window that has not ended; with another number it
    is the last of its window, perhaps without edges.

    Raises ValueError for settings that cannot be met.
    """

    def __init__(self, settings: WindowSettings, observer: Observer, interface: str) -> None:
        self._settings = settings
        self._observer = observer
        self._interface = interface
        self._windows = native_windows(settings)
        self._seq = 0
        self._pieces = 0  # given of the present window
        self._lost: dict[str, int] = {}  # as last told
        self._told: dict[str, int] = {}

    @property
    def late(self) -> int:
        """Flows that came when their window had ended, and are in a later one."""
        return self._windows.late

    def add(self, batch: FlowBatch) -> Iterator[EdgeList]:
        """Takes flows; edge lists that are full."""
        return self._edge_lists(self._windows.add(batch))

    def settle(self, time_ns: int) -> Iterator[EdgeList]:
        """Says that no flow with this time (`closed_ns`, or `first_ns`) or an earlier one will come."""
        return self._edge_lists(self._windows.settle(time_ns))

    def finish(self) -> Iterator[EdgeList]:
        """Says that no more flows will come. All windows up to the last with flows end."""
        return self._edge_lists(self._windows.finish())

    def count(self, losses: Iterable[Losses]) -> None:
        """Takes the counters of all who see this interface; the next window that ends tells how they have risen."""
        self._lost = total_losses(losses)

    def _edge_lists(self, pieces: "Iterable[NativePiece]") -> Iterator[EdgeList]:
        return map(self._edge_list, pieces)

    def _edge_list(self, piece: "NativePiece") -> EdgeList:
        window, last, nodes, columns, _ = piece
        self._pieces += 1
        edges = EdgeList(
            site=self._observer.site,
            node=self._observer.node,
            iface=self._interface,
            boot=self._observer.boot,
            seq=self._seq,
            part=self._pieces,
            parts=self._pieces if last else 0,
            start_ns=window * self._settings.window_ns,
            end_ns=(window + 1) * self._settings.window_ns,
            kind=self._settings.kind,
            nodes=self._nodes(nodes),
            columns={name: Column(*values) for name, values in columns.items()},
            drop=self._newly_lost() if last else {},
        )
        if last:
            self._seq += 1
            self._pieces = 0
        return edges

    def _nodes(self, addresses: list[bytes]) -> list[Node]:
        if not self._settings.subnets:
            return [*addresses]
        prefixes = {4: self._settings.v4_prefix, 16: self._settings.v6_prefix}
        return [(address, prefixes[len(address)]) for address in addresses]

    def _newly_lost(self) -> dict[str, int]:
        lost = self._lost | {"late": self.late}
        new = {name: count - self._told.get(name, 0) for name, count in lost.items()}
        self._told = lost
        return {name: count for name, count in new.items() if count > 0}


NativePiece: TypeAlias = tuple[int, bool, list[bytes], dict[str, tuple[str, bytes, bytes | None]], int]


def native_windows(settings: WindowSettings) -> NativeWindows:
    piece_edges = settings.piece_edges or (PIECE_FLOWS if settings.kind == "flow" else PIECE_SUMS)
    return NativeWindows(
        window_ns=settings.window_ns,
        assign=settings.assign,
        kind=settings.kind,
        columns=settings.columns if settings.kind == "flow" else (),
        v4_prefix=settings.v4_prefix if settings.subnets else 32,
        v6_prefix=settings.v6_prefix if settings.subnets else 128,
        piece_edges=piece_edges,
        memory=settings.memory,
    )


def total_losses(losses: Iterable[Losses]) -> dict[str, int]:
    """The sums by name, as EdgeList.drop has them."""
    totals: dict[str, int] = {}
    for each in losses:
        named = {
            "dropped": each.kernel_dropped + each.interface_dropped,
            "queue_dropped": each.queue_dropped,
            "evicted": each.evicted,
            **each.skipped,
        }
        for name, count in named.items():
            totals[name] = totals.get(name, 0) + count
    return totals
