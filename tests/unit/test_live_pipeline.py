"""Flows from sources that do not wait to sinks that may fail: every flow is a row, or counted."""

import threading
from collections.abc import Iterator

import pytest

from flowedge import FlowBatch, FlowEngine
from flowedge.errors import CaptureError, SinkError
from flowedge.pipeline.live import Limits, LivePipeline
from flowedge.pipeline.writer import QUEUED_BATCHES
from flowedge.sinks import LiveSink
from flowedge.sources import SourceCounters

from .conftest import udp_frame

SECONDS = 20.0  # in which a pipeline must have ended, however slow the machine


class MadeSource:
    """Gives a flow a packet, as many in a batch as asked for."""

    def __init__(self, name: str = "made0", *, takes: int = 3, flows: int = 4, waits: bool = False) -> None:
        self.name = name
        self.engine = FlowEngine()
        self.waits = waits
        self.ended = False
        self.closed = False
        self.problem: BaseException | None = None
        self._left = takes
        self._flows = flows
        self._port = 0

    def take(self) -> list[FlowBatch]:
        if self._left == 0:
            self.ended = True
            if self.problem is not None:
                raise self.problem
            return []
        self._left -= 1
        return self._new_flows()

    def finish(self) -> Iterator[FlowBatch]:
        yield from self._new_flows()

    def counters(self) -> SourceCounters:
        return SourceCounters(received=self.engine.counters["packets"])

    def close(self) -> None:
        self.closed = True

    def _new_flows(self) -> list[FlowBatch]:
        frames = []
        for _ in range(self._flows):
            self._port = self._port % 60_000 + 1
            frames.append((self._port, udp_frame(source_port=self._port)))
        return [*self.engine.feed(frames), *self.engine.flush()]


class KeepingSink:
    """Keeps the number of flows; may be told to fail, or to wait."""

    def __init__(self) -> None:
        self.flows: list[tuple[str, int]] = []
        self.failures: list[BaseException] = []
        self.may_write = threading.Event()
        self.may_write.set()
        self.reopened = 0
        self.ticks = threading.Event()
        self.closed = False

    def write(self, source: str, batch: FlowBatch) -> None:
        self.may_write.wait(SECONDS)
        if self.failures:
            raise self.failures.pop(0)
        self.flows.append((source, len(batch)))

    def tick(self) -> None:
        self.ticks.set()

    def reopen(self) -> None:
        self.reopened += 1

    def close(self) -> None:
        self.closed = True


def run(pipeline: LivePipeline) -> None:
    pipeline.start()
    assert pipeline.join(SECONDS)


def quiet(_: str, __: str) -> None:
    pass


def test_every_flow_of_every_source_is_a_row() -> None:
    sources = [MadeSource("made0"), MadeSource("made1", takes=2)]
    sink = KeepingSink()
    pipeline = LivePipeline(sources, [sink], notify=quiet)
    run(pipeline)
    assert sorted(sink.flows) == [("made0", 4)] * 4 + [("made1", 4)] * 3
    assert sink.closed
    assert all(source.closed for source in sources)
    counters = pipeline.counters()
    assert counters.received == counters.packets == counters.in_flows == counters.flows == counters.rows == 28
    assert counters.queue_dropped == counters.rows_lost == 0


def test_each_source_has_its_own_counters() -> None:
    sources = [MadeSource("made0"), MadeSource("made0", takes=1), MadeSource("made1", takes=2)]
    pipeline = LivePipeline(sources, [KeepingSink()], notify=quiet)
    run(pipeline)
    rows = {name: counters.rows for name, counters in pipeline.counters_by_source().items()}
    assert rows == {"made0": 24, "made1": 12}
    assert pipeline.counters().rows == 36


def test_a_callback_that_wants_to_leave_ends_the_capture() -> None:
    source, sink = MadeSource(takes=1_000_000, waits=True), KeepingSink()
    sink.failures = [SystemExit(3)]
    pipeline = LivePipeline([source], [sink], notify=quiet)
    run(pipeline)
    assert [type(problem) for problem in pipeline.problems] == [SystemExit]
    assert pipeline.counters().rows_lost == 4


def test_a_link_drops_and_counts_what_finds_no_room() -> None:
    source = MadeSource(takes=QUEUED_BATCHES + 10)
    sink = KeepingSink()
    sink.may_write.clear()
    pipeline = LivePipeline([source], [sink], notify=quiet)
    pipeline.start()
    while not pipeline.counters().queue_dropped:
        assert not pipeline.join(0.01)
    sink.may_write.set()
    assert pipeline.join(SECONDS)
    counters = pipeline.counters()
    assert counters.flows == (QUEUED_BATCHES + 11) * 4 == counters.rows + counters.queue_dropped
    assert counters.queue_dropped >= 4


