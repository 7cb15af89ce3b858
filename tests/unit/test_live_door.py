"""The door's live part: frames that come in blocks, and what is refused."""

import gc
import io
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.frames import Timed, pcap

from flowedge._core import (
    GATHER_MILLISECONDS,
    HAVE_LIBPCAP,
    CaptureReader,
    FlowEngine,
    FlowSaver,
    LiveCapture,
    LiveFeed,
    libpcap_version,
)
from flowedge.sources.last_flows import last_flows

from .conftest import SECOND, START, tcp_flow, udp_flows, udp_frame
from .test_engine import flows_in

with_libpcap = pytest.mark.skipif(not HAVE_LIBPCAP, reason="the build has no libpcap")


def packed(frames: list[Timed]) -> tuple[bytes, bytes]:
    """Frames as pcapy-ng's next_batch() gives them."""
    octets, records = b"", b""
    for time_ns, frame in frames:
        records += struct.pack("=4I", time_ns // SECOND, time_ns % SECOND // 1000, len(octets), len(frame))
        octets += frame
    return octets, records


def test_packed_frames_give_what_frames_give() -> None:
    frames = [*tcp_flow(START), *udp_flows(1000)]
    engine, twin = FlowEngine(), FlowEngine()
    feed = LiveFeed(engine)
    batches = [*feed.feed_packed(*packed(frames), 1), *last_flows(feed)]
    assert flows_in(batches) == flows_in([*twin.feed(frames), *twin.flush()])
    assert engine.counters == twin.counters


def test_packed_frames_give_full_batches_alone() -> None:
    feed = LiveFeed(FlowEngine(batch_size=7, max_flows=10))
    assert [len(batch) for batch in feed.feed_packed(*packed(udp_flows(100)), 1)] == [7] * 12
    assert [len(batch) for batch in feed.idle()] == [6]
    assert [len(batch) for batch in last_flows(feed)] == [7, 3]


NUMBERS = st.integers(0, 2**32 - 1) | st.integers(0, 200)
RECORDS = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=20)


@given(octets=st.binary(max_size=200), records=RECORDS, link_type=st.integers(-1, 0x10000), more=st.binary(max_size=3))
def test_packed_nonsense(octets: bytes, records: list[tuple[int, int, int, int]], link_type: int, more: bytes) -> None:
    engine = FlowEngine()
    sound = (
        not more
        and 0 <= link_type <= 0xFFFF
        and all(
            microseconds < 10**6 and offset + captured <= len(octets) for _, microseconds, offset, captured in records
        )
    )
    packets = b"".join(struct.pack("=4I", *record) for record in records) + more
    feed = LiveFeed(engine, stamped_by_host=False)
    if sound:
        feed.feed_packed(octets, packets, link_type)
        assert engine.counters["packets"] == len(records)
        return
    with pytest.raises(ValueError, match=r"link_type|packet"):
        feed.feed_packed(octets, packets, link_type)
    assert engine.counters["packets"] == 0


@given(frames=st.lists(st.binary(max_size=100), max_size=700))
def test_packed_frames_are_all_counted(frames: list[bytes]) -> None:
    engine = FlowEngine(max_flows=1, batch_size=1)
    feed = LiveFeed(engine)
    feed.feed_packed(*packed([(START, frame) for frame in frames]), 1)
    list(last_flows(feed))
    counters = engine.counters
    assert counters["packets"] == len(frames) == counters["in_flows"] + sum(counters["skipped"].values())


def test_an_engine_has_one_feed(tmp_path: Path) -> None:
    engine, saver = FlowEngine(), FlowSaver(str(tmp_path), snaplen=100)
    feed = LiveFeed(engine, saver=saver)
    with pytest.raises(ValueError, match="one LiveFeed"):
        LiveFeed(engine)
    with pytest.raises(ValueError, match="one LiveFeed"):
        LiveFeed(FlowEngine(), saver=saver)
    assert feed.finish() == (None, "end")


