"""The end of the pipeline: a bounded queue, and one thread that gives its batches to the sinks."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, Full, Queue

from flowedge._core import FlowBatch
from flowedge.errors import SinkError
from flowedge.pipeline.counters import Tally
from flowedge.sinks import LiveSink

QUEUED_BATCHES = 32  # on their way to the sinks; beyond, what a link brings is dropped and counted
TICK_SECONDS = 0.5  # between two looks of the sinks at the clock
COMPLAINT_SECONDS = 60.0  # between two messages about the same sink

Notify = Callable[[str, str], None]
"""Takes a level ("info", "warning", "error") and a sentence. Called from any thread."""


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
        """what is no Exception, and was raised by a callback"""
        self._names = names
        self._queue: Queue[tuple[int, FlowBatch] | None] = Queue(QUEUED_BATCHES)
        self._sinks = list(sinks)
        self._running = len(names)
        self._notify = notify
        self._lock = threading.Lock()
        self._new_sinks: Sequence[LiveSink] | None = None
        self._reopening = False
        self._next_complaint: dict[LiveSink, float] = {}

    def put(self, source: int, batch: FlowBatch) -> None:
        """Puts a batch into the queue, and waits for room."""
        self._queue.put((source, batch))

    def offer(self, source: int, batch: FlowBatch) -> None:
        """Puts a batch into the queue, or drops it if there is no room."""
        try:
            self._queue.put_nowait((source, batch))
        except Full:
            self.tallies[source].queue_dropped += len(batch)

    def source_ended(self) -> None:
        self._queue.put(None)

    def reopen(self, sinks: Sequence[LiveSink] | None) -> None:
        with self._lock:
            self._new_sinks = sinks
            self._reopening = True

    def run(self) -> None:
        next_tick = time.monotonic() + TICK_SECONDS
        while self._running:
            self._write_next(next_tick - time.monotonic())
            if time.monotonic() >= next_tick:
                self._tick()
                next_tick = time.monotonic() + TICK_SECONDS
        for sink in self._sinks:
            self._attempt(sink, sink.close)

    def _write_next(self, seconds: float) -> None:
        """Writes the next batch, if there is one within the time."""
        try:
            item = self._queue.get(timeout=max(0.0, seconds))
        except Empty:
            return
        if item is None:
            self._running -= 1
        else:
            self._write(*item)

    def _write(self, source: int, batch: FlowBatch) -> None:
        name, tally = self._names[source], self.tallies[source]
        written = [self._attempt(sink, partial(sink.write, name, batch)) for sink in self._sinks]
        if all(written):
            tally.rows += len(batch)
        else:
            tally.rows_lost += len(batch)

    def _tick(self) -> None:
        if self._reopening:
            self._begin_anew()
        for sink in self._sinks:
            self._attempt(sink, sink.tick)

    def _begin_anew(self) -> None:
        with self._lock:
            sinks, self._new_sinks, self._reopening = self._new_sinks, None, False
        if sinks is None:
            for sink in self._sinks:
                self._attempt(sink, sink.reopen)
            return
        for sink in self._sinks:
            self._attempt(sink, sink.close)
        self._sinks = list(sinks)

    def _attempt(self, sink: LiveSink, action: Callable[[], None]) -> bool:
        """Does what a sink is asked for; a failure is told, once a minute, and the sink is asked again next time."""
        try:
            action()
            return True
        except BrokenPipeError:
            self.abandoned.set()
        except SinkError as error:
            self._complain(sink, str(error))
        except Exception:
            self._complain(sink, traceback.format_exc())
        except BaseException as error:  # a callback wants to leave: the capture ends well first
            self.failure = error
            self.abandoned.set()
        return False

    def _complain(self, sink: LiveSink, text: str) -> None:
        now = time.monotonic()
        if now >= self._next_complaint.get(sink, now):
            self._next_complaint[sink] = now + COMPLAINT_SECONDS
            self._notify("error", text)
