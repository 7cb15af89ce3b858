"""A column of an edge list: little-endian octets and their type, as a message carries them and numpy reads them."""

import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any, Self, TypeAlias

Octets: TypeAlias = bytes | memoryview
Numbers: TypeAlias = "memoryview[Any]"

LETTERS = {
    "<u1": "B",
    "<u2": "H",
    "<u4": "I",
    "<u8": "Q",
    "<i1": "b",
    "<i2": "h",
    "<i4": "i",
    "<i8": "q",
    "<f4": "f",
    "<f8": "d",
}
"""Every type code there is, with what struct and array call it."""
OFFSET = "<u4"
WIDTHS = (1, 2, 4, 8)


def packed(code: str, values: Iterable[Any]) -> bytes:
    """Numbers as little-endian octets. Raises OverflowError or TypeError for what the type cannot hold."""
    items = array(LETTERS[code], values)
    if sys.byteorder == "big":
        items.byteswap()
    return items.tobytes()


def unpacked(code: str, octets: Octets) -> Numbers:
    """The numbers in little-endian octets: a read-only view, without a copy where the machine is little-endian too."""
    letter: Any = LETTERS[code]
    if sys.byteorder == "little":
        return memoryview(octets).toreadonly().cast(letter)
    items = array(letter)
    items.frombytes(octets)
    items.byteswap()
    return memoryview(items).toreadonly()


@dataclass(frozen=True, slots=True)
class Column:
    """One number an edge or, with `offsets`, a list of numbers an edge.

    Edge i has `values()[i]`; with offsets it has `values()[offsets[i]:offsets[i + 1]]`, so there is an offset more than
    there are edges, the first is 0, and the last is the number of values.
    """

    code: str
    """numpy's little-endian type code; one of LETTERS"""
    data: Octets
    offsets: Octets | None = None
    """of type "<u4"; None: one number an edge"""

    @classmethod
    def of(cls, code: str, values: Iterable[float]) -> Self:
        """A column of one number an edge. Raises OverflowError or TypeError for what the type cannot hold."""
        return cls(code, packed(code, values))

    @classmethod
    def of_lists(cls, code: str, lists: Iterable[Iterable[float]]) -> Self:
        """A column of a list of numbers an edge. Raises as of() does."""
        rows = [list(row) for row in lists]
        offsets = accumulate(map(len, rows), initial=0)
        return cls(code, packed(code, (value for row in rows for value in row)), packed(OFFSET, offsets))

    @property
    def width(self) -> int:
        """Octets of a number."""
        return int(self.code[-1])

    def __len__(self) -> int:
        if self.offsets is None:
            return len(self.data) // self.width
        return len(self.offsets) // int(OFFSET[-1]) - 1

    def values(self) -> Numbers:
        """All numbers, those of lists one list after the other."""
        return unpacked(self.code, self.data)

    def bounds(self) -> Iterator[tuple[int, int]]:
        """Where each edge's list begins and ends among the values."""
        return pairwise(unpacked(OFFSET, self.offsets or b""))

    def to_list(self) -> list[Any]:
        """A number an edge, or a list of numbers."""
        values = self.values().tolist()
        return values if self.offsets is None else [values[begin:end] for begin, end in self.bounds()]

    def rows(self, start: int, stop: int) -> "Column":
        """That of the edges from `start` to `stop` (exclusive), which must exist."""
        if self.offsets is None:
            return Column(self.code, self.data[start * self.width : stop * self.width])
        kept = unpacked(OFFSET, self.offsets)[start : stop + 1]
        begin, end = kept[0], kept[-1]
        data = self.data[begin * self.width : end * self.width]
        return Column(self.code, data, packed(OFFSET, (offset - begin for offset in kept)))

    def fitted(self) -> "Column":
        """The same numbers in as few octets as hold them: unsigned unless one is negative, floats as they are."""
        if self.code[1] == "f":
            return self
        octets = bytes(self.data)
        if self.code[1] == "i" and not _top_octets(octets, self.width).isascii():
            kind, width = "i", _signed_width(self.values())
        else:
            kind, width = "u", _octets_used(octets, self.width)
        return Column(f"<{kind}{width}", _lowest_octets(octets, self.width, width), self.offsets)

    def single(self) -> "Column":
        """The same numbers, floats in single precision: too large ones become infinite."""
        return Column("<f4", packed("<f4", self.values()), self.offsets) if self.code == "<f8" else self


def _top_octets(octets: bytes, width: int) -> bytes:
    """Each number's sign and highest bits."""
    return octets[width - 1 :: width]


def _octets_used(octets: bytes, width: int) -> int:
    """Octets that the largest of unsigned numbers needs. Compares planes of octets, so no number becomes an object."""
    zeros = bytes(len(octets) // width)
    used = width
    while used > 1 and octets[used - 1 :: width] == zeros:
        used -= 1
    return next(fit for fit in WIDTHS if fit >= used)


def _signed_width(values: Numbers) -> int:
    bits = max(max(values), ~min(values)).bit_length() + 1
    return next(fit for fit in WIDTHS if fit * 8 >= bits)


def _lowest_octets(octets: bytes, width: int, kept: int) -> bytes:
    if kept == width:
        return octets
    narrow = bytearray(len(octets) // width * kept)
    for place in range(kept):
        narrow[place::kept] = octets[place::width]
    return bytes(narrow)
