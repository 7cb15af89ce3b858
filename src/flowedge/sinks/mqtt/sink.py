"""Edge lists to an MQTT broker."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from socket import gethostname
from typing import Any

from flowedge.codec import CONTENT_TYPES, MAX_PARTS, SCHEMA, Encoder, MetaMessage, StatsMessage, StatusMessage
from flowedge.edges import EdgeList
from flowedge.errors import EdgeTooLargeError, UsageError
from flowedge.mqtt_connection import Access, Credentials, parse_address, warnings_of
from flowedge.notices import Notices, Notify
from flowedge.sinks.mqtt.connection import Connection, ConnectOptions
from flowedge.sinks.mqtt.publisher import Greetings, Publisher, PublisherCounters
from flowedge.sinks.mqtt.settings import MqttSettings
from flowedge.sinks.mqtt.topics import Topics, checked_name, safe_name
from flowedge.sinks.mqtt.unfinished import UnfinishedWindow
from flowedge.spool import Spool, SpoolCounters, WindowKey
from flowedge.spool.lazy import LazySequence
from flowedge.spool.message import Message
from flowedge.spool.spool import MEMORY_OCTETS

CLOSE_SECONDS = 2.0
PATIENCE_SECONDS = 30.0
LOOK_SECONDS = 0.01
NO_SPOOL = SpoolCounters(0, 0, 0, 0.0, 0, 0, 0, 0, 0, False)
COUNTS_OCTETS = 1024
"""room in each message for the window's `drop`, which is known at its end alone"""

_Window = tuple[str, int]
"""interface and seq"""


@dataclass(frozen=True)
class MqttCounters:
    """Since the sink was opened."""

    publisher: PublisherCounters
    spool: SpoolCounters
    rejected_edges: int
    """larger than a message may be"""
    lost_windows: int
    """larger than the spool, or in too many parts, or their parts found no room on the disk"""


