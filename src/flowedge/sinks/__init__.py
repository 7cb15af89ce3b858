"""Where flows go. A sink has three methods; which one it is follows from the output's suffix."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from flowedge._core import FlowBatch, Selection
from flowedge.errors import UsageError
from flowedge.sinks.output import STANDARD_OUTPUT, Output, is_special, open_output

if TYPE_CHECKING:
    from flowedge.sinks.access import Owner
    from flowedge.sinks.retention import Retention
    from flowedge.sinks.row_file import Fsync
    from flowedge.sinks.rows import RowFormat
    from flowedge.windows import Losses

__all__ = ["FORMATS", "LiveSettings", "LiveSink", "SettlingSink", "Sink", "format_of", "open_live_sink", "open_sink"]


class Sink(Protocol):
    """Takes batches of flows until it is closed, then has an output that is complete, or none."""

    def encode(self, batch: FlowBatch) -> Any:
        """What write() takes for a batch. Has no effect on the sink: may run in any thread, in any order."""

    def write(self, encoded: Any) -> None:
        """Appends an encoded batch. One thread at a time. Raises SinkError when the output cannot take it."""

    def close(self, *, keep: bool) -> None:
        """Completes the output, or with keep=False removes it. Raises SinkError when it cannot be completed."""


class LiveSink(Protocol):
    """Takes flows for as long as an agent runs. All calls come from one thread."""

    def write(self, source: str, batch: FlowBatch) -> None:
        """Puts out a batch of flows that `source` (an interface, or a replayed capture) has seen.

        Raises SinkError when it cannot: then none of the batch is in the output, and the next call tries anew.
        BrokenPipeError when nobody reads the output any more.
        """

    def tick(self) -> None:
        """Called about once a second: what is due by the clock. Raises as write() does."""

    def reopen(self) -> None:
        """Ends what is open and begins anew: somebody moved the files. Raises as write() does."""

    def close(self) -> None:
        """Completes the output. Raises SinkError when it cannot."""


@runtime_checkable
class SettlingSink(LiveSink, Protocol):
    """A LiveSink that is told how far its sources are."""

    def settle(self, source: str, worker: int, settled_ns: int, oldest_start_ns: int | None, losses: "Losses") -> None:
        """Says how far one of a source's workers is, in order with its batches. Raises as write() does.

        settled_ns       FlowEngine.settled_ns; windows.ENDED when no more flows will come
        oldest_start_ns  FlowEngine.oldest_start_ns(); None: it was not asked for
        losses           the worker's counters
        """


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


@dataclass(frozen=True)
class LiveSettings:
    """How rows of an agent are kept. What is of files in a folder has no effect on other outputs."""

    notice: Callable[[str], None]
    """is told, in a sentence, what is worth knowing and no error: a file recovered, half a row cut off"""
    fsync: "Fsync" = "close"
    """what survives a power cut"""
    owner: "Owner | None" = None
    """user and group who get what is made; None: who makes it"""
    rotate_interval: float | None = 3600
    """seconds after which a file of a folder ends, aligned to the epoch; None: none does for its age"""
    rotate_size: int | None = None
    """octets from which on a file of a folder ends; None: none does for its size"""
    retention: "Retention | None" = None
    """deletes the folder's oldest files, of those that parts.COMPLETE_NAMES matches; None: nothing is deleted"""


def open_live_sink(target: str, form: str, selection: Selection, settings: LiveSettings) -> LiveSink:
    """Opens an output for as long as an agent runs.

    A folder (existing, or ending in "/") gets files that are rotated; standard output ("-"), a pipe or a device is
    written as it is; any other target is a file that is appended to. `form` is csv or jsonl, in a folder also
    csv.gz or jsonl.gz. Raises UsageError for another, SinkError if the output cannot be written.
    """
    from flowedge.sinks.rows import PACKED_ROW_FORMATS, ROW_FORMATS, row_format

    is_folder = target.endswith(os.sep) or os.path.isdir(target)
    if form not in ROW_FORMATS and not (is_folder and form in PACKED_ROW_FORMATS):
        known = ", ".join(ROW_FORMATS)
        raise UsageError(f"{target}: {form} cannot be appended to; give {known}, or a folder for csv.gz and jsonl.gz")
    rows = row_format(form, selection)
    if is_folder:
        return _rotated_folder(target, rows, settings)
    if target == STANDARD_OUTPUT or is_special(target):
        from flowedge.sinks.stream import RowStream

        return RowStream(target, rows, settings.owner)
    from flowedge.sinks.appended import AppendedFile

    return AppendedFile(target, rows, notice=settings.notice, fsync=settings.fsync, owner=settings.owner)


def _rotated_folder(target: str, rows: "RowFormat", settings: LiveSettings) -> LiveSink:
    from flowedge.sinks.rotated import RotatedFolder
    from flowedge.sinks.rotation import Rotation

    return RotatedFolder(
        target,
        rows,
        Rotation(settings.rotate_interval, settings.rotate_size),
        notice=settings.notice,
        fsync=settings.fsync,
        owner=settings.owner,
        retention=settings.retention,
    )
