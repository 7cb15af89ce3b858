"""Wires captures to the engine and the engine to sinks. The only module with threads."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any

from flowedge._core import HAVE_LIBPCAP, SKIP_REASONS, FlowBatch, FlowEngine
from flowedge.errors import (
    CaptureError,
    FlowedgeError,
    MissingInputError,
    NotACaptureError,
    PermissionDeniedError,
    UsageError,
)
from flowedge.options import FlowOptions
from flowedge.sinks import Sink, open_sink
from flowedge.sources.file import OpenCapture, open_capture, stored_size
from flowedge.sources.pcapy import filter_compiler

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

BATCH_SIZE = 1024  # flows in a batch: some 650 kB
PENDING_PER_THREAD = 2  # batches on their way to a sink, for each thread that encodes


@dataclass
class ConvertResult:
    """What became of the packets of all captures: packets == in_flows + sum(skipped.values())."""

    packets: int = 0
    in_flows: int = 0
    skipped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SKIP_REASONS, 0))
    """packets by reason; flowedge.SKIP_REASONS says what each means"""
    flows: int = 0
    evicted: int = 0
    """of the flows, those closed for lack of room (max_flows)"""
    backward_time: int = 0
    """packets older than the one before in their flow"""
    seconds: float = 0.0
    """time it took"""
    problems: list[FlowedgeError] = field(default_factory=list)
    """one for each capture that could not be read, or not to its end; the flows up to there are in the output"""
    warnings: list[str] = field(default_factory=list)

    def add(self, engine: FlowEngine) -> None:
        """Adds one engine's counters."""
        counters = engine.counters
        self.packets += counters["packets"]
        self.in_flows += counters["in_flows"]
        self.flows += counters["flows"]
        self.evicted += counters["evicted"]
        self.backward_time += counters["backward_time"]
        for reason, count in counters["skipped"].items():
            self.skipped[reason] += count


@dataclass(frozen=True)
class Progress:
    """How far a conversion is."""

    capture: str
    octets_taken: int
    octets_total: int | None
    """None: a pipe is among the captures"""
    packets: int
    flows: int


def make_engine(options: FlowOptions, batch_size: int = BATCH_SIZE) -> FlowEngine:
    """An engine with these options. Raises UsageError if they cannot be met, MissingPackageError being one."""
    compiler = None if HAVE_LIBPCAP or options.get("filter") is None else filter_compiler()
    try:
        return FlowEngine(**options, batch_size=batch_size, compile_filter=compiler)
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def batches_of(capture: OpenCapture, engine: FlowEngine, look_around: Callable[[], None]) -> Iterator[FlowBatch]:
    """All flows of a capture; look_around is called every few milliseconds."""
    status = "more"
    while status != "end":
        batch, status = engine.run(capture.reader)
        look_around()
        if batch is not None:
            yield batch


class OrderedWriter:
    """Encodes batches in threads, and writes them to a sink, in the caller's thread, in the order they came in.

    The threads start with the first full batch: a short capture does not pay for them.
    """

    def __init__(self, sink: Sink, threads: int) -> None:
        self._sink = sink
        self._threads = threads
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[Future[Any]] = deque()

    def __enter__(self) -> "OrderedWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            while kind is None and self._pending:
                self._write_oldest()
        finally:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    def put(self, batch: FlowBatch) -> None:
        """Takes a batch; waits when too many are on their way. Raises SinkError."""
        if self._pool is None and len(batch) < BATCH_SIZE:
            self._sink.write(self._sink.encode(batch))
            return
        self._pending.append(self._started_pool().submit(self._sink.encode, batch))
        if len(self._pending) > PENDING_PER_THREAD * self._threads:
            self._write_oldest()

    def _started_pool(self) -> "ThreadPoolExecutor":
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="encode")
        return self._pool

    def _write_oldest(self) -> None:
        self._sink.write(self._pending.popleft().result())


class Conversion:
    """Carries the flows of captures, each read with an engine of its own, to outputs, and keeps count.

    captures     paths of all captures that will be converted
    options      what FlowEngine takes
    threads      that encode batches
    on_progress  is called every few milliseconds
    """

    def __init__(
        self,
        captures: Sequence[str],
        options: FlowOptions,
        threads: int,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.result = ConvertResult()
        self._options = options
        self._selection = make_engine(options).selection
        self._threads = threads
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._octets_done = 0
        self._octets_total = _sum_or_none([stored_size(path) for path in captures])

    def write(self, captures: Sequence[str], target: str, form: str) -> bool:
        """The flows of some captures, in turn, into one output; False, and no output, if none of them is usable.

        Raises SinkError, or BrokenPipeError when nobody reads the output any more.
        """
        sink = open_sink(target, form, self._selection)
        try:
            with OrderedWriter(sink, self._threads) as writer:
                usable = [self._copy(path, writer) for path in captures]
        except BaseException:
            sink.close(keep=False)
            raise
        sink.close(keep=any(usable))
        self.result.seconds = time.monotonic() - self._started
        return any(usable)

    def _copy(self, path: str, writer: OrderedWriter) -> bool:
        """The flows of one capture; False if it is not usable at all. A problem with it is noted in the result."""
        engine = make_engine(self._options)
        problem: FlowedgeError | None
        try:
            with open_capture(path) as capture:
                for batch in batches_of(capture, engine, lambda: self._report(capture, engine)):
                    writer.put(batch)
                problem = capture.problem()
        except (CaptureError, MissingInputError, PermissionDeniedError) as error:
            problem = error
        self._note(path, engine, problem)
        return problem is None or (isinstance(problem, CaptureError) and not isinstance(problem, NotACaptureError))

    def _note(self, path: str, engine: FlowEngine, problem: FlowedgeError | None) -> None:
        self._octets_done += stored_size(path) or 0
        self.result.add(engine)
        if problem is not None:
            self.result.problems.append(problem)
        if engine.filter_problem:
            self.result.warnings.append(f"{path}: {engine.filter_problem}")

    def _report(self, capture: OpenCapture, engine: FlowEngine) -> None:
        if self._on_progress is None:
            return
        counters = engine.counters
        self._on_progress(
            Progress(
                capture=capture.name,
                octets_taken=self._octets_done + capture.octets_taken,
                octets_total=self._octets_total,
                packets=self.result.packets + counters["packets"],
                flows=self.result.flows + counters["flows"],
            )
        )


def _sum_or_none(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
