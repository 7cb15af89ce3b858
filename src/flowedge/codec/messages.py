"""What an agent tells of itself: JSON messages about its state, the shape of its edge lists, and its counters."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Self

from flowedge.codec.fields import Fields
from flowedge.codec.json_form import dump, load
from flowedge.codec.limits import MAX_COLUMNS
from flowedge.edges import KINDS
from flowedge.errors import MalformedMessageError

STATES = ("online", "offline")
MAX_JSON_OCTETS = 256 << 10
MAX_INTERFACES = 1024
_COLUMN_TYPE = re.compile(r"<([iu][1248]|f[48])(\[\])?")


@dataclass(frozen=True, kw_only=True)
class StatusMessage:
    """Whether an agent runs. Retained; the last will says offline."""

    state: str
    """"online" or "offline\""""
    boot: str
    """identity of the agent's run"""
    since: int
    """when that began, in nanoseconds since 1970"""
    version: str
    """flowedge's"""

    def to_json(self) -> bytes:
        return dump(asdict(self))

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Raises MalformedMessageError."""
        fields = _fields(payload)
        return cls(
            state=fields.one_of("state", STATES),
            boot=fields.text("boot"),
            since=fields.integer("since"),
            version=fields.text("version"),
        )


@dataclass(frozen=True, kw_only=True)
class ColumnInfo:
    """One column of the edge lists that an agent publishes."""

    name: str
    type: str
    """the widest that it has in any message, such as "<u4"; with "[]" after it, a list of these"""
    unit: str
    """such as "bytes"; "duration" is seconds, or microseconds in the modes cicflowmeter and engelen"""


@dataclass(frozen=True, kw_only=True)
class MetaMessage:
    """What an agent's edge lists are made of. Retained."""

    schema: str
    """of the edge-list messages: "edges/1\""""
    mode: str
    """whose definitions the values follow"""
    names: str
    """scheme of the columns' names"""
    columns: tuple[ColumnInfo, ...]
    window_ns: int
    """length of a window"""
    kind: str
    """what an edge is: "flow", "pair" or "service\""""
    interfaces: tuple[str, ...]

    def to_json(self) -> bytes:
        return dump(asdict(self))

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Raises MalformedMessageError."""
        fields = _fields(payload)
        return cls(
            schema=fields.text("schema"),
            mode=fields.text("mode"),
            names=fields.text("names"),
            columns=tuple(_column_info(item) for item in fields.items("columns", MAX_COLUMNS)),
            window_ns=fields.integer("window_ns", 1),
            kind=fields.one_of("kind", KINDS),
            interfaces=tuple(
                Fields({"interface": n}).text("interface") for n in fields.items("interfaces", MAX_INTERFACES)
            ),
        )


@dataclass(frozen=True, kw_only=True)
class StatsMessage:
    """Counters of one interface since its agent began (`boot`), so that a lost message loses no count."""

    boot: str
    seq: int
    """the window that has just been closed"""
    received: int
    """packets"""
    dropped: dict[str, int]
    """packets lost before the agent saw them: by the "kernel", and by the "interface\""""
    skipped: dict[str, int]
    """packets in no flow, by reason"""
    evicted: int
    """flows closed early for lack of room"""
    open_flows: int
    """now"""
    spool: dict[str, int]
    """what waits for the broker: "messages", "octets", "age_ns" of the oldest; and "dropped", windows given up"""
    rejected: int
    """messages that the broker refused for good"""

    def to_json(self) -> bytes:
        return dump(asdict(self))

    @classmethod
    def from_json(cls, payload: bytes) -> Self:
        """Raises MalformedMessageError."""
        fields = _fields(payload)
        return cls(
            boot=fields.text("boot"),
            seq=fields.integer("seq"),
            received=fields.integer("received"),
            dropped=fields.counts("dropped"),
            skipped=fields.counts("skipped"),
            evicted=fields.integer("evicted"),
            open_flows=fields.integer("open_flows"),
            spool=fields.counts("spool"),
            rejected=fields.integer("rejected"),
        )


def _fields(payload: bytes) -> Fields:
    if len(payload) > MAX_JSON_OCTETS:
        raise MalformedMessageError(f"the message has more than {MAX_JSON_OCTETS} octets")
    return Fields(load(payload))


def _column_info(item: Any) -> ColumnInfo:
    if type(item) is not dict:
        raise MalformedMessageError("columns has an item that is no object")
    fields = Fields(item)
    kind = fields.text("type")
    if not _COLUMN_TYPE.fullmatch(kind):
        raise MalformedMessageError("a column's type is not known")
    return ColumnInfo(name=fields.text("name"), type=kind, unit=fields.text("unit"))
