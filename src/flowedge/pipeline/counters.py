"""What became of packets and flows on their way from sources to sinks."""

from dataclasses import asdict, dataclass, field, fields
from typing import Self

from flowedge._core import SKIP_REASONS
from flowedge.sources import PacketSource


@dataclass
class Tally:
    """What became of a source's flows behind its engine."""

    rows: int = 0
    rows_lost: int = 0
    queue_dropped: int = 0


@dataclass
class LiveCounters:
    """What became of packets and flows.

    Once a capture has ended: received == packets + kernel_dropped; packets == in_flows + sum(skipped.values());
    flows == rows + queue_dropped + rows_lost.
    """

    received: int = 0
    """packets that passed the filter in the kernel, the dropped ones included; in a replay, all"""
    kernel_dropped: int = 0
    interface_dropped: int = 0
    """by the interface or its driver, where it tells; not among the received"""
    packets: int = 0
    in_flows: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SKIP_REASONS, 0))
    """packets by reason; flowedge.SKIP_REASONS says what each means"""
    flows: int = 0
    open_flows: int = 0
    evicted: int = 0
    """of the flows, those closed for lack of room (max_flows)"""
    backward_time: int = 0
    """packets older than the one before in their flow"""
    queue_dropped: int = 0
    """flows that found the queue to the sinks full"""
    rows: int = 0
    """flows that every sink has taken"""
    rows_lost: int = 0
    """flows that some sink could not write"""

    @classmethod
    def of(cls, source: PacketSource, tally: Tally) -> Self:
        """Those of one source."""
        return cls(
            **asdict(source.counters()),
            **source.engine.counters,
            **asdict(tally),
            open_flows=source.engine.open_flows,
        )

    def __add__(self, other: "LiveCounters") -> "LiveCounters":
        sums = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in _NUMBERS}
        skipped = {reason: count + other.skipped[reason] for reason, count in self.skipped.items()}
        return LiveCounters(**sums, skipped=skipped)


_NUMBERS = [each for each in fields(LiveCounters) if each.name != "skipped"]
