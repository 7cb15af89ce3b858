"""JSON lines: an object a flow."""

from flowedge._core import FlowBatch
from flowedge.sinks.text import TextSink


class JsonlSink(TextSink):
    def encode(self, batch: FlowBatch) -> bytes:
        return self._pack(batch.jsonl())
