"""Rows appended to one file."""

import os
from collections.abc import Callable

from flowedge._core import FlowBatch
from flowedge.errors import SinkError
from flowedge.sinks.access import Owner, open_file, reporting_access
from flowedge.sinks.row_file import Fsync, RowFile, lock
from flowedge.sinks.rows import RowFormat, are_rows, whole_octets

OPEN_FLAGS = os.O_RDWR | os.O_APPEND


class AppendedFile:
    """Appends CSV or JSON lines to one file, for months; a LiveSink.

    A file that is there already is gone on with: it must hold the same columns, and half a row that a crash has left at
    its end is cut off with a notice. Each batch is written at once, so that who follows the file sees whole rows.

    Two cannot append to one file: the second gets a SinkError. If the file is moved, rows go on to the moved one until
    reopen() (what logrotate's postrotate is for); if it is emptied in place, as logrotate's copytruncate does, the next
    batch begins with a head again. If it is removed, it is begun anew, and tick() says so once.
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
        self._was_removed = False
        self._file: RowFile | None = self._opened()

    def write(self, source: str, batch: FlowBatch) -> None:
        """See LiveSink. After a reopen() that failed, tries to open the file again."""
        self._present_file().append(batch)

    def tick(self) -> None:
        """Raises SinkError, if the file was removed since the last time."""
        self._present_file()
        was_removed, self._was_removed = self._was_removed, False
        if was_removed:
            raise SinkError(f"{self._path}: was removed, and its rows are lost; it is begun anew")

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

    def _present_file(self) -> RowFile:
        """The one to write to, opened if there is none."""
        if self._file is not None and self._file.is_removed:
            self._was_removed = True
            self.close()
        if self._file is None:
            self._file = self._opened()
        return self._file

    def _opened(self) -> RowFile:
        with reporting_access(self._path, self._owner):
            descriptor = open_file(self._path, OPEN_FLAGS, self._owner)
            try:
                self._go_on_with(descriptor)
                file = RowFile(descriptor, self._path, self._rows, self._fsync)
                file.write_head()
            except BaseException:
                os.close(descriptor)
                raise
        return file

    def _go_on_with(self, descriptor: int) -> None:
        if not lock(descriptor):
            raise SinkError(f"{self._path}: is being written to already; give another file")
        if not are_rows(descriptor, self._rows):
            raise SinkError(f"{self._path}: has other columns than these; give another file or move it away")
        whole, size = whole_octets(descriptor, self._rows.suffix), os.fstat(descriptor).st_size
        if size == 0 and self._fsync == "always":
            _sync_folder_of(self._path)
        if whole < size:
            os.ftruncate(descriptor, whole)
            self._notice(f"{self._path}: its last row was cut off in the middle; the half row is removed")


def _sync_folder_of(path: str) -> None:
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