def test_a_replay_waits_for_room() -> None:
    source = MadeSource(takes=QUEUED_BATCHES + 10, waits=True)
    sink = KeepingSink()
    sink.may_write.clear()
    pipeline = LivePipeline([source], [sink], notify=quiet)
    pipeline.start()
    assert not pipeline.join(0.2)
    sink.may_write.set()
    assert pipeline.join(SECONDS)
    assert pipeline.counters().queue_dropped == 0
    assert pipeline.counters().rows == (QUEUED_BATCHES + 11) * 4


def test_a_sink_that_fails_is_asked_again_and_its_rows_are_counted() -> None:
    sink = KeepingSink()
    sink.failures = [SinkError("out.csv: cannot be written: disk full"), SinkError("again"), ValueError("a defect")]
    said: list[tuple[str, str]] = []
    pipeline = LivePipeline([MadeSource(takes=4)], [sink], notify=lambda level, text: said.append((level, text)))
    run(pipeline)
    assert said == [("error", "out.csv: cannot be written: disk full")]  # once a minute
    assert pipeline.counters().rows == 8
    assert pipeline.counters().rows_lost == 12


def test_the_other_sinks_go_on() -> None:
    bad, good = KeepingSink(), KeepingSink()
    bad.failures = [SinkError("no")] * 100
    run(LivePipeline([MadeSource()], [bad, good], notify=quiet))
    assert sum(flows for _, flows in good.flows) == 16


def test_a_closed_pipe_ends_the_capture() -> None:
    source, sink = MadeSource(takes=1_000_000), KeepingSink()
    sink.failures = [BrokenPipeError()]
    pipeline = LivePipeline([source], [sink], notify=quiet)
    run(pipeline)
    assert pipeline.problems == []
    counters = pipeline.counters()
    assert counters.flows == counters.rows + counters.rows_lost + counters.queue_dropped


@pytest.mark.parametrize("limits", [Limits(packets=9), Limits(flows=9)])
def test_limits_end_the_capture(limits: Limits) -> None:
    source = MadeSource(takes=1_000_000, waits=True)
    pipeline = LivePipeline([source], [KeepingSink()], notify=quiet, limits=limits)
    run(pipeline)
    assert pipeline.counters().packets == 16  # three takes, and what finish() gave


def test_a_damaged_capture_is_a_problem_after_its_good_flows() -> None:
    source = MadeSource(takes=1)
    source.problem = CaptureError("x.pcap: cut short")
    pipeline = LivePipeline([source], [sink := KeepingSink()], notify=quiet)
    run(pipeline)
    assert pipeline.problems == [source.problem]
    assert sink.flows == [("made0", 4)] * 2


def test_a_source_that_fails_ends_the_capture_well() -> None:
    broken, other = MadeSource("made0", takes=0), MadeSource("made1", takes=1_000_000, waits=True)
    broken.problem = RuntimeError("a defect")
    pipeline = LivePipeline([broken, other], [sink := KeepingSink()], notify=quiet)
    run(pipeline)
    assert pipeline.problems == [broken.problem]
    assert sink.closed
    assert broken.closed
    assert other.closed


def test_what_cannot_be_told_stops_nothing() -> None:
    def broken(_: str, __: str) -> None:
        raise OSError("nobody listens")

    sink = KeepingSink()
    sink.failures = [SinkError("no")]
    source = MadeSource(takes=QUEUED_BATCHES * 2, waits=True)
    pipeline = LivePipeline([source], [sink], notify=broken)
    run(pipeline)
    assert pipeline.problems == []
    assert pipeline.counters().rows_lost == 4
    assert pipeline.counters().rows == pipeline.counters().flows - 4


def test_other_sinks() -> None:
    source = MadeSource(takes=1_000_000, waits=True)
    first, second = KeepingSink(), KeepingSink()
    pipeline = LivePipeline([source], [first], notify=quiet)
    pipeline.start()

    def replaced(sinks: list[LiveSink]) -> list[LiveSink]:
        for sink in sinks:
            sink.close()
        return [second]

    pipeline.exchange(replaced)
    assert second.ticks.wait(SECONDS)
    assert first.closed
    pipeline.stop()
    assert pipeline.join(SECONDS)
    assert second.closed
    assert sum(flows for _, flows in first.flows + second.flows) == pipeline.counters().rows
