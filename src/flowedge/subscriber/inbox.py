"""Between the thread that hears the broker and the program: messages in, windows out."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from threading import Condition

from flowedge.codec import decode
from flowedge.edges import EdgeList, Gap
from flowedge.errors import MalformedMessageError
from flowedge.notices import Notices, Notify
from flowedge.subscriber.agents import Agents
from flowedge.subscriber.assembly import Assembling, Item, Key, Limits, Parts, Windows, octets_of
from flowedge.subscriber.ledger import Ledger
from flowedge.subscriber.topics import Topic, parse_topic

COUNTERS = (
    "messages",
    "windows",
    "parts",
    "edges",
    "missing",
    "duplicates",
    "malformed",
    "given_up",
    "given_up_parts",
    "ignored",
)
IDLE_SECONDS = 1.0  # after so long without a message, the broker is perhaps waiting for us


class Inbox:
    """Takes messages from one thread (hear, tick, answers, disconnected), gives windows to another (take).

    parts  give parts as they come, not windows
    """

    def __init__(self, limits: Limits, *, parts: bool, notify: Notify) -> None:
        self.agents = Agents()
        self.failure: BaseException | None = None
        """what ended the subscription"""
        self.on_done: Callable[[], None] = lambda: None
        """is called by the program's thread when there may be answers to send"""
        self._limits = limits
        self._notify = notify
        self._notices = Notices(notify)
        self._told_given_up = 0
        self._counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        self._assembling: Assembling = Parts(self._counters) if parts else Windows(limits, self._counters)
        self._waiting: OrderedDict[Key, Item] = OrderedDict()
        self._waiting_octets = 0
        self._taken: Key | None = None
        self._ledger = Ledger(self._is_waited_for, self._assembling.is_unfinished)
        self._changed = Condition()
        self._closed = False
        self._last_heard = time.monotonic()

    def counters(self) -> dict[str, int]:
        with self._changed:
            return dict(self._counters)

    # ---- the broker's side

    def hear(self, topic: str, payload: bytes, identifier: int | None) -> None:
        """A message; without an identifier the broker waits for no answer. Waits while the queue has no room."""
        where = parse_topic(topic)
        part: EdgeList | None = None
        problem = news = ""
        try:
            if where is not None and where.content == "edges":
                part = _decoded(where, payload)
            elif where is not None:
                news = self.agents.hear(*where, payload)
        except MalformedMessageError as error:
            problem = str(error)
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._counters["messages"] += 1
            self._counters["ignored"] += where is None
            key = None if part is None else self._assembling.key(part)
            problem = problem or (self._add(part) if part is not None else "")
            self._enter(identifier, key)
        self._tell(topic, news, problem)

    def tick(self) -> None:
        """To be called about once a second, whatever happens."""
        with self._changed:
            self._assembling.expire()
            given_up = self._counters["given_up"]
        if given_up > self._told_given_up:
            self._told_given_up = given_up
            why = "parts of them have not come, or they need more memory than they may take"
            self._notices.tell("given_up", "warning", f"{given_up} windows so far are given up: {why}")

    def answers(self) -> list[int]:
        """The messages that are to be acknowledged now."""
        with self._changed:
            return list(self._ledger.due(idle=time.monotonic() - self._last_heard >= IDLE_SECONDS))

    def disconnected(self) -> None:
        with self._changed:
            self._ledger.forget()

    def fail(self, failure: BaseException) -> None:
        """Ends the subscription: the program gets what is waiting, then the failure."""
        with self._changed:
            self.failure = failure
            self._changed.notify_all()

    # ---- the program's side

    def take(self, seconds: float | None) -> Item | None:
        """The next item, None if there is none within the time or the inbox is closed. The one before is done with.

        Raises what ended the subscription.
        """
        self.done()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.failure or self._closed, seconds)
            if not self._waiting or self._closed:
                if self.failure is not None:
                    raise self.failure
                return None
            key, item = self._waiting.popitem(last=False)
            self._waiting_octets -= _octets(item)
            self._taken = key
            self._changed.notify_all()
        return item

    def done(self) -> None:
        """The program is done with what it took last."""
        with self._changed:
            had, self._taken = self._taken, None
        if had is not None:
            self.on_done()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # ---- both

    def _has_room(self) -> bool:
        return self._closed or self._waiting_octets < self._limits.queue_octets

    def _is_waited_for(self, key: Key) -> bool:
        return key in self._waiting or key == self._taken

    def _add(self, part: EdgeList) -> str:
        """What is wrong with the part, if it is not used."""
        try:
            items = self._assembling.add(part)
        except MalformedMessageError as error:
            return str(error)
        for item in items:
            self._waiting[item if isinstance(item, Gap) else self._assembling.key(item)] = item
            self._waiting_octets += _octets(item)
            self._counters["edges"] += len(item) if isinstance(item, EdgeList) else 0
        if items:
            self._changed.notify_all()
        return ""

    def _enter(self, identifier: int | None, key: Key | None) -> None:
        self._last_heard = time.monotonic()
        if identifier is not None:
            self._ledger.enter(identifier, key)

    def _tell(self, topic: str, news: str, problem: str) -> None:
        if news:
            self._notify("info", news)
        if problem:
            with self._changed:
                self._counters["malformed"] += 1
            self._notices.tell("malformed", "warning", f"{topic}: a message is left out, for {problem}")


def _decoded(where: Topic, payload: bytes) -> EdgeList:
    """Raises MalformedMessageError, also for who speaks for another: brokers allow agents their own topics alone."""
    part = decode(payload)
    if (part.site, part.node) != (where.site, where.node):
        raise MalformedMessageError(f"it says that it is of {part.site}/{part.node}")
    return part


def _octets(item: Item) -> int:
    return octets_of(item) if isinstance(item, EdgeList) else 0
