"""Sources of live packets: interfaces that come and go, and captures that are replayed. Interfaces are made up here."""

import errno
import math
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from reference.frames import pcap

from flowedge import (
    CaptureError,
    FlowBatch,
    InterfaceError,
    MissingInputError,
    MissingInterfaceError,
    PermissionDeniedError,
    UsageError,
    read_flows,
)
from flowedge._core import FlowEngine, FlowSaver, LiveFeed
from flowedge.sources import TAKE_SECONDS, PacketSource, SourceCounters
from flowedge.sources.link import LinkSettings
from flowedge.sources.live import FINISH_SECONDS, LinkSource, open_link_sources
from flowedge.sources.replay import ReplaySource

from .conftest import SECOND, START, tcp_flow, udp_flows, udp_frame
from .test_engine import flows_in
from .test_live_door import packed

SETTINGS = LinkSettings()


class Clock:
    """A clock that is moved by those who wait."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


Step = str | int
"""What a made-up interface does at a call: a status, or packets that come"""


class MadeUpCapture:
    """A LinkCapture that follows a script; at its end it waits, until it is told to stop, for the packets that wait."""

    stamped_by_host = True
    problem = "the cable is out"

    def __init__(self, clock: Clock, script: Sequence[Step], *, dropped: int = 0, waiting: int = 0) -> None:
        self.fanout_group = 0
        self.closed = False
        self.discarded_at = 0.0
        self._clock = clock
        self._script = list(script)
        self._dropped = dropped
        self._waiting = waiting
        self._received = dropped + waiting
        self._stopped = False

    def carry(self, feed: LiveFeed, milliseconds: int) -> tuple[list[FlowBatch], str]:
        step: Step = self._script.pop(0) if self._script else "waited"
        if isinstance(step, int):
            self._received += step
            return feed.feed_packed(*packed(udp_flows(step)), 1), "batch"
        self._clock.sleep(milliseconds / 1000)
        if self._stopped and self._waiting:
            self._waiting -= 1
            feed.feed_packed(*packed(udp_flows(1)), 1)
        return [], step

    def counters(self) -> tuple[int, int, int]:
        return self._received, self._dropped, 1

    def stop_receiving(self) -> None:
        self._stopped = True

    def discard_waiting(self) -> None:
        self.discarded_at = self._clock.now

    def close(self) -> None:
        self.closed = True


class MadeUpInterface:
    """Gives captures, or errors, one after the other."""

    def __init__(self, clock: Clock, *captures: MadeUpCapture | Exception) -> None:
        self.clock = clock
        self.asked_at: list[float] = []
        self.fanouts: list[int | None] = []
        self._captures = list(captures)

    def __call__(self, interface: str, settings: LinkSettings, fanout: int | None) -> MadeUpCapture:
        self.asked_at.append(self.clock.now)
        self.fanouts.append(fanout)
        result = self._captures.pop(0)
        if isinstance(result, Exception):
            raise result
        if fanout is not None:
            result.fanout_group = fanout or 7
        return result


class Notices(list[tuple[str, str]]):
    def __call__(self, level: str, text: str) -> None:
        self.append((level, text))


class Presence:
    """Whether an interface is there: from some time on."""

    def __init__(self, clock: Clock, since: float) -> None:
        self._clock = clock
        self._since = since

    def __call__(self, interface: str) -> int | None:
        return 8 if self._clock.now >= self._since else None


def source_on(make: MadeUpInterface, notices: Notices | None = None, *, back_at: float = 0) -> LinkSource:
    return LinkSource(
        "eth0",
        FlowEngine(),
        on_notice=Notices() if notices is None else notices,
        make=make,
        index_of=Presence(make.clock, back_at),
        clock=make.clock,
        sleep=make.clock.sleep,
    )


def take_until(source: LinkSource, clock: Clock, end: float) -> None:
    while clock.now < end:
        source.take()


GONE = FileNotFoundError(errno.ENOENT, "no such device")
IS_GONE = ("warning", "eth0: the interface is gone; waiting for it")
IS_BACK = ("info", "eth0: is back")
DOWN = OSError(errno.ENETDOWN, "down")
IS_DOWN = ("warning", "eth0: is not up; `ip link set eth0 up` changes that")
FAILS = ("warning", "eth0: the cable is out; trying again")


def test_a_take_ends_with_its_time() -> None:
    clock = Clock()
    source: PacketSource = source_on(MadeUpInterface(clock, MadeUpCapture(clock, [3, 4])))
    assert source.take() == []
    assert clock.now == pytest.approx(1000 + TAKE_SECONDS)
    assert source.counters() == SourceCounters(received=7, interface_dropped=1)
    assert len(flows_in([*source.finish()])) == 4
    assert source.ended


def test_full_batches_are_handed_over_before_the_time_is_over() -> None:
    clock = Clock()
    make = MadeUpInterface(clock, MadeUpCapture(clock, [100] * 50))
    source = LinkSource("eth0", FlowEngine(batch_size=50, max_flows=1), make=make, clock=clock)
    assert 8 <= len(source.take()) < 20
    assert clock.now == 1000


def test_an_interface_that_fails_is_tried_again_after_longer_and_longer() -> None:
    clock, notices = Clock(), Notices()
    make = MadeUpInterface(clock, MadeUpCapture(clock, ["failed"]), *[DOWN] * 9, MadeUpCapture(clock, []))
    source = source_on(make, notices)
    source.take()
    gone_at = clock.now
    take_until(source, clock, gone_at + 152)
    assert notices == [FAILS, IS_DOWN, IS_BACK]
    times = [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 61.5, 91.5, 121.5, 151.5]
    assert [at - gone_at for at in make.asked_at[1:]] == pytest.approx(times, abs=0.01)


def test_an_interface_that_was_gone_for_long_is_noticed_soon() -> None:
    clock, notices = Clock(), Notices()
    make = MadeUpInterface(clock, MadeUpCapture(clock, ["gone"]), DOWN, MadeUpCapture(clock, []))
    back_at = 1000 + 3600
    source = source_on(make, notices, back_at=back_at)
    take_until(source, clock, back_at + 2)
    assert notices == [IS_GONE, IS_DOWN, IS_BACK]
    assert 0 <= make.asked_at[1] - back_at <= 1.1 * TAKE_SECONDS
    assert make.asked_at[2] - make.asked_at[1] == pytest.approx(1)


def test_what_cannot_be_looked_for_is_tried_again() -> None:
    """The interface "any" has no index."""
    clock, notices = Clock(), Notices()
    make = MadeUpInterface(clock, MadeUpCapture(clock, ["failed"]), DOWN, MadeUpCapture(clock, []))
    take_until(source_on(make, notices, back_at=math.inf), clock, 1005)
    assert notices == [FAILS, IS_DOWN, IS_BACK]


def test_flows_end_while_the_interface_is_gone() -> None:
    clock = Clock()
    make = MadeUpInterface(clock, MadeUpCapture(clock, [5, "gone"]), *[GONE] * 1_000_000)
    source = LinkSource("eth0", FlowEngine(idle_timeout="0.001"), make=make, clock=clock, sleep=clock.sleep)
    ended = 0
    patience = time.monotonic() + 10
    while ended < 5 and time.monotonic() < patience:  # when the real clock has gone on
        ended += sum(len(batch) for batch in source.take())
    assert ended == 5


def test_one_that_comes_and_goes_is_not_opened_ever_more_often() -> None:
    clock, notices = Clock(), Notices()
    make = MadeUpInterface(clock, *[MadeUpCapture(clock, ["failed"]) for _ in range(8)])
    source = source_on(make, notices)
    take_until(source, clock, 1090)
    gaps = [later - at for at, later in zip(make.asked_at, make.asked_at[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 15
    assert notices[:2] == [FAILS, IS_BACK]


def test_one_that_was_there_for_long_is_soon_tried_again() -> None:
    clock = Clock()
    long_there: list[Step] = ["waited"] * 200
    make = MadeUpInterface(
        clock, MadeUpCapture(clock, ["gone"]), GONE, GONE, MadeUpCapture(clock, [*long_there, "gone"]), GONE
    )
    source = source_on(make)
    take_until(source, clock, 1045)
    assert make.asked_at[4] - make.asked_at[3] == pytest.approx(201 * TAKE_SECONDS + 0.5)


def test_what_hinders_is_told_once() -> None:
    clock, notices = Clock(), Notices()
    make = MadeUpInterface(clock, MadeUpCapture(clock, ["gone"]), GONE, DOWN, DOWN, GONE, MadeUpCapture(clock, []))
    take_until(source_on(make, notices), clock, 1040)
    assert notices == [IS_GONE, IS_DOWN, IS_BACK]


def test_counters_go_on_over_reopenings_and_nothing_is_lost_untold() -> None:
    clock = Clock()
    first = MadeUpCapture(clock, [10, "gone"], dropped=3, waiting=2)
    second = MadeUpCapture(clock, [20], dropped=5)
    source = source_on(MadeUpInterface(clock, first, second))
    source.take()
    assert first.closed
    assert source.counters() == SourceCounters(received=15, kernel_dropped=5, interface_dropped=1)
    take_until(source, clock, 1003)
    assert source.counters() == SourceCounters(received=40, kernel_dropped=10, interface_dropped=2)
    assert source.engine.counters["packets"] == 30


def test_finish_takes_what_waits() -> None:
    clock = Clock()
    capture = MadeUpCapture(clock, [10], dropped=3, waiting=4)
    source = source_on(MadeUpInterface(clock, capture))
    source.take()
    assert len(flows_in([*source.finish()])) == 10
    assert source.counters() == SourceCounters(received=17, kernel_dropped=3, interface_dropped=1)
    assert source.engine.counters["packets"] == 14
    assert capture.closed
    source.close()


def test_finish_does_not_wait_for_ever() -> None:
    clock = Clock()
    source = source_on(MadeUpInterface(clock, MadeUpCapture(clock, [10], waiting=1000)))
    source.take()
    before = clock.now
    list(source.finish())
    assert clock.now - before == pytest.approx(FINISH_SECONDS, abs=0.05)
    counters, packets = source.counters(), source.engine.counters["packets"]
    assert counters.received == 1010 == packets + counters.kernel_dropped


def test_finish_hands_over_what_waits_a_batch_at_a_time() -> None:
    clock = Clock()
    capture = MadeUpCapture(clock, [100] * 50)
    make = MadeUpInterface(clock, capture)
    source = LinkSource("eth0", FlowEngine(batch_size=50, max_flows=1), make=make, clock=clock, sleep=clock.sleep)
    ending = iter(source.finish())
    assert len(next(ending)) == 50
    assert source.engine.counters["packets"] == 100
    assert len(flows_in([*ending])) == 50 * 100 - 50
    assert capture.closed


def test_packets_that_cannot_be_saved_at_the_end_are_counted(tmp_path: Path) -> None:
    clock = Clock()
    saver = FlowSaver(str(tmp_path / "absent"), snaplen=100)
    make = MadeUpInterface(clock, MadeUpCapture(clock, [10]))
    source = LinkSource("eth0", FlowEngine(), saver=saver, make=make, clock=clock, sleep=clock.sleep)
    assert len(flows_in([*source.finish()])) == 10
    assert saver.counters["unsaved"] == source.engine.counters["in_flows"] == 10


def test_finish_while_the_interface_is_gone() -> None:
    clock = Clock()
    source = source_on(MadeUpInterface(clock, MadeUpCapture(clock, [10, "gone"]), GONE))
    source.take()
    assert len(flows_in([*source.finish()])) == 10


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (GONE, MissingInterfaceError, "eth0: no such interface; `flowedge interfaces` lists them"),
        (OSError(errno.ENETDOWN, "x"), InterfaceError, "eth0: is not up; `ip link set eth0 up` changes that"),
        (OSError(errno.EIO, "no luck"), InterfaceError, "eth0: cannot be captured: no luck"),
        (ValueError("filter: syntax error"), UsageError, "filter: syntax error"),
        (
            PermissionError(errno.EPERM, "no"),
            PermissionDeniedError,
            "eth0: this user may not capture; use sudo, or allow it once: sudo setcap cap_net_raw+ep "
            + shlex.quote(os.path.realpath(sys.executable)),
        ),
        (UsageError("capture: as it is"), UsageError, "capture: as it is"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_said_of_an_interface_that_cannot_be_captured(
    error: Exception, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind) as caught:
        source_on(MadeUpInterface(Clock(), error))
    assert str(caught.value) == text


def test_privileges_are_there_whenever_a_socket_is_opened() -> None:
    clock = Clock()
    entered: list[bool] = []

    class Careful(MadeUpInterface):
        def __call__(self, interface: str, settings: LinkSettings, fanout: int | None) -> MadeUpCapture:
            assert entered.pop()
            return super().__call__(interface, settings, fanout)

    @contextmanager
    def opening() -> Iterator[None]:
        entered.append(True)
        yield
        assert not entered

    make = Careful(clock, MadeUpCapture(clock, ["gone"]), MadeUpCapture(clock, []))
    source = LinkSource("eth0", FlowEngine(), opening=opening, make=make, clock=clock, sleep=clock.sleep)
    take_until(source, clock, 1002)
    assert len(make.asked_at) == 2


def test_workers_share_an_interface_and_begin_together() -> None:
    clock, notices = Clock(), Notices()
    captures = [MadeUpCapture(clock, ["gone"]) for _ in range(3)]
    make = MadeUpInterface(clock, *captures)
    sources = open_link_sources("eth0", 3, FlowEngine, SETTINGS, on_notice=notices, make=make)
    assert make.fanouts == [0, 7, 7]
    assert [source.name for source in sources] == ["eth0"] * 3
    assert len({id(source.engine) for source in sources}) == 3
    assert all(capture.discarded_at for capture in captures)
    for source in sources:
        source.take()
    assert notices == [IS_GONE]


def test_one_worker_is_in_no_group() -> None:
    clock = Clock()
    make = MadeUpInterface(clock, MadeUpCapture(clock, []))
    open_link_sources("eth0", 1, FlowEngine, SETTINGS, make=make)
    assert make.fanouts == [None]


def test_all_workers_or_none() -> None:
    clock = Clock()
    captures = [MadeUpCapture(clock, []) for _ in range(2)]
    with pytest.raises(MissingInterfaceError):
        open_link_sources("eth0", 3, FlowEngine, SETTINGS, make=MadeUpInterface(clock, *captures, GONE))
    assert all(capture.closed for capture in captures)


def drain(source: PacketSource) -> list[FlowBatch]:
    batches: list[FlowBatch] = []
    while not source.ended:
        batches += source.take()
    return [*batches, *source.finish()]


def rows(batches: list[FlowBatch]) -> list[str]:
    return sorted(line for batch in batches for line in batch.csv().decode().splitlines())


def mixed_capture(path: Path) -> Path:
    """Twenty seconds with connections that end and flows that go idle, and a packet that comes late."""
    frames = [frame for second in range(20) for frame in tcp_flow(START + second * SECOND)]
    frames += [(START + number * SECOND // 7, udp_frame(1000 + number % 5)) for number in range(140)]
    frames.sort()
    path.write_bytes(pcap([*frames, (START + SECOND, udp_frame(1))]))
    return path


MakeReplay = Callable[..., ReplaySource]


@pytest.fixture
def replay() -> Iterator[MakeReplay]:
    """Makes sources that are closed after the test."""
    with ExitStack() as opened:

        def make(path: Path, engine: FlowEngine, **options: Any) -> ReplaySource:
            source = ReplaySource(str(path), engine, **options)
            opened.callback(source.close)
            return source

        yield make


@pytest.mark.parametrize("speed", [None, 1000.0])
def test_a_replay_gives_the_flows_of_the_capture(tmp_path: Path, replay: MakeReplay, speed: float | None) -> None:
    path = mixed_capture(tmp_path / "mixed.pcap")
    source = replay(path, FlowEngine(idle_timeout=1), speed=speed)
    found = rows(drain(source))
    assert found == rows(list(read_flows(path, idle_timeout=1)))
    assert source.counters() == SourceCounters(received=241)
    assert (source.name, source.waits) == ("mixed.pcap", True)


def test_a_replay_keeps_the_captures_pace(tmp_path: Path, replay: MakeReplay) -> None:
    clock = Clock()
    path = mixed_capture(tmp_path / "mixed.pcap")
    source = replay(path, FlowEngine(idle_timeout=1), speed=2, clock=clock, sleep=clock.sleep)
    seen: list[tuple[float, int]] = []
    while not source.ended:
        source.take()
        seen.append((clock.now - 1000, source.engine.counters["packets"]))
    assert clock.now - 1000 == pytest.approx(139 / 7 / 2, abs=TAKE_SECONDS)
    assert all(packets == pytest.approx(2 * seconds * 12, abs=20) for seconds, packets in seen)


def test_flows_end_on_time_while_nothing_is_due(tmp_path: Path, replay: MakeReplay) -> None:
    clock = Clock()
    path = tmp_path / "pause.pcap"
    path.write_bytes(pcap([(START, udp_frame(1)), (START + 100 * SECOND, udp_frame(2))]))
    source = replay(path, FlowEngine(idle_timeout=10), speed=1, clock=clock, sleep=clock.sleep)
    while not (ended := source.take()):
        pass
    assert len(flows_in(ended)) == 1
    assert 1010 < clock.now < 1012


def test_a_replay_hands_over_a_few_batches_at_a_time(large: Path, replay: MakeReplay) -> None:
    source = replay(large, FlowEngine(batch_size=10, max_flows=10))
    assert [len(batch) for batch in source.take()] == [10] * 8
    assert len(flows_in(drain(source))) == 4920


def test_a_damaged_capture_gives_its_flows_and_then_its_problem(large: Path, replay: MakeReplay) -> None:
    large.write_bytes(large.read_bytes()[:-5])
    source = replay(large, FlowEngine())
    found: list[FlowBatch] = []

    def take_all() -> None:
        while True:
            found.extend(source.take())

    with pytest.raises(CaptureError, match=r"large\.pcap: .*cut short"):
        take_all()
    assert source.ended
    assert found == []
    assert len(flows_in([*source.finish()])) == 5000  # of the cut one there is enough


def test_a_replay_of_what_is_not_there(tmp_path: Path, replay: MakeReplay) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        replay(tmp_path / "absent.pcap", FlowEngine())


def test_a_replay_that_is_stopped_gives_what_it_has(large: Path, replay: MakeReplay) -> None:
    source = replay(large, FlowEngine(batch_size=10, max_flows=10))
    source.take()
    flows = sum(len(batch) for batch in source.finish()) + 80
    assert flows == source.counters().received > 100  # not all that was read had been in flows


def test_packets_of_a_replay_that_cannot_be_saved_are_counted(large: Path, tmp_path: Path, replay: MakeReplay) -> None:
    saver = FlowSaver(str(tmp_path / "absent"), snaplen=100)
    source = replay(large, FlowEngine(), saver=saver)
    drain(source)
    assert saver.counters["unsaved"] == source.engine.counters["in_flows"] == 5000
