"""The ways in for programs: a whole conversion, or the flows of one capture."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Unpack

from flowedge._core import FlowBatch, FlowEngine
from flowedge.errors import FlowedgeError, UsageError
from flowedge.options import FlowOptions
from flowedge.pipeline import BATCH_SIZE, Conversion, ConvertResult, Progress, batches_of, make_engine
from flowedge.sinks import FORMATS, format_of
from flowedge.sources.file import CAPTURE_NAME, STANDARD_INPUT, capture_paths, open_capture

Path = str | os.PathLike[str]


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
    jobs         threads that format flows while packets are read; changes no octet of the output
    on_progress  is called every few milliseconds
    options      see FlowOptions

    A damaged capture gives all its flows up to the damage, and an entry in the result's `problems`. If no capture
    is usable at all, the first problem is raised and there is no output; an output appears only when complete.
    Raises UsageError, CaptureError, MissingInputError, PermissionDeniedError, SinkError.
    """
    target = os.fspath(output)
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
    usable = [conversion.write(*step) for step in plan]
    if not any(usable):
        raise _first_problem(conversion.result.problems)
    return conversion.result


def read_flows(path: Path, *, batch_size: int = BATCH_SIZE, **options: Unpack[FlowOptions]) -> Iterator[FlowBatch]:
    """The flows of one capture, in the order in which they are closed, in batches of `batch_size` flows.

    Raises UsageError at once; while iterating MissingInputError, PermissionDeniedError, and CaptureError after the
    last good flow of a damaged capture.
    """
    return _read_flows(os.fspath(path), make_engine(options, batch_size))


def _read_flows(path: str, engine: FlowEngine) -> Iterator[FlowBatch]:
    with open_capture(path) as capture:
        yield from batches_of(capture, engine, lambda: None)
        problem = capture.problem()
    if problem is not None:
        raise problem


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
        raise UsageError(f"{folder}: cannot be made a folder: {error.strerror}") from error
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
