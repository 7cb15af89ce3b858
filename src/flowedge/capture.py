"""The way in for programs that capture: packets as they come, flows to callbacks and files."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from flowedge._core import FlowBatch, FlowEngine, FlowSaver
from flowedge.config import Configuration, RowSettings, flow_options, with_settings
from flowedge.errors import UsageError
from flowedge.pipeline.engines import make_engine
from flowedge.pipeline.live import BATCH_SIZE, Limits, LivePipeline
from flowedge.pipeline.writer import Notify
from flowedge.sinks import LiveSettings, LiveSink, open_live_sink
from flowedge.sinks.callback import BatchCallback, FlowCallback
from flowedge.sinks.parts import COMPLETE_NAMES
from flowedge.sinks.retention import Retention
from flowedge.sinks.saved import SAVED_NAMES, SavedPackets, make_folder
from flowedge.sources import PacketSource
from flowedge.sources.link import LinkSettings
from flowedge.sources.live import open_link_sources
from flowedge.sources.replay import ReplaySource

OnFlow = Callable[[dict[str, int | float | str]], object]
OnBatch = Callable[[str, FlowBatch], object]
Callback = FlowCallback | BatchCallback

SNAPLEN = 256  # octets: Ethernet with tags, IPv6 with extension headers, TCP with options
SNAPLEN_OF_TUNNELS = 512
SNAPLEN_OF_ALL = 262144
MODES_OF_WHOLE_FRAMES = ("cicflowmeter", "engelen")  # they count captured octets, as their programs do


@dataclass(frozen=True)
class Replay:
    """A capture file in place of interfaces."""

    path: str
    speed: float | None = None
    """1: as fast as it was captured; None: as fast as possible"""


@dataclass(frozen=True)
class Surroundings:
    """What an agent adds to a capture."""

    notify: Notify
    owner: tuple[int, int] | None = None
    """user and group who get what is made"""
    sockets: Callable[[], AbstractContextManager[None]] = nullcontext
    """is entered wherever a packet socket is opened"""


class ConfiguredCapture:
    """A capture with all that a configuration says: opened, started, stopped, once.

    callbacks  sinks beside those of the configuration
    replay     is played in place of the configured interfaces
    """

    def __init__(
        self,
        configuration: Configuration,
        surroundings: Surroundings,
        *,
        callbacks: Sequence[Callback] = (),
        replay: Replay | None = None,
    ) -> None:
        if replay is None and not configuration.capture.interfaces:
            raise UsageError("interfaces: give at least one; `flowedge interfaces` lists them")
        self._configuration = configuration
        self._surroundings = surroundings
        self._callbacks = callbacks
        self._replay = replay
        self._selection = self._engine().selection  # says at once what is wrong with the options
        self._savers: list[FlowSaver] = []
        self._sources: list[PacketSource] = []
        self._saved: SavedPackets | None = None
        self._rows: list[LiveSink] = []
        self._pipeline: LivePipeline | None = None
        self.stopping = False
        """the end has been asked for"""

    @property
    def what(self) -> str:
        """What is captured, for people: "eth0, eth1"."""
        return self._replay.path if self._replay else ", ".join(self._configuration.capture.interfaces)

    @property
    def problems(self) -> Sequence[BaseException]:
        """What ended a source before its time."""
        return self._pipeline.problems if self._pipeline else ()

    def open(self) -> None:
        """Opens interfaces and outputs. Raises FlowedgeError, and then nothing stays open."""
        with ExitStack() as opened:
            opened.callback(self.close)
            self._open_saved()
            self._sources.extend(self._open_sources())
            self._rows.extend(self._open_rows(self._configuration.rows))
            opened.pop_all()

    def check_outputs(self) -> None:
        """Raises SinkError if this user, who may have been another at open(), cannot go on with the outputs."""
        for sink in self._sinks():
            sink.reopen()

    def start(self) -> None:
        """Begins to take packets."""
        limits = Limits(self._configuration.capture.packets, self._configuration.capture.flows)
        self._pipeline = LivePipeline(self._sources, self._sinks(), notify=self._surroundings.notify, limits=limits)
        self._pipeline.start()

    def request_stop(self) -> None:
        """Asks for the end and does not wait for it: what was received becomes flows, and every flow is put out."""
        self.stopping = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def join(self, seconds: float | None = None) -> bool:
        """Waits for the end; False if it has not come within the time."""
        return self._pipeline is None or self._pipeline.join(seconds)

    def close(self) -> None:
        """Closes what was opened, if it was never started: a started capture closes by itself at its end."""
        if self._pipeline is None:
            for source in self._sources:
                source.close()
            for sink in self._sinks():
                sink.close()
        self._sources, self._rows, self._saved = [], [], None

    def reopen(self) -> None:
        """Has outputs begin new files: somebody moved the old ones."""
        if self._pipeline is not None:
            self._pipeline.reopen()

    def replace_rows(self, rows: RowSettings) -> None:
        """Puts out rows by other settings from now on. Raises FlowedgeError, and then all stays as it is."""
        self._rows = self._open_rows(rows)
        if self._pipeline is not None:
            self._pipeline.reopen(self._sinks())

    def stats(self) -> dict[str, Any]:
        """The counters of LiveCounters, and `callback_errors`, `unsaved_packets`."""
        counters = {} if self._pipeline is None else asdict(self._pipeline.counters())
        return {
            **counters,
            "callback_errors": sum(callback.errors for callback in self._callbacks),
            "unsaved_packets": 0 if self._saved is None else self._saved.unsaved,
        }

    def _sinks(self) -> list[LiveSink]:
        saved: list[LiveSink] = [] if self._saved is None else [self._saved]
        return [*self._rows, *self._callbacks, *saved]

    def _engine(self) -> FlowEngine:
        options = flow_options(self._configuration.flows)
        if self._replay is not None:  # the kernel does it for an interface
            options["filter"] = self._configuration.capture.filter or None
        return make_engine(options, batch_size=BATCH_SIZE)

    def _open_sources(self) -> list[PacketSource]:
        if self._replay is not None:
            return [ReplaySource(self._replay.path, self._engine(), speed=self._replay.speed, saver=self._saver())]
        with ExitStack() as opened:
            sources: list[PacketSource] = []
            for interface in self._configuration.capture.interfaces:
                for source in self._open_interface(interface):
                    opened.callback(source.close)
                    sources.append(source)
            opened.pop_all()
        return sources

    def _open_interface(self, interface: str) -> Sequence[PacketSource]:
        capture = self._configuration.capture
        settings = LinkSettings(
            snaplen=self._snaplen(),
            buffer_size=capture.buffer_size,
            promiscuous=capture.promiscuous,
            direction=capture.direction,
            timestamp_type=capture.timestamp_type or None,
            filter=capture.filter or None,
        )
        return open_link_sources(
            interface,
            capture.fanout,
            self._engine,
            settings,
            make_saver=self._saver,
            opening=self._surroundings.sockets,
            on_notice=self._surroundings.notify,
        )

    def _snaplen(self) -> int:
        if self._configuration.capture.snaplen:
            return self._configuration.capture.snaplen
        if self._configuration.packets.save_pcap or self._configuration.flows.mode in MODES_OF_WHOLE_FRAMES:
            return SNAPLEN_OF_ALL
        return SNAPLEN_OF_TUNNELS if self._configuration.flows.decapsulate else SNAPLEN

    def _saver(self) -> FlowSaver | None:
        folder = self._configuration.packets.save_pcap
        if not folder:
            return None
        saver = FlowSaver(folder, snaplen=self._snaplen())
        self._savers.append(saver)
        return saver

    def _open_saved(self) -> None:
        packets = self._configuration.packets
        if not packets.save_pcap:
            return
        make_folder(packets.save_pcap, self._surroundings.owner)
        retention = Retention(
            packets.save_pcap,
            SAVED_NAMES,
            notice=self._warn,
            max_octets=packets.save_pcap_size or None,
            max_age=float(packets.save_pcap_age) or None,
        )
        self._saved = SavedPackets(packets.save_pcap, self._savers, retention)

    def _open_rows(self, rows: RowSettings) -> list[LiveSink]:
        with ExitStack() as opened:
            sinks = []
            for form, target in (("csv", rows.csv), ("jsonl", rows.jsonl)):
                if target:
                    sinks.append(open_live_sink(target, form, self._selection, self._live_settings(target, rows)))
                    opened.callback(sinks[-1].close)
            opened.pop_all()
        return sinks

    def _live_settings(self, target: str, rows: RowSettings) -> LiveSettings:
        return LiveSettings(
            notice=self._warn,
            fsync=rows.fsync,
            owner=self._surroundings.owner,
            rotate_interval=float(rows.rotate_interval) or None,
            rotate_size=rows.rotate_size or None,
            retention=Retention(
                target,
                COMPLETE_NAMES,
                notice=self._warn,
                max_octets=rows.keep_size or None,
                max_age=float(rows.keep_age) or None,
            ),
        )

    def _warn(self, text: str) -> None:
        self._surroundings.notify("warning", text)


class Capture(ConfiguredCapture):
    """Captures interfaces, in threads of its own.

        with flowedge.Capture("eth0", on_batch=print) as capture:
            time.sleep(60)
        print(capture.stats())

    interfaces  a name, or several
    on_flow     takes each flow, as a dict of the selected columns
    on_batch    takes the interface's name and a FlowBatch, about five times a second while flows end
    settings    any setting of the configuration by its name, such as idle_timeout=30, csv="flows/", filter="tcp";
                docs/configuration.md lists them

    Both functions are called from one other thread. One that raises is reported once, counted, and does not stop the
    capture. What there is to say is logged by the logger "flowedge". Raises UsageError; start() raises
    InterfaceError, PermissionDeniedError and SinkError.
    """

    def __init__(
        self,
        interfaces: str | Sequence[str],
        *,
        on_flow: OnFlow | None = None,
        on_batch: OnBatch | None = None,
        **settings: object,
    ) -> None:
        names = [interfaces] if isinstance(interfaces, str) else list(interfaces)
        callbacks: list[Callback] = []
        if on_flow is not None:
            callbacks.append(FlowCallback(on_flow, _log_error))
        if on_batch is not None:
            callbacks.append(BatchCallback(on_batch, _log_error))
        super().__init__(
            with_settings(Configuration(), {**settings, "interfaces": names}),
            Surroundings(notify=_log),
            callbacks=callbacks,
        )

    def start(self) -> None:
        self.open()
        super().start()

    def stop(self) -> None:
        """Ends the capture and waits until everything received has been put out. Raises what ended it before."""
        self.request_stop()
        self.join()
        for problem in self.problems:
            raise problem

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()


def _log(level: str, text: str) -> None:
    logging.getLogger("flowedge").log(logging.getLevelNamesMapping()[level.upper()], "%s", text)


def _log_error(text: str) -> None:
    _log("error", text)