class MqttSink:
    """Publishes edge lists, part by part; an EdgeSink.

    A window is in the spool when end_window() returns. A thread of its own publishes it, now or when the broker is
    back; nothing here waits for the network but close().
    """

    def __init__(
        self,
        settings: MqttSettings,
        *,
        boot: str,
        version: str,
        meta: MetaMessage,
        notify: Notify,
        patient: Callable[[], bool] = lambda: False,
    ) -> None:
        """Checks the settings and opens nothing. Raises UsageError, PermissionDeniedError.

        boot     identity of this run of the agent
        version  flowedge's
        meta     what the edge lists are made of
        notify   takes a level and a sentence, from any thread; never a password
        patient  whether to wait, before the spool is full and at the end, as long as the broker takes any: a replay can
        """
        self._settings = settings
        self._patient = patient
        self._gave_up_at: int | None = None  # acknowledged messages when waiting was of no use
        self._address = parse_address(settings.url)
        access = Access(
            user=settings.user,
            password_file=settings.password_file,
            ca=settings.ca,
            certificate=settings.certificate,
            key=settings.key,
            insecure=settings.insecure,
        )
        self._credentials = Credentials(self._address, access)
        if settings.password_file and not settings.user:
            raise UsageError("mqtt.password_file is of no use without mqtt.user")
        self._topics = Topics(
            checked_name("mqtt.site", settings.site), checked_name("mqtt.node", settings.node or gethostname())
        )
        self._boot = boot
        self._notify = notify
        self._notices = Notices(notify)
        self._greetings = self._made_greetings(version, meta)
        self._encoder = Encoder(settings.encoding, settings.compress, settings.precision)
        self._windows: dict[_Window, UnfinishedWindow] = {}
        self._spool: Spool | None = None
        self._publisher: Publisher | None = None
        self._closing: MqttCounters | None = None
        self._rejected_edges = 0
        self._lost_windows = 0
        for warning in warnings_of(self._address, access):
            notify("warning", warning)

    def add_piece(self, piece: EdgeList) -> None:
        """Encodes a piece of a window that is not final yet, and keeps it."""
        if len(piece):
            self._encode(piece)

    def end_window(self, last: EdgeList) -> None:
        """Puts a window into the spool: this piece of it, after those that came before."""
        key = last.iface, last.seq
        if len(last) or key not in self._windows:
            self._encode(last)
        window = self._windows.pop(key)
        try:
            spool, publisher = self._opened()
            self._complete(window, last)
            self._put(spool, window, last)
        finally:
            window.close()
        publisher.wake()
        self._wait(lambda: spool.counters().octets <= self._room / 2)

    def abandon(self) -> None:
        """Forgets the pieces of windows that are not final."""
        while self._windows:
            self._windows.popitem()[1].close()

    def publish_stats(self, iface: str, stats: StatsMessage) -> None:
        """Sends counters, if there is a connection just now."""
        if self._publisher is not None:
            self._publisher.publish_stats(self._topics.stats(safe_name(iface)), stats.to_json())

    def tick(self) -> None:
        """Connects, if that has not begun."""
        self._opened()

    def reopen(self) -> None:
        """Opens the spool if that has not been done, as whoever the agent is now. Raises SpoolError."""
        self._opened_spool()

    def close(self, budget: float = CLOSE_SECONDS) -> None:
        """Gives the broker so many seconds to take what waits, says goodbye, and leaves the rest in the spool."""
        self.abandon()
        if self._publisher is not None:
            self._wait(lambda: self.counters().spool.messages == 0)
            self._publisher.stop(budget)
        if self._spool is not None:
            self._closing = self.counters()
            self._spool.close()

    def counters(self) -> MqttCounters:
        """Any thread may ask, also after close(). Those of the spool are 0 until it is open."""
        if self._closing is not None:
            return self._closing
        publisher = PublisherCounters() if self._publisher is None else self._publisher.counters()
        spool = NO_SPOOL if self._spool is None else self._spool.counters()
        return MqttCounters(publisher, spool, self._rejected_edges, self._lost_windows)

    @property
    def _room(self) -> int:
        """Octets that the spool holds."""
        size = self._settings.spool_size
        return size if self._settings.spool else min(size, MEMORY_OCTETS)

    def _wait(self, enough: Callable[[], bool]) -> None:
        """Until there is enough, or the broker has taken nothing for a while; then not again before it takes some."""
        acknowledged, give_up_at = -1, 0.0
        while self._patient() and not enough():
            now, counters = time.monotonic(), self.counters().publisher
            if counters.acknowledged == self._gave_up_at:
                return
            if counters.acknowledged != acknowledged:
                acknowledged, give_up_at = counters.acknowledged, now + PATIENCE_SECONDS
            elif now >= give_up_at:
                self._gave_up_at = acknowledged
            time.sleep(LOOK_SECONDS)

    def _encode(self, piece: EdgeList) -> None:
        key = piece.iface, piece.seq
        window = self._windows.get(key)
        if window is None:
            folder = os.path.dirname(os.path.abspath(self._settings.spool)) if self._settings.spool else None
            window = self._windows[key] = UnfinishedWindow(folder, self._room)
        room = self._settings.max_payload - COUNTS_OCTETS
        try:
            for body in self._encoder.bodies(self._named(piece), room, self._refuse):
                window.append(body)
        except BaseException:  # a sink that raises gives up the window, and is not asked to forget it
            self._windows.pop(key).close()
            raise

    def _complete(self, window: UnfinishedWindow, last: EdgeList) -> None:
        """A window has a message, also if none of its edges has."""
        if not len(window) and not window.problem:
            window.append(self._encoder.body(self._named(last.rows(0, 0))))

    def _put(self, spool: Spool, window: UnfinishedWindow, last: EdgeList) -> None:
        problem = window.problem
        if len(window) > MAX_PARTS:
            problem = f"it has more than {MAX_PARTS} parts; raise mqtt.max_payload or shorten the window"
        if not problem:
            try:
                spool.add_window(WindowKey(last.iface, last.seq, last.end_ns), self._messages(window, last))
            except OSError as error:
                problem = f"its parts cannot be read from the disk: {error.strerror}"
        if problem:
            self._lost_windows += 1
            counted = f"; {self._lost_windows} windows lost so far"
            self._notices.tell("lost", "error", f"{last.iface}: a window cannot be sent: {problem}{counted}")

    def _messages(self, window: UnfinishedWindow, last: EdgeList) -> Sequence[Message]:
        head = self._named(replace(last.rows(0, 0), parts=len(window)))
        topic = self._topics.edges(head.iface)

        def message(place: int) -> Message:
            part = replace(head, part=place + 1)
            return topic, self._encoder.message(part, window.body(place)), self._properties(part)

        lazy = LazySequence(message, len(window))
        return list(lazy) if window.in_memory else lazy

    def _properties(self, part: EdgeList) -> Mapping[str, Any]:
        """See Connection.publish(); they are for brokers and tools, no reader needs them."""
        user = {
            "schema": SCHEMA,
            "node": part.node,
            "boot": part.boot,
            "seq": str(part.seq),
            "part": str(part.part),
            "parts": str(part.parts),
        }
        if self._settings.compress:
            user["content-encoding"] = "deflate"
        is_text = self._settings.encoding == "json" and not self._settings.compress
        return {"content_type": CONTENT_TYPES[self._settings.encoding], "text": is_text, "user": user}

    def _named(self, edges: EdgeList) -> EdgeList:
        """As topics have it."""
        return replace(edges, site=self._topics.site, node=self._topics.node, iface=safe_name(edges.iface))

    def _refuse(self, error: EdgeTooLargeError) -> None:
        self._rejected_edges += 1
        self._notices.tell("edge", "error", f"{error}; it is left out, {self._rejected_edges} so far")

    def _opened_spool(self) -> Spool:
        if self._spool is None:
            self._spool = Spool(
                self._settings.spool or None,
                boot=self._boot,
                notify=self._notify,
                max_octets=self._room,
            )
        return self._spool

    def _opened(self) -> tuple[Spool, Publisher]:
        spool = self._opened_spool()
        if self._publisher is None:
            self._publisher = Publisher(
                spool, self._connect, self._greetings, inflight=self._settings.inflight, notices=self._notices
            )
            self._publisher.start()
        return spool, self._publisher

    def _connect(self) -> Connection:
        self._credentials.refresh()
        options = ConnectOptions(
            address=self._address,
            credentials=self._credentials,
            client_id=f"flowedge:{self._topics.site}:{self._topics.node}",
            version=self._settings.version,
            keepalive=max(1, round(self._settings.keepalive)),
            will=(self._greetings.status_topic, self._greetings.offline),
            expiry=round(self._settings.expiry),
        )
        return Connection(options)

    def _made_greetings(self, version: str, meta: MetaMessage) -> Greetings:
        online = StatusMessage(state="online", boot=self._boot, since=time.time_ns(), version=version)
        return Greetings(
            status_topic=self._topics.status,
            online=online.to_json(),
            offline=replace(online, state="offline").to_json(),
            meta_topic=self._topics.meta,
            meta=meta.to_json(),
        )
