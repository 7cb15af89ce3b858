"""Windows in memory alone, because no file was named."""

from collections.abc import Collection, Sequence

from flowedge.notices import Notices, Notify
from flowedge.spool.memory import MemoryStore
from flowedge.spool.message import Amount, Row, amount_of


class VolatileStore:
    """What the spool asks of a FallbackStore, without a disk."""

    end = 0
    on_disk = False
    unremoved = 0
    damaged = 0

    def __init__(self, max_octets: int, notify: Notify) -> None:
        self.dropped = Amount()
        self._memory = MemoryStore(max_octets)
        self._notify = notify
        self._notices = Notices(notify)

    @property
    def amount(self) -> Amount:
        return self._memory.amount

    def add(self, rows: Sequence[Row]) -> None:
        """Keeps a window, or counts it as dropped."""
        new = amount_of(rows)
        self._drop(new if new.octets > self._memory.max_octets else self._memory.add(rows))

    def remove(self, identity: int) -> None:
        self._memory.remove([identity])

    def remove_settled(self) -> None:
        """Nothing to do: what is removed is gone at once."""

    def ids(self, first: int, end: int, limit: int, skipped: Collection[int]) -> list[int]:
        return self._memory.ids(first, end, limit, skipped)

    def row(self, identity: int) -> Row | None:
        return self._memory.row(identity)

    def oldest_since(self) -> float | None:
        return self._memory.oldest_since()

    def close(self) -> None:
        """What is left is lost, and counted as dropped."""
        lost, self._memory = self._memory.amount, MemoryStore(self._memory.max_octets)
        if lost.messages:
            self.dropped = self.dropped.plus(lost)
            self._notify("warning", f"{lost.windows} windows in memory are lost; a spool in a file would keep them")

    def _drop(self, lost: Amount) -> None:
        if lost.messages:
            self.dropped = self.dropped.plus(lost)
            self._notices.tell("room", "warning", f"no room in memory; {self.dropped.windows} windows dropped so far")
