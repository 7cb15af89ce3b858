"""Which metrics there are, and which counter each is: one list for all. docs/metrics.md describes them to users."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client import Metric

Counts = Mapping[str, Any]
"""Counters by name; those by reason, and those of a part of the agent, are mappings themselves."""


@dataclass(frozen=True)
class Family:
    """A metric, or with `label` several of one name."""

    name: str
    """without "flowedge_" before and, of a counter, "_total" after it"""
    meaning: str
    value: Callable[[Counts], Any]
    """a number; with `label` a mapping from the label's values to numbers"""
    label: str = ""
    is_counter: bool = True
    """False: a gauge, which may fall"""

    def metric(self, labels: Sequence[str], counted: Iterable[tuple[Sequence[str], Counts]]) -> "Metric":
        """`counted` are counts and their values of the labels."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        kind = CounterMetricFamily if self.is_counter else GaugeMetricFamily
        metric = kind(f"flowedge_{self.name}", self.meaning, labels=[*labels, *filter(None, [self.label])])
        for values, counts in counted:
            for more, number in self._samples(counts):
                metric.add_metric([*values, *more], number)
        return metric

    def _samples(self, counts: Counts) -> Iterator[tuple[Sequence[str], float]]:
        value = self.value(counts)
        if not self.label:
            return iter([((), value)])
        return (((label,), number) for label, number in value.items())


INTERFACE: Sequence[Family] = (
    Family(
        "packets_received",
        "Packets that passed the filter, those dropped by the kernel included.",
        lambda c: c["received"],
    ),
    Family(
        "packets_dropped",
        "Packets lost before the agent saw them, by the kernel (of those received) or by the interface.",
        lambda c: {"kernel": c["kernel_dropped"], "interface": c["interface_dropped"]},
        label="by",
    ),
    Family("packets_in_flows", "Packets that are in flows.", lambda c: c["in_flows"]),
    Family("packets_skipped", "Packets seen that are in no flow.", lambda c: c["skipped"], label="reason"),
    Family("flows", "Flows closed.", lambda c: c["flows"]),
    Family("flows_evicted", "Of the flows, those closed early for lack of room.", lambda c: c["evicted"]),
    Family("flows_open", "Flows open now.", lambda c: c["open_flows"], is_counter=False),
    Family(
        "flows_dropped",
        "Flows lost on the way out: the queue was full, or an output could not write their rows.",
        lambda c: {"queue": c["queue_dropped"], "rows": c["rows_lost"]},
        label="at",
    ),
    Family("rows", "Flows that every output has.", lambda c: c["rows"]),
)
AGENT: Sequence[Family] = (
    Family("callback_errors", "Calls of a program's functions that raised.", lambda c: c["callback_errors"]),
    Family("packets_unsaved", "Packets that --save-pcap could not save.", lambda c: c["unsaved_packets"]),
)
EDGES: Sequence[Family] = (
    Family("windows", "Windows that have ended.", lambda c: c["windows"]),
    Family(
        "windows_lost", "Windows that an output could not take, counted for each output.", lambda c: c["windows_lost"]
    ),
    Family("edges", "Edges in windows.", lambda c: c["edges"]),
    Family("flows_late", "Flows that are in a later window than theirs.", lambda c: c["late"]),
)
MQTT: Sequence[Family] = (
    Family(
        "mqtt_connected", "1 while connected to the broker.", lambda c: c["publisher"]["connected"], is_counter=False
    ),
    Family("mqtt_reconnects", "Connections to the broker after the first.", lambda c: c["publisher"]["reconnects"]),
    Family(
        "mqtt_messages",
        "Messages that the broker has answered: it has them, or refuses them for good.",
        lambda c: {name: c["publisher"][name] for name in ("acknowledged", "rejected")},
        label="result",
    ),
    Family("mqtt_edges_rejected", "Edges larger than a message may be.", lambda c: c["rejected_edges"]),
    Family("mqtt_windows_lost", "Windows that the spool could not take.", lambda c: c["lost_windows"]),
    Family("spool_messages", "Messages that wait for the broker.", lambda c: c["spool"]["messages"], is_counter=False),
    Family("spool_bytes", "Octets of these.", lambda c: c["spool"]["octets"], is_counter=False),
    Family(
        "spool_oldest_seconds",
        "For how long the oldest of these has waited.",
        lambda c: c["spool"]["oldest_seconds"],
        is_counter=False,
    ),
    Family(
        "spool_windows_dropped",
        "Windows dropped from the spool because it was full.",
        lambda c: c["spool"]["dropped_windows"],
    ),
    Family(
        "spool_messages_damaged",
        "Messages that could not be read from the disk again.",
        lambda c: c["spool"]["damaged_messages"],
    ),
    Family(
        "spool_on_disk",
        "0 while new windows are kept in memory alone.",
        lambda c: c["spool"]["on_disk"],
        is_counter=False,
    ),
)


def metrics(stats: Counts) -> Iterator["Metric"]:
    """The metrics of an agent's stats; those of edge lists and MQTT if the stats have `edges` and `mqtt`."""
    for family in INTERFACE:
        yield family.metric(["interface"], (((name,), counts) for name, counts in stats["interfaces"].items()))
    for families, counts in ((AGENT, stats), (EDGES, stats.get("edges")), (MQTT, stats.get("mqtt"))):
        if counts is not None:
            yield from (family.metric([], [((), counts)]) for family in families)
