"""Windows in an SQLite file: in its write-ahead log, and synchronised, before add() returns.

The file is locked for as long as it is open; the system ends a dead process's lock. Pages that become free are used
again, and an emptied spool gives them back. The file grows to PAGES_SHARE of the bound at most. The log is at most
LOG_SHARE of it, and while a larger window is being written as long as that window.
"""

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from itertools import islice, pairwise

from flowedge.spool.message import ROW_OCTETS, Amount, Row, amount_of
from flowedge.spool.store import END_ID, SpoolError

APPLICATION_ID = 0x666C7370  # "flsp"
VERSION = 1
PAGE_SIZE = 16384  # a small window costs three or four pages; small pages make long chains of a 128 KiB message
PAGES_SHARE = 1.25  # of the bound: messages of little more than half a page waste up to half of what they take
PAGES_AT_LEAST = 16
LOG_SHARE = 1 / 16  # of the bound: longer, and less is written twice; also what is cached
RESTORED_TOGETHER = 64  # messages of a damaged file: so many are read before they are written
BUSY_SECONDS = 2.0  # an agent that is being replaced may still be at its last commit

_TABLE = """CREATE TABLE message (
    id INTEGER PRIMARY KEY, window INTEGER NOT NULL, messages INTEGER NOT NULL,
    boot TEXT NOT NULL, iface TEXT NOT NULL, seq INTEGER NOT NULL, end_ns INTEGER NOT NULL, since REAL NOT NULL,
    topic TEXT NOT NULL, properties TEXT NOT NULL, payload BLOB NOT NULL, checksum INTEGER NOT NULL
)"""
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
{_TABLE};
COMMIT;
"""
_SIZE = f"{ROW_OCTETS} + length(CAST(topic AS BLOB)) + length(properties) + length(payload)"  # see Row.octets
_OCTETS = f"ifnull({_SIZE}, 0)"  # in a damaged row anything may be NULL
_IN_WINDOW = "id >= :first AND id < :end AND (id = :first OR window = :window)"


class DamagedFileError(Exception):
    """The file is not in order, though SQLite has read it without complaint."""


class DiskStore:
    """See Store. `end` is the id after the last one that was there when the file was opened."""

    def __init__(self, path: str, max_octets: int) -> None:
        """Opens a spool, or begins one where there is no file or an empty one.

        Raises SpoolError if the file is another's, sqlite3.Error or OSError if it is damaged or cannot be used.
        """
        _create(path)
        self._max_octets = max_octets
        self._log_pages = max(1, int(max_octets * LOG_SHARE) // PAGE_SIZE)
        self._connection = _connect(path)
        try:
            self._prepare(path)
            self.amount, self.end = self._count()
        except BaseException as error:
            self._connection.close()
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise SpoolError(f"{path} is in use by another process; stop it or name another file") from error
            raise

    def close(self) -> None:
        self._connection.close()

    def add(self, rows: Sequence[Row], settled: Collection[int] = ()) -> Amount:
        """Adds a window and, in the same transaction, removes what is settled."""
        dropped = Amount()
        new = amount_of(rows)
        with self._transaction():
            for identity in settled:
                self._remove(identity)
            while self.amount.messages and not self._has_room(new):
                dropped = dropped.plus(self._drop_oldest())
            self._insert(rows)
            self.amount = self.amount.plus(new)
        return dropped

    def remove(self, ids: Collection[int]) -> None:
        if not ids:
            return
        with self._transaction():
            for identity in ids:
                self._remove(identity)
        if not self.amount.messages:
            self._give_back_pages()

    def ids(self, first: int, end: int, limit: int, skipped: Collection[int]) -> list[int]:
        query = "SELECT id FROM message WHERE id >= ? AND id < ? ORDER BY id"
        with closing(self._connection.execute(query, (first, end))) as found:
            listed = list(islice((key for (key,) in found if key not in skipped), limit))
        if any(earlier >= later for earlier, later in pairwise(listed)):
            raise DamagedFileError("its messages are out of order")
        return listed

    def row(self, identity: int) -> Row | None:
        found = self._connection.execute("SELECT * FROM message WHERE id = ?", (identity,)).fetchone()
        return None if found is None else sound_row(found)

    def holds(self, identity: int) -> bool:
        """Whether there is such a message, sound or not."""
        found = self._connection.execute("SELECT 1 FROM message WHERE id = ?", (identity,)).fetchone()
        return found is not None

    def oldest_since(self) -> float | None:
        oldest = self._connection.execute("SELECT since FROM message ORDER BY id LIMIT 1").fetchone()
        return oldest[0] if oldest and isinstance(oldest[0], float) else None

    def trim(self) -> Amount:
        """Drops the oldest windows while there is more than the bound, which may have been higher once."""
        dropped = Amount()
        with self._transaction():
            while not self._has_room(Amount()):
                dropped = dropped.plus(self._drop_oldest())
        return dropped

    def cut(self, end: int) -> None:
        """Removes everything from the id `end` on."""
        self._connection.execute("DELETE FROM message WHERE id >= ?", (end,))
        self.amount, self.end = self._count()

    def shift_below(self, end: int) -> None:
        """Lowers all ids so that they end before `end`."""
        distance = {"by": self.end - end}
        self._connection.execute("UPDATE message SET id = id - :by, window = window - :by", distance)
        self.end = end

    def restore(self, rows: Iterable[Row]) -> None:
        """Takes in messages, of whatever windows, as long as there is room."""
        remaining = iter(rows)
        try:
            while batch := list(islice(remaining, RESTORED_TOGETHER)):
                with self._transaction():
                    self._restore(batch)
        finally:
            self.amount, self.end = self._count()

    def _prepare(self, path: str) -> None:
        (pages,) = self._pragma("page_count")
        if pages:
            self._check_identity(path)
        else:
            self._pragma(f"page_size = {PAGE_SIZE}")
            self._pragma("auto_vacuum = INCREMENTAL")
            self._connection.executescript(_SCHEMA)
        self._pragma("journal_mode = WAL")
        self._pragma("synchronous = FULL")
        self._pragma("cell_size_check = ON")
        self._pragma("secure_delete = OFF")  # some builds have it on: every removal would be written, as zeros
        self._pragma(f"cache_size = {self._log_pages}")
        self._pragma(f"wal_autocheckpoint = {self._log_pages}")
        self._pragma(f"journal_size_limit = {self._log_pages * PAGE_SIZE}")

    def _check_identity(self, path: str) -> None:
        if self._pragma("application_id") != (APPLICATION_ID,):
            raise SpoolError(f"{path} is a database of another program; name another file for the spool")
        (version,) = self._pragma("user_version")
        if version != VERSION:
            raise SpoolError(
                f"{path} is a spool of version {version}, this flowedge knows version {VERSION}; "
                "use the flowedge that wrote it, or name another file for the spool"
            )
        if self._connection.execute("SELECT sql FROM sqlite_master").fetchall() != [(_TABLE,)]:
            raise DamagedFileError("its table is not the spool's")
        os.chmod(path, 0o600)

    def _pragma(self, text: str) -> tuple[int, ...]:
        answer: tuple[int, ...] | None = self._connection.execute(f"PRAGMA {text}").fetchone()
        return answer or ()

    def _count(self) -> tuple[Amount, int]:
        """What there is, and the id after the highest."""
        query = f"SELECT count(DISTINCT window), count(*), total({_OCTETS}), max(id) FROM message"
        windows, messages, octets, highest = self._connection.execute(query).fetchone()
        return Amount(windows, messages, int(octets)), (highest or 0) + 1

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        before = self.amount
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self.amount = before
            with suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                self._connection.execute("ROLLBACK")
            raise

    def _has_room(self, new: Amount) -> bool:
        (pages,), (free,) = self._pragma("page_count"), self._pragma("freelist_count")
        needed = pages - free + new.octets // PAGE_SIZE + new.messages
        allowed = max(PAGES_AT_LEAST, int(self._max_octets * PAGES_SHARE) // PAGE_SIZE)
        fits = self.amount.octets + new.octets <= self._max_octets
        return not self.amount.messages or (fits and needed <= allowed)

    def _insert(self, rows: Iterable[Row]) -> None:
        marks = ", ".join("?" * (len(Row._fields) + 1))
        self._connection.executemany(f"INSERT INTO message VALUES ({marks})", ((*row, row.checksum) for row in rows))

    def _give_back_pages(self) -> None:
        """Shrinks the file, if that is worth the writing."""
        (free,) = self._pragma("freelist_count")
        if free > self._log_pages:
            self._connection.executescript("PRAGMA incremental_vacuum")  # execute() would give back one page alone

    def _restore(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if self._has_room(Amount(1, 1, row.octets)):
                self._insert([row])
                self.amount = self.amount.plus(Amount(0, 1, row.octets))

    def _remove(self, identity: int) -> None:
        query = f"SELECT window, messages, {_OCTETS} FROM message WHERE id = ?"
        found = self._connection.execute(query, (identity,)).fetchone()
        if found is None:
            return
        window, messages, octets = found
        self._connection.execute("DELETE FROM message WHERE id = ?", (identity,))
        place = _place(window if isinstance(window, int) else identity, window, messages)
        others = self._connection.execute(f"SELECT 1 FROM message WHERE {_IN_WINDOW} LIMIT 1", place).fetchone()
        self.amount = self.amount.minus(Amount(others is None, 1, octets))

    def _drop_oldest(self) -> Amount:
        oldest = self._connection.execute("SELECT id, window, messages FROM message ORDER BY id LIMIT 1").fetchone()
        place = _place(*oldest)
        query = f"SELECT 1, count(*), total({_OCTETS}) FROM message WHERE {_IN_WINDOW}"
        windows, messages, octets = self._connection.execute(query, place).fetchone()
        self._connection.execute(f"DELETE FROM message WHERE {_IN_WINDOW}", place)
        dropped = Amount(windows, messages, int(octets))
        self.amount = self.amount.minus(dropped)
        return dropped


def _place(first: int, window: object, messages: object) -> dict[str, object]:
    """Where a window's rows are, from `first` on: that row alone, if what it says of its window is damaged."""
    sound = isinstance(window, int) and isinstance(messages, int)
    end = window + messages if sound else first  # type: ignore[operator]
    return {"first": first, "window": window, "end": min(max(first + 1, end), END_ID)}


def sound_row(columns: Sequence[object]) -> Row | None:
    """The row, or None if it is not as it was written."""
    *values, checksum = columns
    try:
        row = Row(*values)  # type: ignore[arg-type]  # the checksum tells whether they are what they should be
        return row if row.checksum == checksum else None
    except (TypeError, ValueError):
        return None


def decode(octets: bytes) -> str:
    """What a damaged file has for text need not be UTF-8; the checksum will tell."""
    return octets.decode(errors="replace")


def _create(path: str) -> None:
    """Makes an empty file that only its owner may read; an existing file is not even opened."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.text_factory = decode
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # before anything is read: so the log's index needs no file
    return connection
