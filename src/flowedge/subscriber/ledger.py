"""Which messages the broker may forget."""

from collections import deque
from collections.abc import Callable, Iterator

from flowedge.subscriber.assembly import Key

MOST_HELD = 8
"""Messages of unfinished windows that are left unanswered: fewer than any broker sends ahead of its answers."""


class Ledger:
    """The messages that wait for an acknowledgement, in the order in which they came: MQTT wants answers in that order.

    A message is answered when the program is done with what it was part of. Until then the broker keeps it, and so does
    not send more than it may send ahead: that holds a publisher back that is faster than the program.

    A window may have more parts than a broker sends ahead, and would never become whole. So parts of unfinished
    windows are answered early when MOST_HELD messages are waiting, or when nothing comes any more: those alone are
    lost if this process is killed before their window is whole.

    waits       whether the program has yet to be done with it
    unfinished  whether parts of it are missing
    """

    def __init__(self, waits: Callable[[Key], bool], unfinished: Callable[[Key], bool]) -> None:
        self._waits = waits
        self._unfinished = unfinished
        self._entries: deque[tuple[int, Key | None]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def enter(self, identifier: int, key: Key | None) -> None:
        """A message that came; None: nobody waits for what it said."""
        self._entries.append((identifier, key))

    def due(self, *, idle: bool = False) -> Iterator[int]:
        """The messages that are to be answered now; with `idle`, nothing has come for a while."""
        while self._entries and self._is_due(self._entries[0][1], idle):
            yield self._entries.popleft()[0]

    def forget(self) -> None:
        """The connection is lost: the broker sends again what was not answered, perhaps under other identifiers."""
        self._entries.clear()

    def _is_due(self, key: Key | None, idle: bool) -> bool:
        if key is None:
            return True
        if self._unfinished(key):
            return idle or len(self._entries) > MOST_HELD
        return not self._waits(key)
