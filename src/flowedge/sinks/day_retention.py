"""Keeps a folder small in which each day has a folder: deletes the oldest files, a few at a time."""

import os
import re
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from heapq import nsmallest
from typing import NamedTuple

MOST_AT_ONCE = 1000
"""Files that one apply() deletes, and that are remembered."""
COUNT_SECONDS = 3600.0
"""Between two counts of what the folder holds: somebody else may have removed some of it."""
BLOCK = 4096
"""Octets that file systems give to a file at a time. Most edge lists are smaller."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class _File(NamedTuple):
    stamp: str
    name: str
    day: str
    octets: int
    changed: float  # seconds since the epoch


class DayRetention:
    """Deletes the oldest files from folders of days, while they take more than max_octets or are older than max_age.

    Only regular files count and are deleted whose whole name matches `names`; its group `stamp` says which is the
    oldest. A file takes whole blocks, and its age is the time since its last change. An empty folder is removed.

    A folder of millions of files is no reason to wait: apply() counts one day or deletes some files, and is
    called again. A problem stops nothing; the day that has it is left alone until the next count.
    """

    def __init__(
        self,
        folder: str,
        names: re.Pattern[str],
        *,
        notice: Callable[[str], None],
        max_octets: int | None = None,
        max_age: float | None = None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`max_age` in seconds; None, of either: no such bound. A problem is told to `notice` once."""
        self._folder = folder
        self._names = names
        self._notice = notice
        self._max_octets = max_octets
        self._max_age = max_age
        self._clock = clock
        self._steady = steady
        self._days: dict[str, int] = {}  # what each holds, in octets
        self._uncounted: list[str] = []
        self._count_at = 0.0  # by the steady clock
        self._oldest: deque[_File] = deque()
        self._told = ""

    def added(self, day: str, octets: int) -> None:
        """A file of this size has been completed."""
        self._days[day] = self._days.get(day, 0) + _taken(octets)

    def apply(self) -> None:
        """Does a part of what is due: call it once a second."""
        if self._max_octets is None and self._max_age is None:
            return
        if self._steady() >= self._count_at:
            self._begin_count()
        elif self._uncounted:
            self._count(self._uncounted.pop())
        else:
            self._delete_due()

    def _begin_count(self) -> None:
        self._count_at = self._steady() + COUNT_SECONDS
        try:
            days = sorted(self._list_days())
        except OSError as error:
            self._tell(error)
            return
        self._days = {day: self._days.get(day, 0) for day in days}
        self._uncounted = days
        self._oldest.clear()

    def _list_days(self) -> Iterator[str]:
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if _DAY.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                    yield entry.name

    def _count(self, day: str) -> None:
        with self._leaving_alone(day):
            self._days[day] = sum(_taken(file.octets) for file in self._files(day))

    def _delete_due(self) -> None:
        for _ in range(MOST_AT_ONCE):
            if self._max_age is None and not self._is_over():
                return
            if not self._oldest:
                self._look()
            if not self._oldest or not (self._is_over() or self._is_too_old(self._oldest[0])):
                return
            self._delete(self._oldest.popleft())

    def _is_over(self) -> bool:
        return self._max_octets is not None and sum(self._days.values()) > self._max_octets

    def _is_too_old(self, file: _File) -> bool:
        return self._max_age is not None and self._clock() - file.changed > self._max_age

    def _look(self) -> None:
        """Looks for the oldest files; days without any are done with."""
        while self._days and not self._oldest:
            day = min(self._days)
            with self._leaving_alone(day):
                self._oldest.extend(nsmallest(MOST_AT_ONCE, self._files(day)))
            if not self._oldest:
                self._days.pop(day, None)
                with suppress(OSError):  # there is something else in it
                    os.rmdir(os.path.join(self._folder, day))

    def _files(self, day: str) -> Iterator[_File]:
        with os.scandir(os.path.join(self._folder, day)) as entries:
            for entry in entries:
                if match := self._names.fullmatch(entry.name):
                    with suppress(FileNotFoundError):
                        facts = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(facts.st_mode):
                            yield _File(match["stamp"], entry.name, day, facts.st_size, facts.st_mtime)

    def _delete(self, file: _File) -> None:
        with self._leaving_alone(file.day):
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(self._folder, file.day, file.name))
            self._days[file.day] = max(0, self._days[file.day] - _taken(file.octets))

    @contextmanager
    def _leaving_alone(self, day: str) -> Iterator[None]:
        """A day with a problem is as if it were not there, so that no other is deleted in its place."""
        try:
            yield
        except OSError as error:
            self._days.pop(day, None)
            self._oldest.clear()
            if not isinstance(error, FileNotFoundError):
                self._tell(error)

    def _tell(self, error: OSError) -> None:
        problem = f"{self._folder}: old files cannot be deleted: {error.strerror}"
        if problem != self._told:
            self._notice(problem)
        self._told = problem


def _taken(octets: int) -> int:
    return -(-octets // BLOCK) * BLOCK
