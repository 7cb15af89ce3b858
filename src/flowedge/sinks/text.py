"""What the text formats share."""

from collections.abc import Callable

from flowedge._core import FlowBatch
from flowedge.sinks.output import Output


class TextSink:
    """Writes what encode() gives as it is; `pack` compresses each piece on its own."""

    def __init__(self, output: Output, pack: Callable[[bytes], bytes] = bytes) -> None:
        self._output = output
        self._pack = pack

    def encode(self, batch: FlowBatch) -> bytes:
        raise NotImplementedError

    def write(self, encoded: bytes) -> None:
        self._output.write(encoded)

    def close(self, *, keep: bool) -> None:
        self._output.close(keep=keep)
