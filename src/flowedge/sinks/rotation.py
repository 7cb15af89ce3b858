"""When a rotated file ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass

SHORTEST = 60.0
"""Seconds; a file does not end sooner because the time of day was set."""


@dataclass(frozen=True)
class Begin:
    """The moment at which a file was begun, by both clocks."""

    time: float
    """seconds since the epoch"""
    steady: float
    """seconds of a clock that nobody sets"""


class Rotation:
    """A file ends when it has `octets`, or with the interval in which it was begun.

    Intervals are aligned to the epoch: 3600 ends files on the hour, UTC. What was left of the interval when the file
    was begun is measured with the steady clock, so no file lasts longer than `interval`, whatever becomes of the time
    of day. A time of day that was set, and now is in another interval, ends the file too, but not before it is SHORTEST
    seconds old: a clock that is set again and again makes a file a minute at most.
    """

    def __init__(
        self,
        interval: float | None,
        octets: int | None,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`interval` in seconds; None, of either: no such bound."""
        self._interval = interval
        self._octets = octets
        self._clock = clock
        self._steady = steady

    def begin(self) -> Begin:
        return Begin(self._clock(), self._steady())

    def is_due(self, begin: Begin, octets: int) -> bool:
        """Whether a file of this size that was begun then is to be completed now."""
        if self._octets is not None and octets >= self._octets:
            return True
        return self._interval is not None and self._is_over(begin, self._interval)

    def _is_over(self, begin: Begin, interval: float) -> bool:
        age = self._steady() - begin.steady
        if age >= interval - begin.time % interval:
            return True
        return age >= SHORTEST and self._clock() // interval != begin.time // interval
