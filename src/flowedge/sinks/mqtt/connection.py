"""One connection to a broker, from CONNECT to its end. The only module that knows paho."""

import select
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import LogLevel
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from flowedge.errors import FlowedgeError
from flowedge.mqtt_connection import Address, Credentials, MqttVersion, make_client
from flowedge.sinks.mqtt.failures import ConnectionLostError, cause_in_tls, cause_of, ending, refusal

CONNECT_SECONDS = 10.0  # for each of: TCP, TLS, WebSocket, CONNACK
KEEPALIVE_RUN_OUT = 0x8D
UNSENT_OCTETS = 128 << 10  # that the kernel takes beyond what the network does: more would hold up the keep-alive
MOST_TAKEN = 64 << 10  # octets of a packet that the broker may send: it has only answers for us
CLOSED = "it has closed the connection; if that goes on, give this agent a mqtt.node that no other has"
REFUSED = 0x80  # reason codes from here on are refusals
NO_LIMIT = 268_435_455 + 5  # octets: the largest packet that MQTT has
_AROUND_PAYLOAD = 1 + 4 + 2 + 2  # octets of PUBLISH beside topic, properties, payload: type, length, topic's length, id


class PacketTooLargeError(FlowedgeError):
    """The broker has said that it takes no message so large."""


@dataclass(frozen=True)
class ConnectOptions:
    """What CONNECT says, and how the broker is reached."""

    address: Address
    credentials: Credentials
    client_id: str
    version: MqttVersion
    keepalive: int
    """seconds; a connection is given up after twice that without a sign of the broker"""
    will: tuple[str, bytes]
    """topic and payload of what the broker publishes, retained, if the connection breaks"""
    expiry: int = 0
    """seconds for which the broker keeps messages; 0: for ever"""


@dataclass(frozen=True)
class BrokerLimits:
    """What the broker takes; MQTT 5 tells, 3.1.1 does not."""

    inflight: int = 65_535
    packet_octets: int = NO_LIMIT
    retains: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """The broker's to a message of QoS 1."""

    message: int
    """what publish() returned"""
    code: int
    """MQTT's reason code; from REFUSED on it has not taken the message"""


