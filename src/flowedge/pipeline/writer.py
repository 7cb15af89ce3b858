"""The end of the pipeline: a bounded queue, and one thread that gives its batches to the sinks."""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import Empty, Full, Queue

from flowedge._core import FlowBatch
from flowedge.errors import SinkError
from flowedge.notices import Notices, Notify
from flowedge.pipeline.counters import LiveCounters, Tally
from flowedge.sinks import LiveSink, SettlingSink

Exchange = Callable[[list[LiveSink]], list[LiveSink]]
"""Takes the sinks and gives those that come in their place. Must not raise."""

QUEUED_BATCHES = 32  # on their way to the sinks; beyond, what a link brings is dropped and counted
TICK_SECONDS = 0.5  # between two looks of the sinks at the clock


@dataclass(frozen=True)
class Mark:
    """How far a source is: goes through the queue behind its batches."""

    settled_ns: int
    oldest_start_ns: int | None
    counters: LiveCounters


class Writer:
    """The queue to the sinks, and what writes: run() is to be called by one thread, the rest by any.

    names  of the sources; elsewhere a source is its place among them
    """

    def __init__(self, names: Sequence[str], sinks: Sequence[LiveSink], notify: Notify) -> None:
        self.tallies = [Tally() for _ in names]
        """by source"""
        self.abandoned = threading.Event()
        """nobody reads the output any more"""
        self.failure: BaseException | None = None
        """a defect, or what is no Exception and was raised by a callback"""
        self._names = names
        self._queue: Queue[tuple[int, FlowBatch | Mark] | None] = Queue(QUEUED_BATCHES)
        self._sinks = list(sinks)
        self._running = len(names)
        self._notices = Notices(notify)
        self._exchanges: deque[Exchange] = deque()

    def put(self, source: int, batch: FlowBatch) -> None:
        """Puts a batch into the queue, and waits for room."""
        self._queue.put((source, batch))

    def offer(self, source: int, batch: FlowBatch) -> None:
        """Puts a batch into the queue, or drops it if there is no room."""
        try:
            self._queue.put_nowait((source, batch))
        except Full:
            self.tallies[source].queue_dropped += len(batch)

    def mark(self, source: int, mark: Mark, *, waits: bool) -> None:
        """Says how far a source is; where there is no room for it, the next mark says it as well."""
        with suppress(Full):
            self._queue.put((source, mark), block=waits)

    def source_ended(self) -> None:
        self._queue.put(None)

    def exchange(self, action: Exchange) -> None:
        """Has the writing thread replace its sinks by what `action` makes of them."""
        self._exchanges.append(action)

    def run(self) -> None:
        """Gives the queue's batches to the sinks, until every source has ended, and closes the sinks."""
        try:
            self._write_all()
            for sink in self._sinks:
                self._attempt(sink, sink.close)
        except BaseException as error:  # a defect: the sources must not wait for ever
            self._abandon(error)
            self._drop_all()

    def _write_all(self) -> None:
        next_tick = time.monotonic() + TICK_SECONDS
        while self._running:
            self._write_next(next_tick - time.monotonic())
            if time.monotonic() >= next_tick:
                self._tick()
                next_tick = time.monotonic() + TICK_SECONDS

    def _drop_all(self) -> None:
        while self._running:
            item = self._queue.get()
            if item is None:
                self._running -= 1
            elif not isinstance(item[1], Mark):
                self.tallies[item[0]].rows_lost += len(item[1])

    def _write_next(self, seconds: float) -> None:
        """Writes the next batch, if there is one within the time."""
        try:
            item = self._queue.get(timeout=max(0.0, seconds))
        except Empty:
            return
        if item is None:
            self._running -= 1
            return
        source, content = item
        if isinstance(content, Mark):
            self._settle(source, content)
        else:
            self._write(source, content)

    def _settle(self, source: int, mark: Mark) -> None:
        told = (self._names[source], source, mark.settled_ns, mark.oldest_start_ns, mark.counters)
        for sink in self._sinks:
            if isinstance(sink, SettlingSink):
                self._attempt(sink, partial(sink.settle, *told))

    def _write(self, source: int, batch: FlowBatch) -> None:
        name, tally = self._names[source], self.tallies[source]
        written = [self._attempt(sink, partial(sink.write, name, batch)) for sink in self._sinks]
        if all(written):
            tally.rows += len(batch)
        else:
            tally.rows_lost += len(batch)

    def _tick(self) -> None:
        while self._exchanges:
            self._sinks = self._exchanges.popleft()(self._sinks)
        for sink in self._sinks:
            self._attempt(sink, sink.tick)

    def _attempt(self, sink: LiveSink, action: Callable[[], None]) -> bool:
        """Does what a sink is asked for; a failure is told, once a minute, and the sink is asked again next time."""
        try:
            action()
            return True
        except BrokenPipeError:
            self.abandoned.set()
        except SinkError as error:
            self._tell(sink, str(error))
        except Exception:
            self._tell(sink, traceback.format_exc())
        except BaseException as error:  # a callback wants to leave: the capture ends well first
            self._abandon(error)
        return False

    def _tell(self, sink: LiveSink, text: str) -> None:
        with suppress(Exception):  # whoever is told may fail: that must cost no row
            self._notices.tell(str(id(sink)), "error", text)

    def _abandon(self, error: BaseException) -> None:
        self.failure = error
        self.abandoned.set()
