"""The way in for programs that capture: packets as they come, flows to callbacks and files."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flowedge._core import FlowBatch
from flowedge.config import SETTINGS, Configuration, RowSettings, with_settings
from flowedge.errors import FlowedgeError, SinkError, UsageError
from flowedge.inputs import Replay, engine_of, open_sources
from flowedge.outputs import SavingFolder, open_rows
from flowedge.pipeline.counters import LiveCounters
from flowedge.pipeline.live import Limits, LivePipeline
from flowedge.sinks import LiveSink
from flowedge.sinks.callback import BatchCallback, FlowCallback
from flowedge.sinks.saved import SavedPackets
from flowedge.sources import PacketSource
from flowedge.surroundings import Surroundings

if TYPE_CHECKING:
    from flowedge.edge_outputs import EdgeOutputs
    from flowedge.metrics import MetricsServer

OnFlow = Callable[[dict[str, int | float | str]], object]
OnBatch = Callable[[str, FlowBatch], object]
Callback = FlowCallback | BatchCallback

COMMAND_SETTINGS = {"user", *(setting.name for setting in SETTINGS if setting.section == "log")}
"""Settings that the agent obeys, and a capture knows nothing of."""


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
        self._selection = engine_of(configuration, replay).selection  # says at once what is wrong with the options
        self._sources: Sequence[PacketSource] = ()
        self._saved: SavedPackets | None = None
        self._rows: Sequence[LiveSink] = ()
        self._edges: EdgeOutputs | None = None
        self._metrics: MetricsServer | None = None
        self._pipeline: LivePipeline | None = None

    @property
    def what(self) -> str:
        """What is captured, for people: "eth0, eth1"."""
        return self._replay.path if self._replay else ", ".join(self._configuration.capture.interfaces)

    @property
    def output_closed(self) -> bool:
        """Whoever read the output has gone: that ends a capture, and is no error."""
        return self._pipeline is not None and self._pipeline.output_closed

    @property
    def problems(self) -> Sequence[BaseException]:
        """What ended a source before its time."""
        return self._pipeline.problems if self._pipeline else ()

    def open(self) -> None:
        """Opens interfaces and outputs. Raises FlowedgeError, and then nothing stays open."""
        saving = SavingFolder(self._configuration, self._surroundings)
        with ExitStack() as opened:
            opened.callback(self.close)
            self._sources = open_sources(self._configuration, self._replay, self._surroundings, saving.saver)
            self._saved = saving.sink()
            self._rows = open_rows(self._configuration.rows, self._selection, self._surroundings)
            self._edges = self._opened_edges()
            opened.pop_all()

    def check_outputs(self) -> None:
        """Raises SinkError if this user, who may have been another at open(), cannot go on with the outputs."""
        for sink in self._sinks():
            sink.reopen()

    def start(self) -> None:
        """Begins to take packets."""
        if self._pipeline is not None:
            raise UsageError("a capture is started once; make another")
        self._metrics = self._served_metrics()
        ends = self._configuration.capture
        limits = Limits(ends.packets, ends.flows, float(ends.duration))
        self._pipeline = LivePipeline(
            self._sources,
            self._sinks(),
            notify=self._surroundings.notify,
            limits=limits,
            marks=self._edges is not None,
            marks_oldest_start=self._edges is not None and self._configuration.edges.assign == "start",
        )
        self._pipeline.start()

    def request_stop(self) -> None:
        """Asks for the end and does not wait for it: what was received becomes flows, and every flow is put out."""
        self._surroundings.stopping.set()
        if self._pipeline is not None:
            self._pipeline.stop()

    def join(self, seconds: float | None = None) -> bool:
        """Waits for the end; False if it has not come within the time."""
        ended = self._pipeline is None or self._pipeline.join(seconds)
        if ended:
            self._stop_serving()
        return ended

    def close(self) -> None:
        """Closes what was opened, if it was never started: a started capture closes by itself at its end."""
        if self._pipeline is None:
            for source in self._sources:
                source.close()
            for sink in self._sinks():
                sink.close()
        self._stop_serving()
        self._sources, self._rows, self._saved, self._edges = (), (), None, None

    def reopen(self) -> None:
        """Has outputs begin new files, soon: somebody moved the old ones."""
        if self._pipeline is not None:
            self._pipeline.exchange(self._reopened)

    def replace_rows(self, rows: RowSettings) -> None:
        """Puts out rows by other settings, soon; what is wrong with them is told, and the old ones stay."""
        if self._pipeline is not None:
            self._pipeline.exchange(lambda sinks: self._with_rows(rows, sinks))

    def _reopened(self, sinks: list[LiveSink]) -> list[LiveSink]:
        for sink in sinks:
            self._telling(sink.reopen)
        return sinks

    def _with_rows(self, rows: RowSettings, sinks: list[LiveSink]) -> list[LiveSink]:
        """The old ones are closed first, for the new ones may write to the same files."""
        others = [sink for sink in sinks if sink not in self._rows]
        for sink in self._rows:
            self._telling(sink.close)
        try:
            self._rows = open_rows(rows, self._selection, self._surroundings)
        except FlowedgeError as error:
            self._surroundings.notify("error", f"rows go on to where they went: {error}")
            self._reopened([*self._rows])
        return [*self._rows, *others]

    def _telling(self, action: Callable[[], None]) -> None:
        try:
            action()
        except (OSError, SinkError) as error:
            self._surroundings.notify("error", str(error))

    def stats(self) -> dict[str, Any]:
        """The counters: those of LiveCounters, and

        callback_errors, unsaved_packets
        interfaces       LiveCounters by interface, or by the name of the capture that is replayed
        edges            windows, edges, windows_lost, late; None without edge lists
        mqtt             those of MqttCounters; None without MQTT
        """
        by_source = self._counters_by_source()
        return {
            **asdict(sum(by_source.values(), LiveCounters())),
            "callback_errors": sum(callback.errors for callback in self._callbacks),
            "unsaved_packets": 0 if self._saved is None else self._saved.unsaved,
            "interfaces": {name: asdict(counters) for name, counters in by_source.items()},
            **({"edges": None, "mqtt": None} if self._edges is None else self._edges.counters()),
        }

    def _opened_edges(self) -> "EdgeOutputs | None":
        if not (self._configuration.edges.files or self._configuration.mqtt.url):
            return None
        from flowedge.edge_outputs import open_edges  # with all that MQTT needs: some 10 MB

        return open_edges(self._configuration, self._surroundings, self._sources, self._counters_by_source)

    def _served_metrics(self) -> "MetricsServer | None":
        if not self._configuration.metrics.listen:
            return None
        from flowedge.metrics import serve_metrics

        return serve_metrics(self._configuration.metrics.listen, self.stats)

    def _stop_serving(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    def _counters_by_source(self) -> Mapping[str, LiveCounters]:
        return {} if self._pipeline is None else self._pipeline.counters_by_source()

    def _sinks(self) -> list[LiveSink]:
        saved: list[LiveSink] = [] if self._saved is None else [self._saved]
        edges: list[LiveSink] = [] if self._edges is None else [self._edges.windowing]
        return [*self._rows, *self._callbacks, *saved, *edges]


class Capture(ConfiguredCapture):
    """Captures interfaces, in threads of its own.

        with flowedge.Capture("eth0", on_batch=print) as capture:
            time.sleep(60)
        print(capture.stats())

    interfaces  a name, or several
    on_flow     takes each flow, as a dict of the selected columns
    on_batch    takes the interface's name and a FlowBatch, about five times a second while flows end
    settings    any setting of the configuration by its name, such as idle_timeout=30, csv="flows/", filter="tcp";
                docs/configuration.md lists them. Not those of the command alone: user, and how it says what

    Both functions are called from one other thread. One that raises is reported once, counted, and does not stop the
    capture. What there is to say is logged by the logger "flowedge". A capture runs until it is stopped, also when
    nothing refers to it any more. Raises UsageError; start() raises InterfaceError, PermissionDeniedError, SinkError.
    """

    def __init__(
        self,
        interfaces: str | Sequence[str],
        *,
        on_flow: OnFlow | None = None,
        on_batch: OnBatch | None = None,
        **settings: object,
    ) -> None:
        for name in settings.keys() & COMMAND_SETTINGS:
            raise UsageError(f"{name}: is a setting of the command alone")
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
        """Opens interfaces and outputs, and begins to take packets."""
        if self._pipeline is None:
            self.open()
        super().start()

    def stop(self) -> None:
        """Ends the capture and waits until everything received has been put out, unless a callback calls it.

        Raises what ended it before: a callback's SystemExit, say.
        """
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
