"""One window's edge list, or a part of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from flowedge.edges.column import Column
from flowedge.edges.optional_package import required

if TYPE_CHECKING:
    import numpy

Node: TypeAlias = bytes | tuple[bytes, int]
"""An address of 4 or 16 octets, or a subnet: its address and the length of its prefix."""

KINDS = ("flow", "pair", "service")
ENDS = ("src", "dst")
_V4_MAPPED = bytes(10) + b"\xff\xff"


class Gap(NamedTuple):
    """Windows that should have come and did not: `first` to `last`, both included."""

    node: str
    iface: str
    boot: str
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class EdgeList:
    """The edges of one window, seen at one interface; or a part of them, which has its own nodes and stands alone."""

    site: str
    node: str
    """who saw it: the agent's name"""
    iface: str
    boot: str
    """identity of the agent's run"""
    seq: int
    """number of the window within (site, node, boot, iface)"""
    part: int = 1
    """1 to `parts`"""
    parts: int = 1
    start_ns: int
    """the window is [start_ns, end_ns), in nanoseconds since 1970"""
    end_ns: int
    kind: str
    """what an edge is: "flow": one flow; "pair": the flows between two nodes; "service": those of one protocol and
    server port between two nodes"""
    nodes: Sequence[Node]
    columns: Mapping[str, Column]
    """by name, all of one length; `src` and `dst` (unsigned) index `nodes`"""
    drop: Mapping[str, int] = field(default_factory=dict)
    """packets of the window that no edge shows: "dropped" before the agent saw them, or by the reason they were skipped
    for; and "evicted": flows closed early for lack of room"""

    def __len__(self) -> int:
        return len(self.columns["src"])

    def nodes_text(self) -> list[str]:
        """The nodes' addresses as text (RFC 5952), subnets as "10.0.0.0/8"."""
        return [node_text(node) for node in self.nodes]

    def rows(self, start: int, stop: int) -> "EdgeList":
        """Edges from `start` to `stop` (exclusive), which must exist, with their nodes alone."""
        columns = {name: column.rows(start, stop) for name, column in self.columns.items()}
        ends = {name: columns[name].values() for name in ENDS}
        kept = list(dict.fromkeys(chain(*ends.values())))
        place = {index: number for number, index in enumerate(kept)}
        for name, indices in ends.items():
            columns[name] = Column.of(columns[name].code, map(place.__getitem__, indices))
        return replace(self, nodes=[self.nodes[index] for index in kept], columns=columns)

    def to_dicts(self) -> list[dict[str, Any]]:
        """An edge a dict: `src` and `dst` as text, the other columns as numbers or lists of numbers."""
        values = {name: column.to_list() for name, column in self.columns.items()}
        texts = self.nodes_text()
        for name in ENDS:
            values[name] = [texts[index] for index in values[name]]
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]

    def to_numpy(self) -> "dict[str, numpy.ndarray[Any, Any]]":
        """An array a column, without a copy; `src` and `dst` index `nodes`. A column of lists is an array of arrays.

        The arrays' types are those of the message: integers are as wide as this window's values need.
        Raises MissingPackageError if numpy is not installed.
        """
        numpy = required("numpy", "to_numpy()", "numpy")
        arrays = {name: numpy.frombuffer(column.data, column.code) for name, column in self.columns.items()}
        for name, column in self.columns.items():
            if column.offsets is not None:
                arrays[name] = _array_of_arrays(numpy, arrays[name], column)
        return arrays

    def to_arrow(self) -> Any:
        """A pyarrow.Table, an edge a row: `src` and `dst` as text, every integer of 64 bits.

        So the tables of different windows have one schema and can be put one after the other. The schema's metadata say
        which window it is. Raises MissingPackageError if pyarrow is not installed.
        """
        from flowedge.edges.table import arrow_table

        return arrow_table(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The Arrow PyCapsule interface: what to_arrow() gives, for polars, DuckDB and whatever else speaks Arrow."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_networkx(self) -> Any:
        """A networkx graph of nodes named by their addresses; columns are the edges' attributes.

        A DiGraph for "pair", a MultiDiGraph for "flow" and "service", where two nodes may have several edges.
        `graph.graph` says which window it is. Raises MissingPackageError if networkx is not installed.
        """
        from flowedge.edges.graphs import networkx_graph

        return networkx_graph(self)

    def to_pyg(self, columns: Sequence[str] | None = None, *, dtype: str = "float32") -> Any:
        """A torch_geometric.data.Data, an edge a column of `edge_index` (int64) and a row of `edge_attr`.

        `columns` names what `edge_attr` holds, and `edge_attr_names` repeats it. By default that is all that have one
        number an edge, but not `src` and `dst` and not times (`first_ns`, `last_ns`): those are too large for floats
        and become `edge_first_ns` and `edge_last_ns` (int64). `node_names` are the addresses. `dtype` is "float32", or
        "float64" which is exact for whatever a flow counts.
        Raises MissingPackageError if torch_geometric or numpy is not installed, KeyError for an unknown column.
        """
        from flowedge.edges.graphs import pyg_data

        return pyg_data(self, columns, dtype)

    def window(self) -> dict[str, str | int]:
        """Which window it is: what tables and graphs made of it carry along."""
        names = ("site", "node", "iface", "boot", "seq", "start_ns", "end_ns", "kind")
        return {name: getattr(self, name) for name in names}


def node_text(node: Node) -> str:
    if isinstance(node, tuple):
        address, prefix = node
        return f"{address_text(address)}/{prefix}"
    return address_text(node)


def address_text(address: bytes) -> str:
    """As rows have it, whatever Python's or the system's own taste in IPv4-mapped addresses."""
    if len(address) == 4:
        return ".".join(map(str, address))
    if address.startswith(_V4_MAPPED):
        return "::ffff:" + address_text(address[12:])
    return str(IPv6Address(address))


def _array_of_arrays(numpy: Any, values: Any, column: Column) -> Any:
    rows = numpy.empty(len(column), object)
    for number, (begin, end) in enumerate(column.bounds()):
        rows[number] = values[begin:end]
    return rows
