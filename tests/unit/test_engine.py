"""The door: what FlowEngine takes and refuses, and that it gives every flow once."""

import io
import re
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from reference.frames import pcap

from flowedge._core import CaptureReader, FlowBatch, FlowEngine, PacketBlock

from .conftest import SECOND, START, tcp_flow, udp_flows, udp_frame


def drain(engine: FlowEngine, reader: CaptureReader) -> Iterator[FlowBatch]:
    status = "more"
    while status != "end":
        batch, status = engine.run(reader)
        if batch is not None:
            yield batch


def flows_in(batches: list[FlowBatch]) -> list[dict[str, Any]]:
    return [flow for batch in batches for flow in batch.to_dicts()]


def test_feed_returns_a_connection_once_it_is_closed() -> None:
    engine = FlowEngine(columns=["src_ip", "dst_port", "tot_fwd_pkts", "tot_bwd_pkts", "flow_duration"])
    closed = flows_in(engine.feed(tcp_flow(START)))
    assert closed == [
        {"src_ip": "10.0.0.1", "dst_port": 80, "tot_fwd_pkts": 3, "tot_bwd_pkts": 2, "flow_duration": 0.004}
    ]
    assert engine.open_flows == 0
    assert engine.flush() == []


def test_flush_closes_every_flow_once() -> None:
    engine = FlowEngine(batch_size=7)
    assert engine.feed(udp_flows(100)) == []
    assert engine.open_flows == 100
    batches = engine.flush()
    assert [len(batch) for batch in batches] == [7] * 14 + [2]
    assert sorted(flow["src_port"] for flow in flows_in(batches)) == list(range(1000, 1100))
    assert engine.flush() == []


@pytest.mark.parametrize(
    "timeout", [0.1, "0.1", Decimal("0.1"), Fraction(1, 10)], ids=["float", "str", "Decimal", "Fraction"]
)
def test_time_outs_are_exact(timeout: Any) -> None:
    frame = udp_frame(1000)
    limit = SECOND // 10
    kept = FlowEngine(idle_timeout=timeout)
    kept.feed([(START, frame), (START + limit, frame)])
    assert len(flows_in(kept.flush())) == 1
    split = FlowEngine(idle_timeout=timeout)
    assert len(flows_in(split.feed([(START, frame), (START + limit + 1, frame)]) + split.flush())) == 2


def test_advance_closes_idle_flows_without_a_packet() -> None:
    engine = FlowEngine(idle_timeout=10)
    engine.feed([(START, udp_frame(1))])
    assert engine.advance(START + 10 * SECOND) == []
    assert len(flows_in(engine.advance(START + 12 * SECOND))) == 1


def test_frames_cut_by_a_snaplen_carry_their_length_on_the_wire() -> None:
    engine = FlowEngine(columns=["totlen_fwd_pkts"])
    frame = udp_frame(1)
    engine.feed([(START, frame[:42], len(frame))])
    assert flows_in(engine.flush()) == [{"totlen_fwd_pkts": 20 + 8 + len(b"question")}]


def test_counters_add_up() -> None:
    engine = FlowEngine()
    engine.feed([*udp_flows(5), (START, b"too short"), (START, b"\x02" * 12 + b"\x08\x06" + bytes(46))])
    engine.flush()
    counters = engine.counters
    assert counters["packets"] == 7
    assert counters["in_flows"] == counters["flows"] == 5
    assert sum(counters["skipped"].values()) == 2


