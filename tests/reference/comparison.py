"""Where the rows of a CSV and those of the twin differ."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from reference.features import Cell, Row

RELATIVE = 1e-9

TextRow = Mapping[str, str]
Key = tuple[object, ...]

#: What tells one row of a capture from another, by the name of the time column.
KEYS = {
    "timestamp": ("src_ip", "dst_ip", "src_port", "dst_port", "protocol", "timestamp", "tot_fwd_pkts", "tot_bwd_pkts"),
    "Timestamp": ("Flow ID", "Src IP", "Src Port", "Timestamp", "Total Fwd Packet", "Total Bwd packets"),
}


@dataclass
class Comparison:
    """Rows without a partner on the other side, and cells that differ, each as a sentence."""

    missing: list[Row] = field(default_factory=list)
    surplus: list[TextRow] = field(default_factory=list)
    cells: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.missing or self.surplus or self.cells)

    def __str__(self) -> str:
        lines = [f"missing: {_brief(row)}" for row in self.missing]
        lines += [f"surplus: {_brief(row)}" for row in self.surplus]
        return "\n".join((lines + self.cells)[:20])


def compare(actual: Sequence[TextRow], expected: Sequence[Row]) -> Comparison:
    """Joins the rows as multisets on 5-tuple, start time and packet counts, and compares every cell."""
    result = Comparison()
    scales = _largest(expected)
    ours, theirs = defaultdict(list), defaultdict(list)
    for text in actual:
        ours[_key(text)].append(text)
    for row in expected:
        theirs[_key(row)].append(row)
    for key in ours.keys() | theirs.keys():
        _pair(ours[key], theirs[key], scales, result)
    return result


def _pair(ours: list[TextRow], theirs: list[Row], scales: Mapping[str, float], result: Comparison) -> None:
    """Rows with one key are paired with whichever differs least."""
    for row in theirs:
        if not ours:
            result.missing.append(row)
            continue
        differences = [_differences(text, row, scales) for text in ours]
        nearest = min(range(len(ours)), key=lambda index: len(differences[index]))
        del ours[nearest]
        result.cells += [f"{_brief(row)}: {difference}" for difference in differences[nearest]]
    result.surplus += ours


def _differences(text: TextRow, row: Row, scales: Mapping[str, float]) -> list[str]:
    if text.keys() != row.keys():
        return [f"columns {sorted(text.keys() ^ row.keys())} are on one side alone"]
    return [
        f"{name} is {text[name]}, not {cell if isinstance(cell, str | int) else repr(float(cell))}"
        for name, cell in row.items()
        if not equal(text[name], cell, scales.get(name, 0.0))
    ]


def equal(text: str, cell: Cell, scale: float = 0.0) -> bool:
    """Text and whole numbers exactly; others within 1e-9 relative, or of `scale` where the true value is 0."""
    if isinstance(cell, str):
        return text == cell
    if isinstance(cell, int):
        return Fraction(text) == cell if _is_finite(text) else False
    value = float(cell)
    if not math.isfinite(value):
        return text == {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return math.isclose(float(text), value, rel_tol=RELATIVE, abs_tol=0.0 if value else RELATIVE * scale)


def _is_finite(text: str) -> bool:
    return math.isfinite(float(text))


def _largest(rows: Sequence[Row]) -> dict[str, float]:
    """The largest magnitude of each column of numbers."""
    largest: dict[str, float] = defaultdict(float)
    for row in rows:
        for name, cell in row.items():
            if not isinstance(cell, str) and math.isfinite(cell):
                largest[name] = max(largest[name], abs(float(cell)))
    return largest


def _columns(row: Mapping[str, object]) -> tuple[str, ...]:
    return KEYS["timestamp"] if "timestamp" in row else KEYS["Timestamp"]


def _key(row: Mapping[str, Cell]) -> Key:
    """Numbers as what they are worth, so that the start time must agree to the nanosecond."""
    return tuple(_worth(row[name]) for name in _columns(row))


def _worth(cell: Cell) -> object:
    if not isinstance(cell, str):
        return cell
    try:
        return Fraction(cell)
    except ValueError:
        return cell


def _brief(row: Mapping[str, Cell]) -> str:
    return " ".join(
        f"{float(c):.9f}" if isinstance(c, Fraction) else str(c) for c in map(row.get, _columns(row)) if c is not None
    )
