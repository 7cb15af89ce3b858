"""Where the windows of `flowedge subscribe` go: rows, a table, a folder, or a line a window."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from flowedge.edges import EdgeList
from flowedge.errors import SinkError, UsageError
from flowedge.sinks.edge_formats import csv_blocks, edge_format, finite, json_line, jsonl_blocks
from flowedge.sinks.output import STANDARD_OUTPUT, is_special, open_output

FORMATS = ("windows", "csv", "jsonl", "parquet")

Notice = Callable[[str], None]


class WindowOutput(Protocol):
    def put(self, window: EdgeList) -> None:
        """Raises SinkError; BrokenPipeError when nobody reads the output any more."""

    def close(self) -> None:
        """Completes the output. Raises as put() does."""


def format_of(target: str, form: str | None) -> str:
    """That of a file's suffix; without one, a window a line. Raises UsageError for a suffix that is none."""
    if form is not None:
        return form
    if target == STANDARD_OUTPUT:
        return "windows"
    if is_folder(target):
        return "csv"
    suffix = target.rpartition(".")[2].lower()
    if suffix not in FORMATS[1:]:
        known = ", ".join(f".{name}" for name in FORMATS[1:])
        raise UsageError(
            f"{target}: its suffix names no format; give one of {known}, --format, or a folder (ending in /)"
        )
    return suffix


def open_windows(target: str, form: str, notice: Notice) -> WindowOutput:
    """Raises UsageError, SinkError, and MissingPackageError if the format needs a package."""
    if is_folder(target):
        if form == "windows":
            raise UsageError(f"{target}: a folder has a file a window; give --format csv, jsonl or parquet")
        return _Folder(target, form, notice)
    if form == "parquet":
        return _ParquetTable(target)
    return _Rows(target, form, notice)


def is_folder(target: str) -> bool:
    return target.endswith(os.sep) or os.path.isdir(target)


class _Rows:
    """Text that is appended, to a file that may be there already or to a pipe; a window at a time.

    A CSV file has the columns of its first window; another window with others ends it.
    """

    def __init__(self, target: str, form: str, notice: Notice) -> None:
        self._target = target
        self._form = form
        self._notice = notice
        self._names: list[str] = []
        self._sink: Any = None

    def put(self, window: EdgeList) -> None:
        names = _row_names(window)
        if self._sink is None:
            self._sink, self._names = self._opened(names), names
        if self._form == "csv" and names != self._names:
            raise _changed_columns(self._target)
        self._sink.write("", window)

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    def _opened(self, names: Sequence[str]) -> Any:
        from flowedge.sinks.appended import AppendedFile
        from flowedge.sinks.rows import RowFormat
        from flowedge.sinks.stream import RowStream

        encode: Callable[[Any], bytes] = {"csv": _csv, "jsonl": _jsonl, "windows": window_line}[self._form]
        head = f"{','.join(names)}\n".encode() if self._form == "csv" else b""
        rows = RowFormat("csv" if self._form == "csv" else "jsonl", head, encode)
        if self._target == STANDARD_OUTPUT or is_special(self._target):
            return RowStream(self._target, rows)
        return AppendedFile(self._target, rows, notice=self._notice)


class _ParquetTable:
    """One Parquet file, complete at the end; a row group a window."""

    def __init__(self, target: str) -> None:
        from flowedge.sinks.table import import_pyarrow

        self._pyarrow = import_pyarrow()
        self._output = open_output(target)
        self._writer: Any = None

    def put(self, window: EdgeList) -> None:
        from pyarrow import parquet

        table = self._table(window)
        with self._output.reporting():
            if self._writer is None:
                self._writer = parquet.ParquetWriter(self._output.stream, table.schema)
            self._writer.write_table(self._fitting(table))

    def close(self) -> None:
        """Without a window there is no file: it would have no columns."""
        if self._writer is None:
            self._output.close(keep=False)
            return
        with self._output.reporting():
            self._writer.close()
        self._output.close(keep=True)

    def _table(self, window: EdgeList) -> Any:
        table = window.to_arrow().replace_schema_metadata(None)
        for place, (name, value) in enumerate(_where(window).items()):
            table = table.add_column(place, name, self._pyarrow.array([value] * len(window), _arrow_type(name)))
        return table

    def _fitting(self, table: Any) -> Any:
        schema = self._writer.schema
        try:
            if table.column_names != schema.names:
                raise ValueError("others")
            return table.cast(schema)
        except ValueError as error:  # pyarrow's own are these
            raise _changed_columns(self._output.name) from error


def _changed_columns(target: str) -> SinkError:
    return SinkError(f"{target}: the columns of the windows have changed; give a folder, or a file a kind")


class _Folder:
    """A file a window, in a folder an agent."""

    def __init__(self, target: str, form: str, notice: Notice) -> None:
        edge_format(form)  # says at once if a package is missing
        self._target = target
        self._form = form
        self._notice = notice
        self._agents: dict[tuple[str, str], Any] = {}

    def put(self, window: EdgeList) -> None:
        self._files(window).end_window(window)

    def close(self) -> None:
        for files in self._agents.values():
            files.close()

    def _files(self, window: EdgeList) -> Any:
        from flowedge.sinks.edge_files import EdgeFiles
        from flowedge.sinks.parts import safe_source

        agent = window.site, window.node
        if agent not in self._agents:
            folder = os.path.join(self._target, *map(safe_source, agent))
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            self._agents[agent] = EdgeFiles(folder, self._form, notice=self._notice)
        return self._agents[agent]


def window_line(window: EdgeList) -> bytes:
    """A JSON object: the window's facts, its nodes, and its edges as columns."""
    edges = {name: finite(column.to_list()) for name, column in window.columns.items()}
    return json_line({**window.window(), "drop": dict(window.drop), "nodes": window.nodes_text(), "edges": edges})


def _csv(window: EdgeList) -> bytes:
    return b"".join(csv_blocks(window, list(window.columns), _where(window)))


def _jsonl(window: EdgeList) -> bytes:
    return b"".join(jsonl_blocks(window, list(window.columns), _where(window)))


def _where(window: EdgeList) -> dict[str, Any]:
    return {"window_ns": window.start_ns, "site": window.site, "node": window.node, "iface": window.iface}


def _arrow_type(name: str) -> str:
    return "int64" if name == "window_ns" else "string"


def _row_names(window: EdgeList) -> list[str]:
    return [*_where(window), *window.columns]
