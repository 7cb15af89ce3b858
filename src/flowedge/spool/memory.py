"""Windows in memory, while there is no disk."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice, takewhile

from flowedge.spool.message import Amount, Row, amount_of

_GONE = 1024  # ids; so many of messages that are gone may stay listed


class MemoryStore:
    """See Store."""

    def __init__(self, max_octets: int) -> None:
        self.amount = Amount()
        self.max_octets = max_octets
        self._rows: dict[int, Row] = {}
        self._order: list[int] = []
        """their ids, rising; some of those may be gone"""
        self._left: Counter[int] = Counter()
        """how many messages of a window are still here"""

    def add(self, rows: Sequence[Row]) -> Amount:
        dropped = Amount()
        new = amount_of(rows)
        kept = list(rows)
        while self.amount.messages and self.amount.octets + new.octets > self.max_octets:
            dropped = dropped.plus(self._drop_oldest())
        self._rows.update((row.id, row) for row in kept)
        self._order.extend(row.id for row in kept)
        self._left[kept[0].window] = len(kept)
        self.amount = self.amount.plus(new)
        return dropped

    def remove(self, ids: Collection[int]) -> None:
        for identity in ids:
            row = self._rows.pop(identity, None)
            if row is not None:
                self._left[row.window] -= 1
                ended = self._left[row.window] == 0
                if ended:
                    del self._left[row.window]
                self.amount = self.amount.minus(Amount(ended, 1, row.octets))
        if len(self._order) > 2 * len(self._rows) + _GONE:
            self._order = list(self._rows)

    def ids(self, first: int, end: int, limit: int, skipped: Collection[int]) -> list[int]:
        place = bisect_left(self._order, first)
        following = takewhile(end.__gt__, islice(self._order, place, None))
        return list(islice((key for key in following if key in self._rows and key not in skipped), limit))

    def row(self, identity: int) -> Row | None:
        return self._rows.get(identity)

    def oldest_since(self) -> float | None:
        return next((row.since for row in self._rows.values()), None)

    def oldest_window(self) -> list[Row]:
        """What is left of it."""
        oldest = next(iter(self._rows.values()))
        return list(islice(self._rows.values(), self._left[oldest.window]))

    def _drop_oldest(self) -> Amount:
        rows = self.oldest_window()
        self.remove([row.id for row in rows])
        return amount_of(rows)
