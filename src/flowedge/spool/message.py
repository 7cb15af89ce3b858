"""What a spool holds: a row a message, rows with the same window belong together."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flowedge.spool.lazy import LazySequence

ROW_OCTETS = 256  # what a message takes beside its topic, properties and payload: ids, names, the row itself

Message = tuple[str, bytes, Mapping[str, Any]]
"""Topic, payload, properties; the last must be fit for JSON."""


class WindowKey(NamedTuple):
    """Names a window within one run of the agent."""

    iface: str
    seq: int
    end_ns: int
    """the window's end, ns since 1970"""


@dataclass(frozen=True, slots=True)
class SpooledMessage:
    """A message on its way to the broker."""

    id: int
    """what acknowledge(), release() and reject() take; rises in the order of closing"""
    boot: str
    """the run of the agent that closed the window: not always this one"""
    topic: str
    payload: bytes
    properties: dict[str, Any]


class Row(NamedTuple):
    """A message as it is kept. The ids of a window's rows follow each other."""

    id: int
    window: int
    """the id of the window's first message"""
    messages: int
    """how many the window had when it was added"""
    boot: str
    iface: str
    """with `seq` and `end_ns` what the window is, for whoever looks into the file with sqlite3"""
    seq: int
    end_ns: int
    since: float
    """when it was added, seconds since 1970"""
    topic: str
    properties: str
    """JSON"""
    payload: bytes

    @property
    def octets(self) -> int:
        """What the message counts for in every bound and counter."""
        return ROW_OCTETS + len(self.topic.encode()) + len(self.properties) + len(self.payload)

    @property
    def checksum(self) -> int:
        """CRC-32 of all but the ids, which may be shifted. SQLite itself does not notice a changed octet."""
        return zlib.crc32(self.payload, zlib.crc32("\0".join(map(str, self[2:-1])).encode()))

    def spooled(self) -> SpooledMessage:
        return SpooledMessage(self.id, self.boot, self.topic, self.payload, json.loads(self.properties))


def window_rows(first: int, boot: str, key: WindowKey, since: float, messages: Sequence[Message]) -> Sequence[Row]:
    """The rows of a new window, made when asked for. They raise TypeError for properties that JSON does not know."""

    def row(place: int) -> Row:
        topic, payload, properties = messages[place]
        return Row(first + place, first, len(messages), boot, *key, since, topic, _json(properties), payload)

    return LazySequence(row, len(messages))


def _json(properties: Mapping[str, Any]) -> str:
    return json.dumps(dict(properties), separators=(",", ":"))


class Amount(NamedTuple):
    """So much is kept, or has been lost. A window counts while any message of it is there."""

    windows: int = 0
    messages: int = 0
    octets: int = 0

    def plus(self, other: "Amount") -> "Amount":
        return Amount(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: "Amount") -> "Amount":
        return Amount(*(mine - its for mine, its in zip(self, other, strict=True)))


def amount_of(rows: Sequence[Row]) -> Amount:
    """What one window's rows come to."""
    return Amount(1, len(rows), sum(row.octets for row in rows))
