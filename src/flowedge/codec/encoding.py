"""Edge lists as messages."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Literal, NoReturn, Protocol, TypeAlias

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


@dataclass(frozen=True)
class Encoder:
    """Makes messages in two steps, because a part's number is known only when all parts are: bodies(), message().

    Integers are made as narrow as the column's numbers allow; `precision` "f4" halves the floats' octets; `compress`
    deflates. JSON has no NaN and no infinity: both become null, which is read as NaN.
    """

    encoding: EncodingName = "msgpack"
    compress: bool = False
    precision: Precision = "f8"

    def bodies(self, edges: EdgeList, max_payload: int, refuse: Callable[[EdgeTooLargeError], None]) -> Iterator[bytes]:
        """What message() takes for each part of `edges`, so that no message is larger than `max_payload` octets.

        Each has its own nodes; edges of none make one too. An edge that alone is too large is told to `refuse` and, if
        that does not raise, left out.
        """
        start, count = 0, max(1, max_payload // _row_octets(edges))
        while True:
            stop = min(start + count, len(edges))
            piece = edges if stop - start == len(edges) else edges.rows(start, stop)
            body = self.body(piece)
            size = self._largest_size(piece, body)
            if size > max_payload and len(piece) > 1:
                count = len(piece) // 2
                continue
            if size <= max_payload:
                yield body
                count = max(1, int(count * _HOPED_FOR * max_payload / size))  # how many fit is learnt part by part
            else:
                limit = f"{max_payload} octets, the most a message may have"
                refuse(EdgeTooLargeError(f"an edge does not fit into {limit}"))
            if stop == len(edges):
                return
            start = stop

    def body(self, edges: EdgeList) -> bytes:
        """The members that do not depend on the part's number, nor on what is known at the window's end alone."""
        columns = {name: self._shortened(column) for name, column in edges.columns.items()}
        values = (list(edges.nodes), len(edges), columns)
        return _FORMS[self.encoding].members(dict(zip(BODY_KEYS, values, strict=True)))

    def message(self, head: EdgeList, body: bytes) -> bytes:
        """The message of the part that `head` names, whose own edges do not matter.

        Raises EdgeTooLargeError for more than MAX_MESSAGE_OCTETS, which no reader takes.
        """
        form = _FORMS[self.encoding]
        octets = form.message(len(HEAD_KEYS) + len(BODY_KEYS), form.members(_head(head)), body)
        if len(octets) > MAX_MESSAGE_OCTETS:
            raise EdgeTooLargeError("the edges are too many for one message; split() makes several")
        return zlib.compress(octets, _LEVEL) if self.compress else octets

    def _shortened(self, column: Column) -> Column:
        fitted = column.fitted()
        return fitted.single() if self.precision == "f4" else fitted

    def _largest_size(self, edges: EdgeList, body: bytes) -> float:
        """Octets of the message if its part has the largest number there is; infinite if no reader takes it."""
        try:
            octets = self.message(replace(edges, part=MAX_PARTS, parts=MAX_PARTS), body)
        except EdgeTooLargeError:
            return inf
        return len(octets) + (_DEFLATE_VARIES if self.compress else 0)


def encode_part(
    edges: EdgeList, *, encoding: EncodingName = "msgpack", compress: bool = False, precision: Precision = "f8"
) -> bytes:
    """The message of one part, however large, made as Encoder says.

    Raises EdgeTooLargeError for more than MAX_MESSAGE_OCTETS, which no reader takes: split() it.
    """
    encoder = Encoder(encoding, compress, precision)
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
    encoder = Encoder(encoding, compress, precision)
    bodies = list(encoder.bodies(edges, max_payload, _raise))
    if len(bodies) > MAX_PARTS:
        raise EdgeTooLargeError(f"{len(edges)} edges do not fit into {MAX_PARTS} messages of {max_payload} octets")
    return [
        encoder.message(replace(edges, part=number, parts=len(bodies)), body) for number, body in enumerate(bodies, 1)
    ]


def _raise(error: EdgeTooLargeError) -> NoReturn:
    raise error


def _row_octets(edges: EdgeList) -> int:
    """About what an edge takes in msgpack."""
    return sum(column.width for column in edges.columns.values())


def _head(edges: EdgeList) -> dict[str, object]:
    """The members that say which part of which window it is, and what no part of it shows."""
    where = (edges.site, edges.node, edges.iface, edges.boot)
    which = (edges.seq, edges.part, edges.parts, edges.start_ns, edges.end_ns, edges.kind)
    return dict(zip(HEAD_KEYS, (VERSION, SCHEMA, *where, *which, dict(edges.drop)), strict=True))
