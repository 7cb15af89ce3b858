"""From packets as they come to sinks that stay open: a thread a source, and one that writes."""

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, Full, Queue

from flowedge._core import SKIP_REASONS, FlowBatch
from flowedge.errors import CaptureError, SinkError
from flowedge.sinks import LiveSink
from flowedge.sources import PacketSource

BATCH_SIZE = 512  # flows in a batch: some 330 kB
QUEUED_BATCHES = 32  # on their way to the sinks; beyond, what a link brings is dropped and counted
TICK_SECONDS = 0.5  # between two looks of the sinks at the clock
COMPLAINT_SECONDS = 60.0  # between two messages about the same sink

Notify = Callable[[str, str], None]
"""Takes a level ("info", "warning", "error") and a sentence. Called from any thread."""


@dataclass
class LiveCounters:
    """What became of packets and flows, of all sources together.

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

    def add(self, source: PacketSource) -> None:
        """Adds one source's counters."""
        before, engine = source.counters(), source.engine.counters
        self.received += before.received
        self.kernel_dropped += before.kernel_dropped
        self.interface_dropped += before.interface_dropped
        for name in ("packets", "in_flows", "flows", "evicted", "backward_time"):
            setattr(self, name, getattr(self, name) + engine[name])
        self.open_flows += source.engine.open_flows
        for reason, count in engine["skipped"].items():
            self.skipped[reason] += count


@dataclass(frozen=True)
class Limits:
    """When a capture ends by itself; 0: never."""

    packets: int = 0
    flows: int = 0


class LivePipeline:
    """Carries flows from sources to sinks until it is stopped, its limits are reached, or every source has ended.

    A link does not wait: what finds the queue full is dropped and counted. A replay waits.
    """

    def __init__(
        self,
        sources: Sequence[PacketSource],
        sinks: Sequence[LiveSink],
        *,
        notify: Notify,
        limits: Limits = Limits(),
    ) -> None:
        self.problems: list[BaseException] = []
        """what ended a source before its time"""
        self._sources = sources
        self._writer = Writer(sinks, len(sources), notify)
        self._limits = limits
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._writer.run, name="flowedge-writer", daemon=True)]
        self._threads += [
            threading.Thread(target=self._carry, args=(source,), name=f"flowedge-{source.name}", daemon=True)
            for source in sources
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Asks for the end: sources refuse new packets, what was received becomes flows, every flow is written."""
        self._stopping.set()

    def join(self, seconds: float | None = None) -> bool:
        """Waits for the end; False if it has not come within the time."""
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in reversed(self._threads):
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def reopen(self, sinks: Sequence[LiveSink] | None = None) -> None:
        """Has the sinks begin new files, or puts others in their place."""
        self._writer.reopen(sinks)

    def counters(self) -> LiveCounters:
        counters = LiveCounters(
            queue_dropped=self._writer.dropped, rows=self._writer.rows, rows_lost=self._writer.rows_lost
        )
        for source in self._sources:
            counters.add(source)
        return counters

    def _carry(self, source: PacketSource) -> None:
        try:
            self._take_all(source)
            for batch in source.finish():
                self._writer.put(source.name, batch)
        except BaseException as error:
            self.problems.append(error)
            self.stop()
        finally:
            source.close()
            self._writer.source_ended()

    def _take_all(self, source: PacketSource) -> None:
        try:
            while not (source.ended or self._stopping.is_set()):
                for batch in source.take():
                    self._pass_on(source, batch)
                self._stop_at_limits()
        except CaptureError as error:  # what came before it is good
            self.problems.append(error)

    def _pass_on(self, source: PacketSource, batch: FlowBatch) -> None:
        if source.waits:
            self._writer.put(source.name, batch)
        else:
            self._writer.offer(source.name, batch)

    def _stop_at_limits(self) -> None:
        if self._writer.abandoned.is_set():
            self.stop()
        for name in ("packets", "flows"):
            limit = getattr(self._limits, name)
            if limit and sum(source.engine.counters[name] for source in self._sources) >= limit:
                self.stop()


class Writer:
    """The thread that writes, and the queue to it."""

    def __init__(self, sinks: Sequence[LiveSink], sources: int, notify: Notify) -> None:
        self.rows = 0
        self.rows_lost = 0
        self.dropped = 0
        self.abandoned = threading.Event()
        """nobody reads the output any more"""
        self.failure: BaseException | None = None
        """what is no Exception, and was raised by a callback"""
        self._queue: Queue[tuple[str, FlowBatch] | None] = Queue(QUEUED_BATCHES)
        self._sinks = list(sinks)
        self._sources = sources
        self._notify = notify
        self._lock = threading.Lock()
        self._new_sinks: Sequence[LiveSink] | None = None
        self._reopening = False
        self._next_complaint: dict[LiveSink, float] = {}

    def put(self, source: str, batch: FlowBatch) -> None:
        """Puts a batch into the queue, and waits for room."""
        self._queue.put((source, batch))

    def offer(self, source: str, batch: FlowBatch) -> None:
        """Puts a batch into the queue, or drops it if there is no room."""
        try:
            self._queue.put_nowait((source, batch))
        except Full:
            with self._lock:
                self.dropped += len(batch)

    def source_ended(self) -> None:
        self._queue.put(None)

    def reopen(self, sinks: Sequence[LiveSink] | None) -> None:
        with self._lock:
            self._new_sinks = sinks
            self._reopening = True

    def run(self) -> None:
        next_tick = time.monotonic() + TICK_SECONDS
        while self._sources:
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
            self._sources -= 1
        else:
            self._write(*item)

    def _write(self, source: str, batch: FlowBatch) -> None:
        written = [self._attempt(sink, partial(sink.write, source, batch)) for sink in self._sinks]
        if all(written):
            self.rows += len(batch)
        else:
            self.rows_lost += len(batch)

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
