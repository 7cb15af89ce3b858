"""What an agent says while it runs: never the same thing twice a minute."""

import time
from collections.abc import Callable

QUIET_SECONDS = 60.0  # between two notices about the same matter

Notify = Callable[[str, str], None]
"""Takes a level ("info", "warning", "error") and a sentence. Called from any thread, and must not wait."""


class Notices:
    """Passes on what is told, once a minute about each matter. Any thread may call."""

    def __init__(self, notify: Notify, clock: Callable[[], float] = time.monotonic) -> None:
        self._notify = notify
        self._clock = clock
        self._told: dict[str, float] = {}

    def tell(self, matter: str, level: str, text: str) -> None:
        """`matter` is a word or a sentence; there are few."""
        now = self._clock()
        if matter not in self._told or not 0 <= now - self._told[matter] < QUIET_SECONDS:  # a clock may be set back
            self._told[matter] = now
            self._notify(level, text)

    def forget(self, matter: str) -> None:
        """It is over: if it comes again, that is news."""
        self._told.pop(matter, None)
