"""The settings: each is a field here, and whatever else is known of them is made from these fields."""

# ruff: noqa: RUF009 - setting() is dataclasses.field()

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from flowedge._core import MAX_FLOWS, MAX_SECONDS, MODES, NAME_SCHEMES
from flowedge.config.kinds import Boolean, Choice, Duration, Kind, Names, Octets, Text, Time, Whole
from flowedge.options import FlowOptions

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30  # octets
MINUTE, HOUR = 60, 3600  # seconds
LONGEST = f"{MAX_SECONDS}s"

COUNT = Whole(0, (1 << 63) - 1)  # TOML's integers have 64 bits
PAUSE = Duration("1s", LONGEST, zero=True)
SPACE = Octets("64KiB", "1024TiB", zero=True)
Fsync: TypeAlias = Literal["close", "never", "always"]
TIMESTAMP_TYPES = ("host", "host_lowprec", "host_hiprec", "adapter", "adapter_unsynced")


class Switch(NamedTuple):
    """A flag that stands for one value of a setting."""

    flags: tuple[str, ...]
    value: str
    meaning: str


@dataclass(frozen=True)
class Setting:
    """All that is known of one key of the configuration."""

    section: str
    key: str
    kind: Kind[Any]
    default: Any
    meaning: str
    """One sentence, for whoever asks for help."""
    flag: str
    """That of the command line; empty where there is none, but switches or arguments."""
    switches: tuple[Switch, ...]

    @property
    def path(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def name(self) -> str:
        """Names it where there are no sections: on the command line and in Python."""
        return self.flag.removeprefix("--").replace("-", "_") or self.key

    @property
    def default_text(self) -> str:
        """The default as it would be written; empty where it is nothing in particular."""
        if isinstance(self.default, bool) or not self.default:
            return ""
        return self.kind.text(self.default)


def setting(
    default: object, kind: Kind[Any], meaning: str, *, flag: str | None = None, switches: tuple[Switch, ...] = ()
) -> Any:
    """A field of a section. `flag` is there if it is not the key's name with dashes."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "flag": flag, "switches": switches})


@dataclass(frozen=True)
class CaptureSettings:
    """Where packets come from, and when that ends."""

    interfaces: tuple[str, ...] = setting((), Names(), "Interfaces to capture.", flag="")
    filter: str = setting("", Text("EXPRESSION"), "Take only packets that match (pcap-filter(7)).")
    snaplen: int = setting(0, Whole(0, 262144), "Octets to take of each packet; 0: what the headers need.")
    buffer_size: int = setting(8 * MIB, Octets("64KiB", "1GiB"), "Kernel's buffer of each interface and worker.")
    promiscuous: bool = setting(True, Boolean(), "Also take packets that are for other hosts.")
    direction: str = setting("both", Choice(("both", "in", "out")), "Which packets to take, as this host sees them.")
    timestamp_type: str = setting(
        "", Choice(("", *TIMESTAMP_TYPES)), "Whose clock stamps the packets; without it, the interface's own choice."
    )
    fanout: int = setting(1, Whole(1, 64), "Workers that share an interface; a flow's packets go to one of them.")
    user: str = setting("nobody", Text("NAME"), "User to become once the interfaces are open, if started as root.")
    duration: Time = setting(0, Duration("1ms", LONGEST, zero=True), "End after this long; 0: never.")
    packets: int = setting(0, COUNT, "End once there were this many packets; 0: never.")
    flows: int = setting(0, COUNT, "End once there were this many flows; 0: never.")


@dataclass(frozen=True)
class FlowSettings:
    """Which flows there are, and what is told of them."""

    mode: str = setting("netflower", Choice(MODES), "Whose definitions the values follow.")
    names: str = setting("", Choice(("", *NAME_SCHEMES)), "Names of the columns; without it, the mode's own.")
    columns: tuple[str, ...] = setting((), Names(), "Only these columns, in this order; without it, all.")
    extra: tuple[str, ...] = setting(
        (), Names(), "Add first_ns, last_ns, end_reason, closed_ns, vlan, ip_version or label."
    )
    label: str = setting("NeedManualLabel", Text(), "Text of the label column.")
    idle_timeout: Time = setting(2 * MINUTE, Duration("1ns", LONGEST), "Close a flow after this long without a packet.")
    max_duration: Time = setting(
        0, Duration("1ns", LONGEST, zero=True), "Close a flow after this long; without it, never."
    )
    protocols: str = setting("tcp,udp", Choice(("tcp,udp", "all")), "Which IP protocols make flows.")
    decapsulate: bool = setting(False, Boolean(), "Follow tunnels inwards (GRE, VXLAN, GTP-U, ...).")
    max_flows: int = setting(
        65536, Whole(1, MAX_FLOWS), "Keep at most N flows open; beyond, close the one unused for longest."
    )


@dataclass(frozen=True)
class RowSettings:
    """Where flows go as rows: a file, "-" for standard output, or a folder ("flows/") in which files are rotated."""

    csv: str = setting("", Text("OUT"), "Write CSV to a file, a folder (ending in /), or - for standard output.")
    jsonl: str = setting("", Text("OUT"), "Write JSON lines to a file, a folder (ending in /), or - likewise.")
    rotate_interval: Time = setting(HOUR, PAUSE, "Begin a new file in a folder after this long; 0: never.")
    rotate_size: int = setting(128 * MIB, SPACE, "Begin a new file in a folder beyond this size; 0: never.")
    keep_size: int = setting(0, SPACE, "Remove the oldest files of a folder beyond this size in all; 0: keep all.")
    keep_age: Time = setting(0, PAUSE, "Remove files of a folder that are older; 0: keep all.")
    fsync: Fsync = setting("close", Choice(get_args(Fsync)), "When to wait until rows are on the disk.")


@dataclass(frozen=True)
class PacketSettings:
    """What is kept of the packets themselves."""

    save_pcap: str = setting("", Text("FOLDER"), "Save each flow's packets as a capture file in this folder.")
    save_pcap_size: int = setting(GIB, SPACE, "Remove the oldest of them beyond this size in all; 0: keep all.")
    save_pcap_age: Time = setting(0, PAUSE, "Remove those that are older; 0: keep all.")


@dataclass(frozen=True)
class EdgeSettings:
    """How flows become edge lists: one list a window of time, for files and for MQTT."""

    window: Time = setting(10, Duration("100ms", "7d"), "Length of a window; windows are aligned to the epoch.")
    assign: Literal["closed", "start"] = setting(
        "closed", Choice(("closed", "start")), "Whether a flow belongs to the window in which it ended or began."
    )
    kind: Literal["flow", "pair", "service"] = setting(
        "flow",
        Choice(("flow", "pair", "service")),
        "What an edge is: a flow, or all flows of a pair of nodes, or those of a pair to one port.",
        flag="--edge-kind",
    )
    nodes: str = setting("address", Choice(("address", "subnet")), "What a node is.", flag="--edge-nodes")
    v4_prefix: int = setting(24, Whole(0, 32), "Length of an IPv4 subnet's prefix.")
    v6_prefix: int = setting(64, Whole(0, 128), "Length of an IPv6 subnet's prefix.")
    columns: tuple[str, ...] = setting(
        (), Names(), "Features of each flow, by flowedge's names; without it, all.", flag="--edge-columns"
    )
    files: str = setting("", Text("FOLDER"), "Write edge lists into this folder.", flag="--edges")
    format: str = setting(
        "csv", Choice(("csv", "jsonl", "parquet")), "Form of these files: one a window.", flag="--edge-format"
    )
    keep_size: int = setting(
        GIB, SPACE, "Remove the oldest of them beyond this size in all; 0: keep all.", flag="--edge-keep-size"
    )
    keep_age: Time = setting(0, PAUSE, "Remove those that are older; 0: keep all.", flag="--edge-keep-age")
    fsync: Fsync = setting(
        "close", Choice(("close", "never")), "Whether to wait until a file is on the disk.", flag="--edge-fsync"
    )


@dataclass(frozen=True)
class MqttSettings:
    """Where edge lists are published. Secrets are read from files or the environment, never from here."""

    url: str = setting(
        "", Text("URL"), "Publish edge lists: mqtt://, mqtts://, ws:// or wss://HOST[:PORT].", flag="--mqtt"
    )
    site: str = setting("default", Text("NAME"), "The site in topics.")
    node: str = setting("", Text("NAME"), "This agent in topics; without it, the host's name.")
    version: str = setting("5", Choice(("5", "3.1.1")), "Version of MQTT.", flag="--mqtt-version")
    encoding: str = setting("msgpack", Choice(("msgpack", "json")), "Form of messages.")
    compress: bool = setting(False, Boolean(), "Deflate messages.")
    precision: str = setting("f8", Choice(("f8", "f4")), "Width of floats.")
    max_payload: int = setting(128 * KIB, Octets("4KiB", "4MiB"), "Most octets of a message; more make several parts.")
    inflight: int = setting(20, Whole(1, 1000), "Messages that may wait for the broker's answer.")
    expiry: Time = setting(0, PAUSE, "The broker forgets messages after this long; 0: never.", flag="--mqtt-expiry")
    keepalive: Time = setting(30, Duration("1s", "18h"), "The broker is asked for a sign after this long.")
    user: str = setting("", Text("NAME"), "Name to log in with.", flag="--mqtt-user")
    password_file: str = setting(
        "",
        Text("FILE"),
        "File with the password; without it, systemd's credential mqtt-password or FLOWEDGE_MQTT_PASSWORD.",
    )
    ca: str = setting("", Text("FILE"), "Certificates to trust; without it, the system's.", flag="--tls-ca")
    certificate: str = setting("", Text("FILE"), "This agent's certificate.", flag="--tls-certificate")
    key: str = setting("", Text("FILE"), "Key of that certificate.", flag="--tls-key")
    insecure: bool = setting(False, Boolean(), "Do not verify the broker: anybody could be it.", flag="--tls-insecure")
    spool: str = setting("", Text("FILE"), "What waits for the broker is kept in this file; without it, in memory.")
    spool_size: int = setting(256 * MIB, Octets("1MiB", "1TiB"), "Most octets that wait; then the oldest windows go.")


@dataclass(frozen=True)
class MetricsSettings:
    """The counters for Prometheus."""

    listen: str = setting("", Text("ADDRESS:PORT"), "Serve the counters to Prometheus there.", flag="--metrics")


@dataclass(frozen=True)
class LogSettings:
    """What is said, and how."""

    stats_interval: Time = setting(MINUTE, PAUSE, "Say the counters this often; 0: at the end alone.")
    format: str = setting(
        "text", Choice(("text", "json")), "Form of what is said on standard error.", flag="--log-format"
    )
    level: str = setting(
        "normal",
        Choice(("quiet", "normal", "verbose")),
        "How much is said: errors alone, what matters, or more.",
        flag="",
        switches=(
            Switch(("--quiet",), "quiet", "Say nothing but errors."),
            Switch(("-v", "--verbose"), "verbose", "Say more."),
        ),
    )
    stats: str = setting("", Text("FILE"), "Write the closing counters to FILE as JSON.")


@dataclass(frozen=True)
class Configuration:
    """What `flowedge capture` is to do; made without arguments, all defaults."""

    capture: CaptureSettings = CaptureSettings()
    flows: FlowSettings = FlowSettings()
    rows: RowSettings = RowSettings()
    packets: PacketSettings = PacketSettings()
    edges: EdgeSettings = EdgeSettings()
    mqtt: MqttSettings = MqttSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()

    def __getitem__(self, setting: Setting) -> Any:
        return getattr(getattr(self, setting.section), setting.key)

    def replaced(self, values: Mapping[Setting, object]) -> "Configuration":
        """With these values, which must be such as their kinds read."""
        sections = {
            section: replace(
                getattr(self, section),
                **{setting.key: value for setting, value in values.items() if setting.section == section},
            )
            for section in SECTIONS
        }
        return Configuration(**sections)


def _settings() -> tuple[Setting, ...]:
    return tuple(
        Setting(
            section=section.name,
            key=each.name,
            kind=each.metadata["kind"],
            default=each.default,
            meaning=each.metadata["meaning"],
            flag=_flag(each.name, each.metadata["flag"]),
            switches=each.metadata["switches"],
        )
        for section in fields(Configuration)
        for each in fields(section.default)  # type: ignore[arg-type]
    )


def _flag(key: str, given: str | None) -> str:
    return f"--{key.replace('_', '-')}" if given is None else given


SETTINGS = _settings()
SECTIONS: Mapping[str, str] = {section.name: section.default.__doc__ or "" for section in fields(Configuration)}
"""Their names, and what each is about."""


def flow_options(flows: FlowSettings) -> FlowOptions:
    """The settings as convert(), read_flows() and FlowEngine take them."""
    return FlowOptions(
        mode=flows.mode,
        names=flows.names or None,
        columns=flows.columns or None,
        extra=flows.extra,
        label=flows.label,
        idle_timeout=flows.idle_timeout,
        max_duration=flows.max_duration or None,
        protocols=flows.protocols,
        decapsulate=flows.decapsulate,
        max_flows=flows.max_flows,
    )


def outputs_of(configuration: Configuration) -> dict[str, str]:
    """Where flows, edge lists and packets go, by the settings' paths."""
    rows, edges = configuration.rows, configuration.edges
    places = {
        "rows.csv": rows.csv,
        "rows.jsonl": rows.jsonl,
        "packets.save_pcap": configuration.packets.save_pcap,
        "edges.files": edges.files,
        "mqtt.url": configuration.mqtt.url,
    }
    return {path: place for path, place in places.items() if place}


def changed_settings(before: Configuration, after: Configuration) -> list[str]:
    """Paths ("rows.csv") of the settings that differ."""
    return [setting.path for setting in SETTINGS if before[setting] != after[setting]]
