"""Windows out of their parts, which come in any order, twice, interleaved or not at all."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from flowedge.edges import EdgeList, Gap, joined
from flowedge.errors import MalformedMessageError
from flowedge.subscriber.arrivals import Arrivals

Key: TypeAlias = Hashable
Item: TypeAlias = EdgeList | Gap

OBJECT_OCTETS = 512  # about what an edge list takes beside its columns and nodes
COLUMN_OCTETS = 320  # ... and a column beside its data
NODE_OCTETS = 160
RECENT_PARTS = 16_384


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a subscription may keep in memory."""

    octets: int = 256 << 20
    """of windows of which parts are still missing"""
    windows: int = 4096
    """of which parts are still missing"""
    age: float = 600
    """seconds for which the next part of a window is waited for"""
    streams: int = 4096
    """of which is known what has come; a stream is an interface during one run of an agent"""
    queue_octets: int = 64 << 20
    """of whole windows that the program has not taken yet; one may be larger"""


class Assembling(Protocol):
    """Makes of parts what the program gets."""

    def add(self, part: EdgeList) -> Sequence[Item]:
        """What becomes whole, or clear, by this part. Raises MalformedMessageError; then the part is not used."""

    def key(self, part: EdgeList) -> Key:
        """Names what the part belongs to."""

    def is_unfinished(self, key: Key) -> bool:
        """Whether more parts are waited for."""

    def expire(self) -> None:
        """Gives up what has been waited for too long. Called about once a second."""


@dataclass
class _Half:
    """A window of which parts are missing."""

    seen: float
    """when the last part came"""
    parts: dict[int, EdgeList] = field(default_factory=dict)
    octets: int = 0


class Windows:
    """Whole windows, each once, and the gaps between them."""

    def __init__(self, limits: Limits, counters: Counter[str], clock: Callable[[], float] = time.monotonic) -> None:
        self.octets = 0
        """what the unfinished windows take, about"""
        self._limits = limits
        self._counters = counters
        self._clock = clock
        self._halves: OrderedDict[Key, _Half] = OrderedDict()  # the one that got a part last is last
        self._streams: OrderedDict[Key, Arrivals] = OrderedDict()

    def add(self, part: EdgeList) -> Sequence[Item]:
        arrivals = self._arrivals(part)
        if arrivals.has(part.seq):
            self._counters["duplicates"] += 1
            return ()
        window = part if part.parts == 1 else self._completed(part)
        if window is None:
            return ()
        self._counters["windows"] += 1
        gaps = [Gap(part.node, part.iface, part.boot, *ends) for ends in arrivals.add(part.seq)]
        self._counters["missing"] += sum(gap.last - gap.first + 1 for gap in gaps)
        return (window, *gaps)

    def key(self, part: EdgeList) -> Key:
        return part.site, part.node, part.iface, part.boot, part.seq

    def is_unfinished(self, key: Key) -> bool:
        return key in self._halves

    def expire(self) -> None:
        oldest = self._clock() - self._limits.age
        while self._halves and next(iter(self._halves.values())).seen < oldest:
            self._give_up_oldest()

    def _arrivals(self, part: EdgeList) -> Arrivals:
        stream = (part.site, part.node, part.iface, part.boot)
        arrivals = self._streams.setdefault(stream, Arrivals())
        self._streams.move_to_end(stream)
        if len(self._streams) > self._limits.streams:
            self._streams.popitem(last=False)
        return arrivals

    def _completed(self, part: EdgeList) -> EdgeList | None:
        """The window, if this is its last part. One whose parts do not fit together is given up."""
        key = self.key(part)
        half = self._halves.get(key) or _Half(self._clock())
        if part.part in half.parts:
            self._counters["duplicates"] += 1
            return None
        _check_same_window(half, part)
        self._keep(key, half, part)
        if len(half.parts) < part.parts:
            self._bound()
            return None
        self._forget(key)
        return joined(half.parts.values())

    def _keep(self, key: Key, half: _Half, part: EdgeList) -> None:
        octets = octets_of(part)
        half.parts[part.part] = part
        half.octets += octets
        half.seen = self._clock()
        self.octets += octets
        self._halves[key] = half
        self._halves.move_to_end(key)

    def _forget(self, key: Key) -> None:
        self.octets -= self._halves.pop(key).octets

    def _bound(self) -> None:
        while len(self._halves) > self._limits.windows or self.octets > self._limits.octets:
            self._give_up_oldest()

    def _give_up_oldest(self) -> None:
        key, half = next(iter(self._halves.items()))
        self._forget(key)
        self._counters["given_up"] += 1
        self._counters["given_up_parts"] += len(half.parts)


class Parts:
    """Each part as it comes, once as far as the most recent ones are remembered."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._recent: OrderedDict[Key, None] = OrderedDict()

    def add(self, part: EdgeList) -> Sequence[Item]:
        key = self.key(part)
        if key in self._recent:
            self._counters["duplicates"] += 1
            return ()
        self._recent[key] = None
        if len(self._recent) > RECENT_PARTS:
            self._recent.popitem(last=False)
        self._counters["parts"] += 1
        return (part,)

    def key(self, part: EdgeList) -> Key:
        return part.site, part.node, part.iface, part.boot, part.seq, part.part

    def is_unfinished(self, key: Key) -> bool:
        return False

    def expire(self) -> None:
        """Nothing is waited for."""


def octets_of(edges: EdgeList) -> int:
    """About what an edge list takes in memory."""
    columns = sum(len(each.data) + len(each.offsets or b"") for each in edges.columns.values())
    return OBJECT_OCTETS + columns + COLUMN_OCTETS * len(edges.columns) + NODE_OCTETS * len(edges.nodes)


def _check_same_window(half: _Half, part: EdgeList) -> None:
    """Of two parts that contradict each other the one that came first counts."""
    other = next(iter(half.parts.values()), part)
    if (part.window(), part.parts, part.columns.keys()) != (other.window(), other.parts, other.columns.keys()):
        raise MalformedMessageError("the part contradicts the other parts of its window")
