"""Keeps a folder small: deletes its oldest files."""

import math
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import nsmallest
from typing import NamedTuple

MOST_AT_ONCE = 10_000
"""Files remembered while a folder is looked through: what bounds the memory it takes."""
SLACK = 20
"""One part in this many: how much more is deleted than must be, and how much later than it could be."""
LONGEST_WAIT = 3600.0
"""Seconds between looks for files that have become too old."""


class _File(NamedTuple):
    changed: float  # seconds since the epoch
    octets: int
    name: str


class Retention:
    """Deletes the oldest files of a folder while it holds more than max_octets, and those older than max_age.

    Only regular files whose whole name matches `names` count and are deleted, and never hidden ones. Age and order
    follow the time of the last change, sizes are those of the files.

    The folder is looked through at the first apply() and then only when something may be due: when it must have
    outgrown max_octets by what added() was told (a look then deletes down to 95 % of it), and for max_age every
    twentieth of it, but at least once an hour. A file may become older than max_age by that much. A problem stops
    nothing.
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
        self.problem = ""
        """what went wrong in the last look; empty if nothing did"""
        self._folder = folder
        self._names = names
        self._notice = notice
        self._max_octets = max_octets
        self._max_age = max_age
        self._clock = clock
        self._steady = steady
        self._held = 0
        self._look_beyond = -1.0  # octets held
        self._look_at = 0.0  # by the steady clock

    def added(self, octets: int) -> None:
        """Files of this size have been completed."""
        self._held += octets

    def apply(self) -> None:
        """Deletes what is due. Costs next to nothing when nothing can be: call it once a second."""
        if not self._is_due():
            return
        before, self.problem = self.problem, ""
        while self._delete_oldest():
            pass
        self._plan_next_look()
        if self.problem not in ("", before):
            self._notice(self.problem)

    def _is_due(self) -> bool:
        return self._held > self._look_beyond or self._steady() >= self._look_at

    def _plan_next_look(self) -> None:
        self._look_beyond = self._look_at = math.inf
        if self._max_octets is not None:
            cannot_be_deleted = self._held > self._max_octets
            self._look_beyond = self._held + self._max_octets / SLACK if cannot_be_deleted else self._max_octets
        if self._max_age is not None:
            self._look_at = self._steady() + min(self._max_age / SLACK, LONGEST_WAIT)

    def _delete_oldest(self) -> bool:
        """Looks through the folder once. Whether another look may find more to delete."""
        self._held = 0
        try:
            files = nsmallest(MOST_AT_ONCE, self._files())
        except OSError as error:
            self._fail(error)
            return False
        bound = self._bound()
        progress = False
        for file in files:
            if self._held <= bound and not self._is_too_old(file):
                return False
            progress |= self._delete(file)
        return progress and len(files) == MOST_AT_ONCE

    def _files(self) -> Iterator[_File]:
        """Adds up what they hold on the way."""
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and self._names.fullmatch(entry.name):
                    with suppress(FileNotFoundError):
                        facts = entry.stat(follow_symlinks=False)
                        if stat.S_ISREG(facts.st_mode):
                            self._held += facts.st_size
                            yield _File(facts.st_mtime, facts.st_size, entry.name)

    def _bound(self) -> float:
        """Octets down to which files are deleted."""
        if self._max_octets is None or self._held <= self._max_octets:
            return math.inf
        return self._max_octets - self._max_octets / SLACK

    def _is_too_old(self, file: _File) -> bool:
        return self._max_age is not None and self._clock() - file.changed > self._max_age

    def _delete(self, file: _File) -> bool:
        """Whether it is gone."""
        try:
            os.unlink(os.path.join(self._folder, file.name))
        except FileNotFoundError:
            self._held -= file.octets
            return True
        except OSError as error:
            self._fail(error)
            return False
        self._held -= file.octets
        return True

    def _fail(self, error: OSError) -> None:
        self.problem = f"{self._folder}: old files cannot be deleted: {error.strerror}"
