"""Windows on disk, or in memory while the disk fails: when to change over, and what is lost by it."""

import sqlite3
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from math import inf
from typing import TypeVar

from flowedge.notices import Notices, Notify
from flowedge.spool import damage
from flowedge.spool.disk import DamagedFileError, DiskStore
from flowedge.spool.memory import MemoryStore
from flowedge.spool.message import Amount, Row, amount_of
from flowedge.spool.store import SpoolError

RETRY_SECONDS = 10.0  # between two attempts to use a disk that has failed
KEPT_REMOVALS = 100_000  # a disk that refuses to remove so many is not read from any more: each costs memory
UNSEEN_DISK_END = 1 << 40  # while the disk has not been seen, ids begin above what it may turn out to hold

_FAULTS = (sqlite3.Error, DamagedFileError, UnicodeDecodeError, OSError, SpoolError)

Result = TypeVar("Result")


def is_full(error: Exception) -> bool:
    """Whether only room is missing: what is there can be read."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL


class FallbackStore:
    """Puts windows on the disk if it takes them, else in memory; brings them to the disk when it works again.

    Every id in memory is above every id on the disk. A full disk is still read from; a damaged file is replaced.
    """

    def __init__(
        self, path: str, max_octets: int, memory_octets: int, clock: Callable[[], float], notify: Notify
    ) -> None:
        """Raises SpoolError. Any other fault of the disk is told."""
        self.dropped = Amount()
        self.damaged = 0
        self._path = path
        self._max_octets = max_octets
        self._clock = clock
        self._notify = notify
        self._notices = Notices(notify, clock)
        self._memory = MemoryStore(min(memory_octets, max_octets))
        self._disk: DiskStore | None = None
        self._known = Amount()
        """what the disk had when it was last open, while it is not"""
        self._disk_end: int | None = None
        """no id from here on is on the disk; None while it has not been seen"""
        self._failed_at: float | None = None
        """None while the disk takes windows: then it is open"""
        self._settled: set[int] = set()
        """to be removed from the disk"""
        self._open_first()
        self.end = UNSEEN_DISK_END if self._disk_end is None else self._disk_end
        """what follows the last id that was there at the beginning"""

    @property
    def on_disk(self) -> bool:
        return self._failed_at is None

    @property
    def unremoved(self) -> int:
        """How many messages are still on the disk, though they were to be removed."""
        return len(self._settled)

    @property
    def amount(self) -> Amount:
        return self._memory.amount.plus(self._known if self._disk is None else self._disk.amount)

    def add(self, rows: Sequence[Row]) -> None:
        """Keeps a window, or counts it as dropped."""
        new = amount_of(rows)
        if new.octets > self._max_octets:
            self._drop(new)
        elif self._write(lambda disk: self._add_to_disk(disk, rows)):
            return
        elif new.octets > self._memory.max_octets:
            self._drop(new)
        else:
            self._drop(self._memory.add(rows))

    def remove(self, identity: int) -> None:
        """From memory at once, from the disk with the next window or remove_settled()."""
        if self._memory.row(identity) is None:
            self._settled.add(identity)
        else:
            self._memory.remove([identity])

    def remove_settled(self) -> None:
        if self._settled or self._memory.amount.messages:
            self._write(self._remove_from_disk)

    def ids(self, first: int, end: int, limit: int, skipped: Collection[int]) -> list[int]:
        """The lowest ids from `first` up to but not including `end`, without those skipped or removed."""
        found: list[int] = []
        if len(self._settled) <= KEPT_REMOVALS:
            gone = self._settled.union(skipped)
            found = self._read(lambda disk: disk.ids(first, end, limit, gone), found)
        return found + self._memory.ids(first, end, limit - len(found), skipped)

    def row(self, identity: int) -> Row | None:
        """The message, which has been listed; None if it cannot be read. Then it is not listed again."""
        asked = self._disk
        row = self._memory.row(identity) or self._read(lambda disk: disk.row(identity), None)
        if row is None and asked is self._disk is not None:
            self._lose(identity)
        return row

    def _lose(self, identity: int) -> None:
        """Settles a message that was listed but is not sound."""
        if not self._read(lambda disk: disk.holds(identity), False):
            self._recover(DamagedFileError("its messages are out of order"))
            return
        self._settled.add(identity)
        self.damaged += 1
        self._notices.tell("message", "error", f"{self._path}: a message has changed on the disk and is not sent")

    def oldest_since(self) -> float | None:
        """When the oldest message was added, seconds since 1970."""
        since = self._read(lambda disk: disk.oldest_since(), None)
        return self._memory.oldest_since() if since is None else since

    def close(self) -> None:
        """Gives what is in memory a last chance, and counts it as dropped if the disk does not take it."""
        if self._failed_at is not None:
            self._failed_at = -inf
        self.remove_settled()
        lost = self._memory.amount
        if lost.messages:
            self.dropped = self.dropped.plus(lost)
            self._notify("error", f"{self._path}: the disk still fails; {lost.windows} windows in memory are lost")
        self._close_disk()

    def _open_first(self) -> None:
        try:
            self._open()
        except SpoolError:
            raise
        except _FAULTS as error:
            self._recover(error)

    def _open(self) -> DiskStore:
        return self._take_up(DiskStore(self._path, self._max_octets))

    def _take_up(self, disk: DiskStore) -> DiskStore:
        """Makes the disk's ids end where those in memory begin, and looks what is missing."""
        if self._disk_end is not None:
            disk.cut(self._disk_end)  # a commit that failed may have reached the disk all the same
        elif self._failed_at is not None and disk.end > UNSEEN_DISK_END:
            disk.shift_below(UNSEEN_DISK_END)
        self._disk = disk
        self._disk_end = self._disk_end or disk.end
        self.damaged += max(0, self._known.messages - disk.amount.messages)
        self._known = Amount()
        self._drop(disk.trim())
        return disk

    def _write(self, action: Callable[[DiskStore], None]) -> bool:
        """Does something to the disk; False if it cannot be done. A damaged file is replaced first, but only once."""
        for _ in range(2):
            if not self._may_try():
                return False
            try:
                disk = self._disk or self._open()
                self._empty_memory(disk)
                action(disk)
            except _FAULTS as error:
                self._recover(error)
            else:
                self._worked()
                return True
        self._failed_at = self._clock()
        return False

    def _read(self, action: Callable[[DiskStore], Result], otherwise: Result) -> Result:
        """Asks the disk, even if it is full; not if it has failed otherwise."""
        for _ in range(2):
            if self._disk is None:
                break
            try:
                return action(self._disk)
            except _FAULTS as error:
                self._recover(error)
        return otherwise

    def _may_try(self) -> bool:
        """A clock that was set back does not make it wait."""
        return self._failed_at is None or not 0 <= self._clock() - self._failed_at < RETRY_SECONDS

    def _empty_memory(self, disk: DiskStore) -> None:
        while self._memory.amount.messages:
            rows = self._memory.oldest_window()
            self._add_to_disk(disk, rows)
            self._memory.remove([row.id for row in rows])

    def _worked(self) -> None:
        if self._failed_at is not None:
            self._failed_at = None
            self._notices.tell("return", "info", f"{self._path}: the disk works again; nothing is left in memory")

    def _recover(self, error: Exception) -> None:
        """Replaces a damaged file; else the disk has failed, and is tried again later."""
        if isinstance(error, sqlite3.Error) and not hasattr(error, "sqlite_errorcode"):
            raise error  # not from SQLite: a value of a type that it does not store
        try:
            if damage.is_damage(error):
                self._replace(error)
                return
        except _FAULTS as another:
            error = another
        if not is_full(error):
            self._close_disk()
        self._failed_at = self._clock()
        self._notices.tell(
            "failure", "error", f"{self._path}: {error}; windows are kept in memory until the disk works again"
        )

    def _replace(self, error: Exception) -> None:
        """Sets a damaged file aside, begins a new one, and saves what can be read."""
        self._close_disk()
        aside = damage.set_aside(self._path, self._clock())
        disk = DiskStore(self._path, self._max_octets)
        with suppress(sqlite3.Error):  # so much for that; what is saved is saved
            disk.restore(damage.readable_rows(aside))
        self._take_up(disk)
        saved = disk.amount.messages
        self._notices.tell(
            "damage", "error", f"{self._path} is damaged ({error}), and now {aside}; {saved} messages saved"
        )

    def _close_disk(self) -> None:
        if self._disk is not None:
            self._known = self._disk.amount
            self._disk.close()
            self._disk = None

    def _add_to_disk(self, disk: DiskStore, rows: Sequence[Row]) -> None:
        self._drop(disk.add(rows, self._settled))
        self._settled.clear()
        self._disk_end = rows[-1].id + 1

    def _remove_from_disk(self, disk: DiskStore) -> None:
        disk.remove(self._settled)
        self._settled.clear()

    def _drop(self, lost: Amount) -> None:
        if lost.messages:
            self.dropped = self.dropped.plus(lost)
            self._notices.tell(
                "room", "warning", f"{self._path}: no room; {self.dropped.windows} windows dropped so far"
            )
