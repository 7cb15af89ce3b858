"""A file that grows by whole batches of rows."""

import fcntl
import os
from typing import Literal, TypeAlias

from flowedge._core import FlowBatch
from flowedge.sinks.output import reporting
from flowedge.sinks.rows import RowFormat

Fsync: TypeAlias = Literal["never", "close", "always"]
"""What survives a power cut. (A crash of the program alone costs nothing that was written, whatever is chosen.)

never    what the system has written by itself, mostly all but the last half minute
close    every complete file: a rotated one, or one that was closed or reopened
always   every batch whose write() has returned
"""


def lock(descriptor: int) -> bool:
    """Claims a file until it is closed; False if another open file has done so. Where there are no locks, True."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def write_all(descriptor: int, octets: bytes) -> None:
    """Raises OSError when not all could be written; some may have been."""
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class RowFile:
    """A regular file, opened to append; owns the descriptor.

    A batch that cannot be written whole is taken back, so that at any moment the file ends with a whole row; only a
    crash, or a disk that fails for good, leaves half a one.
    """

    def __init__(self, descriptor: int, name: str, rows: RowFormat, fsync: Fsync) -> None:
        self.octets = 0
        """the file's size after the last append"""
        self._descriptor = descriptor
        self._name = name
        self._rows = rows
        self._fsync = fsync
        self._torn_at: int | None = None

    @property
    def is_removed(self) -> bool:
        """Whether it has no name any more: nobody will find what is in it."""
        return os.fstat(self._descriptor).st_nlink == 0

    def write_head(self) -> None:
        """Writes the head, if the file is empty. Raises SinkError."""
        self._append(b"")

    def append(self, batch: FlowBatch) -> None:
        """Writes a batch; into an empty file, the head first. Raises SinkError, then none of the batch is there."""
        self._append(self._rows.encode(batch))

    def finish(self) -> None:
        """The file is complete. Raises SinkError when that cannot be made sure."""
        with reporting(self._name):
            self._take_back()
            if self._fsync != "never":
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Raises SinkError when the system tells only now that it could not write."""
        with reporting(self._name):
            os.close(self._descriptor)

    def _append(self, octets: bytes) -> None:
        with reporting(self._name):
            self._take_back()
            size = os.fstat(self._descriptor).st_size  # asked each time: somebody may have emptied the file
            if size == 0:
                octets = self._rows.head + octets
            self._write(octets, size)
        self.octets = size + len(octets)

    def _write(self, octets: bytes, size: int) -> None:
        try:
            write_all(self._descriptor, octets)
            if self._fsync == "always":
                os.fsync(self._descriptor)
        except BaseException:
            self._torn_at = size
            self._take_back()
            raise

    def _take_back(self) -> None:
        if self._torn_at is not None:
            os.ftruncate(self._descriptor, min(self._torn_at, os.fstat(self._descriptor).st_size))
            self._torn_at = None
