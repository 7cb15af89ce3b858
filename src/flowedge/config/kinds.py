"""Kinds of values: each reads what TOML holds and what a command line says, and writes TOML."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from decimal import Decimal

T = TypeVar("T")
Time: TypeAlias = "int | Decimal"
"""Seconds: a whole number of nanoseconds, exactly."""

NANOSECONDS = 10**9  # in a second
LONGEST_QUANTITY = 64  # characters of a number with its unit
LONGEST_SHOWN = 60  # characters of a wrong value in a message


class Float(str):
    """A float of a TOML file, kept as it is written: a binary one would be off by some digits."""


class Kind(ABC, Generic[T]):
    """What a setting may be. Refusals are ValueErrors that go on after "key: ", such as "3 is not a text"."""

    @property
    @abstractmethod
    def metavar(self) -> str:
        """Stands for the value in a command's help."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What may be given, as in "a whole number from 1 to 64"."""

    @abstractmethod
    def read(self, value: object) -> T:
        """The value from what TOML holds. Raises ValueError."""

    def parse(self, text: str) -> T:
        """The value from what a command line says. Raises ValueError."""
        return self.read(text)

    def text(self, value: T) -> str:
        """The value as people write it; parse() gives it back."""
        return str(value)

    def write(self, value: T) -> str:
        """The value as TOML; read() gives it back."""
        return quoted(self.text(value))

    def refusal(self, value: object) -> ValueError:
        return ValueError(f"{shown(value)} is not {self.allowed}")


@dataclass(frozen=True)
class Boolean(Kind[bool]):
    metavar: str = ""
    allowed: str = "true or false"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self.refusal(value)
        return value

    def write(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True)
class Text(Kind[str]):
    metavar: str = "TEXT"
    allowed: str = "a text"

    def read(self, value: object) -> str:
        if type(value) is not str or "\0" in value or not _is_unicode(value):
            raise self.refusal(value)
        return value


