"""Edge lists as messages."""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Literal, Protocol, TypeAlias

from flowedge.codec import json_form, msgpack_form
from flowedge.codec.limits import (
    BODY_KEYS,
    HEAD_KEYS,
    MAX_MESSAGE_OCTETS,
    MAX_PARTS,
    MAX_PAYLOAD,
    SCHEMA,
    VERSION,
)
from flowedge.edges import Column, EdgeList
from flowedge.errors import EdgeTooLargeError

EncodingName: TypeAlias = Literal["msgpack", "json"]
Precision: TypeAlias = Literal["f8", "f4"]

CONTENT_TYPES: dict[EncodingName, str] = {
    "msgpack": "application/vnd.flowedge.edges.v1+msgpack",
    "json": "application/vnd.flowedge.edges.v1+json",
}
"""The property content-type of an edge-list message."""

_LEVEL = 1
"""of zlib: the usual 6 takes twice as long and saves a twentieth"""
_DEFLATE_VARIES = 64
"""octets by which deflated messages may differ that differ in a number"""
_HOPED_FOR = 0.95
"""how full a part is made: edges differ in size, and a part too large is made again"""


class _Form(Protocol):
    def members(self, values: Mapping[str, Any]) -> bytes: ...

    def message(self, count: int, head: bytes, body: bytes) -> bytes: ...


_FORMS: dict[EncodingName, _Form] = {"msgpack": msgpack_form, "json": json_form}


def encode_part(
    edges: EdgeList, *, encoding: EncodingName = "msgpack", compress: bool = False, precision: Precision = "f8"
) -> bytes:
    """The message of one part, however large. Integers are made as narrow as the column's numbers allow.

    `precision` "f4" halves the floats' octets. JSON has no NaN and no infinity: both become null, which is read as NaN.
    Raises EdgeTooLargeError for more than MAX_MESSAGE_OCTETS, which no reader takes: split() it.
    """
    encoder = _Encoder(encoding, compress, precision)
    return encoder.message(edges, encoder.body(edges))


def split(
    edges: EdgeList,
    max_payload: int = MAX_PAYLOAD,
    *,
    encoding: EncodingName = "msgpack",
    compress: bool = False,
    precision: Precision = "f8",
) -> list[bytes]:
    """The messages of a whole window, none larger than `max_payload` octets; an empty window has one too.

    Each has its own nodes and stands alone. Raises EdgeTooLargeError if one edge is larger than that, or there would be
    more than MAX_PARTS messages: then nothing of the window can be sent.
    """
    encoder = _Encoder(encoding, compress, precision)
    pieces = list(_pieces(edges, encoder, max_payload))
    if len(pieces) > MAX_PARTS:
        raise EdgeTooLargeError(f"{len(edges)} edges do not fit into {MAX_PARTS} messages of {max_payload} octets")
    return [
        encoder.message(replace(piece, part=number, parts=len(pieces)), body)
        for number, (piece, body) in enumerate(pieces, 1)
    ]


def _pieces(edges: EdgeList, encoder: "_Encoder", max_payload: int) -> Iterator[tuple[EdgeList, bytes]]:
    """The parts, each with its body. How many edges fit is learnt from the part before."""
    start, count = 0, max(1, max_payload // _row_octets(edges))
    while True:
        stop = min(start + count, len(edges))
        piece = edges if stop - start == len(edges) else edges.rows(start, stop)
        body = encoder.body(piece)
        size = encoder.largest_size(piece, body)
        if size <= max_payload:
            yield piece, body
            if stop == len(edges):
                return
            start, count = stop, max(1, int(count * _HOPED_FOR * max_payload / size))
        elif len(piece) > 1:
            count = len(piece) // 2
        else:
            raise EdgeTooLargeError(f"an edge does not fit into {max_payload} octets, the most a message may have")


def _row_octets(edges: EdgeList) -> int:
    """About what an edge takes in msgpack."""
    return sum(column.width for column in edges.columns.values())


@dataclass(frozen=True)
class _Encoder:
    """Makes a message in two steps, because a part's number is known only when all parts are."""

    encoding: EncodingName
    compress: bool
    precision: Precision

    def body(self, edges: EdgeList) -> bytes:
        """The members that do not depend on the part's number."""
        columns = {name: self._shortened(column) for name, column in edges.columns.items()}
        values = (list(edges.nodes), len(edges), columns, dict(edges.drop))
        return _FORMS[self.encoding].members(dict(zip(BODY_KEYS, values, strict=True)))

    def _shortened(self, column: Column) -> Column:
        fitted = column.fitted()
        return fitted.single() if self.precision == "f4" else fitted

    def message(self, edges: EdgeList, body: bytes) -> bytes:
        """Raises EdgeTooLargeError for what no reader takes."""
        form = _FORMS[self.encoding]
        octets = form.message(len(HEAD_KEYS) + len(BODY_KEYS), form.members(_head(edges)), body)
        if len(octets) > MAX_MESSAGE_OCTETS:
            raise EdgeTooLargeError(f"{len(edges)} edges are too many for one message; split() makes several")
        return zlib.compress(octets, _LEVEL) if self.compress else octets

    def largest_size(self, edges: EdgeList, body: bytes) -> float:
        """Octets of the message if its part has the largest number there is; infinite if no reader takes it."""
        try:
            octets = self.message(replace(edges, part=MAX_PARTS, parts=MAX_PARTS), body)
        except EdgeTooLargeError:
            return inf
        return len(octets) + (_DEFLATE_VARIES if self.compress else 0)


def _head(edges: EdgeList) -> dict[str, object]:
    """The members that say which part of which window it is."""
    where = (edges.site, edges.node, edges.iface, edges.boot)
    which = (edges.seq, edges.part, edges.parts, edges.start_ns, edges.end_ns, edges.kind)
    return dict(zip(HEAD_KEYS, (VERSION, SCHEMA, *where, *which), strict=True))
