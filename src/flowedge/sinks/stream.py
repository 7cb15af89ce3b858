"""Rows to standard output, a pipe or a device."""

import os
import select
from io import FileIO

from flowedge._core import FlowBatch
from flowedge.sinks.access import Owner, open_for_owner, reporting_access
from flowedge.sinks.output import STANDARD_OUTPUT, STANDARD_OUTPUT_DESCRIPTOR
from flowedge.sinks.rows import RowFormat


class RowStream:
    """Writes CSV or JSON lines to what cannot take anything back; a LiveSink.

    A named pipe must have a reader; write() waits for a slow one. BrokenPipeError passes through when the reader has
    gone.

    After any other error some rows of the batch may be out; the row in which it broke off is completed by the next
    write(), so that all rows are whole.
    """

    def __init__(self, target: str, rows: RowFormat, owner: Owner | None = None) -> None:
        """`target` is a path, which is opened with the owner's rights, or "-" for standard output. Writes the head.

        Raises SinkError, BrokenPipeError.
        """
        self._is_standard = target == STANDARD_OUTPUT
        self._name = "standard output" if self._is_standard else target
        self._rows = rows
        self._half_row = b""
        with reporting_access(self._name):
            self._stream = self._opened(target, owner)
            try:
                self._put(rows.head)
            except BaseException:
                self._stream.close()
                raise

    def write(self, source: str, batch: FlowBatch) -> None:
        """See LiveSink, and above for what an error means here."""
        octets = self._rows.encode(batch)
        with reporting_access(self._name):
            self._put(self._half_row + octets)

    def tick(self) -> None:
        """Nothing is due by the clock."""

    def reopen(self) -> None:
        """No effect: nobody moves a pipe away, and its reader has had the head."""

    def close(self) -> None:
        with reporting_access(self._name):
            self._stream.close()

    def _opened(self, target: str, owner: Owner | None) -> FileIO:
        descriptor = os.dup(STANDARD_OUTPUT_DESCRIPTOR) if self._is_standard else open_for_owner(target, owner)
        return FileIO(descriptor, "wb")

    def _put(self, octets: bytes) -> None:
        written = 0
        view = memoryview(octets)
        try:
            while written < len(octets):
                written += self._write_some(view[written:])
        except OSError:
            self._half_row = _rest_of_row(octets, written) if written else self._half_row
            raise
        self._half_row = b""

    def _write_some(self, octets: memoryview) -> int:
        written: int | None = self._stream.write(octets)
        if written is None:  # it does not wait: who shares the pipe with us may have made it so
            room = select.poll()
            room.register(self._stream, select.POLLOUT)
            room.poll()
        return written or 0


def _rest_of_row(octets: bytes, written: int) -> bytes:
    if octets[written - 1 : written] == b"\n":
        return b""
    return octets[written : octets.find(b"\n", written) + 1]
