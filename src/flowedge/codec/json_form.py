"""The members of an edge-list message as JSON, and back; and JSON from strangers."""

import json
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from math import isfinite, nan
from typing import Any, NoReturn

from flowedge.codec.fields import Fields, checked_text
from flowedge.codec.limits import MAX_COLUMNS, MAX_MESSAGE_OCTETS
from flowedge.edges import Column, Node
from flowedge.edges.column import LETTERS, OFFSET, Numbers, packed, unpacked
from flowedge.edges.edge_list import address_text
from flowedge.errors import MalformedMessageError

_OCTETS_A_BRACKET = 12
"""An edge list has at most one bracket in so many octets: that of a subnet, ["10.0.0.0",8]."""
_MORE_BRACKETS = 1024
"""... and those of its columns."""


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def load(octets: bytes) -> dict[str, Any]:
    """A JSON object from a stranger. Raises MalformedMessageError."""
    _check_brackets(octets)
    try:
        value = json.loads(octets.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"the message is no JSON: {error}") from None
    if type(value) is not dict:
        raise MalformedMessageError("the message is no JSON object")
    return value


def members(values: Mapping[str, Any]) -> bytes:
    """Keys and values, without the object's braces."""
    return dump({key: _WRITERS.get(key, _same)(value) for key, value in values.items()})[1:-1]


def message(count: int, head: bytes, body: bytes) -> bytes:
    """The object of these members."""
    return b"{%b,%b}" % (head, body)


def read(octets: bytes) -> dict[str, Any]:
    """All members, nodes and columns as EdgeList has them. Raises MalformedMessageError."""
    values = load(octets)
    fields = Fields(values)
    nodes = [_node(node) for node in fields.items("nodes", most=len(octets))]
    columns = fields.value("cols")
    if type(columns) is not dict or len(columns) > MAX_COLUMNS:
        raise MalformedMessageError(f"cols is no map of up to {MAX_COLUMNS} columns")
    return values | {"nodes": nodes, "cols": {name: _column(name, column) for name, column in columns.items()}}


def _check_brackets(octets: bytes) -> None:
    """Empty arrays cost the reader thirty times their octets: a message full of them is none of ours."""
    if len(octets) > MAX_MESSAGE_OCTETS:
        raise MalformedMessageError(f"the message has more than {MAX_MESSAGE_OCTETS} octets")
    if octets.count(b"[") + octets.count(b"{") > _MORE_BRACKETS + len(octets) // _OCTETS_A_BRACKET:
        raise MalformedMessageError("the message has more arrays and objects than an edge list")


def _refuse(constant: str) -> NoReturn:
    raise MalformedMessageError(f"{constant} is no JSON number")


def _same(value: Any) -> Any:
    return value


def _node_json(node: Node) -> str | list[str | int]:
    return [address_text(node[0]), node[1]] if isinstance(node, tuple) else address_text(node)


def _column_json(column: Column) -> list[object]:
    numbers = _WRITERS_OF_NUMBERS.get(column.code, memoryview.tolist)(column.values())
    offsets = [] if column.offsets is None else [unpacked(OFFSET, column.offsets).tolist()]
    return [column.code, numbers, *offsets]


def _doubles(values: Numbers) -> list[float | None]:
    return [value if isfinite(value) else None for value in values]


def _singles(values: Numbers) -> list[float | None]:
    """With the nine digits that single precision has, not the seventeen that Python would write."""
    return [float(f"{value:.9g}") if isfinite(value) else None for value in values]


_WRITERS_OF_NUMBERS: dict[str, Callable[[Numbers], list[Any]]] = {"<f8": _doubles, "<f4": _singles}
_WRITERS: dict[str, Callable[[Any], Any]] = {
    "nodes": lambda nodes: [_node_json(node) for node in nodes],
    "cols": lambda columns: {name: _column_json(column) for name, column in columns.items()},
}


def _node(node: object) -> Node:
    if type(node) is list and len(node) == 2:
        return _address(node[0]), node[1]
    return _address(node)


def _address(text: object) -> bytes:
    if type(text) is not str or "%" in text:
        raise MalformedMessageError("a node's address is no text, or has a zone")
    try:
        return ip_address(text).packed
    except ValueError:
        raise MalformedMessageError("a node is no IP address") from None


def _column(name: str, column: object) -> Column:
    if type(column) is not list or len(column) not in (2, 3) or any(type(part) is not list for part in column[1:]):
        raise MalformedMessageError("a column is not a type, its data and perhaps offsets")
    checked_text("a column's name", name)
    code, numbers, *offsets = column
    if type(code) is not str or code not in LETTERS:
        raise MalformedMessageError("a column's type is not known")
    if code[1] == "f":
        numbers = [nan if number is None else number for number in numbers]
    try:
        return Column(code, packed(code, numbers), *(packed(OFFSET, part) for part in offsets))
    except (OverflowError, TypeError):
        raise MalformedMessageError(f"column {name!r} has what is no {code}") from None
