"""Parquet files."""

from flowedge._core import Selection
from flowedge.sinks.output import Output
from flowedge.sinks.table import TableSink, import_pyarrow


class ParquetSink(TableSink):
    piece = 65_536  # flows a row group: some 40 MB before compression

    def __init__(self, output: Output, selection: Selection) -> None:
        schema = import_pyarrow().schema(selection)
        from pyarrow import parquet

        with output.reporting():
            super().__init__(output, parquet.ParquetWriter(output.stream, schema))
