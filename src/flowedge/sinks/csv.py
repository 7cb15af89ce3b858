"""CSV with a head, also when there are no flows."""

from collections.abc import Callable

from flowedge._core import FlowBatch, Selection
from flowedge.sinks.output import Output
from flowedge.sinks.text import TextSink


class CsvSink(TextSink):
    def __init__(self, output: Output, selection: Selection, pack: Callable[[bytes], bytes] = bytes) -> None:
        super().__init__(output, pack)
        self.write(pack(selection.csv_header()))

    def encode(self, batch: FlowBatch) -> bytes:
        return self._pack(batch.csv())
