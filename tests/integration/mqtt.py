"""What the tests of MQTT share: windows to publish, a sink, and a client that collects what arrives."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from integration.agent_process import wait_until
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from flowedge.codec import MetaMessage, decode
from flowedge.edges import Column, EdgeList
from flowedge.sinks.mqtt import MqttSettings, MqttSink

START, SECOND = 1_700_000_000 * 10**9, 10**9
META = MetaMessage(
    schema="edges/1",
    mode="netflower",
    names="netflower",
    columns=(),
    window_ns=SECOND,
    kind="flow",
    interfaces=("eth0",),
)


def window(seq: int, *, boot: str = "boot", edges: int = 3, iface: str = "eth0", **others: Any) -> EdgeList:
    """A window whose edges tell its number."""
    columns = {
        "src": Column.of("<u1", [0] * edges),
        "dst": Column.of("<u1", [1] * edges),
        "first_ns": Column.of("<i8", range(START + seq, START + seq + edges)),
    }
    begin = START + seq * SECOND
    names = {"site": "default", "node": "gw", "iface": iface, "boot": boot, "kind": "flow"}
    times = {"seq": seq, "start_ns": begin, "end_ns": begin + SECOND}
    nodes = [bytes([10, 0, 0, last]) for last in (1, 2)] if edges else []
    return EdgeList(**names | times | {"nodes": nodes, "columns": columns} | others)


class Notes:
    """What a sink has said."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def __call__(self, level: str, text: str) -> None:
        self.all.append((level, text))

    @property
    def complaints(self) -> list[str]:
        return [text for level, text in self.all if level != "info"]

    def __str__(self) -> str:
        return "\n".join(text for _, text in self.all)


def make_sink(url: str, notes: Notes, *, boot: str = "boot", **settings: Any) -> MqttSink:
    chosen = MqttSettings(**{"url": url, "node": "gw", **settings})
    return MqttSink(chosen, boot=boot, version="0.1.0", meta=META, notify=notes)


@contextmanager
def open_sink(url: str, notes: Notes, **settings: Any) -> Iterator[MqttSink]:
    sink = make_sink(url, notes, **settings)
    try:
        sink.tick()
        yield sink
    finally:
        sink.close()


def in_haste(sink: MqttSink) -> None:
    """Has it try again at once, so that a test does not wait for the pauses that a broker would be given."""
    sink.tick()
    publisher: Any = sink._publisher
    publisher._make_pauses = repeat(0.02).__iter__
    publisher._pauses = repeat(0.02)


def connected(sink: MqttSink) -> None:
    """Waits until it is."""
    wait_until(lambda: sink.counters().publisher.connected, "the sink is connected")


def emptied(sink: MqttSink, seconds: float = 60) -> None:
    """Waits until the broker has everything."""
    wait_until(lambda: sink.counters().spool.messages == 0, "the spool is empty", seconds)


class Received(NamedTuple):
    topic: str
    payload: bytes
    retained: bool
    properties: Any


class Collector:
    """Subscribes with a persistent session, and collects all that arrives, within its block; connects again."""

    def __init__(self, port: int, topic: str = "flowedge/v1/#", **settings: Any) -> None:
        self.all: list[Received] = []
        self._subscribed = threading.Event()
        self._topic = topic
        self._port = port
        version = MQTTProtocolVersion.MQTTv5
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="collector", protocol=version)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        for name, value in settings.items():
            getattr(self._client, name)(*value)

    def __enter__(self) -> Self:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", self._port, clean_start=False, properties=properties)
        self._client.loop_start()
        assert self._subscribed.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def subscribed_again(self) -> None:
        """Waits for it; forget_subscription() comes before."""
        assert self._subscribed.wait(20)

    def forget_subscription(self) -> None:
        self._subscribed.clear()

    def edges(self) -> list[EdgeList]:
        return [decode(message.payload) for message in self.all if message.topic.endswith("/edges")]

    def seqs(self, boot: str = "boot") -> list[int]:
        """Of windows of one part, in the order of first arrival, each once."""
        return list(dict.fromkeys(part.seq for part in self.edges() if part.boot == boot))

    def states(self) -> list[Any]:
        return [message for message in self.all if message.topic.endswith("/status")]

    def wait_for(self, happened: Callable[["Collector"], bool], what: str, seconds: float = 60) -> None:
        wait_until(lambda: happened(self), what, seconds)

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe(self._topic, qos=1)

    def _on_message(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        self.all.append(Received(message.topic, bytes(message.payload), message.retain, message.properties))


def spool_in(folder: Path) -> str:
    return str(folder / "spool.db")
