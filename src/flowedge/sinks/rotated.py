"""Rows in a folder of files, a new one every interval."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from flowedge._core import FlowBatch
from flowedge.errors import SinkError
from flowedge.sinks.access import Owner, reporting_access
from flowedge.sinks.parts import FileName, PartFolder
from flowedge.sinks.retention import Retention
from flowedge.sinks.rotation import Begin, Rotation
from flowedge.sinks.row_file import Fsync, RowFile
from flowedge.sinks.rows import RowFormat


@dataclass(frozen=True)
class _Growing:
    part: str
    name: FileName
    begin: Begin
    file: RowFile


class RotatedFolder:
    """A folder of files of rows, for months; a LiveSink.

    Each source (interface) has a file of its own at a time: hidden while it grows, and complete when it appears under
    its name, SOURCE-YYYYMMDDTHHMMSSZ.SUFFIX: the time, in UTC, of its first rows. An interval without rows makes no
    file.

    What a process that was killed has left is completed when the folder is opened, up to its last whole row. A file
    that cannot be completed goes on growing, and tick() says so until it can. One that somebody removes is begun anew,
    and tick() says so once.
    """

    def __init__(
        self,
        folder: str,
        rows: RowFormat,
        rotation: Rotation,
        *,
        notice: Callable[[str], None],
        fsync: Fsync = "close",
        owner: Owner | None = None,
        retention: Retention | None = None,
    ) -> None:
        """`owner` gets what is made here: files, and the folder if there is none. Raises SinkError.

        Deletes no old files yet: whoever opens the folder may have more rights there than its owner.
        """
        self._path = folder
        self._rows = rows
        self._rotation = rotation
        self._notice = notice
        self._fsync: Fsync = fsync
        self._owner = owner
        self._retention = retention
        self._growing: dict[str, _Growing] = {}
        self._untold: SinkError | None = None
        self._folder: PartFolder | None = None
        with reporting_access(folder, owner):
            self._open_folder()

    def write(self, source: str, batch: FlowBatch) -> None:
        """See LiveSink."""
        if not len(batch):
            return
        if source in self._growing and self._is_due(source):
            try:
                self._complete(source)
            except SinkError as problem:  # no reason to lose these rows: they go on in the old file, or a new one
                self._untold = problem
        if source not in self._growing:
            self._growing[source] = self._begun(source)
        self._growing[source].file.append(batch)

    def tick(self) -> None:
        """Completes the files that are due, rows or no rows. Raises SinkError for one that could not be."""
        if self._retention is not None:
            self._retention.apply()
        self._complete_each([source for source in self._growing if self._is_due(source)])

    def reopen(self) -> None:
        """Completes every file and opens the folder by its name. Raises SinkError if this user may not write there."""
        self.close()
        with reporting_access(self._path, self._owner):
            self._open_folder()

    def close(self) -> None:
        """Completes every file. Raises SinkError for one that cannot be: it is left to the next run."""
        try:
            self._complete_each(list(self._growing))
        finally:
            while self._growing:
                with suppress(SinkError):
                    self._growing.popitem()[1].file.close()
            self._close_folder()

    def _is_due(self, source: str) -> bool:
        growing = self._growing[source]
        return growing.file.is_removed or self._rotation.is_due(growing.begin, growing.file.octets)

    def _open_folder(self) -> PartFolder:
        if self._folder is None:
            self._folder = PartFolder(self._path, self._owner, self._fsync, self._notice)
        return self._folder

    def _close_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()

    def _begun(self, source: str) -> _Growing:
        begin = self._rotation.begin()
        name = FileName.of(source, begin.time, self._rows.suffix)
        with reporting_access(self._path, self._owner):
            descriptor, part = self._begun_part(name)
        return _Growing(part, name, begin, RowFile(descriptor, self._path, self._rows, self._fsync))

    def _begun_part(self, name: FileName) -> tuple[int, str]:
        with suppress(FileNotFoundError):
            return self._open_folder().begin(name)
        self._close_folder()  # somebody has removed it
        return self._open_folder().begin(name)

    def _complete_each(self, sources: list[str]) -> None:
        problem, self._untold = self._untold, None
        for source in sources:
            try:
                self._complete(source)
            except SinkError as error:
                problem = error
        if problem is not None:
            raise problem

    def _complete(self, source: str) -> None:
        growing = self._growing[source]
        growing.file.finish()
        with reporting_access(self._path, self._owner):
            folder = self._open_folder()
            try:
                self._name(folder, growing)
            except FileNotFoundError:
                self._give_up(source)
            del self._growing[source]
            growing.file.close()
            folder.sync()

    def _name(self, folder: PartFolder, growing: _Growing) -> None:
        if growing.file.octets == 0:
            folder.discard(growing.part)
            return
        folder.complete(growing.part, growing.name)
        if self._retention is not None:
            self._retention.added(growing.file.octets)

    def _give_up(self, source: str) -> NoReturn:
        growing = self._growing.pop(source)
        growing.file.close()
        path = os.path.join(self._path, growing.part)
        raise SinkError(f"{path}: was removed before it was complete; its rows are lost")
