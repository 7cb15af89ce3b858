"""Edge lists in files: one a window and interface."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from flowedge.edges import EdgeList
from flowedge.sinks.access import Owner, reporting_access
from flowedge.sinks.day_retention import DayRetention
from flowedge.sinks.edge_formats import EDGE_FORMATS, MakeWriter, edge_format
from flowedge.sinks.parts import SOURCE, FileName, PartFolder, PartKind, safe_source
from flowedge.sinks.row_file import Fsync

SECOND = 10**9  # nanoseconds
MILLISECOND = 10**6

STAMP = r"\d{8}T\d{6}(?:\.\d{3})?Z"
_SUFFIX = "|".join(EDGE_FORMATS)
EDGE_NAMES = re.compile(rf"{SOURCE}-(?P<stamp>{STAMP})(?:-\d+)?\.(?:{_SUFFIX})")
"""Of complete files, in the folders of their days."""

_WINDOWS = PartKind(
    "window",
    re.compile(rf"(?P<stem>{SOURCE}-{STAMP})\.(?P<suffix>{_SUFFIX})"),
    lambda descriptor, suffix: 0,  # half a window is none
    removed="is a window that was not finished when its process ended; removed",
)

_Key: TypeAlias = tuple[str, int]


class _WindowFile:
    """A window that is being written; owns the descriptor."""

    def __init__(self, descriptor: int, part: str, make_writer: MakeWriter, first: EdgeList) -> None:
        self.part = part
        self._stream = os.fdopen(descriptor, "wb")
        try:
            self._writer = make_writer(self._stream, first)
        except BaseException:
            self._stream.close()
            raise

    def add(self, piece: EdgeList) -> None:
        self._writer.add(piece)

    def finish(self, last: EdgeList, fsync: Fsync) -> int:
        """Everything is in the file; its size in octets."""
        self._writer.finish(last)
        self._stream.flush()
        if fsync != "never":
            os.fsync(self._stream.fileno())
        return os.fstat(self._stream.fileno()).st_size

    def close(self) -> None:
        try:
            self._writer.close()
        finally:
            self._stream.close()


class EdgeFiles:
    """A folder of edge lists, for months; an EdgeSink.

    Each window of each interface is a file, DAY/INTERFACE-YYYYMMDDTHHMMSSZ.FORMAT, named by the window's begin in UTC
    (with milliseconds, if windows are no whole seconds), also if it has no edges. A file has its name when it is
    complete, and not before; an existing one is never replaced, but -2, -3, ... added: two runs of an agent may have
    seen the same window.

    A window that cannot be written whole has no file. What a killed process has left of one is removed, with a notice,
    when the folder is opened.
    """

    def __init__(
        self,
        folder: str,
        form: str,
        *,
        notice: Callable[[str], None],
        fsync: Fsync = "close",
        owner: Owner | None = None,
        retention: DayRetention | None = None,
    ) -> None:
        """`form` is one of EDGE_FORMATS; `owner` gets what is made here: files, and folders if there are none.

        Raises SinkError, and MissingPackageError if the form needs a package.
        """
        self._path = folder
        self._form = form
        self._make_writer = edge_format(form)
        self._notice = notice
        self._fsync: Fsync = fsync
        self._owner = owner
        self._retention = retention
        self._growing: dict[_Key, _WindowFile] = {}
        self._reopening = False
        self._folder: PartFolder | None = None
        with reporting_access(folder, owner):
            self._open_folder()

    def add_piece(self, piece: EdgeList) -> None:
        with self._whole_or_none(piece):
            self._write(piece)

    def end_window(self, last: EdgeList) -> None:
        with self._whole_or_none(last):
            self._write(last)
            self._complete(last)

    def abandon(self) -> None:
        for key in list(self._growing):
            self._discard(key)

    def tick(self) -> None:
        """Deletes the oldest files, if there is a retention."""
        if self._retention is not None:
            self._retention.apply()

    def reopen(self) -> None:
        """Opens the folder by its name, once no window is half written. Raises SinkError if this user may not write."""
        self._reopening = True
        with reporting_access(self._path):
            self._open_folder()

    def close(self) -> None:
        """Windows that have not ended have no file."""
        self.abandon()
        self._close_folder()

    @contextmanager
    def _whole_or_none(self, piece: EdgeList) -> Iterator[None]:
        try:
            with reporting_access(self._path):
                yield
        except BaseException:
            self._discard(_key(piece))
            raise

    def _write(self, piece: EdgeList) -> None:
        key = _key(piece)
        if key not in self._growing:
            self._growing[key] = self._begun(piece)
        self._growing[key].add(piece)

    def _begun(self, first: EdgeList) -> _WindowFile:
        descriptor, part = self._begun_part(_file_name(first, self._form))
        try:
            return _WindowFile(descriptor, part, self._make_writer, first)
        except BaseException:
            self._open_folder().discard(part)
            raise

    def _begun_part(self, name: FileName) -> tuple[int, str]:
        with suppress(FileNotFoundError):
            return self._open_folder().begin(name)
        self._close_folder()  # somebody has removed it
        return self._open_folder().begin(name)

    def _complete(self, last: EdgeList) -> None:
        file, day = self._growing[_key(last)], _day(last)
        octets = file.finish(last, self._fsync)
        self._open_folder().complete_in(day, file.part, _file_name(last, self._form))
        del self._growing[_key(last)]
        file.close()
        if self._retention is not None:
            self._retention.added(day, octets)

    def _discard(self, key: _Key) -> None:
        """Leaves nothing of a window; what cannot be removed now is removed by the next run."""
        file = self._growing.pop(key, None)
        if file is not None:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                self._open_folder().discard(file.part)

    def _open_folder(self) -> PartFolder:
        if self._reopening and not self._growing:
            self._close_folder()
        if self._folder is None:
            self._folder = PartFolder(self._path, self._owner, self._fsync, self._notice, _WINDOWS)
            self._reopening = False
        return self._folder

    def _close_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.close()


def _key(piece: EdgeList) -> _Key:
    return piece.iface, piece.seq


def _day(window: EdgeList) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(window.start_ns // SECOND))


def _file_name(window: EdgeList, form: str) -> FileName:
    seconds, rest = divmod(window.start_ns, SECOND)
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
    if (window.end_ns - window.start_ns) % SECOND:
        stamp += f".{rest // MILLISECOND:03}"
    return FileName(f"{safe_source(window.iface)}-{stamp}Z", form)
