"""Files of a folder that are hidden while they grow and get their name when they are complete."""

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count

from flowedge.sinks.access import FOLDER_FLAGS, MODE, Owner, acting_as, open_folder
from flowedge.sinks.row_file import Fsync, lock
from flowedge.sinks.rows import whole_octets

PART_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
LEFTOVER_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
LONGEST_SOURCE = 128  # characters: a file's name may have 255

SOURCE = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
"""What safe_source() gives."""
_STEM = rf"{SOURCE}-\d{{8,}}T\d{{6}}Z"
_SUFFIX = r"(?:csv|jsonl)(?:\.gz)?"
COMPLETE_NAMES = re.compile(rf"{_STEM}(-\d+)?\.{_SUFFIX}")
"""Of the files that are complete."""

_numbers = count()


@dataclass(frozen=True)
class FileName:
    """SOURCE-YYYYMMDDTHHMMSSZ.SUFFIX; where that is taken, with -2, -3, ... before the suffix."""

    stem: str
    suffix: str

    @classmethod
    def of(cls, source: str, begun: float, suffix: str) -> "FileName":
        """`begun` in seconds since the epoch."""
        return cls(f"{safe_source(source)}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(begun))}", suffix)

    def choices(self) -> Iterator[str]:
        yield f"{self.stem}.{self.suffix}"
        for number in count(2):
            yield f"{self.stem}-{number}.{self.suffix}"


def safe_source(source: str) -> str:
    """A source's name for a file's: what has no place there becomes "_"."""
    return re.sub(r"^[^A-Za-z0-9_]|[^A-Za-z0-9._-]", "_", source[:LONGEST_SOURCE]) or "_"


@dataclass(frozen=True)
class PartKind:
    """What grows in a folder, and what becomes of it when its process dies."""

    ending: str
    """that of the hidden name; each kind has its own, so that two may share a folder"""
    names: re.Pattern[str]
    """of complete files; with the groups `stem` and `suffix`"""
    whole_octets: Callable[[int, str], int]
    """how many octets of a leftover are worth completing, by its descriptor and suffix; 0: it is removed"""
    removed: str = ""
    """what is told of a leftover that is removed; empty: nothing"""

    def part_names(self) -> re.Pattern[str]:
        return re.compile(rf"\.flowedge-\d+-\d+-{self.names.pattern}\.{self.ending}")


ROWS = PartKind("part", re.compile(rf"(?P<stem>{_STEM})\.(?P<suffix>{_SUFFIX})"), whole_octets)


