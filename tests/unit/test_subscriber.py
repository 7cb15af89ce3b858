"""Windows from messages: order, duplicates, gaps, bounds, and when the broker hears of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowedge.codec import MetaMessage, StatusMessage, encode_part, split
from flowedge.edges import Column, EdgeList, Gap, Node, joined
from flowedge.errors import BrokerError, MalformedMessageError, UsageError
from flowedge.mqtt_connection import Access, Credentials, parse_address
from flowedge.subscriber import Limits, subscribe
from flowedge.subscriber import assembly as assembly_module
from flowedge.subscriber.arrivals import MAX_RANGES, PATIENCE, Arrivals
from flowedge.subscriber.assembly import Item, Parts, Windows, octets_of
from flowedge.subscriber.connection import Connection, Session
from flowedge.subscriber.inbox import Inbox
from flowedge.subscriber.ledger import MOST_HELD
from flowedge.subscriber.topics import Topic, check_filter, parse_topic, shared

from .edge_lists import BOOT, SECOND, START, edge_list, empty, two_pairs

TOPIC = "flowedge/v1/default/gateway/eth0/edges"


def window(seq: int, edges: int = 4, **others: Any) -> EdgeList:
    columns = {
        name: Column.of("<u1", [(edge + shift) % 3 for edge in range(edges)])
        for shift, name in enumerate(("src", "dst"))
    }
    columns["edge"] = Column.of("<u4", range(edges))
    nodes: list[Node] = [bytes([10, 0, 0, number]) for number in range(3)] if edges else []
    times = {"start_ns": START + seq * SECOND, "end_ns": START + (seq + 1) * SECOND}
    return edge_list(nodes, columns, **{"seq": seq, **times, **others})


def parts_of(whole: EdgeList, count: int) -> list[EdgeList]:
    """As many parts of about one size."""
    bounds = [len(whole) * number // count for number in range(count + 1)]
    return [
        replace(whole.rows(bounds[number], bounds[number + 1]), part=number + 1, parts=count) for number in range(count)
    ]


# ---- Arrivals


def added(seqs: Iterable[int]) -> tuple[Arrivals, list[tuple[int, int]]]:
    arrivals = Arrivals()
    return arrivals, [gap for seq in seqs for gap in arrivals.add(seq)]


def test_a_gap_is_clear_when_enough_later_windows_have_come() -> None:
    assert added([0, 2, *range(3, 2 + PATIENCE)])[1] == []
    assert added([0, 2, *range(3, 3 + PATIENCE)])[1] == [(1, 1)]
    assert added([0, 2, *range(3, 50)])[1] == [(1, 1)]


def test_a_late_window_is_no_gap() -> None:
    assert added([0, 2, 3, 1, *range(4, 50)])[1] == []


def test_nothing_is_missing_before_the_first_window() -> None:
    arrivals, gaps = added(range(1000, 1050))
    assert gaps == []
    assert not arrivals.has(999)


def test_a_backlog_sent_in_turns_with_present_windows_is_no_gap() -> None:
    backlog, present = range(10, 60), range(60, 110)
    assert added([9, *(seq for pair in zip(present, backlog, strict=True) for seq in pair)])[1] == []


def test_what_the_backlog_passes_over_is_a_gap() -> None:
    assert added([9, 60, 10, 61, 12, 62, 13, 63, 14, 64])[1] == [(11, 11)]


def test_what_comes_after_its_gap_was_told_is_taken_and_not_told_again() -> None:
    arrivals, gaps = added([0, *range(5, 10)])
    assert gaps == [(1, 4)]
    assert not arrivals.has(2)
    assert [gap for seq in (2, *range(10, 30)) for gap in arrivals.add(seq)] == []
    assert arrivals.has(2)
    assert not arrivals.has(1)


def test_ranges_are_bounded_and_no_window_is_taken_for_a_duplicate() -> None:
    arrivals, gaps = added(range(0, 1000, 2))
    assert len(arrivals._missing) == MAX_RANGES
    assert not any(arrivals.has(seq) for seq in range(1, 999, 2))
    assert sorted(gaps) == [(seq, seq) for seq in range(1, 999 - 2 * PATIENCE, 2)]


@given(st.lists(st.integers(0, 60), unique=True), st.integers(0, 61))
def test_arrivals_know_what_has_come(seqs: list[int], asked: int) -> None:
    arrivals, come, told = Arrivals(), set(), Counter[int]()
    for seq in seqs:
        assert not arrivals.has(seq)
        come.add(seq)
        for first, last in arrivals.add(seq):
            assert seqs[0] < first <= last < max(come)
            assert not come & set(range(first, last + 1))
            told.update(range(first, last + 1))
    assert arrivals.has(asked) == (asked in come)
    assert set(told.values()) <= {1}


# ---- Windows


class Subject:
    def __init__(self, **limits: Any) -> None:
        self.now = 0.0
        self.counters: Counter[str] = Counter()
        self.windows = Windows(Limits(**limits), self.counters, clock=lambda: self.now)

    def add(self, *parts: EdgeList) -> list[Item]:
        return [item for part in parts for item in self.windows.add(part)]


def test_a_window_of_one_part_comes_at_once() -> None:
    subject = Subject()
    assert subject.add(window(1), window(2)) == [window(1), window(2)]
    assert subject.windows.octets == 0


def test_parts_in_any_order_make_the_window() -> None:
    subject, parts = Subject(), parts_of(window(1, 9), 3)
    assert subject.add(parts[2], parts[0]) == []
    assert subject.windows.is_unfinished(subject.windows.key(parts[0]))
    assert subject.windows.octets == octets_of(parts[2]) + octets_of(parts[0])
    assert subject.add(parts[1]) == [joined(parts)]
    assert subject.windows.octets == 0


def test_duplicates_are_dropped_before_and_after_the_window_is_whole() -> None:
    subject, parts = Subject(), parts_of(window(1), 2)
    assert len(subject.add(parts[0], parts[0], parts[1], parts[0], parts[1], window(1))) == 1
    assert subject.counters["duplicates"] == 4


def test_streams_do_not_disturb_each_other() -> None:
    subject = Subject()
    others = ({"site": "b"}, {"node": "b"}, {"iface": "b"}, {"boot": "b"})
    windows = [window(seq, 6, **other) for seq in (1, 2) for other in ({}, *others)]
    parts = [parts_of(each, 2) for each in windows]
    assert subject.add(*(halves[0] for halves in parts)) == []
    assert subject.add(*(halves[1] for halves in parts)) == list(map(joined, parts))


def test_a_gap_names_its_stream() -> None:
    items = Subject().add(window(1), *(window(seq) for seq in range(4, 6 + PATIENCE)))
    assert [item for item in items if isinstance(item, Gap)] == [Gap("gateway", "eth0", BOOT, 2, 3)]


def test_parts_that_contradict_each_other() -> None:
    subject, parts = Subject(), parts_of(window(1), 3)
    subject.add(parts[0])
    for change in (
        {"parts": 4},
        {"start_ns": 7},
        {"kind": "pair"},
        {"columns": dict(list(parts[1].columns.items())[:2])},
    ):
        with pytest.raises(MalformedMessageError):
            subject.add(replace(parts[1], **change))
    assert subject.add(parts[1], parts[2]) == [joined(parts)]


def test_a_window_whose_columns_do_not_fit_is_no_window() -> None:
    subject, parts = Subject(), parts_of(window(1), 2)
    wrong = replace(parts[1], columns=dict(parts[1].columns) | {"edge": Column.of("<f8", [1.0, 2.0])})
    subject.add(parts[0])
    with pytest.raises(MalformedMessageError):
        subject.add(wrong)
    assert subject.windows.octets == 0
    assert subject.add(*parts) == [joined(parts)]


@pytest.mark.parametrize("limits", [{"windows": 8}, {"octets": 8 * octets_of(parts_of(window(1), 2)[0]) + 1}])
def test_unfinished_windows_are_bounded(limits: dict[str, int]) -> None:
    subject = Subject(**limits)
    for seq in range(100):
        subject.add(parts_of(window(seq), 2)[0])
    assert subject.counters["given_up"] == subject.counters["given_up_parts"] == 92
    assert len(subject.add(*(parts_of(window(seq), 2)[1] for seq in range(99, 91, -1)))) == 8


def test_a_window_that_gets_no_part_for_long_is_given_up() -> None:
    subject = Subject(age=60)
    subject.add(parts_of(window(1, 9), 3)[0], parts_of(window(2), 2)[0])
    subject.now = 50
    subject.add(parts_of(window(1, 9), 3)[1])
    subject.now = 70
    subject.windows.expire()
    assert subject.counters["given_up"] == 1
    assert len(subject.add(parts_of(window(1, 9), 3)[2])) == 1


def test_streams_are_bounded() -> None:
    subject = Subject(streams=3)
    for number in range(100):
        subject.add(window(1, boot=f"{number}"))
    assert len(subject.windows._streams) == 3


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.integers(1, 4)), unique_by=lambda each: each[:2]),
    st.data(),
)
def test_every_window_of_which_all_parts_come_comes_once(made: list[tuple[str, int, int]], data: st.DataObject) -> None:
    windows = {(boot, seq): parts_of(window(seq, 8, boot=boot), count) for boot, seq, count in made}
    parts = [part for each in windows.values() for part in each]
    sent = data.draw(st.permutations(parts + data.draw(st.lists(st.sampled_from(parts)) if parts else st.just([]))))
    lost = data.draw(st.lists(st.sampled_from(parts), max_size=3)) if parts else []
    subject = Subject()
    items = subject.add(*(part for part in sent if part not in lost))
    whole = [item for item in items if isinstance(item, EdgeList)]
    complete = {key: joined(each) for key, each in windows.items() if not any(part in lost for part in each)}
    assert len(whole) == len(complete)
    assert {(each.boot, each.seq): each for each in whole} == complete
    assert subject.windows.octets == sum(
        octets_of(part) for key, each in windows.items() if key not in complete for part in each if part not in lost
    )


def test_parts_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly_module, "RECENT_PARTS", 10)
    subject, halves = Parts(Counter()), [parts_of(window(seq), 2) for seq in range(20)]
    for one, other in halves:
        assert [*subject.add(other), *subject.add(one), *subject.add(one)] == [other, one]
    assert len(subject._recent) == 10


# ---- Inbox


class Notes:
    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def __call__(self, level: str, text: str) -> None:
        self.all.append((level, text))


def make_inbox(*, parts: bool = False, **limits: Any) -> tuple[Inbox, Notes]:
    notes = Notes()
    return Inbox(Limits(**limits), parts=parts, notify=notes), notes


def hear(inbox: Inbox, edges: Sequence[EdgeList], first: int = 1) -> None:
    for identifier, part in enumerate(edges, first):
        inbox.hear(TOPIC, encode_part(part), identifier)


def taken(inbox: Inbox) -> EdgeList:
    item = inbox.take(0)
    assert isinstance(item, EdgeList)
    return item


def test_a_message_is_answered_when_the_program_asks_for_the_next() -> None:
    inbox, _ = make_inbox()
    hear(inbox, [window(1), window(2)])
    assert inbox.answers() == []
    assert taken(inbox).seq == 1
    assert inbox.answers() == []
    assert taken(inbox).seq == 2
    assert inbox.answers() == [1]
    inbox.done()
    assert inbox.answers() == [2]
    assert inbox.take(0) is None


def test_a_duplicate_of_a_window_that_waits_is_answered_with_it() -> None:
    inbox, _ = make_inbox()
    hear(inbox, [window(1), window(1)])
    assert inbox.answers() == []
    taken(inbox)
    inbox.done()
    assert inbox.answers() == [1, 2]
    hear(inbox, [window(1)], 3)
    assert inbox.answers() == [3]


def test_answers_keep_the_order_of_the_messages() -> None:
    inbox, _ = make_inbox()
    half = parts_of(window(1, boot="other"), 2)
    hear(inbox, [half[0], window(1)])
    taken(inbox)
    inbox.done()
    assert inbox.answers() == []
    hear(inbox, [half[1]], 3)
    taken(inbox)
    inbox.done()
    assert inbox.answers() == [1, 2, 3]


def test_a_window_of_many_parts_does_not_wait_for_itself() -> None:
    inbox, _ = make_inbox()
    parts = parts_of(window(1, 100), 3 * MOST_HELD)
    answered = []
    for identifier, part in enumerate(parts, 1):
        hear(inbox, [part], identifier)
        answered += inbox.answers()
        assert identifier - len(answered) <= MOST_HELD + 1
    assert len(taken(inbox)) == 100
    inbox.done()
    assert answered + inbox.answers() == list(range(1, len(parts) + 1))


def test_parts_are_answered_when_nothing_comes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox, _ = make_inbox()
    hear(inbox, [parts_of(window(1), 2)[0]])
    assert inbox.answers() == []
    monkeypatch.setattr("flowedge.subscriber.inbox.IDLE_SECONDS", 0.0)
    assert inbox.answers() == [1]


def test_a_window_that_waits_is_not_answered_because_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowedge.subscriber.inbox.IDLE_SECONDS", 0.0)
    inbox, _ = make_inbox()
    hear(inbox, [window(1)])
    assert inbox.answers() == []


def test_after_a_lost_connection_nothing_of_it_is_answered() -> None:
    inbox, _ = make_inbox()
    hear(inbox, [window(1), window(2)])
    inbox.disconnected()
    taken(inbox)
    taken(inbox)
    assert inbox.answers() == []
    hear(inbox, [window(2)], 9)
    assert inbox.take(0) is None
    assert inbox.answers() == [9]


def test_other_messages_are_answered_at_once() -> None:
    inbox, _ = make_inbox()
    inbox.hear("flowedge/v1/default/gateway/eth0/stats", b"{}", 1)
    inbox.hear("something/else", b"", 2)
    inbox.hear(TOPIC, b"rubbish", 3)
    inbox.hear(TOPIC, b"rubbish", None)
    assert inbox.answers() == [1, 2, 3]
    assert inbox.counters() | {"messages": 4, "ignored": 2, "malformed": 2} == inbox.counters()


def test_a_full_queue_holds_the_connection_up() -> None:
    inbox, _ = make_inbox(queue_octets=1)
    hear(inbox, [window(1)])
    thread = Thread(target=hear, args=(inbox, [window(2)], 2))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    assert taken(inbox).seq == 1
    thread.join(10)
    assert not thread.is_alive()
    assert taken(inbox).seq == 2


def test_closing_frees_whoever_waits() -> None:
    inbox, _ = make_inbox(queue_octets=1)
    hear(inbox, [window(1)])
    thread = Thread(target=hear, args=(inbox, [window(2)], 2))
    thread.start()
    inbox.close()
    thread.join(10)
    assert not thread.is_alive()
    assert inbox.take(None) is None


def test_a_failure_comes_after_what_was_there() -> None:
    inbox, _ = make_inbox()
    hear(inbox, [window(1)])
    inbox.fail(BrokerError("over"))
    assert taken(inbox).seq == 1
    with pytest.raises(BrokerError, match="over"):
        inbox.take(None)


def test_nobody_speaks_for_another_agent() -> None:
    inbox, notes = make_inbox()
    inbox.hear(TOPIC, encode_part(window(1, node="bank")), 1)
    inbox.hear(TOPIC, encode_part(window(1, site="bank")), 2)
    assert inbox.take(0) is None
    assert inbox.counters()["malformed"] == 2
    assert notes.all == [("warning", f"{TOPIC}: a message is left out, for it says that it is of default/bank")]


def test_windows_given_up_are_told() -> None:
    inbox, notes = make_inbox(windows=1)
    hear(inbox, [parts_of(window(seq), 2)[0] for seq in range(3)])
    inbox.tick()
    assert inbox.counters()["given_up"] == 2
    assert "2 windows so far are given up" in notes.all[0][1]


META = MetaMessage(
    schema="edges/1",
    mode="netflower",
    names="netflower",
    columns=(),
    window_ns=10**10,
    kind="flow",
    interfaces=("eth0",),
)
STATUS = StatusMessage(state="online", boot=BOOT, since=START, version="0.1.0")


def test_what_an_agent_tells_first_has_not_changed() -> None:
    inbox, notes = make_inbox()
    inbox.hear("flowedge/v1/default/gateway/meta", META.to_json(), 1)
    assert notes.all == []


def test_what_agents_tell_is_remembered_and_read_anew() -> None:
    inbox, notes = make_inbox()
    base = "flowedge/v1/default/gateway/"
    for topic, payload in [
        ("status", STATUS.to_json()),
        ("status", STATUS.to_json()),
        ("meta", META.to_json()),
        ("meta", b""),
        ("meta", b"{}"),
        ("meta", replace(META, window_ns=1).to_json()),
        ("status", replace(STATUS, state="offline").to_json()),
    ]:
        inbox.hear(base + topic, payload, 1)
    assert inbox.agents.metas.get("default", "gateway") == replace(META, window_ns=1)
    assert inbox.agents.statuses.get("default", "gateway") == replace(STATUS, state="offline")
    assert inbox.agents.metas.get("default", "other") is None
    assert [text for level, text in notes.all if level == "info"] == [
        "default/gateway is online",
        "default/gateway has changed what its edge lists hold",
        "default/gateway is offline",
    ]


def test_empty_windows_and_other_kinds_come_too() -> None:
    inbox, _ = make_inbox()
    hear(inbox, [empty(), replace(two_pairs(), seq=8)])
    assert (len(taken(inbox)), len(taken(inbox))) == (0, 2)


def test_every_form_of_message_is_read() -> None:
    inbox, _ = make_inbox()
    forms: list[dict[str, Any]] = [{"encoding": "json"}, {"compress": True}, {"precision": "f4"}]
    for seq, form in enumerate(forms):
        for message in split(window(seq, 2000), 4096, **form):
            inbox.hear(TOPIC, message, None)
    assert [len(taken(inbox)) for _ in forms] == [2000] * 3


# ---- topics and options


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("flowedge/v1/s/n/eth0/edges", Topic("edges", "s", "n")),
        ("flowedge/v1/s/n/status", Topic("status", "s", "n")),
        ("flowedge/v1/s/n/meta", Topic("meta", "s", "n")),
        ("plant/7/flowedge/v1/s/n/eth0/edges", Topic("edges", "s", "n")),
        ("flowedge/v1/s/n/eth0/stats", None),
        ("flowedge/v2/s/n/eth0/edges", None),
        ("flowedge/v1/s/n/edges", None),
        ("flowedge/v1/s\x1b[2J/n/eth0/edges", None),
        ("edges", None),
        ("", None),
    ],
)
def test_topics(topic: str, expected: Topic | None) -> None:
    assert parse_topic(topic) == expected


@pytest.mark.parametrize("topic", ["", "a/#/b", "a#", "a/b+", "$share/g/a", "a\0", "a" * 70_000])
def test_no_topic_filters(topic: str) -> None:
    with pytest.raises(UsageError, match="topic"):
        check_filter(topic)


def test_shared_topics() -> None:
    assert shared("a/#", "g") == "$share/g/a/#"
    with pytest.raises(UsageError, match="group"):
        shared("a/#", "g/h")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"clean_start": False}, "client_id"),
        ({"group": "g"}, "parts=True"),
        ({"qos": 2}, "qos"),
        ({"version": "3.1"}, "version"),
        ({"session_expiry": -1}, "session_expiry"),
        ({"topic": "a/#/b"}, "topic"),
        ({"url": "http://localhost"}, "mqtt://"),
    ],
)
def test_options_that_cannot_be_met(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        subscribe(**{"url": "mqtt://localhost", **settings})


# ---- Connection


def make_connection() -> tuple[Inbox, Connection]:
    """Not started."""
    inbox, notes = make_inbox()
    session = Session(topic="a/#", qos=1, version="5", client_id="me", clean_start=True, expiry=0)
    address = parse_address("mqtt://localhost")
    return inbox, Connection(address, Credentials(address, Access()), session, inbox, notes)


def test_a_subscription_that_is_refused_ends_it() -> None:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.reasoncodes import ReasonCode

    _, connection = make_connection()
    connection.start()
    connection._on_subscribe(None, None, 1, [ReasonCode(PacketTypes.SUBACK, identifier=1)], None)
    with pytest.raises(BrokerError, match="refuses the subscription 'a/#': Not authorized"):
        connection._on_subscribe(None, None, 1, [ReasonCode(PacketTypes.SUBACK, identifier=0x87)], None)
    connection.close()


def test_whatever_ends_the_thread_is_told() -> None:
    inbox, connection = make_connection()
    connection._client.reconnect = None  # type: ignore[assignment,method-assign]
    connection.start()
    with pytest.raises(TypeError):
        inbox.take(10)
    connection.close()
