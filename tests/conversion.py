"""Runs a capture through flowedge in this process."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowedge._core import CaptureReader, FlowBatch, FlowEngine
from flowedge.pipeline.files import HELD_FLOWS

TextRow = dict[str, str]


@dataclass(frozen=True)
class Conversion:
    """What came out: the CSV, how the capture ended (see CaptureReader.status) and the closing counters."""

    text: bytes
    status: str
    counters: dict[str, Any]

    @property
    def rows(self) -> list[TextRow]:
        return list(csv.DictReader(io.StringIO(self.text.decode())))

    @property
    def skipped(self) -> dict[str, int]:
        """The reasons that occurred."""
        return {reason: count for reason, count in self.counters["skipped"].items() if count}


def convert(capture: Path | bytes, **options: Any) -> Conversion:
    """Turns a capture file, or the octets of one, into flows; the options are FlowEngine's."""
    engine = FlowEngine(held_flows=HELD_FLOWS, **options)
    with io.BytesIO(capture) if isinstance(capture, bytes) else capture.open("rb", buffering=0) as stream:
        reader = CaptureReader(stream)
        text = engine.selection.csv_header() + b"".join(batch.csv() for batch in _batches(engine, reader))
    return Conversion(text, reader.status, dict(engine.counters))


def _batches(engine: FlowEngine, reader: CaptureReader) -> Iterator[FlowBatch]:
    status = ""
    while status != "end":
        batch, status = engine.run(reader)
        if batch is not None:
            yield batch