class PartFolder:
    """An open folder: it stays the same one when somebody moves it.

    A growing file is called .flowedge-PID-NUMBER-NAME.part and is locked by its process. All methods raise OSError;
    what they do in the folder they do with its owner's rights.
    """

    def __init__(
        self, path: str, owner: Owner | None, fsync: Fsync, notice: Callable[[str], None], kind: PartKind = ROWS
    ) -> None:
        """Opens the folder, or makes it; completes what dead processes have left there, and tells `notice` of it.

        What is made here, the folder and its files, `owner` gets. Raises PermissionError if he may not write there.
        """
        self._path = path
        self._owner = owner
        self._fsync = fsync
        self._notice = notice
        self._kind = kind
        self._descriptor = open_folder(path, owner)
        try:
            with acting_as(owner):
                self._recover_all()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._descriptor)

    def begin(self, name: FileName) -> tuple[int, str]:
        """A new file: its descriptor, and what it is called until it is complete."""
        with acting_as(self._owner):
            return self._begin(name)

    def _begin(self, name: FileName) -> tuple[int, str]:
        while True:
            part = f".flowedge-{os.getpid()}-{next(_numbers)}-{name.stem}.{name.suffix}.{self._kind.ending}"
            with suppress(FileExistsError):  # of a process that had our number in its own numbering
                descriptor = os.open(part, PART_FLAGS, MODE, dir_fd=self._descriptor)
                if self._claim(descriptor, part):
                    return descriptor, part

    def complete(self, part: str, name: FileName) -> str:
        """Gives a file its name, or the first one that is free; an existing file is never replaced."""
        with acting_as(self._owner):
            return self._complete(part, name, self._descriptor)

    def complete_in(self, folder: str, part: str, name: FileName) -> str:
        """As complete(), but in a folder of this one, which is made if there is none; the name survives a power cut."""
        with acting_as(self._owner), self._inner(folder) as descriptor:
            choice = self._complete(part, name, descriptor)
            if self._fsync != "never":
                os.fsync(descriptor)
        return choice

    def sync(self) -> None:
        """After complete(): so that the name survives a power cut."""
        if self._fsync != "never":
            os.fsync(self._descriptor)

    def discard(self, part: str) -> None:
        with acting_as(self._owner), suppress(FileNotFoundError):
            os.unlink(part, dir_fd=self._descriptor)

    def _claim(self, descriptor: int, part: str) -> bool:
        """False if, before it was locked, another process has taken it for a leftover; then it is closed."""
        try:
            if self._fsync == "always":
                os.fsync(self._descriptor)
            if lock(descriptor) and os.fstat(descriptor).st_nlink:
                return True
        except BaseException:
            os.close(descriptor)
            self.discard(part)
            raise
        os.close(descriptor)
        return False

    @contextmanager
    def _inner(self, folder: str) -> Iterator[int]:
        with suppress(FileExistsError):
            os.mkdir(folder, dir_fd=self._descriptor)
            self.sync()
        descriptor = os.open(folder, FOLDER_FLAGS, dir_fd=self._descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _complete(self, part: str, name: FileName, folder: int) -> str:
        choices = name.choices()
        while True:
            choice = next(choices)
            with suppress(FileExistsError):
                self._rename(part, choice, folder)
                return choice

    def _rename(self, part: str, name: str, folder: int) -> None:
        """Raises FileExistsError if the name is taken."""
        try:
            os.link(part, name, src_dir_fd=self._descriptor, dst_dir_fd=folder, follow_symlinks=False)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # no hard links, as on FAT
            if _has(folder, name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None
            os.rename(part, name, src_dir_fd=self._descriptor, dst_dir_fd=folder)
            return
        with suppress(OSError):  # it has its name; the other is removed by the next run
            os.unlink(part, dir_fd=self._descriptor)

    def _recover_all(self) -> None:
        names = self._kind.part_names()
        for part in sorted(os.listdir(self._descriptor)):
            if match := names.fullmatch(part):
                try:
                    self._recover(part, FileName(match["stem"], match["suffix"]))
                except FileNotFoundError:
                    pass  # its process lives and has just completed it
                except OSError as error:
                    self._notice(f"{os.path.join(self._path, part)}: cannot be recovered: {error.strerror}")

    def _recover(self, part: str, name: FileName) -> None:
        descriptor = os.open(part, LEFTOVER_FLAGS, dir_fd=self._descriptor)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not lock(descriptor):
                return
            if os.fstat(descriptor).st_nlink > 1:
                self.discard(part)  # it has its name already
            elif whole := self._kind.whole_octets(descriptor, name.suffix):
                self._cut(descriptor, whole)
                path = os.path.join(self._path, self.complete(part, name))
                self.sync()
                self._notice(f"{path}: was left incomplete; recovered up to its last whole row")
            else:
                self.discard(part)
                if self._kind.removed:
                    self._notice(f"{os.path.join(self._path, part)}: {self._kind.removed}")
        finally:
            os.close(descriptor)

    def _cut(self, descriptor: int, whole: int) -> None:
        """Cuts off what is not whole."""
        if whole < os.fstat(descriptor).st_size:
            os.ftruncate(descriptor, whole)
        if self._fsync != "never":
            os.fsync(descriptor)


def _has(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
