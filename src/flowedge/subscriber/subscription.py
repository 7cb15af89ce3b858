"""The way in for programs that read edge lists."""

import logging
from types import TracebackType
from typing import Self
from uuid import uuid4

from flowedge.codec import MetaMessage, StatusMessage
from flowedge.errors import UsageError
from flowedge.mqtt_connection import Access, Credentials, MqttVersion, parse_address, warnings_of
from flowedge.notices import Notify
from flowedge.subscriber.assembly import Item, Limits
from flowedge.subscriber.connection import Connection, Session
from flowedge.subscriber.inbox import Inbox
from flowedge.subscriber.topics import PREFIX, check_filter, shared

ALL = "/".join((*PREFIX, "#"))
DAY = 86_400  # seconds
MAX_EXPIRY = 0xFFFF_FFFF


class Subscription:
    """Edge lists and gaps as they come: an iterator and a context manager, made by subscribe().

    What is taken is acknowledged when the next is asked for, or at the end of a `with` block that ends without an
    exception: a program that dies over a window gets it again (with `clean_start=False`).
    """

    def __init__(self, inbox: Inbox, connection: Connection, timeout: float | None) -> None:
        self._inbox = inbox
        self._connection = connection
        self._timeout = timeout
        self._closed = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Item:
        item = self.take(self._timeout)
        if item is None:
            raise StopIteration
        return item

    def take(self, seconds: float | None = None) -> Item | None:
        """The next item; None if there is none within so many seconds, or after close().

        Raises BrokerError when the broker refuses for good.
        """
        return self._inbox.take(seconds)

    @property
    def counters(self) -> dict[str, int]:
        """What has come and what has not; docs/subscribing.md says what each counts."""
        return self._inbox.counters()

    def meta(self, node: str, site: str = "default") -> MetaMessage | None:
        """What an agent's edge lists hold, as it has said last; None if it has not been heard of."""
        return self._inbox.agents.metas.get(site, node)

    def status(self, node: str, site: str = "default") -> StatusMessage | None:
        """Whether an agent runs, likewise."""
        return self._inbox.agents.statuses.get(site, node)

    def close(self) -> None:
        """Ends it; what was taken last counts as done. Windows that were not taken stay with a session that is kept."""
        if not self._closed:
            self._inbox.done()
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._end()

    def _end(self) -> None:
        if not self._closed:
            self._closed = True
            self._inbox.close()
            self._connection.close()


def subscribe(
    url: str,
    topic: str = ALL,
    *,
    client_id: str | None = None,
    clean_start: bool = True,
    session_expiry: int = DAY,
    group: str | None = None,
    parts: bool = False,
    qos: int = 1,
    timeout: float | None = None,
    user: str = "",
    password_file: str = "",
    ca: str = "",
    certificate: str = "",
    key: str = "",
    insecure: bool = False,
    version: MqttVersion = "5",
    limits: Limits | None = None,
    on_notice: Notify | None = None,
) -> Subscription:
    """Edge lists from an MQTT broker: whole windows (EdgeList) and, where windows are missing, Gap.

        with flowedge.subscribe("mqtts://broker.example") as subscription:
            for window in subscription:
                print(window)

    url             mqtt://, mqtts:// (verified TLS), ws:// or wss://HOST[:PORT]
    topic           a topic filter, such as "flowedge/v1/plant/+/eth0/edges"
    client_id       names this subscriber to the broker; two with one name disconnect each other
    clean_start     False: go on with what the broker kept for this client_id, and have it keep on
    session_expiry  seconds for which it does so while this subscriber is away (MQTT 5; else the broker decides)
    group           shares the messages among all subscribers of this group; needs `parts`
    parts           give parts of windows as they come: no whole windows, no gaps
    qos             0: the broker may lose messages when this program is slow; 1: it does not
    timeout         iterating ends when nothing has come for so many seconds; None: never
    user            name to log in with; its password is in `password_file`, systemd's credential mqtt-password or the
                    environment's FLOWEDGE_MQTT_PASSWORD
    ca              file with the certificates to trust; without it, the system's
    certificate     file with this client's certificate; its `key` may be in another file
    insecure        do not verify the broker: anybody could be it
    version         of MQTT: "5" or "3.1.1"
    limits          what may be kept in memory; without it, Limits()
    on_notice       takes "info", "warning" or "error" and a sentence, from another thread; without it, the logger
                    "flowedge" does

    It connects in a thread, again and again until there is a connection. What the broker refuses for good is raised
    when iterating, as BrokerError. Raises UsageError, and PermissionDeniedError for files that may not be read.
    """
    address = parse_address(url)
    access = Access(
        user=user, password_file=password_file, ca=ca, certificate=certificate, key=key, insecure=insecure
    )  # fmt: skip
    check_filter(topic)
    _check(client_id, clean_start, session_expiry, group, parts, qos, version)
    session = Session(
        topic=topic if group is None else shared(topic, group),
        qos=qos,
        version=version,
        client_id=client_id or f"flowedge-{uuid4().hex[:16]}",
        clean_start=clean_start,
        expiry=session_expiry,
    )
    notify = on_notice or _log
    inbox = Inbox(limits or Limits(), parts=parts, notify=notify)
    connection = Connection(address, Credentials(address, access), session, inbox, notify)
    inbox.on_done = connection.wake
    for warning in warnings_of(address, access):
        notify("warning", warning)
    connection.start()
    return Subscription(inbox, connection, timeout)


def _check(
    client_id: str | None,
    clean_start: bool,
    session_expiry: int,
    group: str | None,
    parts: bool,
    qos: int,
    version: str,
) -> None:
    if client_id is None and not clean_start:
        raise UsageError("clean_start: the broker keeps messages for a name; give a client_id as well")
    if group is not None and not parts:
        raise UsageError("group: the parts of a window may go to different members; give parts=True as well")
    if not 0 <= session_expiry <= MAX_EXPIRY:
        raise UsageError(f"session_expiry: must be 0 to {MAX_EXPIRY} seconds")
    if qos not in (0, 1):
        raise UsageError("qos: must be 0 or 1")
    if version not in ("5", "3.1.1"):
        raise UsageError("version: must be 5 or 3.1.1")


def _log(level: str, text: str) -> None:
    logging.getLogger("flowedge").log(logging.getLevelNamesMapping()[level.upper()], "%s", text)
