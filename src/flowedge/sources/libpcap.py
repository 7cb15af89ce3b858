"""An interface by way of libpcap."""

from flowedge._core import FlowBatch, LiveCapture, LiveFeed
from flowedge.sources.link import LinkSettings


class LibpcapCapture:
    """A LinkCapture by libpcap. Raises what LiveCapture raises."""

    def __init__(self, interface: str, settings: LinkSettings, fanout: int | None) -> None:
        self._capture = LiveCapture(
            interface,
            snaplen=settings.snaplen,
            buffer_size=settings.buffer_size,
            promiscuous=settings.promiscuous,
            direction=settings.direction,
            timestamp_type=settings.timestamp_type,
            filter=settings.filter,
            fanout=fanout,
        )
        self.stamped_by_host = self._capture.stamped_by_host
        self.fanout_group = self._capture.fanout_group
        self.counters = self._capture.counters
        self.stop_receiving = self._capture.stop_receiving
        self.discard_waiting = self._capture.discard_waiting
        self.close = self._capture.close

    @property
    def problem(self) -> str:
        return self._capture.problem

    def carry(self, feed: LiveFeed, milliseconds: int) -> tuple[list[FlowBatch], str]:
        batch, status = feed.run(self._capture, milliseconds)
        return [] if batch is None else [batch], status
