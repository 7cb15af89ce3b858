"""A capture file, played as if its packets came over a link."""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack

from flowedge._core import FlowBatch, FlowEngine, FlowSaver, LiveFeed
from flowedge.errors import CaptureError
from flowedge.sources import TAKE_SECONDS, SourceCounters
from flowedge.sources.file import open_capture
from flowedge.sources.last_flows import last_flows

BEGINNING = -(2**63)  # before every stamp
MOST_BATCHES = 8  # in one take()


class ReplaySource:
    """A capture as a PacketSource; any that convert() takes.

    speed  how many times as fast as it was captured; None: as fast as possible
    saver  is given each flow's frames

    Raises MissingInputError, PermissionDeniedError, CaptureError.
    """

    waits = True

    def __init__(
        self,
        path: str,
        engine: FlowEngine,
        *,
        speed: float | None = None,
        saver: FlowSaver | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.engine = engine
        self.ended = False
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._begun: tuple[float, int] | None = None  # by the clock, and by the stamps
        self._problem: CaptureError | None = None
        self._feed = LiveFeed(engine, stamped_by_host=False, saver=saver)
        self._opened = ExitStack()
        self._capture = self._opened.enter_context(open_capture(path))
        self.name = os.path.basename(self._capture.name)

    def take(self) -> list[FlowBatch]:
        if self._problem is not None:
            self.ended = True
            raise self._problem
        batches: list[FlowBatch] = []
        deadline = self._clock() + TAKE_SECONDS
        status = "batch"
        while len(batches) < MOST_BATCHES and self._clock() < deadline:
            due = self._due()
            batch, status = self._feed.replay(self._capture.reader, due)
            if batch is not None:
                batches.append(batch)
            if status == "end":
                self._end()
                return batches
            if status == "due":
                self._wait(deadline)
        if status == "due" and due is not None:
            batches += self.engine.advance(due)
        return batches

    def finish(self) -> Iterable[FlowBatch]:
        self.ended = True
        return last_flows(self._feed)

    def counters(self) -> SourceCounters:
        return SourceCounters(received=self.engine.counters["packets"])

    def close(self) -> None:
        self._opened.close()

    def _due(self) -> int | None:
        """The stamp up to which packets are due by now; None: all are."""
        if self._speed is None:
            return None
        if self._begun is None:
            return BEGINNING
        by_clock, by_stamp = self._begun
        return by_stamp + int((self._clock() - by_clock) * self._speed * 1e9)

    def _wait(self, deadline: float) -> None:
        """Until the next packet is due, or the time is over."""
        next_time, due = self._feed.next_time, self._due()
        assert next_time is not None
        assert due is not None
        assert self._speed is not None
        if self._begun is None:
            self._begun = (self._clock(), next_time)
        else:
            self._sleep(max(0.0, min((next_time - due) / 1e9 / self._speed, deadline - self._clock())))

    def _end(self) -> None:
        """A bad end is told once what came before it has been handed over."""
        self._problem = self._capture.problem()
        self.ended = self._problem is None
