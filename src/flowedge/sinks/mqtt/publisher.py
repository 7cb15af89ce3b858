"""The thread that keeps a connection to the broker and publishes what the spool holds."""

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowedge.errors import FlowedgeError
from flowedge.mqtt_connection import pauses
from flowedge.notices import Notices
from flowedge.sinks.mqtt.connection import REFUSED, Answer, Connection, PacketTooLargeError
from flowedge.sinks.mqtt.failures import ConnectionLostError
from flowedge.sinks.mqtt.suspicion import TOO_LARGE, Suspicion
from flowedge.spool import Spool, SpooledMessage

FINAL = {
    0x87: "not authorised; check the broker's access list for this topic",
    0x90: "it does not take this topic",
    TOO_LARGE: "too large; lower mqtt.max_payload or raise the broker's limit",
    0x99: "it does not take this payload",
}
"""Reason codes that will not change if the message is sent again."""
IDLE_SECONDS = 1.0  # the spool is asked so often, if nobody says that there is something new
GOODBYE_SECONDS = 1.0
FEW_MESSAGES = 100  # so many are sent within a second, and are no reason to send anything out of order
MOST_STATS = 1024  # interfaces


@dataclass(frozen=True)
class PublisherCounters:
    """Messages and connections since the start."""

    published: int = 0
    """sent to the broker; one that had to be sent again counts again"""
    acknowledged: int = 0
    rejected: int = 0
    """refused by the broker for good"""
    reconnects: int = 0
    connected: bool = False


@dataclass(frozen=True)
class Greetings:
    """Retained messages about the agent: topics and payloads."""

    status_topic: str
    online: bytes
    offline: bytes
    meta_topic: str
    meta: bytes


