"""A message's values, each checked when it is taken."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flowedge.codec.limits import MAX_COUNTS, MAX_INTEGER, MAX_TEXT
from flowedge.errors import MalformedMessageError

_UNPRINTABLE = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff]")
"""Controls would steer a terminal; surrogates cannot be written."""


class Fields:
    """Raises MalformedMessageError for whatever is missing or not as it should be."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def value(self, key: str) -> Any:
        if key not in self._values:
            raise MalformedMessageError(f"{key} is missing")
        return self._values[key]

    def integer(self, key: str, least: int = 0, most: int = MAX_INTEGER) -> int:
        return checked_integer(key, self.value(key), least, most)

    def text(self, key: str) -> str:
        return checked_text(key, self.value(key))

    def one_of(self, key: str, choices: Sequence[str | int]) -> Any:
        value = self.value(key)
        if type(value) not in (str, int) or value not in choices:
            raise MalformedMessageError(f"{key} is none of: {', '.join(map(str, choices))}")
        return value

    def counts(self, key: str) -> dict[str, int]:
        """A map of counters by name."""
        counts = self.value(key)
        if type(counts) is not dict or len(counts) > MAX_COUNTS:
            raise MalformedMessageError(f"{key} is no map of up to {MAX_COUNTS} counters")
        return {checked_text(key, name): checked_integer(key, count) for name, count in counts.items()}

    def items(self, key: str, most: int) -> list[Any]:
        """An array of at most so many items, which are not checked."""
        items = self.value(key)
        if type(items) is not list or len(items) > most:
            raise MalformedMessageError(f"{key} is no array of up to {most} items")
        return items


def checked_integer(name: str, value: object, least: int = 0, most: int = MAX_INTEGER) -> int:
    if type(value) is not int or not least <= value <= most:
        raise MalformedMessageError(f"{name} is no integer from {least} to {most}")
    return value


def checked_text(name: str, value: object) -> str:
    if type(value) is not str or not 0 < len(value) <= MAX_TEXT or _UNPRINTABLE.search(value):
        raise MalformedMessageError(f"{name} is no text of 1 to {MAX_TEXT} printable characters")
    return value
