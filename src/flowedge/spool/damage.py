"""What becomes of a damaged file: it is set aside, and what can be read of it is saved."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from glob import escape, glob
from itertools import takewhile
from operator import gt, lt

from flowedge.spool.disk import DamagedFileError, decode, sound_row
from flowedge.spool.message import Row
from flowedge.spool.store import END_ID, FIRST_ID

KEPT = 2  # damaged files; older ones are removed, so that they do not fill the disk
LOG = "-wal"

_OTHERS_FAULTS = {  # the system's or another process's, not the file's
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_AUTH,
}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}


def is_damage(error: Exception) -> bool:
    """Whether the file itself is at fault.

    A damaged schema shows as any error of SQL (no such column, a constraint): the statements are known to be good.
    """
    if isinstance(error, DamagedFileError | UnicodeDecodeError):  # the latter: from names in a message of SQLite's
        return True
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return False
    return code in _UNREADABLE or (code & 0xFF) not in _OTHERS_FAULTS


def set_aside(path: str, now: float) -> str:
    """Renames a spool and its log to a name with the time, removes all but the newest such, returns the new name."""
    aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}"
    for suffix in (LOG, ""):  # the log first: a file without its log is whole, a log without its file is lost
        with suppress(FileNotFoundError):
            os.unlink(aside + suffix)
        with suppress(FileNotFoundError):
            os.rename(path + suffix, aside + suffix)
    for old in sorted(set(glob(f"{escape(path)}.damaged-*Z")))[:-KEPT]:
        for suffix in (LOG, ""):
            with suppress(FileNotFoundError):
                os.unlink(old + suffix)
    return aside


def readable_rows(path: str) -> Iterator[Row]:
    """The sound rows before the first damaged place, in order, then those after the last one, backwards."""
    last = FIRST_ID
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.text_factory = decode
        for row in _rows_until_damage(connection, "ASC"):
            last = row.id
            yield row
        yield from takewhile(lambda row: row.id > last, _rows_until_damage(connection, "DESC"))


def _rows_until_damage(connection: sqlite3.Connection, order: str) -> Iterator[Row]:
    """One statement a row: a cursor over many would keep back the last one before an error."""
    sign, is_beyond, previous = (">", gt, FIRST_ID) if order == "ASC" else ("<", lt, END_ID)
    query = f"SELECT * FROM message WHERE id {sign} ? ORDER BY id {order} LIMIT 1"
    with suppress(sqlite3.DatabaseError, UnicodeDecodeError):
        while columns := connection.execute(query, (previous,)).fetchone():
            if not is_beyond(columns[0], previous):  # pages that lead in a circle
                return
            previous = columns[0]
            row = sound_row(columns)
            if row is not None:
                yield row
