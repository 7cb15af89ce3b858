"""Interfaces, captured for as long as an agent runs."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from threading import Lock

from flowedge._core import HAVE_LIBPCAP, FlowBatch, FlowEngine, FlowSaver, LiveFeed
from flowedge.errors import FlowedgeError, MissingInterfaceError
from flowedge.sources import TAKE_SECONDS, SourceCounters
from flowedge.sources.last_flows import last_flows
from flowedge.sources.libpcap import LibpcapCapture
from flowedge.sources.link import LinkCapture, LinkSettings, interface_index, refusal
from flowedge.sources.pcapy_capture import PcapyCapture

FINISH_SECONDS = 0.5  # several times GATHER_MILLISECONDS: the kernel hands over what it has
FINISH_LOOK_MILLISECONDS = 20
MOST_BATCHES = 8  # in one take(): so many flows are to be on their way first
FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0

MakeCapture = Callable[[str, LinkSettings, int | None], LinkCapture]
Opening = Callable[[], AbstractContextManager[object]]
Notify = Callable[[str, str], None]


def make_capture(interface: str, settings: LinkSettings, fanout: int | None) -> LinkCapture:
    """By libpcap, or where the build had none by pcapy-ng (MissingPackageError where that is missing too)."""
    return (LibpcapCapture if HAVE_LIBPCAP else PcapyCapture)(interface, settings, fanout)


class LinkSource:
    """An interface as a PacketSource.

    saver      is given each flow's frames
    fanout     see LiveCapture
    opening    gives a context that is entered whenever a socket is opened, for privileges
    on_notice  takes "warning" or "info" and a sentence: what becomes of the interface

    An interface that fails is opened anew, after half a second first, later after up to 30. One that is gone is looked
    for at each take(). Meanwhile flows go on to end.

    Raises InterfaceError (MissingInterfaceError: there is none), PermissionDeniedError, UsageError.
    """

    waits = False

    def __init__(
        self,
        interface: str,
        engine: FlowEngine,
        settings: LinkSettings = LinkSettings(),  # noqa: B008 - immutable
        *,
        saver: FlowSaver | None = None,
        fanout: int | None = None,
        opening: Opening = nullcontext,
        on_notice: Notify = lambda level, text: None,
        make: MakeCapture = make_capture,
        index_of: Callable[[str], int | None] = interface_index,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = interface
        self.engine = engine
        self.ended = False
        self._settings = settings
        self._fanout = fanout
        self._opening = opening
        self._notify = on_notice
        self._make = make
        self._index_of = index_of
        self._clock = clock
        self._sleep = sleep
        self._before = SourceCounters()  # of captures that are closed
        self._counters = SourceCounters()
        self._retry_seconds = 0.0
        self._missing = False
        self._told = ""
        self._capture: LinkCapture | None = self._opened()
        self._feed = LiveFeed(engine, stamped_by_host=self._capture.stamped_by_host, saver=saver)

    @property
    def fanout_group(self) -> int:
        """What other sources give as fanout to share this one's packets; 0: none."""
        return self._fanout or 0

    def take(self) -> list[FlowBatch]:
        if self._capture is None:
            return self._wait_for_interface()
        batches, status = self._carry(self._capture)
        if status in ("gone", "failed"):
            self._lose(self._capture, status)
        else:
            self._counters = self._counted(self._capture)
        return batches

    def finish(self) -> Iterator[FlowBatch]:
        if self._capture is not None:
            yield from self._drain(self._capture)
        self.ended = True
        yield from last_flows(self._feed)

    def counters(self) -> SourceCounters:
        return self._counters

    def discard_waiting(self) -> None:
        """Throws away what came since the source was made, and counts from here on."""
        if self._capture is not None:
            self._capture.discard_waiting()

    def close(self) -> None:
        if self._capture is not None:
            self._close(self._capture)

    def _opened(self) -> LinkCapture:
        try:
            with self._opening():
                capture = self._make(self.name, self._settings, self._fanout)
        except FlowedgeError:
            raise
        except (OSError, ValueError) as error:
            raise refusal(self.name, error) from error
        if self._fanout is not None:
            self._fanout = capture.fanout_group
        self._opened_at = self._clock()
        self._delivered_before = self.engine.counters["packets"]
        return capture

    def _carry(self, capture: LinkCapture) -> tuple[list[FlowBatch], str]:
        deadline = self._clock() + TAKE_SECONDS
        batches, status = capture.carry(self._feed, math.ceil(TAKE_SECONDS * 1000))
        while status == "batch" and len(batches) < MOST_BATCHES and (left := deadline - self._clock()) > 0:
            more, status = capture.carry(self._feed, math.ceil(left * 1000))
            batches += more
        return batches, status

    def _drain(self, capture: LinkCapture) -> Iterator[FlowBatch]:
        """Refuses new packets, and takes those that wait."""
        capture.stop_receiving()
        deadline = self._clock() + FINISH_SECONDS
        status = "batch"
        while status == "batch" or (status == "waited" and self._packets_wait(capture) and self._clock() < deadline):
            batches, status = capture.carry(self._feed, FINISH_LOOK_MILLISECONDS)
            yield from batches
        self._close(capture)

    def _packets_wait(self, capture: LinkCapture) -> bool:
        received, dropped, _ = capture.counters()
        return received != dropped + self._delivered()

    def _delivered(self) -> int:
        """Packets taken from the present capture."""
        return self.engine.counters["packets"] - self._delivered_before

    def _counted(self, capture: LinkCapture) -> SourceCounters:
        received, dropped, interface_dropped = capture.counters()
        return SourceCounters(
            self._before.received + received,
            self._before.kernel_dropped + dropped,
            self._before.interface_dropped + interface_dropped,
        )

    def _close(self, capture: LinkCapture) -> None:
        """What was received and can no longer be taken counts as dropped."""
        capture.close()
        received, dropped, interface_dropped = capture.counters()
        delivered = self._delivered()
        received = max(received, delivered + dropped)
        self._capture = None
        self._before = self._counters = SourceCounters(
            self._before.received + received,
            self._before.kernel_dropped + received - delivered,
            self._before.interface_dropped + interface_dropped,
        )

    def _lose(self, capture: LinkCapture, status: str) -> None:
        self._close(capture)
        if status == "gone":
            self._notify("warning", f"{self.name}: the interface is gone; waiting for it")
        else:
            self._notify("warning", f"{self.name}: {capture.problem}; trying again")
        if self._clock() - self._opened_at > LONGEST_RETRY_SECONDS:  # else it comes and goes
            self._retry_seconds = 0.0
        self._missing = status == "gone"
        self._told = ""
        self._retry_later()

    def _retry_later(self) -> None:
        self._retry_seconds = min(max(FIRST_RETRY_SECONDS, 2 * self._retry_seconds), LONGEST_RETRY_SECONDS)
        self._retry_at = self._clock() + self._retry_seconds

    def _wait_for_interface(self) -> list[FlowBatch]:
        left = self._retry_at - self._clock()
        self._sleep(min(left, TAKE_SECONDS) if left > 0 else TAKE_SECONDS)
        if self._clock() >= self._retry_at and not (self._missing and self._index_of(self.name) is None):
            self._open_anew()
        return self._feed.idle()

    def _open_anew(self) -> None:
        try:
            self._capture = self._opened()
        except FlowedgeError as error:
            self._missing = isinstance(error, MissingInterfaceError)
            self._tell_once(error)
            self._retry_later()
        else:
            self._notify("info", f"{self.name}: is back")

    def _tell_once(self, error: FlowedgeError) -> None:
        """That the interface is not there has been told."""
        if not self._missing and str(error) != self._told:
            self._told = str(error)
            self._notify("warning", self._told)


