"""Every message that goes into the spool comes out until it is acknowledged, or is counted; on disk as in memory."""

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from flowedge.spool import Spool, SpooledMessage, WindowKey
from flowedge.spool.message import ROW_OCTETS

from .spools import Clock, Notes, octets, topics, window

OpenSpool = Callable[..., Spool]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture(params=["disk", "memory"])
def open_spool(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, notes: Notes) -> Iterator[OpenSpool]:
    """Opens a spool on disk, or one that has only its memory, for its folder is missing."""
    path = tmp_path / "spool" if request.param == "disk" else tmp_path / "missing" / "spool"
    opened = []

    def make(bound: int = 1 << 20) -> Spool:
        opened.append(Spool(path, boot="b1", max_octets=bound, memory_octets=bound, clock=clock, notify=notes))
        return opened[-1]

    yield make
    for spool in opened:
        spool.close()


@pytest.fixture
def spool(open_spool: OpenSpool) -> Spool:
    return open_spool()


class TestContract:
    def test_a_message_comes_out_as_it_went_in(self, spool: Spool) -> None:
        properties = {"content-type": "x", "parts": 1, "name": "Käse"}
        spool.add_window(WindowKey("eth0", 7, 10**18), [("a/é/edges", b"\0\xff" * 9, properties)])
        (message,) = spool.next_messages(10)
        assert message == SpooledMessage(message.id, "b1", "a/é/edges", b"\0\xff" * 9, properties)

    def test_windows_and_parts_come_in_order(self, spool: Spool) -> None:
        for seq in range(5):
            spool.add_window(*window(seq, parts=3))
        messages = spool.next_messages(100)
        assert topics(messages) == [f"{seq}/{part}" for seq in range(5) for part in range(3)]
        assert all(earlier.id < later.id for earlier, later in pairwise(messages))

    def test_no_more_than_asked_for_and_none_twice(self, spool: Spool) -> None:
        spool.add_window(*window(0, parts=5))
        assert [topics(spool.next_messages(2)) for _ in range(4)] == [["0/0", "0/1"], ["0/2", "0/3"], ["0/4"], []]

    def test_acknowledged_is_gone(self, spool: Spool) -> None:
        spool.add_window(*window(0, parts=2))
        first, second = spool.next_messages(2)
        spool.acknowledge(first.id)
        spool.release_all()
        assert spool.next_messages(5) == [second]
        spool.acknowledge(second.id)
        assert (spool.counters().windows, spool.counters().messages, spool.counters().octets) == (0, 0, 0)

    def test_released_is_handed_out_again_in_its_place(self, spool: Spool) -> None:
        spool.add_window(*window(0, parts=4))
        messages = spool.next_messages(3)
        spool.release(messages[0].id)
        spool.release(messages[2].id)
        assert topics(spool.next_messages(5)) == ["0/0", "0/2", "0/3"]

    def test_rejected_is_gone_and_counted(self, spool: Spool) -> None:
        spool.add_window(*window(0, parts=2))
        first, second = spool.next_messages(2)
        spool.reject(first.id)
        spool.release_all()
        assert spool.next_messages(5) == [second]
        assert spool.counters().rejected_messages == 1

    def test_what_is_not_in_flight_cannot_be_settled(self, spool: Spool) -> None:
        spool.add_window(*window(0))
        (message,) = spool.next_messages(1)
        spool.release_all()
        spool.acknowledge(message.id)
        spool.reject(message.id)
        spool.release(12345)
        assert spool.next_messages(5) == [message]
        assert spool.counters().rejected_messages == 0

    def test_counters(self, spool: Spool, clock: Clock) -> None:
        assert spool.counters().oldest_seconds == 0
        spool.add_window(*window(0, parts=2, size=10))
        clock.now += 5
        spool.add_window(*window(1, size=20))
        counters = spool.counters()
        assert (counters.windows, counters.messages, counters.oldest_seconds) == (2, 3, 5)
        assert counters.octets == 3 * (ROW_OCTETS + len("0/0") + len("{}")) + 2 * 10 + 20

    def test_a_window_counts_until_its_last_message_is_gone(self, spool: Spool) -> None:
        spool.add_window(*window(0, parts=3))
        messages = spool.next_messages(3)
        left = []
        for message in messages:
            spool.acknowledge(message.id)
            left.append(spool.counters().windows)
        assert left == [1, 1, 0]

    def test_a_clock_that_is_set_back(self, spool: Spool, clock: Clock) -> None:
        spool.add_window(*window(0))
        clock.now -= 1000
        assert spool.counters().oldest_seconds == 0

    def test_a_window_without_messages_is_a_mistake(self, spool: Spool) -> None:
        with pytest.raises(ValueError, match="at least one message"):
            spool.add_window(WindowKey("eth0", 0, 0), [])

    def test_properties_that_json_does_not_know_change_nothing(self, spool: Spool) -> None:
        with pytest.raises(TypeError):
            spool.add_window(WindowKey("eth0", 0, 0), [("t", b"", {}), ("t", b"", {"x": b""})])
        assert spool.next_messages(5) == []
        spool.add_window(*window(1))
        assert topics(spool.next_messages(5)) == ["1/0"]

    def test_two_threads(self, spool: Spool) -> None:
        def add() -> None:
            for seq in range(200):
                spool.add_window(*window(seq, parts=3))

        adding = threading.Thread(target=add)
        adding.start()
        seen: list[str] = []
        while adding.is_alive() or len(seen) < 600:
            messages = spool.next_messages(7)
            seen += topics(messages)
            for message in messages:
                spool.acknowledge(message.id)
        adding.join()
        assert seen == [f"{seq}/{part}" for seq in range(200) for part in range(3)]
        assert spool.counters().messages == 0


