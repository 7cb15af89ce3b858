"""Where packets come from."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from flowedge._core import FlowBatch, FlowEngine

TAKE_SECONDS = 0.2  # how long a source waits for packets: flows that ended are on their way after it at the latest


@dataclass(frozen=True)
class SourceCounters:
    """What became of packets before they reached the engine; 64 bits, since the source was made."""

    received: int = 0
    """that passed the filter in the kernel, the dropped ones included; for a replay: all packets read"""
    kernel_dropped: int = 0
    """for lack of room in the kernel's buffer"""
    interface_dropped: int = 0
    """by the interface or its driver, where it tells"""


class PacketSource(Protocol):
    """Packets as they come, turned into flows by an engine of the source's own. One thread at a time, but counters()
    and the attributes may be asked for from any.
    """

    name: str
    """the interface, or the capture that is replayed"""
    engine: FlowEngine
    waits: bool
    """whether packets wait until they are asked for (a replay), or come and go (a link)"""
    ended: bool
    """no more will come: only finish() and close() are left to be called"""

    def take(self) -> list[FlowBatch]:
        """Takes packets for TAKE_SECONDS at most; the flows closed meanwhile. Raises CaptureError at an end that is
        not a good one, after which `ended` is true. An interface that has gone is waited for."""

    def finish(self) -> Iterable[FlowBatch]:
        """Refuses new packets, takes those that still wait in the kernel, and closes every flow."""

    def counters(self) -> SourceCounters: ...

    def close(self) -> None: ...