def test_a_full_table_evicts_and_counts() -> None:
    engine = FlowEngine(max_flows=10)
    closed = flows_in(engine.feed(udp_flows(30)))
    assert len(closed) == engine.counters["evicted"] == 20
    assert engine.open_flows == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mode": "java"}, "mode: 'java' is not known; give one of netflower"),
        ({"names": "cic"}, "names: 'cic' is not known"),
        ({"protocols": "icmp"}, "protocols: 'icmp' is not known"),
        ({"idle_timeout": -1}, "idle_timeout: -1 is not a time"),
        ({"idle_timeout": 0}, "idle_timeout: must be more than 0"),
        ({"idle_timeout": float("nan")}, "idle_timeout: nan is not a time"),
        ({"idle_timeout": "soon"}, "idle_timeout: 'soon' is not a time"),
        ({"idle_timeout": "1e-999999999"}, "idle_timeout: '1e-999999999' is not a time"),
        ({"idle_timeout": None}, "idle_timeout: None is not a time"),
        ({"max_duration": "1e999999999"}, "max_duration: '1e999999999' is not a time"),
        ({"max_duration": float("inf")}, "max_duration: inf is not a time"),
        ({"linger": "-0.5"}, "linger: '-0.5' is not a time"),
        ({"max_flows": 0}, "max_flows: 0 is not a whole number"),
        ({"max_flows": 2**32}, "max_flows: 4294967296 is not a whole number"),
        ({"batch_size": 1.5}, "batch_size: 1.5 is not a whole number"),
        ({"columns": ["src_up"]}, 'there is no column "src_up"; the nearest name is "src_ip"'),
        ({"extra": ["first"]}, "first_ns"),
        ({"filter": "tcp prot 8"}, "tcp prot 8"),
    ],
)
def test_options_that_cannot_be_met(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        FlowEngine(**options)


def test_one_string_is_not_a_sequence_of_names() -> None:
    with pytest.raises(TypeError, match="columns"):
        FlowEngine(columns="src_ip")


@pytest.mark.parametrize("frame", [(START,), (START, "text"), ("now", b""), (2**63, b""), 5])
def test_frames_that_are_none(frame: Any) -> None:
    engine = FlowEngine()
    with pytest.raises((TypeError, OverflowError, IndexError)):
        engine.feed([frame])
    assert engine.feed(tcp_flow(START))[0].selection is engine.selection


def test_flows_closed_before_a_bad_frame_are_not_lost() -> None:
    engine = FlowEngine(batch_size=1)
    with pytest.raises(TypeError):
        engine.feed([*tcp_flow(START), *udp_flows(300), (START, None)])  # type: ignore[list-item]
    assert len(flows_in(engine.feed([]))) == 1


def test_a_filter_skips_and_counts() -> None:
    engine = FlowEngine(filter="port 1001", columns=["src_port"])
    engine.feed(udp_flows(10))
    assert flows_in(engine.flush()) == [{"src_port": 1001}]
    assert engine.counters["skipped"]["filtered"] == 9
    assert engine.filter_problem == ""


def test_a_filter_for_other_link_types_refuses_and_says_so() -> None:
    engine = FlowEngine(filter="wlan type mgt")
    assert engine.filter_problem == ""
    engine.feed(udp_flows(3))
    assert engine.counters["skipped"]["filtered"] == 3
    assert "wlan type mgt" in engine.filter_problem


def test_run_reads_from_an_object_in_small_pieces() -> None:
    class Dribble(io.RawIOBase):
        rest = pcap(udp_flows(50))

        def readinto(self, into: Any) -> int:
            piece, self.rest = self.rest[:11], self.rest[11:]
            into[: len(piece)] = piece
            return len(piece)

    reader = CaptureReader(Dribble())
    assert sum(len(batch) for batch in drain(FlowEngine(), reader)) == 50
    assert (reader.status, reader.problem) == ("end", "")


def test_what_a_stream_raises_ends_the_capture_and_keeps_its_flows() -> None:
    class Breaks(io.BytesIO):
        def readinto1(self, into: Any) -> int:
            count = super().readinto(into)
            if count == 0:
                raise OSError("the cable is out")
            return count

    reader = CaptureReader(Breaks(pcap(udp_flows(5))))
    assert sum(len(batch) for batch in drain(FlowEngine(), reader)) == 5
    assert reader.status == "read_failed"
    assert str(reader.exception) == "the cable is out"


def test_an_interrupt_does_not_wait_for_the_end() -> None:
    class Interrupted:
        def readinto(self, into: memoryview) -> int:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FlowEngine().run(CaptureReader(Interrupted()))


@pytest.mark.parametrize("count", [-1, 10**9, None, "7"])
def test_a_stream_that_lies_about_its_length(count: Any) -> None:
    class Liar:
        def readinto(self, into: memoryview) -> Any:
            return count

    reader = CaptureReader(Liar())
    assert list(drain(FlowEngine(), reader)) == []
    assert reader.status == "read_failed"


def test_a_capture_is_read_once_and_alone(large: Path) -> None:
    with large.open("rb") as first, large.open("rb") as second:
        engine, reader = FlowEngine(max_flows=10), CaptureReader(first)
        assert engine.run(reader)[1] == "batch"
        with pytest.raises(ValueError, match="another capture"):
            engine.run(CaptureReader(second))
        with pytest.raises(ValueError, match="read before"):
            FlowEngine().run(reader)
        list(drain(engine, reader))
        with pytest.raises(ValueError, match="read before"):
            engine.run(reader)


def test_two_threads_cannot_use_an_engine_at_once() -> None:
    engine = FlowEngine()
    caught: list[BaseException] = []

    def intrude() -> None:
        try:
            engine.flush()
        except RuntimeError as error:
            caught.append(error)

    def frames() -> Iterator[tuple[int, bytes]]:
        intruder = Thread(target=intrude)
        intruder.start()
        intruder.join()
        yield START, udp_frame(1)

    engine.feed(frames())
    assert len(caught) == 1
    assert len(flows_in(engine.flush())) == 1


def test_feed_asks_for_octets_once() -> None:
    """An item may make its octets anew each time; what was not kept would be gone when the engine reads it."""

    class Lazy(tuple[int, bytes]):
        def __getitem__(self, index: Any) -> Any:
            return bytes(bytearray(super().__getitem__(1))) if index == 1 else super().__getitem__(index)

    engine = FlowEngine()
    engine.feed(Lazy(item) for item in udp_flows(200))
    assert len(flows_in(engine.flush())) == 200


@pytest.mark.parametrize("mode", ["netflower", "corrected"])
@pytest.mark.parametrize("held_flows", [0, 4096])
def test_why_a_flow_ended_does_not_depend_on_how_many_are_held(mode: str, held_flows: int) -> None:
    engine = FlowEngine(mode=mode, held_flows=held_flows, extra=["end_reason"])
    later = START + 1000 * SECOND
    frames = [*tcp_flow(START), (START, udp_frame(7)), (later, udp_frame(8)), (later + 1, udp_frame(8))]
    reasons = {flow["src_port"]: flow["end_reason"] for flow in flows_in([*engine.feed(frames), *engine.flush()])}
    assert reasons == {40000: 3, 7: 1, 8: 4}


def test_a_block_is_one_engines() -> None:
    block = PacketBlock()
    FlowEngine().decode(CaptureReader(io.BytesIO(pcap(udp_flows(3)))), block)
    with pytest.raises(ValueError, match="another engine"):
        FlowEngine(mode="engelen").process(block)


def test_one_thread_decodes() -> None:
    class Meddling(io.BytesIO):
        refused = False

        def readinto(self, into: Any) -> int:
            with pytest.raises(RuntimeError, match="in another thread"):
                engine.decode(reader, PacketBlock())
            with pytest.raises(RuntimeError, match="in another thread"):
                engine.finish()
            self.refused = True
            return super().readinto(into)

    engine = FlowEngine()
    source = Meddling(pcap(udp_flows(3)))
    reader = CaptureReader(type("Source", (), {"readinto": staticmethod(source.readinto)})())
    assert engine.decode(reader, PacketBlock()) == "end"
    assert source.refused
