"""What the tests of the spool share."""

from collections.abc import Sequence

from flowedge.spool import SpooledMessage, WindowKey
from flowedge.spool.message import ROW_OCTETS, Message


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Notes:
    """What the spool has said."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def __call__(self, level: str, text: str) -> None:
        self.all.append((level, text))

    def texts(self, level: str) -> list[str]:
        return [text for its, text in self.all if its == level]


def window(seq: int, *, parts: int = 1, size: int = 10) -> tuple[WindowKey, list[Message]]:
    """Messages whose topics say which they are; up to ten windows and parts, all count the same."""
    messages: list[Message] = [(f"{seq}/{part}", bytes([seq % 256]) * size, {}) for part in range(parts)]
    return WindowKey("eth0", seq, seq * 10**9), messages


def octets(size: int) -> int:
    """What a message of window() with that much payload counts for."""
    return ROW_OCTETS + len("0/0") + len("{}") + size


def topics(messages: Sequence[SpooledMessage]) -> list[str]:
    return [message.topic for message in messages]
