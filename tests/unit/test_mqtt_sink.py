"""The MQTT sink without a broker: names, settings, parts that wait, and what becomes of a broker's answers."""

import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from flowedge._core import SKIP_REASONS
from flowedge.codec import Encoder, MetaMessage, decode
from flowedge.errors import UsageError
from flowedge.notices import Notices
from flowedge.sinks.mqtt import MqttSettings, MqttSink, unfinished
from flowedge.sinks.mqtt.connection import Answer, BrokerLimits
from flowedge.sinks.mqtt.failures import ConnectionLostError
from flowedge.sinks.mqtt.publisher import Greetings, Publisher
from flowedge.sinks.mqtt.sink import COUNTS_OCTETS
from flowedge.sinks.mqtt.suspicion import ATTEMPTS, Suspicion
from flowedge.sinks.mqtt.topics import checked_name, safe_name
from flowedge.sinks.mqtt.unfinished import MEMORY_OCTETS, UnfinishedWindow
from flowedge.spool import Spool, WindowKey
from flowedge.spool.lazy import LazySequence

from .edge_lists import empty, three_flows
from .spools import Notes

META = MetaMessage(
    schema="edges/1", mode="netflower", names="netflower", columns=(), window_ns=1, kind="flow", interfaces=()
)
GREETINGS = Greetings("status", b"online", b"offline", "meta", b"meta")


def sink(notes: Notes, **settings: Any) -> MqttSink:
    chosen = MqttSettings(**{"url": "mqtt://127.0.0.1:9", "node": "gw", **settings})
    return MqttSink(chosen, boot="boot", version="1", meta=META, notify=notes)


@pytest.mark.parametrize("name", ["", "a/b", "a+", "#", "a\0", "a\n", "\x85", "\udc80", "x" * 256, "é" * 128])
def test_sites_and_nodes_that_no_topic_takes(name: str) -> None:
    with pytest.raises(UsageError, match=r"mqtt\.site"):
        checked_name("mqtt.site", name)
    safe = safe_name(name)
    assert checked_name("iface", safe) == safe


@pytest.mark.parametrize("name", ["eth0", "Büro 2", "x" * 255])
def test_names_that_stay_as_they_are(name: str) -> None:
    assert checked_name("mqtt.node", name) == safe_name(name) == name


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "mqtt://user:secret@host"},
        {"url": "user:secret@host"},
        {"url": "http://host/user:secret@"},
        {"ca": "/nonexistent", "url": "mqtts://host"},
        {"ca": "ca.pem"},
        {"key": "key.pem", "url": "mqtts://host"},
        {"password_file": "secret"},
        {"site": "a/b"},
    ],
)
def test_settings_that_cannot_be_met(settings: dict[str, Any]) -> None:
    notes = Notes()
    with pytest.raises(UsageError) as raised:
        sink(notes, **settings)
    assert "secret" not in f"{raised.value}{notes.all}"
    assert notes.all == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"url": "mqtt://192.0.2.1"}, "is not encrypted"),
        ({"url": "mqtts://192.0.2.1", "insecure": True}, "anybody could be it"),
    ],
)
def test_warnings_that_come_once(settings: dict[str, Any], text: str) -> None:
    notes = Notes()
    sink(notes, **settings).close()
    (said,) = notes.texts("warning")
    assert text in said


def test_the_counts_of_a_window_find_room() -> None:
    counts = dict.fromkeys([*SKIP_REASONS, "dropped", "evicted"], 2**63 - 1)
    for encoder in (Encoder(), Encoder("json")):
        without, body = replace(empty(), drop={}), encoder.body(empty())
        more = len(encoder.message(replace(without, drop=counts), body)) - len(encoder.message(without, body))
        assert more <= COUNTS_OCTETS


def test_parts_are_in_memory_then_in_a_file_without_a_name(tmp_path: Path) -> None:
    window = UnfinishedWindow(str(tmp_path), 1 << 30)
    bodies = [bytes([number]) * (1 << 20) for number in range(6)]
    for number, body in enumerate(bodies, 1):
        window.append(body)
        assert window.in_memory == (number <= MEMORY_OCTETS >> 20)
    assert [window.body(place) for place in (5, 0, 3, 1, 2, 4)] == [bodies[place] for place in (5, 0, 3, 1, 2, 4)]
    assert list(tmp_path.iterdir()) == []
    window.close()


