"""The spool against a model of lists, through whatever is done to it: also a failing disk, and a new start."""

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flowedge.spool import Spool, WindowKey
from flowedge.spool.disk import DiskStore
from flowedge.spool.message import ROW_OCTETS, Message

from .spools import Clock, Notes

BOUND = 6000
MEMORY_BOUND = 3000


@dataclass
class ModelMessage:
    topic: str
    octets: int
    window: int
    id: int | None = None
    in_flight: bool = False


@dataclass
class Model:
    """Messages in order of closing; each store drops its own oldest windows."""

    disk: list[ModelMessage] = field(default_factory=list)
    memory: list[ModelMessage] = field(default_factory=list)
    backlog: set[str] = field(default_factory=set)
    dropped: list[ModelMessage] = field(default_factory=list)
    dropped_windows: int = 0
    rejected: int = 0

    @property
    def all(self) -> list[ModelMessage]:
        return self.disk + self.memory

    def add(self, store: list[ModelMessage], bound: int, new: list[ModelMessage]) -> None:
        if sum(message.octets for message in new) > min(bound, BOUND):
            self.drop(new)
            return
        while store and sum(message.octets for message in store + new) > bound:
            oldest = [message for message in store if message.window == store[0].window]
            del store[: len(oldest)]
            self.drop(oldest)
        store += new

    def drop(self, messages: list[ModelMessage]) -> None:
        self.dropped += messages
        self.dropped_windows += 1

    def return_to_disk(self) -> None:
        while self.memory:
            window = [message for message in self.memory if message.window == self.memory[0].window]
            del self.memory[: len(window)]
            self.add(self.disk, BOUND, window)

    def waiting(self, *, backlog: bool) -> list[str]:
        return [m.topic for m in self.all if not m.in_flight and (m.topic in self.backlog) == backlog]

    def release_all(self) -> None:
        self.backlog = {message.topic for message in self.all}
        for message in self.all:
            message.in_flight = False

    def remove(self, gone: ModelMessage) -> None:
        for store in (self.disk, self.memory):
            store[:] = [message for message in store if message is not gone]


class SpoolMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.patch = pytest.MonkeyPatch()
        self.full = False
        self.model = Model()
        self.clock = Clock()
        self.notes = Notes()
        self.windows = 0

    @initialize()
    def begin(self) -> None:
        self.spool = self.open()
        for name in ("add", "remove"):
            self.patch.setattr(DiskStore, name, self.full_at_times(getattr(DiskStore, name)))

    def open(self) -> Spool:
        return Spool(
            self.folder / "spool",
            boot="b",
            max_octets=BOUND,
            memory_octets=MEMORY_BOUND,
            clock=self.clock,
            notify=self.notes,
        )

    def full_at_times(self, method: object) -> object:
        def called(*arguments: object) -> object:
            if self.full:
                error = sqlite3.OperationalError("full")
                error.sqlite_errorcode = sqlite3.SQLITE_FULL
                raise error
            return method(*arguments)  # type: ignore[operator]

        return called

    @rule(sizes=st.lists(st.integers(0, 1500), min_size=1, max_size=4))
    def add_window(self, sizes: list[int]) -> None:
        self.windows += 1
        messages: list[Message] = [(f"{self.windows:04}/{part}", bytes(size), {}) for part, size in enumerate(sizes)]
        self.spool.add_window(WindowKey("e", self.windows, 0), messages)
        new = [
            ModelMessage(topic, ROW_OCTETS + len(topic) + len("{}") + len(payload), self.windows)
            for topic, payload, _ in messages
        ]
        if self.full:
            self.model.add(self.model.memory, MEMORY_BOUND, new)
        else:
            self.model.add(self.model.disk, BOUND, new)

    @rule(limit=st.integers(0, 6))
    def next_messages(self, limit: int) -> None:
        messages = self.spool.next_messages(limit)
        old, new = self.model.waiting(backlog=True), self.model.waiting(backlog=False)
        given = [message.topic for message in messages]
        from_old, from_new = ([topic for topic in given if topic in lane] for lane in (old, new))
        assert len(given) == min(limit, len(old) + len(new))
        assert (from_old, from_new) == (old[: len(from_old)], new[: len(from_new)])
        assert len(from_old) == len(old) or len(from_old) + 1 >= len(from_new)
        assert len(from_new) == len(new) or len(from_new) + 1 >= len(from_old)
        by_topic = {message.topic: message for message in self.model.all}
        for message in messages:
            model = by_topic[message.topic]
            assert model.id in (None, message.id)
            model.id, model.in_flight = message.id, True

    @rule(data=st.data(), outcome=st.sampled_from(["acknowledge", "reject", "release"]))
    def settle(self, data: st.DataObject, outcome: str) -> None:
        in_flight = [message for message in self.model.all if message.in_flight]
        if not in_flight:
            return
        message = data.draw(st.sampled_from(in_flight))
        assert message.id is not None
        getattr(self.spool, outcome)(message.id)
        if outcome == "release":
            message.in_flight = False
        else:
            self.model.remove(message)
            self.model.rejected += outcome == "reject"

    @rule(data=st.data())
    def settle_what_was_dropped(self, data: st.DataObject) -> None:
        dropped = [message for message in self.model.dropped if message.in_flight and message.id is not None]
        if dropped:
            message = data.draw(st.sampled_from(dropped))
            assert message.id is not None
            self.spool.acknowledge(message.id)
            message.in_flight = False

    @rule()
    def release_all(self) -> None:
        self.spool.release_all()
        self.model.release_all()
        for message in self.model.dropped:
            message.in_flight = False

    @precondition(lambda self: not self.full)
    @rule()
    def fill_the_disk(self) -> None:
        """The model takes what is settled off the disk at once: so must the spool, before the disk refuses it."""
        self.spool.counters()
        self.full = True

    @precondition(lambda self: self.full)
    @rule()
    def make_room(self) -> None:
        self.full = False
        self.clock.now += 11
        self.spool.counters()
        self.model.return_to_disk()

    @precondition(lambda self: not self.full)
    @rule()
    def start_anew(self) -> None:
        self.spool.close()
        self.spool = self.open()
        self.model.release_all()
        self.model.dropped, self.model.dropped_windows, self.model.rejected = [], 0, 0

    @invariant()
    def counters_agree(self) -> None:
        counters = self.spool.counters()
        model = self.model
        if not self.full:
            assert counters.windows == len({message.window for message in model.all})
            assert counters.messages == len(model.all)
            assert counters.octets == sum(message.octets for message in model.all)
            assert counters.octets <= BOUND
        assert counters.dropped_windows == model.dropped_windows
        assert counters.dropped_messages == len(model.dropped)
        assert counters.dropped_octets == sum(message.octets for message in model.dropped)
        assert counters.rejected_messages == model.rejected
        assert counters.damaged_messages == 0

    def teardown(self) -> None:
        self.patch.undo()
        self.spool.close()
        shutil.rmtree(self.folder)


SpoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSpoolModel = SpoolMachine.TestCase
