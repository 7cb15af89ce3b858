"""Messages as edge lists. Whatever the octets are: an edge list that holds together, or MalformedMessageError."""

import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from flowedge.codec import json_form, msgpack_form
from flowedge.codec.fields import Fields, checked_integer
from flowedge.codec.limits import MAX_MESSAGE_OCTETS, MAX_PARTS, SCHEMA, VERSION
from flowedge.edges import KINDS, Column, EdgeList, Node
from flowedge.edges.column import LETTERS, OFFSET, unpacked
from flowedge.edges.edge_list import ENDS
from flowedge.errors import MalformedMessageError

_ZLIB = b"\x78"
_JSON = tuple(b"{ \t\r\n")
_MSGPACK_MAP = (*range(0x80, 0x90), 0xDE, 0xDF)
_ADDRESS_OCTETS = (4, 16)


def decode(payload: bytes, *, content_encoding: str | None = None) -> EdgeList:
    """The edge list in a message. Its first octet tells msgpack, JSON and deflated apart, so no property is needed.

    Nothing is trusted: what is larger than MAX_MESSAGE_OCTETS (once inflated) is refused, and reading the rest takes at
    most some thirty times its octets of memory. Keys that are not known are ignored. Raises MalformedMessageError.
    """
    if content_encoding not in (None, "", "identity", "deflate"):
        raise MalformedMessageError(f"content encoding {content_encoding!r} is not known, only deflate")
    octets = _inflated(payload) if payload[:1] == _ZLIB else payload
    if len(octets) > MAX_MESSAGE_OCTETS:
        raise MalformedMessageError(f"the message has more than {MAX_MESSAGE_OCTETS} octets")
    return _edge_list(_read(octets))


def _inflated(payload: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        octets = inflater.decompress(payload, MAX_MESSAGE_OCTETS + 1)
    except zlib.error as error:
        raise MalformedMessageError(f"the message cannot be inflated: {error}") from None
    if len(octets) > MAX_MESSAGE_OCTETS:
        raise MalformedMessageError(f"the message has more than {MAX_MESSAGE_OCTETS} octets once inflated")
    if not inflater.eof or inflater.unused_data:
        raise MalformedMessageError("the deflated message ends early, or something follows it")
    return octets


def _read(octets: bytes) -> dict[str, Any]:
    first = octets[0] if octets else None
    if first in _MSGPACK_MAP:
        return msgpack_form.read(octets)
    if first in _JSON:
        return json_form.read(octets)
    raise MalformedMessageError("the message is neither a msgpack map, a JSON object, nor one of these deflated")


def _edge_list(values: Mapping[str, Any]) -> EdgeList:
    fields = Fields(values)
    fields.one_of("v", (VERSION,))
    fields.one_of("schema", (SCHEMA,))
    parts = fields.integer("parts", 1, MAX_PARTS)
    start_ns = fields.integer("w0")
    nodes, columns = fields.value("nodes"), fields.value("cols")
    _check_nodes(nodes)
    _check_columns(columns, fields.integer("n"), len(nodes))
    return EdgeList(
        site=fields.text("site"),
        node=fields.text("node"),
        iface=fields.text("iface"),
        boot=fields.text("boot"),
        seq=fields.integer("seq"),
        part=fields.integer("part", 1, parts),
        parts=parts,
        start_ns=start_ns,
        end_ns=fields.integer("w1", start_ns + 1),
        kind=fields.one_of("kind", KINDS),
        nodes=nodes,
        columns=columns,
        drop=fields.counts("drop"),
    )


def _check_nodes(nodes: Sequence[Node]) -> None:
    for node in nodes:
        address = node
        if isinstance(node, tuple):
            address, prefix = node
            checked_integer("a subnet's prefix", prefix, 0, _bits(address))
        _bits(address)
    if len(set(nodes)) != len(nodes):
        raise MalformedMessageError("a node is there twice")


def _bits(address: object) -> int:
    if type(address) is not bytes or len(address) not in _ADDRESS_OCTETS:
        raise MalformedMessageError("a node's address has neither 4 nor 16 octets")
    return len(address) * 8


def _check_columns(columns: Mapping[str, Column], edges: int, nodes: int) -> None:
    for name, column in columns.items():
        if type(column.code) is not str or column.code not in LETTERS:
            raise MalformedMessageError(f"column {name!r} has a type that is not known")
        if len(column.data) % column.width:
            raise MalformedMessageError(f"column {name!r} ends within a number")
        _check_offsets(name, column)
        if len(column) != edges:
            raise MalformedMessageError(f"column {name!r} has {len(column)} items for {edges} edges")
    for name in ENDS:
        if name not in columns:
            raise MalformedMessageError(f"column {name!r} is missing")
        _check_ends(name, columns[name], nodes)


def _check_offsets(name: str, column: Column) -> None:
    if column.offsets is None:
        return
    if len(column.offsets) % int(OFFSET[-1]):
        raise MalformedMessageError(f"column {name!r} has offsets that end within a number")
    offsets = unpacked(OFFSET, column.offsets)
    if not offsets or offsets[0] != 0 or offsets[-1] != len(column.data) // column.width:
        raise MalformedMessageError(f"column {name!r} has offsets that do not begin and end with its data")
    if any(begin > end for begin, end in pairwise(offsets)):
        raise MalformedMessageError(f"column {name!r} has offsets that fall")


def _check_ends(name: str, column: Column, nodes: int) -> None:
    if column.code[1] != "u" or column.offsets is not None:
        raise MalformedMessageError(f"column {name!r} does not index nodes")
    if max(column.values(), default=-1) >= nodes:
        raise MalformedMessageError(f"column {name!r} names a node beyond the {nodes} there are")
