"""The parts of a window put together."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from flowedge.edges.column import OFFSET, Column, packed, unpacked
from flowedge.edges.edge_list import ENDS, EdgeList, Node
from flowedge.errors import MalformedMessageError


def joined(parts: Iterable[EdgeList]) -> EdgeList:
    """One edge list of all parts of a window, in the order of their numbers.

    Nodes that several parts have become one. Raises MalformedMessageError if the parts are not all of one window, one
    is missing or there twice, or their columns differ.
    """
    ordered = sorted(parts, key=lambda part: part.part)
    _check_one_window(ordered)
    if len(ordered) == 1:
        return ordered[0]
    places: dict[Node, int] = {}
    for node in (node for part in ordered for node in part.nodes):
        places.setdefault(node, len(places))
    columns = {name: _joined_column(name, ordered) for name in ordered[0].columns if name not in ENDS}
    ends = {name: _joined_ends(name, ordered, places) for name in ENDS}
    return replace(ordered[0], part=1, parts=1, nodes=list(places), columns=ends | columns)


def _check_one_window(ordered: Sequence[EdgeList]) -> None:
    if not ordered:
        raise MalformedMessageError("there are no parts to join")
    first = ordered[0]
    if any((part.window(), part.parts) != (first.window(), first.parts) for part in ordered):
        raise MalformedMessageError("the parts are not all of one window")
    if [part.part for part in ordered] != list(range(1, first.parts + 1)):
        raise MalformedMessageError(f"{first.parts} parts make the window, {len(ordered)} others are here")
    if any(part.columns.keys() != first.columns.keys() for part in ordered):
        raise MalformedMessageError("the parts of the window have different columns")


def _joined_ends(name: str, ordered: Sequence[EdgeList], places: dict[Node, int]) -> Column:
    octets = []
    for part in ordered:
        new = [places[node] for node in part.nodes]
        octets.append(packed("<u4", map(new.__getitem__, part.columns[name].values())))
    return Column("<u4", b"".join(octets))


def _joined_column(name: str, ordered: Sequence[EdgeList]) -> Column:
    columns = [part.columns[name] for part in ordered]
    if len({column.offsets is None for column in columns}) > 1:
        raise MalformedMessageError(f"column {name} has lists in some parts of the window, numbers in others")
    code = _common_code(name, {column.code for column in columns})
    try:
        data = b"".join(c.data if c.code == code else packed(code, c.values()) for c in columns)
    except OverflowError:
        raise MalformedMessageError(f"column {name} has numbers that no type holds together") from None
    return Column(code, data, None if columns[0].offsets is None else _joined_offsets(columns))


def _common_code(name: str, codes: set[str]) -> str:
    """The type that holds the numbers of all; integers are as wide as each part needs, so they may differ."""
    kinds = {code[1] for code in codes}
    width = max(int(code[2]) for code in codes)
    if len(kinds) == 1:
        return f"<{kinds.pop()}{width}"
    if "f" in kinds:
        raise MalformedMessageError(f"column {name} has integers in some parts of the window, floats in others")
    return f"<i{min(2 * width, 8)}"


def _joined_offsets(columns: Sequence[Column]) -> bytes:
    offsets, base = [0], 0
    for column in columns:
        offsets.extend(base + offset for offset in unpacked(OFFSET, column.offsets or b"")[1:])
        base = offsets[-1]
    return packed(OFFSET, offsets)