def test_a_feed_keeps_its_engine_and_saver_alive(tmp_path: Path) -> None:
    def feed_of_flows() -> LiveFeed:
        feed = LiveFeed(FlowEngine(), saver=FlowSaver(str(tmp_path), snaplen=100))
        feed.feed_packed(*packed(udp_flows(5)), 1)
        return feed

    feed = feed_of_flows()
    gc.collect()
    assert len(flows_in([*last_flows(feed)])) == 5
    assert len(list(tmp_path.glob("10.0.0.1-*.pcap"))) == 5


def test_a_feed_that_is_part_of_a_cycle() -> None:
    class Compiler:
        feed: LiveFeed

        def __call__(self, expression: str, link_type: int) -> list[tuple[int, int, int, int]]:
            return [(0x06, 0, 0, 1)]

    compiler = Compiler()
    compiler.feed = LiveFeed(FlowEngine(filter="udp", compile_filter=compiler))
    compiler.feed.feed_packed(*packed(udp_flows(5)), 1)
    del compiler
    gc.collect()


def test_a_savers_counters(tmp_path: Path) -> None:
    saver = FlowSaver(str(tmp_path), snaplen=100)
    feed = LiveFeed(FlowEngine(), saver=saver)
    feed.feed_packed(*packed(udp_flows(5)), 1)
    assert saver.counters == {"files": 0, "octets": 0, "packets": 0, "unsaved": 0}
    list(last_flows(feed))
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert saver.counters == {"files": 5, "octets": size, "packets": 5, "unsaved": 0}
    assert saver.problem == ""


def test_packets_that_are_saved_too_late_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "packets"
    folder.mkdir()
    engine, saver = FlowEngine(batch_size=2), FlowSaver(str(folder), snaplen=100)
    feed = LiveFeed(engine, saver=saver)
    feed.feed_packed(*packed(udp_flows(5)), 1)
    batch, status = feed.finish()
    folder.rename(tmp_path / "away")
    assert (len(batch or []), status) == (2, "batch")
    assert (saver.counters["packets"], saver.counters["unsaved"]) == (2, 0)
    assert len(flows_in([*last_flows(feed)])) == 3
    assert (saver.counters["packets"], saver.counters["unsaved"]) == (2, 3)
    assert saver.problem == "No such file or directory"


def test_the_clock_is_behind_for_as_long_as_the_kernel_keeps_packets() -> None:
    gathered = 2 * GATHER_MILLISECONDS / 1000
    feed = LiveFeed(FlowEngine(idle_timeout=gathered / 2))
    begun = time.monotonic()
    feed.feed_packed(*packed(udp_flows(1)), 1)
    while not feed.idle():
        assert time.monotonic() < begun + 30
    assert time.monotonic() - begun > 1.5 * gathered


def test_replay_stops_where_frames_are_not_due(tmp_path: Path) -> None:
    engine = FlowEngine()
    feed = LiveFeed(engine, stamped_by_host=False)
    reader = CaptureReader(io.BytesIO(pcap([(START, udp_frame(1)), (START + SECOND, udp_frame(2))])))
    assert feed.next_time is None
    assert feed.replay(reader, START - 1) == (None, "due")
    assert feed.next_time == START
    assert feed.replay(reader, START) == (None, "due")
    assert (feed.next_time, engine.counters["packets"]) == (START + SECOND, 1)
    assert feed.replay(reader, None) == (None, "end")
    assert feed.next_time is None
    assert len(flows_in([*last_flows(feed)])) == 2


def test_replay_gives_full_batches_and_the_rest(large: Path) -> None:
    feed = LiveFeed(FlowEngine(max_flows=10, batch_size=1000), stamped_by_host=False)
    sizes, status = [], "batch"
    with large.open("rb") as stream:
        reader = CaptureReader(stream.fileno())
        while status != "end":
            batch, status = feed.replay(reader, None)
            sizes.append(0 if batch is None else len(batch))
    assert (sum(sizes), sizes[:4]) == (4990, [1000] * 4)


