"""Edge lists from the settings of a configuration: windows, files, MQTT."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from socket import gethostname
from typing import Any

from flowedge.codec import SCHEMA, ColumnInfo, MetaMessage, StatsMessage
from flowedge.columns import COLUMNS, Column
from flowedge.config import Configuration, EdgeSettings
from flowedge.config import MqttSettings as ConfiguredMqtt
from flowedge.edges import EdgeList
from flowedge.errors import UsageError
from flowedge.pipeline.counters import LiveCounters
from flowedge.sinks.day_retention import DayRetention
from flowedge.sinks.edge_files import EDGE_NAMES, EdgeFiles
from flowedge.sinks.edge_sink import EdgeSink
from flowedge.sinks.mqtt import MqttSettings, MqttSink
from flowedge.sinks.windowing import Windowing
from flowedge.sources import PacketSource
from flowedge.surroundings import Surroundings
from flowedge.windows import FEATURES, Observer, WindowSettings, native_windows

NANOSECONDS = 10**9  # in a second

CountersBySource = Callable[[], Mapping[str, LiveCounters]]


@dataclass(frozen=True)
class EdgeOutputs:
    """The sink of the pipeline that makes edge lists, and the broker that some go to."""

    windowing: Windowing
    mqtt: MqttSink | None

    def counters(self) -> dict[str, Any]:
        """For Capture.stats()."""
        windowing = self.windowing
        told = {name: getattr(windowing, name) for name in ("windows", "edges", "windows_lost", "late")}
        return {"edges": told, "mqtt": None if self.mqtt is None else asdict(self.mqtt.counters())}


def open_edges(
    configuration: Configuration,
    surroundings: Surroundings,
    sources: Sequence[PacketSource],
    counters: CountersBySource,
) -> EdgeOutputs:
    """What makes edge lists, and who gets them.

    counters  what is told of them with each window
    Raises UsageError, SinkError.
    """
    edges, mqtt = configuration.edges, configuration.mqtt
    workers = Counter(source.name for source in sources)
    settings = _window_settings(configuration)
    sinks: list[EdgeSink] = []
    publisher = None
    if mqtt.url:
        can_wait = all(source.waits for source in sources)
        publisher = _publisher(
            configuration,
            settings,
            surroundings,
            [*workers],
            patient=lambda: can_wait and not surroundings.stopping.is_set(),
        )
        sinks += [publisher, WindowStats(publisher, surroundings.boot, counters)]
    if edges.files:
        sinks.append(_files(edges, surroundings))
    observer = Observer(mqtt.site, mqtt.node or gethostname(), surroundings.boot)
    return EdgeOutputs(Windowing(sinks, settings, observer, workers), publisher)


def _window_settings(configuration: Configuration) -> WindowSettings:
    edges = configuration.edges
    if edges.assign == "start" and not configuration.flows.max_duration:
        raise UsageError("assign: start needs --max-duration: a window waits until its longest flow has ended")
    settings = WindowSettings(
        window_ns=int(edges.window * NANOSECONDS),
        assign=edges.assign,
        kind=edges.kind,
        subnets=edges.nodes == "subnet",
        v4_prefix=edges.v4_prefix,
        v6_prefix=edges.v6_prefix,
        columns=edges.columns or FEATURES,
    )
    try:
        native_windows(settings)
    except ValueError as error:
        raise UsageError(f"edge_{error}") from error
    return settings


def check_edges(configuration: Configuration) -> None:
    """Raises UsageError or PermissionDeniedError for what open_edges() would refuse; opens nothing."""
    if not configuration.edges.files and not configuration.mqtt.url:
        return
    settings = _window_settings(configuration)
    if configuration.mqtt.url:
        _publisher(configuration, settings, Surroundings(notify=lambda level, text: None), ())


def _files(edges: EdgeSettings, surroundings: Surroundings) -> EdgeFiles:
    retention = DayRetention(
        edges.files,
        EDGE_NAMES,
        notice=surroundings.warn,
        max_octets=edges.keep_size or None,
        max_age=float(edges.keep_age) or None,
    )
    return EdgeFiles(
        edges.files,
        edges.format,
        notice=surroundings.warn,
        fsync=edges.fsync,
        owner=surroundings.owner,
        retention=retention,
    )


def _publisher(
    configuration: Configuration,
    windows: WindowSettings,
    surroundings: Surroundings,
    interfaces: Sequence[str],
    *,
    patient: Callable[[], bool] = lambda: False,
) -> MqttSink:
    flows = configuration.flows
    meta = MetaMessage(
        schema=SCHEMA,
        mode=flows.mode,
        names="netflower",
        columns=tuple(_edge_columns(windows)),
        window_ns=windows.window_ns,
        kind=windows.kind,
        interfaces=tuple(interfaces),
    )
    return MqttSink(
        _mqtt_settings(configuration.mqtt),
        boot=surroundings.boot,
        version=version("flowedge"),
        meta=meta,
        notify=surroundings.notify,
        patient=patient,
    )


_ENDS = [ColumnInfo(name=name, type="<u4", unit="node") for name in ("src", "dst")]
_SUMS = [
    ColumnInfo(name="flow_count", type="<u8", unit="flows"),
    ColumnInfo(name="tot_fwd_pkts", type="<u8", unit="packets"),
    ColumnInfo(name="tot_bwd_pkts", type="<u8", unit="packets"),
    ColumnInfo(name="totlen_fwd_pkts", type="<u8", unit="bytes"),
    ColumnInfo(name="totlen_bwd_pkts", type="<u8", unit="bytes"),
    ColumnInfo(name="first_ns", type="<i8", unit="nanoseconds"),
    ColumnInfo(name="last_ns", type="<i8", unit="nanoseconds"),
]
_SETS = [
    ColumnInfo(name="protocols", type="<u1[]", unit="number"),
    ColumnInfo(name="server_ports", type="<u2[]", unit="number"),
    ColumnInfo(name="server_port_count", type="<u4", unit="number"),
]
_SERVICE = [
    ColumnInfo(name="protocol", type="<u1", unit="number"),
    ColumnInfo(name="server_port", type="<u2", unit="number"),
]
_OF_EVERY_FLOW = ("src_port", "dst_port", "protocol", "first_ns", "last_ns", "end_reason")
_COLUMNS = {column.name: column for column in COLUMNS}


def _edge_columns(windows: WindowSettings) -> list[ColumnInfo]:
    """Those of the edge lists, with the widest type that each may have."""
    if windows.kind == "pair":
        return [*_ENDS, *_SUMS, *_SETS]
    if windows.kind == "service":
        return [*_ENDS, *_SERVICE, *_SUMS]
    names = (*_OF_EVERY_FLOW, *(name for name in windows.columns if name not in _OF_EVERY_FLOW))
    return [*_ENDS, *(_flow_column(_COLUMNS[name]) for name in names)]


def _flow_column(column: Column) -> ColumnInfo:
    return ColumnInfo(name=column.name, type=f"<{str(column.numpy_format).lstrip('=')}", unit=column.unit)


def _mqtt_settings(mqtt: ConfiguredMqtt) -> MqttSettings:
    values = {name: getattr(mqtt, name) for name in MqttSettings.__dataclass_fields__}
    return replace(MqttSettings(**values), expiry=float(mqtt.expiry), keepalive=float(mqtt.keepalive))


class WindowStats:
    """Publishes the counters of an interface with each of its windows; an EdgeSink."""

    def __init__(self, publisher: MqttSink, boot: str, counters: CountersBySource) -> None:
        self._publisher = publisher
        self._boot = boot
        self._counters = counters

    def add_piece(self, piece: EdgeList) -> None:
        """Nothing to tell yet."""

    def end_window(self, last: EdgeList) -> None:
        counters = self._counters()[last.iface]
        mqtt = self._publisher.counters()
        spool = mqtt.spool
        stats = StatsMessage(
            boot=self._boot,
            seq=last.seq,
            received=counters.received,
            dropped={"kernel": counters.kernel_dropped, "interface": counters.interface_dropped},
            skipped=counters.skipped,
            evicted=counters.evicted,
            open_flows=counters.open_flows,
            spool={
                "messages": spool.messages,
                "octets": spool.octets,
                "age_ns": int(spool.oldest_seconds * NANOSECONDS),
                "dropped": spool.dropped_windows,
            },
            rejected=spool.rejected_messages + mqtt.rejected_edges,
        )
        self._publisher.publish_stats(last.iface, stats)

    def abandon(self) -> None:
        """Nothing is kept."""

    def tick(self) -> None:
        """Nothing is due by the clock."""

    def reopen(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """The publisher closes itself."""