@dataclass(frozen=True)
class Choice(Kind[str]):
    """One of some words; the empty one, where it is among them, stands for "none of these"."""

    choices: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(filter(None, self.choices))

    @property
    def metavar(self) -> str:
        return f"[{'|'.join(self.words)}]"

    @property
    def allowed(self) -> str:
        *others, last = self.words
        return f"one of {', '.join(others)} or {last}" + (", or empty" if "" in self.choices else "")

    def read(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.choices:
            raise self.refusal(value)
        return value


@dataclass(frozen=True)
class Names(Kind[tuple[str, ...]]):
    """A list of names, kept letter for letter: some published headers begin with a space."""

    metavar: str = "A,B,..."
    allowed: str = 'a list of names, such as ["a", "b"]'

    def read(self, value: object) -> tuple[str, ...]:
        if not isinstance(value, (list, tuple)):
            raise self.refusal(value)
        if "" in value:
            raise ValueError("a name is empty")
        name = Text(allowed="a name")
        return tuple(name.read(each) for each in value)

    def parse(self, text: str) -> tuple[str, ...]:
        names = text.split(",")
        if "" in names:
            raise ValueError("a name is empty; give names separated by single commas")
        return self.read(names)

    def write(self, value: Sequence[str]) -> str:
        return f"[{', '.join(map(quoted, value))}]"


@dataclass(frozen=True)
class Whole(Kind[int]):
    least: int
    most: int
    metavar: str = "N"

    @property
    def allowed(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, value: object) -> int:
        if type(value) is not int or not self.least <= value <= self.most:
            raise self.refusal(value)
        return value

    def parse(self, text: str) -> int:
        try:
            return self.read(int(text))
        except ValueError:
            raise self.refusal(text) from None

    def write(self, value: int) -> str:
        return str(value)


@dataclass(frozen=True)
class _Quantity(Kind[T]):
    """A number with a unit: a whole number of base units from `least` to `most`, or 0 where that is allowed."""

    least: str
    most: str
    zero: bool = False

    units: ClassVar[Mapping[str, int]]
    """base units in each unit"""
    plain: ClassVar[str]
    """the unit of a number without one"""
    noun: ClassVar[str]
    remedy: ClassVar[str]

    @abstractmethod
    def to_base(self, value: T) -> int:
        """A value in base units."""

    @abstractmethod
    def from_base(self, count: int) -> T:
        """The value that so many base units are."""

    @property
    def allowed(self) -> str:
        zero = ", or 0" if self.zero else ""
        return f"{self.noun} from {self.least} to {self.most}{zero}; {self.remedy}"

    def read(self, value: object) -> T:
        count, least, most = map(self._count, (value, self.least, self.most))
        assert least is not None
        assert most is not None
        if count is None or not (least <= count <= most or (self.zero and count == 0)):
            raise self.refusal(value)
        return self.from_base(count)

    def text(self, value: T) -> str:
        """In the largest unit of which it is a whole number."""
        count = self.to_base(value)
        number, unit = min((count // size, unit) for unit, size in self.units.items() if count % size == 0)
        return f"{number}{unit}" if count else "0"

    def write(self, value: T) -> str:
        return super().write(value) if value else "0"

    def _count(self, value: object) -> int | None:
        """Base units; None if it is no whole number of them."""
        if isinstance(value, bool) or not (isinstance(value, str) or hasattr(value, "as_integer_ratio")):
            return None
        if isinstance(value, int):
            return value * self.units[self.plain]
        text = str(value)  # of a float, the shortest that is the same: what its author meant
        match = _QUANTITY.fullmatch(text) if len(text) <= LONGEST_QUANTITY else None
        sizes = {unit.lower(): size for unit, size in self.units.items()}
        size = match and sizes.get((match["unit"] or self.plain).lower())
        return _whole_product(match["number"], size) if match and size else None


@dataclass(frozen=True)
class Duration(_Quantity["Time"]):
    """Seconds, exact to the nanosecond."""

    metavar: str = "TIME"

    units: ClassVar[Mapping[str, int]] = {
        "ns": 1,
        "us": 10**3,
        "ms": 10**6,
        "s": NANOSECONDS,
        "m": 60 * NANOSECONDS,
        "h": 3600 * NANOSECONDS,
        "d": 86400 * NANOSECONDS,
    }
    plain: ClassVar[str] = "s"
    noun: ClassVar[str] = "a time"
    remedy: ClassVar[str] = "give seconds, or a text such as 500ms, 90s, 10m, 1h or 7d"

    def to_base(self, value: "Time") -> int:
        return int(value * NANOSECONDS)

    def from_base(self, count: int) -> "Time":
        seconds, rest = divmod(count, NANOSECONDS)
        if rest == 0:
            return seconds
        from decimal import Decimal

        return Decimal(count).scaleb(-9)


@dataclass(frozen=True)
class Octets(_Quantity[int]):
    metavar: str = "SIZE"

    units: ClassVar[Mapping[str, int]] = {
        "B": 1,
        **{f"{prefix}B": 1000**power for power, prefix in enumerate("kMGT", 1)},
        **{f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGT", 1)},
    }
    plain: ClassVar[str] = "B"
    noun: ClassVar[str] = "a size"
    remedy: ClassVar[str] = "give octets, or a text such as 64KiB, 128MiB or 1GB"

    def to_base(self, value: int) -> int:
        return value

    def from_base(self, count: int) -> int:
        return count


_QUANTITY = re.compile(r"(?P<number>[0-9.eE+-]+?) ?(?P<unit>[a-zA-Z]*)")


def _whole_product(number: str, unit: int) -> int | None:
    """number times unit, if that is a whole number below 10 ** 40."""
    if number.isdecimal():
        return int(number) * unit
    import decimal

    exact = decimal.Context(prec=40, Emax=40, Emin=-40, traps=[decimal.Inexact, decimal.InvalidOperation])
    try:
        product = exact.multiply(exact.create_decimal(number), unit)
    except decimal.DecimalException:
        return None
    return int(product) if product == product.to_integral_value() else None


def shown(value: object) -> str:
    """A wrong value as a message shows it: short, and in TOML's words."""
    if isinstance(value, (dict, list, tuple)):
        return "a table" if isinstance(value, dict) else "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 64:  # Python does not even write the longest ones
        return "so large a number"
    text = repr(value) if type(value) is str else str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def quoted(text: str) -> str:
    """A TOML string: as in JSON, but that TOML wants DEL escaped."""
    import json

    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _is_unicode(text: str) -> bool:
    """Whether it can be written in UTF-8: a file name that is none comes in with surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
