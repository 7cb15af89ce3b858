"""What the disk and the memory have in common."""

from collections.abc import Collection, Sequence
from typing import Protocol

from flowedge.errors import UsageError
from flowedge.spool.message import Amount, Row

FIRST_ID = -(1 << 63)
END_ID = (1 << 63) - 1


class SpoolError(UsageError):
    """The file is not this agent's to use: another program's, a newer version's, or another process has it."""


class Store(Protocol):
    """Holds whole windows up to a bound. One thread at a time.

    A disk raises sqlite3.Error from any method, and has then changed nothing.
    """

    amount: Amount

    def add(self, rows: Sequence[Row]) -> Amount:
        """Adds a window that by itself is within the bound. Returns what had to be dropped: the oldest windows."""

    def remove(self, ids: Collection[int]) -> None:
        """Removes messages; ids that are not here are no matter."""

    def ids(self, first: int, end: int, limit: int, skipped: Collection[int]) -> list[int]:
        """The lowest ids from `first` up to but not including `end`, without those skipped."""

    def row(self, identity: int) -> Row | None:
        """The message, or None if it is not here or has been damaged."""

    def oldest_since(self) -> float | None:
        """When the oldest message was added, seconds since 1970."""
