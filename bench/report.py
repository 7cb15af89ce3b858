"""What a row says, and how it is printed."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

Verdict = Literal["met", "missed", "skipped", "failed"]


@dataclass(frozen=True)
class Bar:
    limit: float
    unit: str
    at_least: bool = False

    def met_by(self, figure: float) -> bool:
        return figure >= self.limit if self.at_least else figure <= self.limit

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}"


@dataclass(frozen=True)
class Finding:
    """What was measured, in the bar's unit, once or in several rounds, and what it was made from."""

    values: Sequence[float]
    detail: str

    @property
    def figure(self) -> float:
        return median(self.values)


@dataclass(frozen=True)
class Outcome:
    """A row of the table; without a figure if it was skipped or failed, and then `detail` is the reason."""

    row: str
    bar: Bar
    verdict: Verdict
    figure: float | None
    detail: str
    values: Sequence[float] = ()

    @classmethod
    def of(cls, row: str, bar: Bar, finding: Finding) -> "Outcome":
        verdict: Verdict = "met" if bar.met_by(finding.figure) else "missed"
        return cls(row, bar, verdict, finding.figure, finding.detail, finding.values)

    def line(self) -> str:
        figure = "" if self.figure is None else f"{self.figure:.4g} {self.bar.unit}"
        return f"{self.row:<22}  {figure:>16}  {self.bar!s:>18}  {self.verdict:<7}  {self.detail}".rstrip()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def heading() -> str:
    return f"{'row':<22}  {'figure':>16}  {'bar':>18}  {'verdict':<7}  medians"
