"""The connection to the broker, in a thread of its own."""

import os
import select
import selectors
import socket
import ssl
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Protocol

from flowedge.codec import MAX_MESSAGE_OCTETS
from flowedge.errors import BrokerError
from flowedge.mqtt_connection import Address, Credentials, MqttVersion, make_client, pauses
from flowedge.notices import Notices, Notify

if TYPE_CHECKING:
    from paho.mqtt.client import Client

TICK_SECONDS = 1.0
KEEPALIVE_SECONDS = 30
RECEIVE_MAXIMUM = 32  # messages that the broker sends ahead of our answers
MAX_PACKET_OCTETS = MAX_MESSAGE_OCTETS + (128 << 10)  # with topic and properties; the broker keeps larger ones back
OWN_SESSION_SECONDS = 300  # what a broker keeps for a subscription without a name while that connects again
FAREWELL_SECONDS = 3.0  # for the last answers to be sent

PROTOCOL_VERSION, CLIENT_ID, BAD_PASSWORD, NOT_AUTHORIZED, BANNED, BAD_METHOD = 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C
FOR_GOOD = (PROTOCOL_VERSION, CLIENT_ID, BAD_PASSWORD, NOT_AUTHORIZED, BANNED, BAD_METHOD)


class Hearer(Protocol):
    """What the connection tells, from its thread."""

    def hear(self, topic: str, payload: bytes, identifier: int | None) -> None: ...
    def answers(self) -> Iterable[int]: ...
    def tick(self) -> None: ...
    def disconnected(self) -> None: ...
    def fail(self, failure: BaseException) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Session:
    """What is asked of the broker."""

    topic: str
    qos: int
    version: MqttVersion
    client_id: str
    clean_start: bool
    """forget what the broker kept for this client"""
    expiry: int
    """seconds for which the broker keeps messages while the client is away; MQTT 3.1.1 leaves that to the broker"""


