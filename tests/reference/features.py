"""The 82 features of a flow from the list of its packets: modes netflower and corrected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reference.decoding import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from reference.exact import Sample, active_and_idle, gaps, ratio
from reference.lifecycle import NS_PER_SECOND, Flow, FlowPacket

Cell = str | int | float | Fraction
Row = dict[str, Cell]
Packets = Sequence[FlowPacket]

SUBFLOW_GAP = NS_PER_SECOND
IDLE_GAP = 5 * NS_PER_SECOND
NETFLOWER_BULK = 5
BULK = 4
BULK_GAP = NS_PER_SECOND


@dataclass(frozen=True)
class Definitions:
    """What differs between the modes: a packet's length, the bulks of a direction, a total's share a subflow."""

    length: Callable[[FlowPacket], int]
    bulks: Callable[[Packets, bool], list[list[FlowPacket]]]
    per_subflow: Callable[[int, int], Fraction | int]


def features(flow: Flow, definitions: Definitions) -> Row:
    packets = flow.packets
    row: Row = {
        "src_ip": flow.key.source.address,
        "dst_ip": flow.key.destination.address,
        "src_port": flow.key.source.port,
        "dst_port": flow.key.destination.port,
        "protocol": flow.key.protocol,
        "timestamp": Fraction(flow.first, NS_PER_SECOND),
    }
    lengths = {name: [definitions.length(p) for p in part] for name, part in _parts(packets)}
    row |= _rates(flow, sum(lengths[""])) | _lengths(lengths) | _headers(packets) | _flags(packets)
    row |= _inter_arrival_times(packets) | _active_and_idle([packet.time for packet in packets])
    row |= _bulks(packets, definitions) | _subflows(packets, lengths, definitions) | _windows(packets)
    return row


def _parts(packets: Packets) -> list[tuple[str, Packets]]:
    """Both directions, each, and all packets, under the prefixes of their columns."""
    forward = [packet for packet in packets if packet.forward]
    backward = [packet for packet in packets if not packet.forward]
    return [("", packets), ("fwd_", forward), ("bwd_", backward)]


def _seconds(ticks: int) -> Fraction:
    return Fraction(ticks, NS_PER_SECOND)


def _rates(flow: Flow, octets: int) -> Row:
    duration = _seconds(flow.last - flow.first)
    per = duration if duration > 0 else 0
    counts = {name: len(part) for name, part in _parts(flow.packets)}
    return {
        "flow_duration": duration,
        "flow_byts_s": ratio(octets, per),
        "flow_pkts_s": ratio(counts[""], per),
        "fwd_pkts_s": ratio(counts["fwd_"], per),
        "bwd_pkts_s": ratio(counts["bwd_"], per),
        "tot_fwd_pkts": counts["fwd_"],
        "tot_bwd_pkts": counts["bwd_"],
        "down_up_ratio": ratio(counts["bwd_"], counts["fwd_"]),
    }


def _summary(name: str, sample: Sample) -> Row:
    return {
        f"{name}_max": sample.largest,
        f"{name}_min": sample.smallest,
        f"{name}_mean": sample.mean,
        f"{name}_std": sample.deviation,
    }


def _lengths(lengths: dict[str, list[int]]) -> Row:
    samples = {name: Sample(values) for name, values in lengths.items()}
    row: Row = {}
    for name, sample in samples.items():
        row |= _summary(f"{name}pkt_len", sample)
    return row | {
        "pkt_len_var": samples[""].variance,
        "pkt_size_avg": samples[""].mean,
        "totlen_fwd_pkts": samples["fwd_"].total,
        "totlen_bwd_pkts": samples["bwd_"].total,
        "fwd_seg_size_avg": samples["fwd_"].mean,
        "bwd_seg_size_avg": samples["bwd_"].mean,
    }


def _headers(packets: Packets) -> Row:
    forward = [packet.segment for packet in packets if packet.forward]
    return {
        "fwd_header_len": sum(segment.header for segment in forward),
        "bwd_header_len": sum(packet.segment.header for packet in packets if not packet.forward),
        "fwd_seg_size_min": min((segment.header for segment in forward), default=0),
        "fwd_act_data_pkts": sum(segment.payload > 0 for segment in forward),
    }


def _inter_arrival_times(packets: Packets) -> Row:
    row: Row = {}
    for name, part in _parts(packets):
        sample = Sample(gaps([packet.time for packet in part]), NS_PER_SECOND)
        row |= _summary(f"{name or 'flow_'}iat", sample)
        row[f"{name}iat_tot"] = sample.total
    del row["iat_tot"]
    return row


def _flags(packets: Packets) -> Row:
    def count(part: Packets, flag: int) -> int:
        return sum(packet.segment.flags & flag != 0 for packet in part)

    names = {"fin": FIN, "syn": SYN, "rst": RST, "psh": PSH, "ack": ACK, "urg": URG, "ece": ECE}
    row: Row = {f"{name}_flag_cnt": count(packets, flag) for name, flag in names.items()}
    row["cwr_flag_count"] = count(packets, CWR)
    for name, part in _parts(packets)[1:]:
        row[f"{name}psh_flags"] = count(part, PSH)
        row[f"{name}urg_flags"] = count(part, URG)
    return row


def _active_and_idle(times: Sequence[int]) -> Row:
    active, idle = active_and_idle(times, IDLE_GAP)
    return _summary("active", Sample(active, NS_PER_SECOND)) | _summary("idle", Sample(idle, NS_PER_SECOND))


def _bulks(packets: Packets, definitions: Definitions) -> Row:
    row: Row = {}
    for name, forward in (("fwd", True), ("bwd", False)):
        runs = definitions.bulks(packets, forward)
        octets = sum(packet.segment.payload for run in runs for packet in run)
        duration = _seconds(sum(run[-1].time - run[0].time for run in runs))
        row[f"{name}_byts_b_avg"] = ratio(octets, len(runs))
        row[f"{name}_pkts_b_avg"] = ratio(sum(len(run) for run in runs), len(runs))
        row[f"{name}_blk_rate_avg"] = ratio(octets, duration if duration > 0 else 0)
    return row


def _subflows(packets: Packets, lengths: dict[str, list[int]], definitions: Definitions) -> Row:
    subflows = 1 + sum(gap > SUBFLOW_GAP for gap in gaps([packet.time for packet in packets]))
    row: Row = {}
    for name in ("fwd", "bwd"):
        row[f"subflow_{name}_pkts"] = definitions.per_subflow(len(lengths[f"{name}_"]), subflows)
        row[f"subflow_{name}_byts"] = definitions.per_subflow(sum(lengths[f"{name}_"]), subflows)
    return row


def _windows(packets: Packets) -> Row:
    return {
        f"init_{name}win_byts": next((packet.segment.window for packet in part), -1)
        for name, part in _parts(packets)[1:]
    }


def _netflower_bulks(packets: Packets, forward: bool) -> list[list[FlowPacket]]:
    """Runs of payload packets that a packet of the direction without payload has ended."""
    runs: list[list[FlowPacket]] = []
    run: list[FlowPacket] = []
    for packet in packets:
        if packet.forward != forward:
            continue
        if packet.segment.payload > 0:
            run.append(packet)
        else:
            runs.append(run)
            run = []
    return [run for run in runs if len(run) >= NETFLOWER_BULK]


def _bulks_between_payloads(packets: Packets, forward: bool) -> list[list[FlowPacket]]:
    """Runs of payload packets without a gap of over 1 s, nor payload of the other direction between them."""
    runs: list[list[FlowPacket]] = [[]]
    for packet in packets:
        if packet.segment.payload == 0:
            continue
        if packet.forward != forward or (runs[-1] and packet.time - runs[-1][-1].time > BULK_GAP):
            runs.append([])
        if packet.forward == forward:
            runs[-1].append(packet)
    return [run for run in runs if len(run) >= BULK]


NETFLOWER = Definitions(
    length=lambda packet: packet.segment.ip_length,
    bulks=_netflower_bulks,
    per_subflow=lambda total, subflows: total // subflows,
)

CORRECTED = Definitions(
    length=lambda packet: packet.segment.payload,
    bulks=_bulks_between_payloads,
    per_subflow=Fraction,
)