class TestBound:
    def test_exactly_full_holds(self, open_spool: OpenSpool) -> None:
        spool = open_spool(3 * octets(100))
        for seq in range(3):
            spool.add_window(*window(seq, size=100))
        assert (spool.counters().dropped_windows, spool.counters().octets) == (0, 3 * octets(100))

    def test_one_octet_more_drops_the_oldest_window(self, open_spool: OpenSpool, notes: Notes) -> None:
        spool = open_spool(3 * octets(100) - 1)
        spool.add_window(*window(0, parts=2, size=100))
        spool.add_window(*window(1, size=100))
        counters = spool.counters()
        assert (counters.dropped_windows, counters.dropped_messages) == (1, 2)
        assert (counters.dropped_octets, counters.octets) == (2 * octets(100), octets(100))
        assert topics(spool.next_messages(5)) == ["1/0"]
        assert "1 windows dropped" in notes.texts("warning")[0]

    def test_a_window_partly_sent_is_dropped_whole(self, open_spool: OpenSpool) -> None:
        spool = open_spool(3 * octets(100))
        spool.add_window(*window(0, parts=3, size=100))
        acknowledged, in_flight = spool.next_messages(2)
        spool.acknowledge(acknowledged.id)
        spool.add_window(*window(1, parts=2, size=100))
        spool.acknowledge(in_flight.id)
        assert (spool.counters().dropped_windows, spool.counters().dropped_messages) == (1, 2)
        spool.release_all()
        assert topics(spool.next_messages(5)) == ["1/0", "1/1"]

    def test_room_that_was_acknowledged_is_room(self, open_spool: OpenSpool) -> None:
        spool = open_spool(2 * octets(100))
        for seq in range(20):
            spool.add_window(*window(seq % 10, parts=2, size=100))
            for message in spool.next_messages(2):
                spool.acknowledge(message.id)
        assert spool.counters().dropped_windows == 0

    def test_a_window_above_the_bound_is_dropped_itself(self, open_spool: OpenSpool) -> None:
        spool = open_spool(2 * octets(100))
        spool.add_window(*window(0, size=100))
        spool.add_window(*window(1, parts=3, size=100))
        assert topics(spool.next_messages(5)) == ["0/0"]
        assert (spool.counters().dropped_windows, spool.counters().dropped_messages) == (1, 3)

    def test_dropping_is_told_once_a_minute(self, open_spool: OpenSpool, clock: Clock, notes: Notes) -> None:
        spool = open_spool(octets(100))
        for seq in range(10):
            spool.add_window(*window(seq, size=100))
        assert len(notes.texts("warning")) == 1
        clock.now += 61
        spool.add_window(*window(10, size=100))
        assert "10 windows dropped" in notes.texts("warning")[1]


class TestOrder:
    def test_backlog_and_current_take_turns(self, spool: Spool) -> None:
        for seq in range(4):
            spool.add_window(*window(seq))
        spool.release_all()
        spool.next_messages(0)
        for seq in range(10, 12):
            spool.add_window(*window(seq))
        assert topics(spool.next_messages(5)) == ["0/0", "10/0", "1/0", "11/0", "2/0"]
        spool.add_window(*window(12))
        assert sorted(topics(spool.next_messages(5))) == ["12/0", "3/0"]

    def test_also_one_at_a_time(self, spool: Spool) -> None:
        for seq in range(3):
            spool.add_window(*window(seq))
        spool.release_all()
        for seq in range(10, 13):
            spool.add_window(*window(seq))
        assert topics([spool.next_messages(1)[0] for _ in range(6)]) == ["0/0", "10/0", "1/0", "11/0", "2/0", "12/0"]

    def test_a_lost_connection_makes_all_of_it_backlog(self, spool: Spool) -> None:
        spool.add_window(*window(0, parts=3))
        spool.next_messages(2)
        spool.release_all()
        spool.add_window(*window(1))
        assert topics(spool.next_messages(4)) == ["0/0", "1/0", "0/1", "0/2"]


def test_former_boots_go_first_in_the_order_of_their_windows(tmp_path: Path, notes: Notes) -> None:
    for boot in ("z", "a"):
        before = Spool(tmp_path / "spool", boot=boot, notify=notes)
        before.add_window(*window(0, parts=2))
        before.next_messages(1)
        before.close()
    now = Spool(tmp_path / "spool", boot="m", notify=notes)
    assert [(m.boot, m.topic) for m in now.next_messages(3)] == [("z", "0/0"), ("z", "0/1"), ("a", "0/0")]
    now.release_all()
    now.next_messages(0)
    now.add_window(*window(0))
    assert [message.boot for message in now.next_messages(9)] == ["z", "m", "z", "a", "a"]
    now.close()
    assert not notes.all


def test_ids_are_not_used_again(tmp_path: Path, notes: Notes) -> None:
    """An acknowledgement that was on its way must not meet another message."""
    before = Spool(tmp_path / "spool", boot="a", notify=notes)
    before.add_window(*window(0))
    (first,) = before.next_messages(1)
    before.acknowledge(first.id)
    before.counters()
    before.add_window(*window(1))
    (second,) = before.next_messages(1)
    before.close()
    assert second.id > first.id


def test_an_acknowledgement_is_removed_after_a_second_without_another_window(tmp_path: Path, notes: Notes) -> None:
    clock = Clock()
    spool = Spool(tmp_path / "spool", boot="a", notify=notes, clock=clock)
    spool.add_window(*window(0))
    clock.now += 100
    spool.acknowledge(spool.next_messages(1)[0].id)
    spool.next_messages(1)
    assert spool._store.unremoved == 1
    clock.now += 1.5
    spool.next_messages(1)
    assert spool._store.unremoved == 0
    spool.close()