def test_replay_reads_a_capture_once_and_alone(large: Path) -> None:
    with large.open("rb") as first, large.open("rb") as second:
        reader, other = CaptureReader(first.fileno()), CaptureReader(second.fileno())
        feed = LiveFeed(FlowEngine(max_flows=10), stamped_by_host=False)
        assert feed.replay(reader, None)[1] == "batch"
        with pytest.raises(ValueError, match="another capture"):
            feed.replay(other, None)
        with pytest.raises(ValueError, match="read before"):
            FlowEngine().run(reader)


def test_replay_takes_no_stamps_for_the_hosts() -> None:
    with pytest.raises(ValueError, match="stamped_by_host=False"):
        LiveFeed(FlowEngine()).replay(CaptureReader(io.BytesIO(pcap(udp_flows(1)))), None)


def test_replay_passes_an_interrupt_on() -> None:
    class Interrupted:
        def readinto(self, into: memoryview) -> int:
            raise KeyboardInterrupt

    feed = LiveFeed(FlowEngine(), stamped_by_host=False)
    with pytest.raises(KeyboardInterrupt):
        feed.replay(CaptureReader(Interrupted()), None)


@with_libpcap
def test_replay_filters_and_counts() -> None:
    engine = FlowEngine(filter="port 1001")
    feed = LiveFeed(engine, stamped_by_host=False)
    feed.replay(CaptureReader(io.BytesIO(pcap(udp_flows(10)))), None)
    assert len(flows_in([*last_flows(feed)])) == 1
    assert engine.counters["skipped"]["filtered"] == 9


def in_another_thread(action: Any) -> Any:
    """What it gives, or raises."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(action())
        except Exception as error:
            results.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    return results[0]


def test_counters_are_those_of_the_last_call_meanwhile() -> None:
    engine = FlowEngine()
    engine.feed(udp_flows(3))
    before = engine.counters

    def frames() -> Iterator[Timed]:
        yield from udp_flows(1000)
        assert in_another_thread(lambda: (engine.counters, engine.open_flows)) == (before, 3)

    engine.feed(frames())
    assert engine.counters["packets"] == 1003
    assert engine.open_flows == 1000


def test_a_feed_and_its_engine_are_one_threads() -> None:
    class Meddling(io.BytesIO):
        refused: list[Any]

        def readinto1(self, into: Any) -> int:
            self.refused = [in_another_thread(action) for action in (engine.flush, feed.idle, feed.finish)]
            return super().readinto(into)

    engine = FlowEngine()
    feed = LiveFeed(engine, stamped_by_host=False)
    source = Meddling(pcap(udp_flows(3)))
    feed.replay(CaptureReader(source), None)
    assert [type(error) for error in source.refused] == [RuntimeError] * 3
    assert len(flows_in([*last_flows(feed)])) == 3


@with_libpcap
def test_libpcap_tells_its_version() -> None:
    assert libpcap_version().startswith("libpcap version")


@with_libpcap
def test_an_interface_that_is_not_there() -> None:
    with pytest.raises((FileNotFoundError, PermissionError)) as caught:  # without permission libpcap does not look
        LiveCapture("nonesuch0")
    assert caught.value.strerror
    assert "nonesuch0" not in caught.value.strerror


@with_libpcap
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"snaplen": 0}, "snaplen: 0"),
        ({"snaplen": 262145}, "snaplen: 262145"),
        ({"buffer_size": 1 << 31}, "buffer_size"),
        ({"direction": "up"}, "direction: 'up' is not known"),
        ({"timestamp_type": "sundial"}, "timestamp_type: there is no .sundial"),
        ({"fanout": 70000}, "fanout: 70000"),
    ],
    ids=str,
)
def test_a_capture_that_cannot_be_as_asked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LiveCapture("lo", **options)
