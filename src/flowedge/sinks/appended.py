"""Rows appended to one file."""

import os
from collections.abc import Callable

from flowedge._core import FlowBatch
from flowedge.errors import SinkError
from flowedge.sinks.access import Owner, hand_over, reporting_access
from flowedge.sinks.row_file import Fsync, RowFile, lock
from flowedge.sinks.rows import RowFormat, whole_octets

OPEN_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
MODE = 0o666


class AppendedFile:
    """Appends CSV or JSON lines to one file, for months; a LiveSink.

    A file that is there already is gone on with: it must hold the same columns, and half a row that a crash has left at
    its end is cut off with a notice. Each batch is written at once, so that who follows the file sees whole rows.

    Two cannot append to one file: the second gets a SinkError. If the file is moved or deleted, rows go
    on to the moved or deleted one until reopen() (what logrotate's postrotate is for); if it is emptied in place, as
    logrotate's copytruncate does, the next batch begins with a head again.
    """

    def __init__(
        self,
        path: str,
        rows: RowFormat,
        *,
        notice: Callable[[str], None],
        fsync: Fsync = "close",
        owner: Owner | None = None,
    ) -> None:
        """`owner` gets the file if it is made here. Raises SinkError."""
        self._path = path
        self._rows = rows
        self._notice = notice
        self._fsync: Fsync = fsync
        self._owner = owner
        self._file: RowFile | None = self._opened()

    def write(self, source: str, batch: FlowBatch) -> None:
        """See LiveSink. After a reopen() that failed, tries to open the file again."""
        if self._file is None:
            self._file = self._opened()
        self._file.append(batch)

    def tick(self) -> None:
        """Nothing is due by the clock."""

    def reopen(self) -> None:
        """Closes the file and opens what now has its name. Raises SinkError; rows never go on to the old file."""
        self.close()
        self._file = self._opened()

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            try:
                file.finish()
            finally:
                file.close()

    def _opened(self) -> RowFile:
        with reporting_access(self._path):
            descriptor = self._descriptor()
            try:
                self._go_on_with(descriptor)
                file = RowFile(descriptor, self._path, self._rows, self._fsync)
                file.write_head()
            except BaseException:
                os.close(descriptor)
                raise
        return file

    def _descriptor(self) -> int:
        try:
            descriptor = os.open(self._path, OPEN_FLAGS | os.O_EXCL, MODE)
        except FileExistsError:
            return os.open(self._path, OPEN_FLAGS, MODE)
        hand_over(descriptor, self._owner)
        if self._fsync == "always":
            _sync_folder_of(self._path)
        return descriptor

    def _go_on_with(self, descriptor: int) -> None:
        if not lock(descriptor):
            raise SinkError(f"{self._path}: is being written to already; give another file")
        self._check_begin(descriptor)
        whole = whole_octets(descriptor, self._rows.suffix)
        if whole < os.fstat(descriptor).st_size:
            os.ftruncate(descriptor, whole)
            self._notice(f"{self._path}: its last row was cut off in the middle; the half row is removed")

    def _check_begin(self, descriptor: int) -> None:
        """A crash may have left half a head, which is no other one."""
        if self._rows.head:
            begin = os.pread(descriptor, len(self._rows.head), 0)
            fits, complaint = self._rows.head.startswith(begin), "has other columns than these"
        else:
            fits, complaint = os.pread(descriptor, 1, 0) in (b"", b"{"), "holds no JSON lines"
        if not fits:
            raise SinkError(f"{self._path}: {complaint}; give another file or move it away")


def _sync_folder_of(path: str) -> None:
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
