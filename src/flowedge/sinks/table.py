"""What the table formats share: pyarrow, which is optional, and its writers."""

from contextlib import suppress
from types import ModuleType
from typing import Any

from flowedge._core import FlowBatch
from flowedge.errors import FlowedgeError, MissingPackageError
from flowedge.sinks.output import Output


def import_pyarrow() -> ModuleType:
    """pyarrow, or MissingPackageError with the remedy."""
    try:
        import pyarrow
    except ImportError:
        raise MissingPackageError(
            "Parquet and Arrow need the package pyarrow: pip install 'flowedge[table]', or write .csv"
        ) from None
    return pyarrow  # type: ignore[no-any-return]


class TableSink:
    """Collects batches into pieces of at least `piece` flows, each written as one."""

    piece: int

    def __init__(self, output: Output, writer: Any) -> None:
        self._pyarrow = import_pyarrow()
        self._output = output
        self._writer = writer
        self._batches: list[Any] = []
        self._flows = 0

    def encode(self, batch: FlowBatch) -> Any:
        return self._pyarrow.record_batch(batch)

    def write(self, encoded: Any) -> None:
        self._batches.append(encoded)
        self._flows += encoded.num_rows
        if self._flows >= self.piece:
            self._write_collected()

    def _write_collected(self) -> None:
        if self._batches:
            with self._output.reporting():
                self._writer.write_table(self._pyarrow.Table.from_batches(self._batches).combine_chunks())
        self._batches, self._flows = [], 0

    def close(self, *, keep: bool) -> None:
        if not keep:
            self._discard()
            return
        try:
            self._write_collected()
            with self._output.reporting():
                self._writer.close()
        except BaseException:
            self._discard()
            raise
        self._output.close(keep=True)

    def _discard(self) -> None:
        with suppress(FlowedgeError, OSError), self._output.reporting():
            self._writer.close()
        self._output.close(keep=False)