class Connection:
    """Publishes messages and collects the broker's answers. One thread, which calls step() again and again."""

    def __init__(self, options: ConnectOptions) -> None:
        """Connects, and waits until the broker has accepted. Raises ConnectionLostError if it does not."""
        self.limits = BrokerLimits()
        self.answers: deque[Answer] = deque()
        self._options = options
        self._accepted: ReasonCode | None = None
        self._ended: tuple[int, bool] | None = None
        """reason code, and whether the broker said so"""
        self._complaint = ""
        self._poll = select.poll()
        self._client = self._made_client()
        try:
            self._connect()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def broker(self) -> str:
        """Its address, for people."""
        return str(self._options.address)

    @property
    def writable(self) -> bool:
        """Whether all that was published has been passed on to the system: so memory and latency stay bounded."""
        return self._client.socket() is not None and not self._client.want_write()

    def publish(
        self, topic: str, payload: bytes, properties: Mapping[str, Any] | None = None, *, qos: int = 1, retain: bool
    ) -> int:
        """Sends a message; of QoS 1, its answer will be in `answers` under the number returned.

        `properties`, which 3.1.1 does not have: "content_type", "text" (True if the payload is UTF-8), "user" (a map).
        Raises PacketTooLargeError, and has sent nothing, for what is beyond the broker's limit.
        """
        packed = self._properties(properties or {})
        self._check_size(topic, payload, packed)
        retained = retain and self.limits.retains
        sent = self._client.publish(topic, payload, qos, retain=retained, properties=packed)
        return sent.mid

    def step(self, seconds: float, wake: socket.socket) -> None:
        """Does what is due: sends, receives, keeps alive. Waits for it, or until `wake` has something to read.

        Raises ConnectionLostError if the connection is lost.
        """
        self._poll.register(wake, select.POLLIN)
        for descriptor, _ in self._wait(seconds):
            if descriptor == wake.fileno():
                wake.recv(4096)
        self._exchange()

    def disconnect(self) -> None:
        """Says goodbye, so that the broker does not publish the will."""
        self._client.disconnect()

    def close(self) -> None:
        """Ends the connection, however it is."""
        self._client.on_disconnect = None
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _made_client(self) -> paho.Client:
        options = self._options
        client = make_client(
            options.address,
            options.credentials,
            client_id=options.client_id,
            version=options.version,
            clean_session=True,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(0)  # whoever publishes keeps count: nothing may wait in paho
        client.will_set(*options.will, qos=1, retain=True)
        client.on_connect, client.on_disconnect, client.on_publish = self._on_connect, self._on_disconnect, self._on_ack
        client.on_socket_open = _tune
        return client

    def _connect(self) -> None:
        address = self._options.address
        self._client.on_log = self._on_log
        try:
            self._client.connect(address.host, address.port, self._options.keepalive, **self._connect_properties())
        except OSError as error:
            raise self._error(cause_of(error, CONNECT_SECONDS)) from None
        self._await_connack()
        self._client.on_log = None

    def _connect_properties(self) -> dict[str, Any]:
        if self._options.version != "5":
            return {}
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.MaximumPacketSize = MOST_TAKEN
        return {"clean_start": True, "properties": properties}

    def _await_connack(self) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while self._accepted is None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._error(f"no answer within {CONNECT_SECONDS:g} s; check that it is an MQTT broker")
            self._wait(left)
            self._exchange()
        if self._accepted.value >= REFUSED:
            raise self._error(refusal(self._accepted.value), code=self._accepted.value)

    def _wait(self, seconds: float) -> list[tuple[int, int]]:
        """What is ready; nothing for what TLS has received already."""
        sock = self._client.socket()
        if sock is None:
            return []
        pending = getattr(sock, "pending", None)
        if pending is not None and pending():
            return []
        self._poll.register(sock.fileno(), select.POLLIN | (select.POLLOUT if self._client.want_write() else 0))
        return self._poll.poll(seconds * 1000)

    def _exchange(self) -> None:
        """paho asks the socket, which does not block, whatever poll() has said."""
        self._client.loop_read()
        if self._client.want_write():
            self._client.loop_write()
        self._client.loop_misc()
        self._check()

    def _check(self) -> None:
        if self._client.socket() is None and (self._accepted is None or self._accepted.value < REFUSED):
            raise self._loss()

    def _loss(self) -> ConnectionLostError:
        code, by_broker = self._ended or (0, False)
        if by_broker:
            return self._error(ending(code), by_broker=True, code=code)
        if code == KEEPALIVE_RUN_OUT:
            return self._error(f"no sign of it for {2 * self._options.keepalive} s; check the network")
        if self._accepted is None:
            return self._error(self._unanswered(), by_broker=True)
        return self._error(CLOSED, by_broker=True)

    def _unanswered(self) -> str:
        if "SSL" in self._complaint:
            return cause_in_tls(self._complaint)
        other = "3.1.1" if self._options.version == "5" else "5"
        return (
            f"it closes the connection without an answer; if it does not know this MQTT, set mqtt.version to {other}, "
            "if it wants a certificate, give mqtt.certificate and mqtt.key"
        )

    def _check_size(self, topic: str, payload: bytes, properties: Properties | None) -> None:
        octets = _AROUND_PAYLOAD + len(topic.encode()) + len(payload)
        if self.limits.packet_octets < NO_LIMIT and properties is not None:
            octets += len(properties.pack())  # type: ignore[no-untyped-call]
        if octets > self.limits.packet_octets:
            raise PacketTooLargeError(f"{topic}: a message of {octets} octets is more than the broker takes")

    def _error(self, cause: str, *, by_broker: bool = False, code: int = 0) -> ConnectionLostError:
        return ConnectionLostError(f"{self._options.address}: {cause}", by_broker=by_broker, code=code)

    def _properties(self, given: Mapping[str, Any]) -> Properties | None:
        if self._options.version != "5":
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if "content_type" in given:
            properties.ContentType = given["content_type"]
        if given.get("text"):
            properties.PayloadFormatIndicator = 1
        if given.get("user"):
            properties.UserProperty = list(given["user"].items())
        if self._options.expiry:
            properties.MessageExpiryInterval = self._options.expiry
        return properties

    def _on_connect(
        self, client: paho.Client, data: Any, flags: paho.ConnectFlags, code: ReasonCode, given: Properties | None
    ) -> None:
        self._accepted = code
        self.limits = BrokerLimits(
            inflight=getattr(given, "ReceiveMaximum", BrokerLimits.inflight),
            packet_octets=getattr(given, "MaximumPacketSize", BrokerLimits.packet_octets),
            retains=bool(getattr(given, "RetainAvailable", True)),
        )

    def _on_disconnect(
        self, client: paho.Client, data: Any, flags: paho.DisconnectFlags, code: ReasonCode, given: Properties | None
    ) -> None:
        self._ended = code.value, flags.is_disconnect_packet_from_server

    def _on_ack(self, client: paho.Client, data: Any, mid: int, code: ReasonCode, given: Properties | None) -> None:
        self.answers.append(Answer(mid, code.value))

    def _on_log(self, client: paho.Client, data: Any, level: int, text: str) -> None:
        """The only place where paho says what was wrong with a socket."""
        if level == LogLevel.MQTT_LOG_ERR:
            self._complaint = text


def _tune(client: paho.Client, data: Any, sock: Any) -> None:
    """Small messages go out at once, and no more lies in the kernel than the network takes soon."""
    if hasattr(sock, "setsockopt"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_OCTETS)


Connect = Callable[[], Connection]
