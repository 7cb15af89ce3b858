"""Which windows of one stream have come, and which are missing."""

from bisect import bisect_left
from dataclasses import dataclass

PATIENCE = 4
"""windows that come after a missing one before it is called a gap"""
MAX_RANGES = 64


@dataclass(slots=True)
class _Missing:
    """Windows `first` to `last` that have not come."""

    first: int
    last: int
    since: int
    """how many windows had come when this range was last made smaller"""
    told: bool
    """nobody waits for them: they are reported, or were before the first window that came"""


class Arrivals:
    """The windows of one (site, node, boot, iface).

    It knows of each window whether it has come, because what is missing is kept as ranges. An agent that was away from
    its broker sends its backlog and its present windows in turns; so a range that still gets smaller is no gap
    yet, and what comes late is never taken for a duplicate. Of more than MAX_RANGES ranges, the lowest are made one:
    a duplicate between them would then be taken for new.
    """

    def __init__(self) -> None:
        self._missing: list[_Missing] = []
        self._next = 0
        """all windows from here on have not come, and are not missing either"""
        self._come = 0

    def has(self, seq: int) -> bool:
        return seq < self._next and self._place(seq) is None

    def add(self, seq: int) -> list[tuple[int, int]]:
        """Takes note of a window that has not come yet; the gaps that have become clear thereby, each once."""
        self._come += 1
        place = self._place(seq)
        if place is not None:
            self._split(place, seq)
        else:
            if seq > self._next:
                self._missing.append(_Missing(self._next, seq - 1, self._come, told=self._come == 1))
            self._next = seq + 1
        return [*self._too_many(), *self._clear()]

    def _place(self, seq: int) -> int | None:
        """Where the range is that has it."""
        place = bisect_left(self._missing, seq, key=lambda missing: missing.last)
        found = place < len(self._missing) and self._missing[place].first <= seq
        return place if found else None

    def _split(self, place: int, seq: int) -> None:
        whole = self._missing[place]
        halves = ((whole.first, seq - 1), (seq + 1, whole.last))
        self._missing[place : place + 1] = [
            _Missing(first, last, self._come, whole.told) for first, last in halves if first <= last
        ]

    def _clear(self) -> list[tuple[int, int]]:
        clear = [missing for missing in self._missing if not missing.told and self._come - missing.since >= PATIENCE]
        return [_tell(missing) for missing in clear]

    def _too_many(self) -> list[tuple[int, int]]:
        if len(self._missing) <= MAX_RANGES:
            return []
        lowest, second = self._missing[:2]
        gaps = [_tell(missing) for missing in (lowest, second) if not missing.told]
        self._missing[:2] = [_Missing(lowest.first, second.last, self._come, told=True)]
        return gaps


def _tell(missing: _Missing) -> tuple[int, int]:
    missing.told = True
    return missing.first, missing.last
