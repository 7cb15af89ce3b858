"""Files of a folder that are hidden while they grow and get their name when they are complete."""

import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from flowedge.sinks.access import Owner, hand_over
from flowedge.sinks.row_file import Fsync, lock
from flowedge.sinks.rows import whole_octets

PART_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
LEFTOVER_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MODE = 0o666
LONGEST_SOURCE = 128  # characters: a file's name may have 255

_STEM = r"[A-Za-z0-9_][A-Za-z0-9._-]*-\d{8,}T\d{6}Z"
_SUFFIX = r"(?:csv|jsonl)(?:\.gz)?"
_PART = re.compile(rf"\.flowedge-\d+-\d+-(?P<stem>{_STEM})\.(?P<suffix>{_SUFFIX})\.part")
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
        """`begun` in seconds since the epoch; what has no place in a file's name becomes "_"."""
        safe = re.sub(r"^[^A-Za-z0-9_]|[^A-Za-z0-9._-]", "_", source[:LONGEST_SOURCE]) or "_"
        return cls(f"{safe}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(begun))}", suffix)

    def choices(self) -> Iterator[str]:
        yield f"{self.stem}.{self.suffix}"
        for number in count(2):
            yield f"{self.stem}-{number}.{self.suffix}"


class PartFolder:
    """An open folder: it stays the same one when somebody moves it.

    A growing file is called .flowedge-PID-NUMBER-NAME.part and is locked by its process. All methods raise OSError.
    """

    def __init__(self, path: str, owner: Owner | None, fsync: Fsync, notice: Callable[[str], None]) -> None:
        """Opens the folder, or makes it; completes what dead processes have left there, and tells `notice` of it.

        What is made here, the folder and its files, `owner` gets.
        """
        self._path = path
        self._owner = owner
        self._fsync = fsync
        self._notice = notice
        made = _make(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if made:
                hand_over(self._descriptor, owner)
            if not os.access(path, os.W_OK | os.X_OK, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            self._recover_all()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        os.close(self._descriptor)

    def begin(self, name: FileName) -> tuple[int, str]:
        """A new file: its descriptor, and what it is called until it is complete."""
        while True:
            part = f".flowedge-{os.getpid()}-{next(_numbers)}-{name.stem}.{name.suffix}.part"
            with suppress(FileExistsError):  # of a process that had our number in its own numbering
                descriptor = os.open(part, PART_FLAGS, MODE, dir_fd=self._descriptor)
                if self._claim(descriptor, part):
                    return descriptor, part

    def complete(self, part: str, name: FileName) -> str:
        """Gives a file its name, or the first one that is free; an existing file is never replaced."""
        choices = name.choices()
        while True:
            choice = next(choices)
            with suppress(FileExistsError):
                self._rename(part, choice)
                return choice

    def sync(self) -> None:
        """After complete(): so that the name survives a power cut."""
        if self._fsync != "never":
            os.fsync(self._descriptor)

    def discard(self, part: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(part, dir_fd=self._descriptor)

    def _claim(self, descriptor: int, part: str) -> bool:
        """False if, before it was locked, another process has taken it for a leftover; then it is closed."""
        try:
            hand_over(descriptor, self._owner)
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

    def _rename(self, part: str, name: str) -> None:
        """Raises FileExistsError if the name is taken."""
        folder = self._descriptor
        try:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # no hard links, as on FAT
            if self._has(name):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name) from None
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        with suppress(OSError):  # it has its name; the other is removed by the next run
            os.unlink(part, dir_fd=folder)

    def _has(self, name: str) -> bool:
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _recover_all(self) -> None:
        for part in sorted(os.listdir(self._descriptor)):
            if match := _PART.fullmatch(part):
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
            if self._cut(descriptor, name.suffix):
                path = os.path.join(self._path, self.complete(part, name))
                self.sync()
                self._notice(f"{path}: was left incomplete; recovered up to its last whole row")
            else:
                self.discard(part)
        finally:
            os.close(descriptor)

    def _cut(self, descriptor: int, suffix: str) -> bool:
        """Cuts off what is not whole; False if nothing is left, or the file has its name already."""
        facts = os.fstat(descriptor)
        if facts.st_nlink > 1:
            return False
        whole = whole_octets(descriptor, suffix)
        if whole < facts.st_size:
            os.ftruncate(descriptor, whole)
        if self._fsync != "never":
            os.fsync(descriptor)
        return whole > 0


def _make(path: str) -> bool:
    """Whether there was no such folder."""
    try:
        os.makedirs(path)
    except FileExistsError:
        return False
    return True
