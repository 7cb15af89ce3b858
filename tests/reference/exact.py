"""Sample statistics of integers, in two passes and without rounding."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from math import isqrt

#: Digits enough for a root to be right far below one unit in the last place of a double.
ROOT_SCALE = 1 << 200


class Sample:
    """Values in units of 1/scale. The variance has n-1 below; what has no value at all is 0."""

    def __init__(self, values: Sequence[int], scale: int = 1) -> None:
        self.count = len(values)
        self.total = Fraction(sum(values), scale)
        self.smallest = Fraction(min(values, default=0), scale)
        self.largest = Fraction(max(values, default=0), scale)
        self.mean = ratio(self.total, self.count)
        self.variance = self._variance(values, scale)

    def _variance(self, values: Sequence[int], scale: int) -> Fraction:
        if self.count < 2:
            return Fraction(0)
        total = sum(values)
        squares = sum((self.count * value - total) ** 2 for value in values)
        return Fraction(squares, self.count**2 * (self.count - 1) * scale**2)

    @property
    def deviation(self) -> float:
        return square_root(self.variance)


def ratio(numerator: Fraction | int, denominator: Fraction | int) -> Fraction:
    """The quotient, 0 where there is nothing to divide by."""
    return Fraction(numerator) / denominator if denominator else Fraction(0)


def square_root(value: Fraction) -> float:
    return float(Fraction(isqrt(value.numerator * ROOT_SCALE**2 // value.denominator), ROOT_SCALE))


def gaps(times: Sequence[int]) -> list[int]:
    """Differences of successive times."""
    return [later - earlier for earlier, later in pairwise(times)]


def active_and_idle(times: Sequence[int], longest_gap: int) -> tuple[list[int], list[int]]:
    """Periods without a gap of more than longest_gap, and those gaps.

    The last period is never entered, nor is one of no length, as no CICFlowMeter does it.
    """
    active, idle, begin = [], [], times[0]
    for earlier, later in pairwise(times):
        if later - earlier > longest_gap:
            active.append(earlier - begin)
            idle.append(later - earlier)
            begin = later
    return [period for period in active if period > 0], idle
