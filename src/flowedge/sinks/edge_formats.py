"""Edge lists as the octets of files: an edge a row."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from math import isfinite
from typing import Any, BinaryIO, Protocol, TypeAlias

from flowedge.edges import EdgeList
from flowedge.edges.edge_list import ENDS
from flowedge.sinks.table import import_pyarrow

BLOCK = 1024  # edges that are Python objects at a time: some 3 MB with all features
NOWHERE: Mapping[str, Any] = {}

_dump = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class EdgeWriter(Protocol):
    """Writes one window into a stream, which stays the caller's. Made with the window's first piece, not to write it.

    All methods raise OSError.
    """

    def add(self, piece: EdgeList) -> None:
        """Writes the piece's edges."""

    def finish(self, last: EdgeList) -> None:
        """Writes what comes after the last edge; `last` is the last piece, which knows all facts of the window."""

    def close(self) -> None:
        """Lets go of the stream. Without finish() before, what was written is of no use."""


class TextEdges:
    """What the text formats share."""

    def __init__(self, stream: BinaryIO, first: EdgeList) -> None:
        self._stream = stream
        self._names = list(first.columns)

    def finish(self, last: EdgeList) -> None:
        """The last edge is the end."""

    def close(self) -> None:
        """Nothing is open."""


class CsvEdges(TextEdges):
    """A head, then a line an edge; lists have spaces between their numbers."""

    def __init__(self, stream: BinaryIO, first: EdgeList) -> None:
        super().__init__(stream, first)
        self._stream.write(_csv_text([self._names]))

    def add(self, piece: EdgeList) -> None:
        for lines in csv_blocks(piece, self._names):
            self._stream.write(lines)


class JsonlEdges(TextEdges):
    """An object an edge and line. What is no finite number is null: JSON has neither NaN nor infinities."""

    def add(self, piece: EdgeList) -> None:
        for lines in jsonl_blocks(piece, self._names):
            self._stream.write(lines)


class ParquetEdges:
    """A row group a piece; the window's facts are in the file's metadata, which readers give as the schema's."""

    def __init__(self, stream: BinaryIO, first: EdgeList) -> None:
        from pyarrow import parquet

        self._schema = first.to_arrow().schema.remove_metadata()
        # An Arrow schema in the file would hide from pyarrow what is added to the metadata at the end.
        self._writer = parquet.ParquetWriter(stream, self._schema, store_schema=False)

    def add(self, piece: EdgeList) -> None:
        self._writer.write_table(piece.to_arrow().select(self._schema.names))

    def finish(self, last: EdgeList) -> None:
        facts = last.window() | {"drop": json.dumps(dict(last.drop))}
        self._writer.add_key_value_metadata({name: str(value) for name, value in facts.items()})
        self._writer.close()

    def close(self) -> None:
        self._writer.close()


MakeWriter: TypeAlias = Callable[[BinaryIO, EdgeList], EdgeWriter]
"""Takes the stream, and the window's first piece."""
EDGE_FORMATS: Mapping[str, MakeWriter] = {
    "csv": CsvEdges,
    "jsonl": JsonlEdges,
    "parquet": ParquetEdges,
}


def edge_format(form: str) -> MakeWriter:
    """What makes the writers of one of EDGE_FORMATS. Raises MissingPackageError if that needs a package."""
    if form == "parquet":
        import_pyarrow()
    return EDGE_FORMATS[form]


def csv_blocks(piece: EdgeList, names: Sequence[str], where: Mapping[str, Any] = NOWHERE) -> Iterator[bytes]:
    """The lines of some edges after the other; `where` are values that each begins with."""
    for block in _blocks(piece, names, where):
        columns = [_cells(values) if _is_ragged(piece, name) else values for name, values in block.items()]
        yield _csv_text(zip(*columns, strict=True))


def jsonl_blocks(piece: EdgeList, names: Sequence[str], where: Mapping[str, Any] = NOWHERE) -> Iterator[bytes]:
    """As csv_blocks()."""
    for block in _blocks(piece, names, where):
        columns = [finite(values) if _is_float(piece, name) else values for name, values in block.items()]
        yield b"".join(json_line(dict(zip(block, row, strict=True))) for row in zip(*columns, strict=True))


def json_line(members: Mapping[str, Any]) -> bytes:
    return f"{_dump(members)}\n".encode()


def finite(values: list[Any]) -> list[Any]:
    """Numbers, or lists of them, as JSON has them: None for what is not finite."""
    return [finite(value) if isinstance(value, list) else value if isfinite(value) else None for value in values]


def _blocks(piece: EdgeList, names: Sequence[str], where: Mapping[str, Any]) -> Iterator[dict[str, list[Any]]]:
    """The columns of some edges after the other, `src` and `dst` as text."""
    texts = piece.nodes_text()
    for start in range(0, len(piece), BLOCK):
        stop = min(start + BLOCK, len(piece))
        block = {name: [value] * (stop - start) for name, value in where.items()}
        block |= {name: piece.columns[name].rows(start, stop).to_list() for name in names}
        for name in ENDS:
            block[name] = [texts[index] for index in block[name]]
        yield block


def _csv_text(rows: Iterable[Iterable[Any]]) -> bytes:
    text = StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _is_ragged(piece: EdgeList, name: str) -> bool:
    return name in piece.columns and piece.columns[name].offsets is not None


def _is_float(piece: EdgeList, name: str) -> bool:
    return name in piece.columns and piece.columns[name].code[1] == "f"


def _cells(lists: list[list[Any]]) -> list[str]:
    return [" ".join(map(str, numbers)) for numbers in lists]