def test_a_window_larger_than_the_spool_is_given_up_and_the_next_is_not(tmp_path: Path) -> None:
    notes = Notes()
    published = sink(notes, spool=str(tmp_path / "spool.db"), spool_size=2000)
    large = replace(three_flows(), seq=1)
    for _ in range(20):
        published.add_piece(large)
    published.end_window(large)
    published.end_window(replace(three_flows(), seq=2))
    counters = published.counters()
    published.close(0)
    assert (counters.lost_windows, counters.spool.windows) == (1, 1)
    assert "more than 2000 octets" in notes.texts("error")[0]


def test_a_folder_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: UnfinishedWindow, octets: bytes) -> None:
        raise OSError(28, "No space left on device")

    notes = Notes()
    published = sink(notes)
    monkeypatch.setattr("tempfile.SpooledTemporaryFile.write", full)
    published.end_window(three_flows())
    counters = published.counters()
    published.close(0)
    assert counters.lost_windows == 1
    assert "No space left" in notes.texts("error")[0]


def test_a_window_that_is_made_part_by_part_while_it_is_spooled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "MEMORY_OCTETS", 500)
    published = sink(Notes(), spool=str(tmp_path / "spool.db"))
    edges = three_flows()
    for _ in range(4):
        published.add_piece(replace(edges, drop={}))
    published.end_window(edges)
    published.close(0)
    spool = Spool(tmp_path / "spool.db", boot="next", notify=Notes())
    messages = spool.next_messages(100)
    spool.close()
    parts = [decode(message.payload) for message in messages]
    assert [(part.part, part.parts, len(part), part.drop) for part in parts] == [
        (number, 5, 3, edges.drop) for number in range(1, 6)
    ]


def test_a_window_that_cannot_be_encoded_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    mqtt = sink(Notes())
    closed: list[UnfinishedWindow] = []
    close = UnfinishedWindow.close

    def note_and_close(window: UnfinishedWindow) -> None:
        closed.append(window)
        close(window)

    monkeypatch.setattr(UnfinishedWindow, "close", note_and_close)

    def fail(*_: object) -> Iterator[bytes]:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Encoder, "bodies", fail)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            mqtt.add_piece(replace(three_flows(), parts=0))
    assert len({id(window) for window in closed}) == 2


def test_without_a_file_what_is_left_is_lost_and_said() -> None:
    notes = Notes()
    published = sink(notes)
    published.end_window(three_flows())
    published.close(0)
    assert "1 windows in memory are lost" in notes.all[-1][1]


def test_a_lazy_sequence() -> None:
    squares = LazySequence(lambda number: number * number, 5)
    assert (len(squares), squares[-1], squares[1:3], list(squares)) == (5, 16, [1, 4], [0, 1, 4, 9, 16])
    with pytest.raises(IndexError):
        squares[5]


def test_the_same_is_said_once_a_minute() -> None:
    notes, now = Notes(), [0.0]
    notices = Notices(notes, lambda: now[0])
    for moment in (0.0, 59.0, 60.0):
        now[0] = moment
        notices.tell("a", "info", f"a {moment}")
    notices.tell("b", "info", "b")
    assert notes.texts("info") == ["a 0.0", "a 60.0", "b"]


def test_a_message_is_suspected_only_alone_and_again_and_again() -> None:
    suspicion = Suspicion()
    assert suspicion.ended([1, 2, 3], 0) is None
    for _ in range(ATTEMPTS - 1):
        assert suspicion.ended([1], 0) is None
    assert suspicion.ended([1], 0) == 1
    suspicion.accepted()
    assert not suspicion.cautious
    assert suspicion.ended([], 0) is None
    assert suspicion.ended([2, 3], 0x95) is None
    assert suspicion.ended([2], 0x95) == 2