def open_link_sources(
    interface: str,
    count: int,
    make_engine: Callable[[], FlowEngine],
    settings: LinkSettings = LinkSettings(),  # noqa: B008 - immutable
    *,
    make_saver: Callable[[], FlowSaver | None] = lambda: None,
    opening: Opening = nullcontext,
    on_notice: Notify = lambda level, text: None,
    make: MakeCapture = make_capture,
) -> list[LinkSource]:
    """As many sources of one interface, each with an engine of its own; all packets of a flow come to one of them.

    make_saver  gives a saver of its own to each
    Raises as LinkSource does, and then none stays open.
    """
    sources: list[LinkSource] = []
    notify = _without_repetition(on_notice)
    with ExitStack() as opened:
        fanout = None if count == 1 else 0
        for _ in range(count):
            source = LinkSource(
                interface,
                make_engine(),
                settings,
                saver=make_saver(),
                fanout=fanout,
                opening=opening,
                on_notice=notify,
                make=make,
            )
            opened.callback(source.close)
            sources.append(source)
            fanout = None if count == 1 else source.fanout_group
        if count > 1:
            for source in sources:  # while they joined, flows moved from one to the next
                source.discard_waiting()
        opened.pop_all()
    return sources


def _without_repetition(notify: Notify) -> Notify:
    """What several sources notice at once is told once."""
    told = ("", "")
    lock = Lock()

    def notify_once(level: str, text: str) -> None:
        nonlocal told
        with lock:
            repeated, told = told == (level, text), (level, text)
        if not repeated:
            notify(level, text)

    return notify_once
