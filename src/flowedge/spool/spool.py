"""The spool: gives ids, knows what is on its way, and lets two threads work at the same time."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowedge.notices import Notify
from flowedge.spool.fallback import FallbackStore
from flowedge.spool.lanes import Lanes
from flowedge.spool.message import Message, SpooledMessage, WindowKey, window_rows
from flowedge.spool.volatile import VolatileStore

MAX_OCTETS = 256 << 20
MEMORY_OCTETS = 16 << 20
REMOVAL_SECONDS = 1.0  # a message that was acknowledged so long ago is removed without waiting for the next window
REMOVALS = 512  # or when there are so many


@dataclass(frozen=True, slots=True)
class SpoolCounters:
    """What waits, and what has been lost since the spool was opened. A message counts 256 octets beside its content."""

    windows: int
    messages: int
    """neither acknowledged nor rejected; those in flight included"""
    octets: int
    oldest_seconds: float
    """for how long the oldest message has been here; 0 if there is none"""
    dropped_windows: int
    """for lack of room; a window of which parts had gone out counts too"""
    dropped_messages: int
    dropped_octets: int
    rejected_messages: int
    """refused by the broker for good"""
    damaged_messages: int
    """changed, unreadable or missing on the disk, as far as they had been counted before"""
    on_disk: bool
    """False while new windows are kept in memory"""


class Spool:
    """Keeps messages until they are acknowledged: on disk, or in memory while the disk fails or if there is no file.

    Any thread may call any method. One lock is held while the disk is read or written. acknowledge(), reject(),
    release() and release_all() do not take it, so that a network thread never waits for a disk: what they say takes
    effect with the next call of another method.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        *,
        boot: str,
        notify: Notify,
        max_octets: int = MAX_OCTETS,
        memory_octets: int = MEMORY_OCTETS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Opens the spool in the file `path`; what former boots have left in it goes out first.

        Without a path all is kept in memory, up to `max_octets`, and lost with the process.

        Raises SpoolError if the file is another program's, of another version, or in use by another process. A file
        that is damaged or cannot be used is told to `notify`, and windows are kept.
        """
        self._boot = boot
        self._clock = clock
        self._lock = threading.RLock()
        self._store: FallbackStore | VolatileStore = (
            VolatileStore(max_octets, notify)
            if path is None
            else FallbackStore(os.path.abspath(path), max_octets, memory_octets, clock, notify)
        )
        self._next_id = self._store.end
        self._lanes = Lanes(self._next_id)
        self._rejected = 0
        self._settled_at = clock()
        self._outcomes: deque[Callable[[], None]] = deque()
        """what has been said about messages in flight; appended to without the lock"""

    def add_window(self, key: WindowKey, messages: Sequence[Message]) -> None:
        """Keeps a window, whole or not at all. When it returns, the window is on the disk, if that works.

        The oldest windows are dropped if there is no room; this one, if by itself it is larger than the bound.
        `messages` may make each message when it is asked for (see LazySequence): one at a time is in memory, and each
        is asked for a few times.
        """
        if not messages:
            raise ValueError("a window has at least one message, also when it is empty")
        with self._lock:
            self._take_outcomes()
            self._store.add(window_rows(self._next_id, self._boot, key, self._clock(), messages))
            self._next_id += len(messages)

    def next_messages(self, limit: int) -> list[SpooledMessage]:
        """Hands out up to `limit` messages, in the order of Lanes. None of them again until it is released."""
        messages: list[SpooledMessage] = []
        with self._lock:
            self._take_outcomes()
            if self._removal_is_due():
                self._store.remove_settled()
            while ids := self._lanes.take(self._waiting, limit - len(messages)):
                messages += filter(None, map(self._message, ids))
        return messages

    def acknowledge(self, identity: int) -> None:
        """The broker has the message. It is removed within a while: after a crash it may go out again."""
        self._outcomes.append(lambda: self._settle(identity))

    def reject(self, identity: int) -> None:
        """The broker refuses the message for good. It is removed and counted."""
        self._outcomes.append(lambda: self._settle(identity, rejected=True))

    def release(self, identity: int) -> None:
        """The message has not gone out. It will be handed out again, in its place."""
        self._outcomes.append(lambda: self._lanes.release(identity))

    def release_all(self) -> None:
        """To be called when the connection is back: what was in flight goes out again, and the backlog begins anew.

        The backlog is what the spool holds now; see Lanes.
        """
        self._outcomes.append(lambda: self._lanes.release_all(self._next_id))

    def counters(self) -> SpoolCounters:
        """While the disk fails, what is acknowledged counts until it can be removed."""
        with self._lock:
            self._take_outcomes()
            self._store.remove_settled()
            since = self._store.oldest_since()
            return SpoolCounters(
                *self._store.amount,
                0.0 if since is None else max(0.0, self._clock() - since),
                *self._store.dropped,
                self._rejected,
                self._store.damaged,
                self._store.on_disk,
            )

    def close(self) -> None:
        """Removes what is acknowledged and closes the file. To be called once, as the last."""
        with self._lock:
            self._take_outcomes()
            self._store.close()

    def _take_outcomes(self) -> None:
        while self._outcomes:
            self._outcomes.popleft()()

    def _settle(self, identity: int, *, rejected: bool = False) -> None:
        if self._lanes.settle(identity):
            if not self._store.unremoved:
                self._settled_at = self._clock()
            self._store.remove(identity)
            self._rejected += rejected

    def _removal_is_due(self) -> bool:
        waited = self._clock() - self._settled_at
        return self._store.unremoved > 0 and (self._store.unremoved >= REMOVALS or not 0 <= waited < REMOVAL_SECONDS)

    def _waiting(self, first: int, end: int, limit: int) -> list[int]:
        return self._store.ids(first, end, limit, self._lanes.in_flight)

    def _message(self, identity: int) -> SpooledMessage | None:
        row = self._store.row(identity)
        if row is None:
            self._lanes.release(identity)
            return None
        return row.spooled()