class Script:
    """A connection that answers as told: for each message a reason code, or None to close the connection."""

    broker = "script"
    writable = True

    def __init__(self, codes: Iterator[int | None], limits: BrokerLimits) -> None:
        self.limits = limits
        self.answers: deque[Answer] = deque()
        self.sent: list[bytes] = []
        self.most_in_flight = 0
        self._codes = codes
        self._unanswered: list[int] = []
        self._number = 0

    def __enter__(self) -> "Script":
        return self

    def __exit__(self, *error: object) -> None: ...

    def publish(
        self, topic: str, payload: bytes, properties: Mapping[str, Any] | None = None, *, qos: int = 1, retain: bool
    ) -> int:
        self._number += 1
        if topic == "t":
            self.sent.append(payload)
            self._unanswered.append(self._number)
            self.most_in_flight = max(self.most_in_flight, len(self._unanswered))
        else:
            self.answers.append(Answer(self._number, 0))
        return self._number

    def step(self, seconds: float, wake: socket.socket) -> None:
        if self._unanswered:
            code = next(self._codes)
            if code is None:
                raise ConnectionLostError("script: closed", by_broker=True)
            self.answers.append(Answer(self._unanswered.pop(0), code))
        elif not self.answers:
            wake.setblocking(True)
            wake.settimeout(seconds)
            try:
                wake.recv(100)
            except TimeoutError:
                return

    def disconnect(self) -> None: ...


def publish(
    codes: list[int | None], limits: BrokerLimits, *, messages: int, inflight: int = 20
) -> tuple[Script, Publisher, Spool, Notes]:
    notes = Notes()
    spool = Spool(None, boot="boot", notify=notes)
    answers = iter([*codes, *[0] * 100])
    script = Script(answers, limits)

    def connect() -> Any:
        script._unanswered.clear()
        return script

    publisher = Publisher(
        spool,
        connect,
        GREETINGS,
        inflight=inflight,
        notices=Notices(notes),
        pauses=lambda: repeat(0.001).__iter__(),
    )
    for number in range(messages):
        spool.add_window(WindowKey("eth0", number, number), [("t", bytes([number]), {})])
    publisher.start()
    deadline = time.monotonic() + 20
    while spool.counters().messages and time.monotonic() < deadline:
        time.sleep(0.01)
    publisher.stop(1)
    return script, publisher, spool, notes


def test_no_more_in_flight_than_either_side_wants() -> None:
    script, publisher, spool, _ = publish([], BrokerLimits(inflight=3), messages=10)
    assert script.most_in_flight == 3
    script, publisher, spool, _ = publish([], BrokerLimits(), messages=10, inflight=2)
    assert script.most_in_flight == 2
    assert publisher.counters().acknowledged == 10
    assert spool.counters().messages == 0


@pytest.mark.parametrize("code", [0x87, 0x90, 0x95, 0x99])
def test_final_refusals(code: int) -> None:
    script, publisher, spool, notes = publish([0, code], BrokerLimits(), messages=3)
    assert len(script.sent) == 3
    assert (publisher.counters().rejected, spool.counters().rejected_messages) == (1, 1)
    assert f"t: the broker refuses it (0x{code:02x})" in notes.texts("error")[0]


@pytest.mark.parametrize("code", [0x80, 0x83, 0x97])
def test_refusals_that_may_pass(code: int) -> None:
    script, publisher, _, notes = publish([code, code], BrokerLimits(), messages=3, inflight=1)
    assert [payload[0] for payload in script.sent] == [0, 0, 0, 1, 2]
    assert publisher.counters().acknowledged == 3
    assert f"(0x{code:02x})" in notes.texts("warning")[0]


def test_no_matching_subscribers_is_success() -> None:
    _, publisher, _, notes = publish([0x10, 0x10], BrokerLimits(), messages=2)
    assert publisher.counters().acknowledged == 2
    assert notes.texts("error") == []


def test_a_message_that_ends_every_connection_is_rejected_and_the_rest_goes_on() -> None:
    codes: list[int | None] = [0, *[None] * (ATTEMPTS + 1)]
    _, publisher, spool, notes = publish(codes, BrokerLimits(), messages=5)
    counters = publisher.counters()
    assert (counters.acknowledged, counters.rejected) == (4, 1)
    assert "closes the connection whenever it gets this message" in notes.texts("error")[0]
    assert spool.counters().messages == 0
