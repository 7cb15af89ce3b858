"""The ways in for programs: a whole conversion, or the flows of one capture."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Unpack

from flowedge._core import SKIP_REASONS, FlowBatch, FlowEngine
from flowedge.errors import (
    CaptureError,
    FlowedgeError,
    MissingInputError,
    NotACaptureError,
    PermissionDeniedError,
    SinkError,
    UsageError,
)
from flowedge.options import FlowOptions
from flowedge.pipeline.files import BATCH_SIZE, batches_of, copy_flows, make_reading_engine
from flowedge.sinks import FORMATS, Sink, format_of, open_sink
from flowedge.sources.file import CAPTURE_NAME, STANDARD_INPUT, OpenCapture, capture_paths, open_capture, stored_size

Path = str | os.PathLike[str]


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


def convert(
    inputs: Path | Sequence[Path],
    output: Path,
    *,
    format: str | None = None,
    jobs: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
    **options: Unpack[FlowOptions],
) -> ConvertResult:
    """Turns captures into a table of flows.

    inputs       captures (pcap or pcapng, plain or .gz, .xz, .zst), folders of them, or "-" for standard input;
                 each is read as an independent capture, in turn
    output       path whose suffix names the format (.csv, .csv.gz, .jsonl, .jsonl.gz, .parquet, .arrow), "-" for CSV to
                 standard output, or a folder (existing, or ending in "/") for one output a capture
    format       "csv", ..., "arrow", instead of the suffix; in a folder "csv" unless given
    jobs         threads that share the work; changes no octet of the output
    on_progress  is called every few milliseconds
    options      see FlowOptions

    A damaged capture gives all its flows up to the damage, and an entry in the result's `problems`. If no capture
    is usable at all, the first problem is raised and there is no output; an output appears only when complete.
    Raises UsageError, CaptureError, MissingInputError, PermissionDeniedError, SinkError.
    """
    target = os.fspath(output)
    if not target:
        raise UsageError("output: is empty; give a file, a folder, or - for standard output")
    if jobs < 1:
        raise UsageError(f"jobs: {jobs} is not a number of threads; give 1 or more")
    if format is not None and format not in FORMATS:
        raise UsageError(f"format: {format!r} is not known; give one of {', '.join(FORMATS)}")
    captures = capture_paths(_as_list(inputs))
    conversion = Conversion(captures, options, jobs, on_progress)
    if _is_folder(target):
        plan = _one_output_each(captures, target, format or "csv")
    else:
        plan = [(captures, target, format or format_of(target))]
    for _, place, _ in plan:
        _refuse_overwriting(place, captures)
    usable = [conversion.write(*step) for step in plan]
    if not any(usable):
        raise _first_problem(conversion.result.problems)
    return conversion.result


def read_flows(path: Path, *, batch_size: int = BATCH_SIZE, **options: Unpack[FlowOptions]) -> Iterator[FlowBatch]:
    """The flows of one capture, in the order in which they are closed, in batches of `batch_size` flows.

    Raises UsageError at once; while iterating MissingInputError, PermissionDeniedError, and CaptureError after the
    last good flow of a damaged capture.
    """
    return _read_flows(os.fspath(path), make_reading_engine(options, batch_size))


def _read_flows(path: str, engine: FlowEngine) -> Iterator[FlowBatch]:
    with open_capture(path) as capture:
        yield from batches_of(capture, engine, lambda: None)
        problem = capture.problem()
    if problem is not None:
        raise problem


class Conversion:
    """Carries the flows of captures, each read with an engine of its own, to outputs, and keeps count.

    captures     paths of all captures that will be converted
    options      what FlowEngine takes
    jobs         threads that share the work
    on_progress  is called every few milliseconds
    """

    def __init__(
        self,
        captures: Sequence[str],
        options: FlowOptions,
        jobs: int,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self.result = ConvertResult(warnings=_without_effect(options))
        self._options = options
        self._selection = make_reading_engine(options).selection
        self._jobs = jobs
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
            usable = [self._copy(path, sink) for path in captures]
        except BaseException:
            sink.close(keep=False)
            raise
        sink.close(keep=any(usable))
        self.result.seconds = time.monotonic() - self._started
        return any(usable)

    def _copy(self, path: str, sink: Sink) -> bool:
        """The flows of one capture; False if it is not usable at all. A problem with it is noted in the result."""
        engine = make_reading_engine(self._options)
        problem: FlowedgeError | None
        try:
            with open_capture(path) as capture:
                copy_flows(capture, engine, sink, self._jobs, lambda: self._report(capture, engine))
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


def _without_effect(options: FlowOptions) -> list[str]:
    """Options that a mode takes no notice of: the Java programs have no such thing."""
    mode = options.get("mode", "netflower")
    if mode not in ("cicflowmeter", "engelen"):
        return []
    ours = {"idle_timeout": 120, "protocols": "tcp,udp", "decapsulate": False}
    given = [name for name, default in ours.items() if str(options.get(name, default)) != str(default)]
    return [f"{name} has no effect in mode {mode}, which does as its program does" for name in given]


def _sum_or_none(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _refuse_overwriting(target: str, captures: Sequence[str]) -> None:
    """Raises UsageError if the target is one of the captures: it would be gone."""
    if not os.path.isfile(target):
        return
    for capture in captures:
        if os.path.isfile(capture) and os.path.samefile(target, capture):
            raise UsageError(f"{target}: is one of the captures; give another output")


def _as_list(inputs: Path | Sequence[Path]) -> list[str]:
    if isinstance(inputs, (str, os.PathLike)):
        return [os.fspath(inputs)]
    if not inputs:
        raise UsageError("inputs: give at least one capture")
    return [os.fspath(path) for path in inputs]


def _is_folder(target: str) -> bool:
    return target.endswith(os.sep) or os.path.isdir(target)


def _one_output_each(captures: Sequence[str], folder: str, form: str) -> list[tuple[list[str], str, str]]:
    """Outputs named after their captures: without the capture's suffix where that leaves them apart."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise SinkError(f"{folder}: cannot be made a folder: {error.strerror}") from error
    names = ["stdin.pcap" if path == STANDARD_INPUT else os.path.basename(path) for path in captures]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UsageError(f"{folder}: two captures are named {twice[0]}; convert them to different folders")
    stems = [_stem(name) for name in names]
    count = Counter(stems)
    return [
        ([path], os.path.join(folder, f"{stem if count[stem] == 1 else name}.{form}"), form)
        for path, name, stem in zip(captures, names, stems, strict=True)
    ]


def _stem(name: str) -> str:
    match = CAPTURE_NAME.fullmatch(name)
    return match["stem"] if match else name


def _first_problem(problems: Sequence[FlowedgeError]) -> FlowedgeError:
    first = problems[0]
    if len(problems) == 1:
        return first
    return type(first)(f"{first} (and {len(problems) - 1} more of the captures cannot be read)")