class Publisher:
    """Sends the spool's messages with at most `inflight` unacknowledged, and stats while connected.

    connect   makes a connection; raises FlowedgeError if there can be none at present
    """

    def __init__(
        self,
        spool: Spool,
        connect: Callable[[], Connection],
        greetings: Greetings,
        *,
        inflight: int,
        notices: Notices,
        pauses: Callable[[], Iterator[float]] = pauses,
    ) -> None:
        self._spool = spool
        self._connect = connect
        self._greetings = greetings
        self._inflight = inflight
        self._notices = notices
        self._make_pauses = pauses
        self._pauses = pauses()
        """seconds between attempts"""
        self._suspicion = Suspicion()
        self._taken: deque[SpooledMessage] = deque()
        """from the spool, not sent yet"""
        self._in_flight: dict[int, SpooledMessage] = {}
        """sent, not answered yet; by what publish() returned"""
        self._pause_until = 0.0
        self._asked = 0.0
        self._lock = threading.Lock()
        self._stats: dict[str, bytes] = {}
        self._counters = {"published": 0, "acknowledged": 0, "rejected": 0, "reconnects": 0}
        self._connections = 0
        self._connected = False
        self._more = True
        """the spool may have something new"""
        self._stopping = threading.Event()
        self._deadline = float("inf")
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """The spool has something new. Any thread may call, as with all methods below."""
        self._more = True
        self._interrupt()

    def publish_stats(self, topic: str, payload: bytes) -> None:
        """Sends it once, unless there is no connection. The latest of a topic replaces one that has not gone out."""
        with self._lock:
            if self._connected and len(self._stats) < MOST_STATS:
                self._stats[topic] = payload
        self._interrupt()

    def counters(self) -> PublisherCounters:
        with self._lock:
            return PublisherCounters(**self._counters, connected=self._connected)

    def stop(self, budget: float) -> None:
        """Gives the broker so many seconds to take what waits, and one more for the goodbye.

        If there is no connection and none is being made, it does not wait. Afterwards the spool is not used any more.
        """
        self._deadline = time.monotonic() + budget
        self._stopping.set()
        self._interrupt()
        self._thread.join(budget + GOODBYE_SECONDS + IDLE_SECONDS)
        if not self._thread.is_alive():
            self._wake.close()
            self._waker.close()

    def _interrupt(self) -> None:
        try:
            self._waker.send(b"\0")
        except (BlockingIOError, OSError):  # full, so it wakes all the same; or closed
            return

    def _run(self) -> None:
        while True:
            try:
                self._serve()
            except FlowedgeError as error:
                self._notices.tell(str(error), "warning", str(error))
            except Exception as error:  # whatever a broker may do to paho, the agent goes on
                self._notices.tell("unexpected", "error", f"MQTT: unexpected {error!r}")
            if self._stopping.wait(next(self._pauses)):
                return

    def _serve(self) -> None:
        """One connection, from its begin to its end."""
        with self._connect() as connection:
            if self._late():
                return
            try:
                self._begin(connection)
                while not self._stopping.is_set():
                    self._turn(connection, IDLE_SECONDS)
                self._finish(connection)
            except ConnectionLostError as error:
                self._settle(connection)
                self._lost(error)
                raise
            finally:
                self._set_connected(False)

    def _begin(self, connection: Connection) -> None:
        self._recall()
        self._more = True
        self._pause_until = 0.0
        connection.publish(self._greetings.status_topic, self._greetings.online, retain=True)
        connection.publish(self._greetings.meta_topic, self._greetings.meta, retain=True)
        self._set_connected(True)
        if self._connections:
            self._count("reconnects")
        self._connections += 1
        self._notices.tell("connected", "info", f"{connection.broker}: connected")

    def _recall(self) -> None:
        """What was on its way goes out again: in order, unless new windows would wait too long for that."""
        if self._spool.counters().messages > FEW_MESSAGES:
            self._spool.release_all()
        else:
            for message in (*self._in_flight.values(), *self._taken):
                self._spool.release(message.id)
        self._in_flight.clear()
        self._taken.clear()

    def _turn(self, connection: Connection, seconds: float) -> None:
        self._send_stats(connection)
        self._send(connection)
        connection.step(seconds, self._wake)
        self._settle(connection)

    def _send(self, connection: Connection) -> None:
        """Sends what there is, until the network has enough."""
        while connection.writable and time.monotonic() >= self._pause_until:
            message = self._next(connection)
            if message is None:
                return
            self._publish(connection, message)

    def _send_stats(self, connection: Connection) -> None:
        with self._lock:
            stats, self._stats = self._stats, {}
        for topic, payload in stats.items():
            connection.publish(topic, payload, qos=0, retain=False)

    def _next(self, connection: Connection) -> SpooledMessage | None:
        room = self._room(connection)
        now = time.monotonic()
        if not self._taken and room > 0 and (self._more or now - self._asked >= IDLE_SECONDS):
            self._more, self._asked = False, now  # in this order: it may be set while the spool is asked
            self._taken.extend(self._spool.next_messages(room))
            if self._taken:
                self._more = True
        return self._taken.popleft() if self._taken and room > 0 else None

    def _room(self, connection: Connection) -> int:
        most = 1 if self._suspicion.cautious else min(self._inflight, connection.limits.inflight)
        return most - len(self._in_flight)

    def _publish(self, connection: Connection, message: SpooledMessage) -> None:
        try:
            number = connection.publish(message.topic, message.payload, message.properties, retain=False)
        except PacketTooLargeError:
            self._reject(message, TOO_LARGE)
        else:
            self._count("published")
            self._in_flight[number] = message

    def _settle(self, connection: Connection) -> None:
        while connection.answers:
            self._take(connection.answers.popleft())

    def _take(self, answer: Answer) -> None:
        message = self._in_flight.pop(answer.message, None)
        if message is None:
            self._take_other(answer)
        elif answer.code in FINAL:
            self._suspicion.accepted()
            self._reject(message, answer.code)
        elif answer.code >= REFUSED:
            self._postpone(message, answer.code)
        else:
            self._suspicion.accepted()
            self._pauses = self._make_pauses()
            self._count("acknowledged")
            self._spool.acknowledge(message.id)

    def _take_other(self, answer: Answer) -> None:
        if answer.code >= REFUSED:
            topics = f"{self._greetings.status_topic} or {self._greetings.meta_topic}"
            self._notices.tell("greeting", "warning", f"{topics}: the broker refuses it (0x{answer.code:02x})")

    def _postpone(self, message: SpooledMessage, code: int) -> None:
        """The broker may take it later."""
        self._spool.release(message.id)
        self._more = True
        self._pause_until = time.monotonic() + next(self._pauses)
        text = f"{message.topic}: the broker does not take it at present (0x{code:02x}); it will be sent again"
        self._notices.tell("quota", "warning", text)

    def _reject(self, message: SpooledMessage, code: int) -> None:
        self._spool.reject(message.id)
        self._count("rejected")
        cause = FINAL.get(code, "it closes the connection whenever it gets this message")
        text = f"{message.topic}: the broker refuses it (0x{code:02x}): {cause}"
        self._notices.tell("rejected", "error", f"{text}; {self._counters['rejected']} rejected so far")

    def _lost(self, error: ConnectionLostError) -> None:
        if not error.by_broker:
            return
        by_age = sorted(self._in_flight.values(), key=lambda message: message.id)
        refused = self._suspicion.ended([message.id for message in by_age], error.code)
        if refused is not None:
            self._reject(by_age[0], error.code)

    def _finish(self, connection: Connection) -> None:
        """Lets the broker take what waits, while there is time; then says goodbye."""
        self._more = True
        while (self._more or self._taken or self._in_flight) and time.monotonic() < self._deadline:
            self._turn(connection, min(0.1, max(0.0, self._deadline - time.monotonic())))
        end = time.monotonic() + GOODBYE_SECONDS
        goodbye = connection.publish(self._greetings.status_topic, self._greetings.offline, retain=True)
        while not self._answered(connection, goodbye) and time.monotonic() < end:
            connection.step(0.1, self._wake)
        connection.disconnect()

    def _answered(self, connection: Connection, number: int) -> bool:
        answers = list(connection.answers)
        self._settle(connection)
        return any(answer.message == number for answer in answers)

    def _late(self) -> bool:
        """Whether stop() does not wait any more."""
        return time.monotonic() > self._deadline

    def _set_connected(self, connected: bool) -> None:
        with self._lock:
            self._connected = connected
            self._stats.clear()

    def _count(self, name: str) -> None:
        with self._lock:
            self._counters[name] += 1