class Connection:
    """Connects, subscribes, and connects again whenever the connection is lost, until closed.

    Only its thread talks to the broker; wake() and close() may be called by any.
    """

    def __init__(
        self, address: Address, credentials: Credentials, session: Session, hearer: Hearer, notify: Notify
    ) -> None:
        self._address = address
        self._session = session
        self._hearer = hearer
        self._notices = Notices(notify)
        self._closing = Event()
        self._subscribed = False
        self._ever_subscribed = False
        self._client = self._made_client(credentials)
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._thread = Thread(target=self._run, name="flowedge-subscriber", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be answers to send."""
        with suppress(OSError):  # full: it has been woken; closed: there is nobody to wake
            self._waker.send(b"\0")

    def close(self) -> None:
        """Sends the last answers and takes leave."""
        self._closing.set()
        self.wake()
        self._thread.join(FAREWELL_SECONDS + TICK_SECONDS)
        self._waker.close()
        self._woken.close()

    # ---- the thread

    def _run(self) -> None:
        try:
            waits = pauses()
            while not self._closing.is_set():
                if self._connected() and self._served():
                    waits = pauses()
                self._hearer.disconnected()
                self._closing.wait(0 if self._closing.is_set() else next(waits))
        except Exception as error:  # whatever it is, the program must hear of it
            self._hearer.fail(error)

    def _connected(self) -> bool:
        try:
            self._client.reconnect()
        except ssl.SSLCertVerificationError as error:
            self._refused(f"cannot be trusted: {error.verify_message}; give the certificates to trust (ca)")
        except (OSError, ValueError) as error:
            self._notices.tell("connection", "warning", f"{self._address}: cannot be reached: {error}; trying again")
        else:
            return True
        return False

    def _served(self) -> bool:
        """Hears the broker until the connection ends; whether there was a subscription."""
        self._subscribed = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._woken, selectors.EVENT_READ)
            while not self._closing.is_set() and self._turn(selector):
                pass
        if self._closing.is_set():
            self._take_leave()
        elif self._subscribed:
            self._notices.tell("connection", "warning", f"{self._address}: the connection is lost; trying again")
        return self._subscribed

    def _turn(self, selector: selectors.BaseSelector) -> bool:
        """Waits for something to do and does it; False if the connection has ended."""
        connection: Any = self._client.socket()
        if connection is None:
            return False
        if self._is_readable(selector, connection):
            self._client.loop_read()
        self._answer()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()
        self._hearer.tick()
        return self._client.socket() is not None

    def _is_readable(self, selector: selectors.BaseSelector, connection: Any) -> bool:
        if getattr(connection, "pending", int)():  # octets that TLS has taken from the system already
            return True
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._client.want_write() else 0)
        selector.register(connection, events)
        ready = {key.fileobj: events for key, events in selector.select(TICK_SECONDS)}
        selector.unregister(connection)
        if self._woken in ready:
            self._woken.recv(4096)
        return bool(ready.get(connection, 0) & selectors.EVENT_READ)

    def _answer(self) -> None:
        for identifier in self._hearer.answers():
            self._client.ack(identifier, 1)

    def _take_leave(self) -> None:
        """Sends the last answers, and waits until the broker has them.

        A socket that is closed with something unread in it makes the system throw away what was sent: so it is read to
        its end through a copy, which paho, who closes it, does not know.
        """
        connection = self._client.socket()
        if connection is None:
            return
        with socket.socket(fileno=os.dup(connection.fileno())) as line:
            deadline = time.monotonic() + FAREWELL_SECONDS
            self._answer()
            self._client.disconnect(properties=self._leave_properties())
            while self._client.socket() is not None and self._client.want_write() and time.monotonic() < deadline:
                _wait_for_room(line)
                self._client.loop_write()
            _read_to_the_end(line, deadline)

    def _refused(self, how: str) -> None:
        """For good, if it has never been otherwise; else the broker may be in the middle of a change."""
        if not self._ever_subscribed:
            raise BrokerError(f"{self._address}: {how}")
        self._notices.tell("connection", "error", f"{self._address}: {how}; trying again")

    # ---- paho's side; the callbacks are called within loop_read()

    def _made_client(self, credentials: Credentials) -> "Client":
        client = make_client(
            self._address,
            credentials,
            client_id=self._session.client_id,
            version=self._session.version,
            clean_session=self._session.clean_start,
            manual_ack=True,
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        where = (self._address.host, self._address.port, KEEPALIVE_SECONDS)
        if self._session.version == "5":
            client.connect_async(*where, clean_start=self._clean_start(), properties=self._connect_properties())
        else:
            client.connect_async(*where)
        return client

    def _clean_start(self) -> Any:
        from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY

        return MQTT_CLEAN_START_FIRST_ONLY if self._session.clean_start else False

    def _connect_properties(self) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.MaximumPacketSize = MAX_PACKET_OCTETS
        properties.SessionExpiryInterval = OWN_SESSION_SECONDS if self._session.clean_start else self._session.expiry
        return properties

    def _leave_properties(self) -> Any:
        """A session that nobody can come back to ends with the connection."""
        if self._session.version != "5" or not self._session.clean_start:
            return None
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = 0
        return properties

    def _on_connect(self, client: "Client", _: object, flags: Any, reason: Any, properties: object) -> None:
        if not reason.is_failure:
            client.subscribe(self._session.topic, self._session.qos)
        elif reason.value in FOR_GOOD:
            self._refused(f"refuses this client: {reason}; look at user, password and client_id")
        else:
            text = f"{self._address}: refuses for now: {reason}; trying again"
            self._notices.tell("connection", "warning", text)

    def _on_subscribe(self, client: object, _: object, identifier: int, reasons: Any, properties: object) -> None:
        if any(reason.is_failure for reason in reasons):
            raise BrokerError(f"{self._address}: refuses the subscription {self._session.topic!r}: {reasons[0]}")
        self._subscribed = self._ever_subscribed = True
        self._notices.forget("connection")
        self._notices.tell("subscribed", "info", f"subscribed to {self._session.topic} at {self._address}")

    def _on_message(self, client: object, _: object, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._hearer.hear(topic, bytes(message.payload), message.mid if message.qos else None)


def _wait_for_room(line: socket.socket) -> None:
    room = select.poll()
    room.register(line, select.POLLOUT)
    room.poll(TICK_SECONDS * 1000)


def _read_to_the_end(line: socket.socket, deadline: float) -> None:
    with suppress(OSError):
        line.settimeout(FAREWELL_SECONDS)
        line.shutdown(socket.SHUT_WR)
        while line.recv(1 << 16) and time.monotonic() < deadline:
            pass
