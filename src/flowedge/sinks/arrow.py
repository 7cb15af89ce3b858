"""Arrow IPC files (also known as Feather version 2)."""

from flowedge._core import Selection
from flowedge.sinks.output import Output
from flowedge.sinks.table import TableSink, import_pyarrow


class ArrowSink(TableSink):
    piece = 8_192  # flows a record batch: some 5 MB

    def __init__(self, output: Output, selection: Selection) -> None:
        pyarrow = import_pyarrow()
        with output.reporting():
            super().__init__(output, pyarrow.ipc.new_file(output.stream, pyarrow.schema(selection)))
