"""Where flows go. A sink has three methods; which one it is follows from the output's suffix."""

from collections.abc import Callable
from typing import Any, Protocol

from flowedge._core import FlowBatch, Selection
from flowedge.errors import UsageError
from flowedge.sinks.output import STANDARD_OUTPUT, Output, open_output

__all__ = ["FORMATS", "Sink", "format_of", "open_sink"]


class Sink(Protocol):
    """Takes batches of flows until it is closed, then has an output that is complete, or none."""

    def encode(self, batch: FlowBatch) -> Any:
        """What write() takes for a batch. Has no effect on the sink: may run in any thread, in any order."""

    def write(self, encoded: Any) -> None:
        """Appends an encoded batch. One thread at a time. Raises SinkError when the output cannot take it."""

    def close(self, *, keep: bool) -> None:
        """Completes the output, or with keep=False removes it. Raises SinkError when it cannot be completed."""


def _csv(output: Output, selection: Selection) -> Sink:
    from flowedge.sinks.csv import CsvSink

    return CsvSink(output, selection)


def _csv_gzip(output: Output, selection: Selection) -> Sink:
    from flowedge.sinks.csv import CsvSink
    from flowedge.sinks.gzip import gzip_member

    return CsvSink(output, selection, gzip_member)


def _jsonl(output: Output, selection: Selection) -> Sink:
    from flowedge.sinks.jsonl import JsonlSink

    return JsonlSink(output)


def _jsonl_gzip(output: Output, selection: Selection) -> Sink:
    from flowedge.sinks.gzip import gzip_member
    from flowedge.sinks.jsonl import JsonlSink

    return JsonlSink(output, gzip_member)


def _parquet(output: Output, selection: Selection) -> Sink:
    from flowedge.sinks.parquet import ParquetSink

    return ParquetSink(output, selection)


def _arrow(output: Output, selection: Selection) -> Sink:
    from flowedge.sinks.arrow import ArrowSink

    return ArrowSink(output, selection)


_MAKERS: dict[str, Callable[[Output, Selection], Sink]] = {
    "csv": _csv,
    "csv.gz": _csv_gzip,
    "jsonl": _jsonl,
    "jsonl.gz": _jsonl_gzip,
    "parquet": _parquet,
    "arrow": _arrow,
}
FORMATS = tuple(_MAKERS)


def format_of(target: str) -> str:
    """The format that an output's suffix names; CSV for standard output. Raises UsageError for any other suffix."""
    if target == STANDARD_OUTPUT:
        return "csv"
    for form in FORMATS:
        if target.lower().endswith(f".{form}"):
            return form
    known = ", ".join(f".{form}" for form in FORMATS)
    raise UsageError(f"{target}: its suffix names no format; give one of {known}, or a folder (ending in /)")


def open_sink(target: str, form: str, selection: Selection) -> Sink:
    """Opens an output. Raises SinkError if it cannot be written, MissingPackageError if the format needs a package."""
    output = open_output(target)
    try:
        return _MAKERS[form](output, selection)
    except BaseException:
        output.close(keep=False)
        raise
