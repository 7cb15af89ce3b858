"""Which message goes out next."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from flowedge.spool.store import END_ID, FIRST_ID

BACKLOG, CURRENT = 0, 1


class Lanes:
    """Two lanes, each in order of ids, hand out in turns: a message of the backlog, a current one.

    The backlog is what the spool held when the agent started, or when the connection was last lost; current is what
    came after. So neither a long backlog holds up the windows that close now, nor they the backlog; where one
    lane has nothing, the other has every turn.
    """

    def __init__(self, first_current: int) -> None:
        self.in_flight: set[int] = set()
        """handed out, and neither settled nor released"""
        self.release_all(first_current)

    def take(self, waiting: Callable[[int, int, int], Sequence[int]], limit: int) -> list[int]:
        """Hands out up to `limit` ids; waiting(first, end, limit) lists those that are there and not in flight."""
        backlog = deque(waiting(self._next[BACKLOG], self._split, limit))
        current = deque(waiting(self._next[CURRENT], END_ID, limit))
        taken = list(islice(self._in_turns((backlog, current)), limit))
        for identity in taken:
            self._next[self._lane(identity)] = identity + 1
        self.in_flight.update(taken)
        return taken

    def settle(self, identity: int) -> bool:
        """Ends a message's flight; False if it was not on one."""
        known = identity in self.in_flight
        self.in_flight.discard(identity)
        return known

    def release(self, identity: int) -> None:
        """Puts a message back to its place in its lane."""
        if self.settle(identity):
            lane = self._lane(identity)
            self._next[lane] = min(self._next[lane], identity)

    def release_all(self, first_current: int) -> None:
        """Puts all back; what there is so far becomes the backlog."""
        self.in_flight.clear()
        self._turn = BACKLOG
        self._split = first_current
        self._next = [FIRST_ID, first_current]
        """below these ids, all in the lane are in flight or gone"""

    def _lane(self, identity: int) -> int:
        return CURRENT if identity >= self._split else BACKLOG

    def _in_turns(self, lanes: Sequence[deque[int]]) -> Iterator[int]:
        while any(lanes):
            lane, self._turn = lanes[self._turn], 1 - self._turn
            if lane:
                yield lane.popleft()
