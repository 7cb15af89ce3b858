"""From packets as they come to sinks that stay open: a thread a source, and one that writes."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from flowedge.errors import CaptureError
from flowedge.notices import Notify
from flowedge.pipeline.counters import LiveCounters
from flowedge.pipeline.writer import Exchange, Mark, Writer
from flowedge.sinks import LiveSink
from flowedge.sources import PacketSource
from flowedge.windows import ENDED

BATCH_SIZE = 512  # flows in a batch: some 330 kB


@dataclass(frozen=True)
class Limits:
    """When a capture ends by itself; 0: never."""

    packets: int = 0
    flows: int = 0
    seconds: float = 0.0


class LivePipeline:
    """Carries flows from sources to sinks until it is stopped, its limits are reached, or every source has ended.

    A link does not wait: what finds the queue full is dropped and counted. A replay waits.

    marks, marks_oldest_start  whether a SettlingSink is among the sinks, and whether it wants to know the oldest start
    """

    def __init__(
        self,
        sources: Sequence[PacketSource],
        sinks: Sequence[LiveSink],
        *,
        notify: Notify,
        limits: Limits = Limits(),
        marks: bool = False,
        marks_oldest_start: bool = False,
    ) -> None:
        self.problems: list[BaseException] = []
        """what ended a source before its time"""
        self._sources = sources
        self._writer = Writer([source.name for source in sources], sinks, notify)
        self._limits = limits
        self._marks = marks or marks_oldest_start
        self._marks_oldest_start = marks_oldest_start
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._write, name="flowedge-writer", daemon=True)]
        self._threads += [
            threading.Thread(target=self._carry, args=(place, source), name=f"flowedge-{source.name}", daemon=True)
            for place, source in enumerate(sources)
        ]

    def start(self) -> None:
        self._deadline = time.monotonic() + (self._limits.seconds or inf)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Asks for the end: sources refuse new packets, what was received becomes flows, every flow is written."""
        self._stopping.set()

    def join(self, seconds: float | None = None) -> bool:
        """Waits for the end; False if it has not come within the time, or a callback asks, which is part of it."""
        if threading.current_thread() in self._threads:
            return False
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in reversed(self._threads):
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def exchange(self, action: Exchange) -> None:
        """Has the writing thread replace its sinks by what `action` makes of them, soon."""
        self._writer.exchange(action)

    @property
    def output_closed(self) -> bool:
        """Whoever read the output has gone, or a callback has left."""
        return self._writer.abandoned.is_set()

    def counters(self) -> LiveCounters:
        """Of all sources together."""
        return sum(self.counters_by_source().values(), LiveCounters())

    def counters_by_source(self) -> dict[str, LiveCounters]:
        """By the sources' names, which several workers may share."""
        counters: dict[str, LiveCounters] = {}
        for source, tally in zip(self._sources, self._writer.tallies, strict=True):
            counters[source.name] = counters.get(source.name, LiveCounters()) + LiveCounters.of(source, tally)
        return counters

    def _write(self) -> None:
        self._writer.run()
        if self._writer.failure is not None:
            self.problems.append(self._writer.failure)

    def _carry(self, place: int, source: PacketSource) -> None:
        try:
            self._take_all(place, source)
            for batch in source.finish():
                self._writer.put(place, batch)
            self._mark(place, source, ended=True)
        except BaseException as error:
            self.problems.append(error)
            self.stop()
        finally:
            self._end(source)

    def _end(self, source: PacketSource) -> None:
        try:
            source.close()
        except BaseException as error:
            self.problems.append(error)
        finally:
            self._writer.source_ended()

    def _take_all(self, place: int, source: PacketSource) -> None:
        pass_on = self._writer.put if source.waits else self._writer.offer
        try:
            while not (source.ended or self._stopping.is_set()):
                for batch in source.take():
                    pass_on(place, batch)
                self._mark(place, source)
                self._stop_at_limits()
        except CaptureError as error:  # what came before it is good
            self.problems.append(error)

    def _mark(self, place: int, source: PacketSource, *, ended: bool = False) -> None:
        if not self._marks:
            return
        settled = source.engine.settled_ns  # before the other, which may only be later
        oldest_start = source.engine.oldest_start_ns() if self._marks_oldest_start else None
        counters = LiveCounters.of(source, self._writer.tallies[place])
        mark = Mark(ENDED if ended else settled, oldest_start, counters)
        self._writer.mark(place, mark, waits=source.waits or ended)

    def _stop_at_limits(self) -> None:
        if self._writer.abandoned.is_set() or time.monotonic() >= self._deadline:
            self.stop()
        for name in ("packets", "flows"):
            limit = getattr(self._limits, name)
            if limit and sum(source.engine.counters[name] for source in self._sources) >= limit:
                self.stop()
