"""The cells that CICFlowMeter v4 and the fork of Engelen et al. print for a flow, under their own names.

Where Java divides doubles and then cuts to an integer, floats stand here too.
"""

import datetime
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

from reference.cicflowmeter import US_PER_SECOND, JavaFlow
from reference.decoding import ACK, CWR, ECE, FIN, PSH, RST, SYN, URG
from reference.exact import Sample, active_and_idle, gaps, ratio
from reference.features import Row
from reference.jnetpcap import JavaPacket

Packets = Sequence[JavaPacket]
Value = float | int | Fraction

IDLE_GAP = 5 * US_PER_SECOND
BULK = 4
FLAGS = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK, "URG": URG, "CWR": CWR, "ECE": ECE}


class JavaRow:
    """One flow's packets, sorted out, and the cells that both programs compute alike."""

    def __init__(self, flow: JavaFlow) -> None:
        self.flow = flow
        self.packets = [packet for packet, _ in flow.packets]
        self.forward = [packet for packet, forward in flow.packets if forward]
        self.backward = [packet for packet, forward in flow.packets if not forward]
        self.directions = (("Fwd", self.forward), ("Bwd", self.backward))
        self.duration = flow.last - flow.first
        self.octets = sum(packet.payload for packet in self.packets)

    def common(self) -> Row:
        ends = self.flow.ends
        row: Row = {
            "Flow ID": str(self.flow.name),
            "Src IP": ends.source,
            "Src Port": ends.source_port,
            "Dst IP": ends.destination,
            "Dst Port": ends.destination_port,
            "Protocol": ends.protocol,
            "Flow Duration": self.duration,
            "Label": "NeedManualLabel",
        }
        row |= _summary("Flow IAT", Sample(gaps([packet.time for packet in self.packets])))
        for name, part in self.directions:
            row |= self._direction(name, part)
        row |= {f"{name} Flag Count": _count(self.packets, flag) for name, flag in FLAGS.items()}
        return row | _active_and_idle([packet.time for packet in self.packets])

    def _direction(self, name: str, part: Packets) -> Row:
        lengths = Sample([packet.payload for packet in part])
        between = Sample(gaps([packet.time for packet in part]))
        plural = "Packet" if name == "Fwd" else "packets"
        return {
            f"Total {name} {plural}": len(part),
            f"Total Length of {name} Packet": lengths.total,
            f"{name} IAT Total": between.total,
            f"{name} Header Length": sum(packet.header for packet in part),
            f"{name} Packets/s": self.per_second(len(part)) if self.duration > 0 else 0,
            f"{name} Segment Size Avg": lengths.mean,
            **_summary(f"{name} Packet Length", lengths),
            **_summary(f"{name} IAT", between),
        }

    def per_second(self, amount: int) -> Fraction:
        return Fraction(amount * US_PER_SECOND, self.duration)

    def gaps_over_a_second(self) -> int:
        return sum(gap > US_PER_SECOND for gap in gaps([packet.time for packet in self.packets]))


def v4_row(flow: JavaFlow) -> Row:
    row = JavaRow(flow)
    cells = row.common()
    # The first packet's length is entered twice into the statistics of both directions.
    lengths = Sample([packet.payload for packet in [row.packets[0], *row.packets]])
    cells |= _all_lengths(lengths) | {"Average Packet Size": lengths.total / len(row.packets)}
    cells |= _v4_rates(row) | _v4_first_packet(row) | _v4_subflows(row)
    cells["Timestamp"] = _day_and_second(flow.first)
    cells["Down/Up Ratio"] = len(row.backward) // len(row.forward)
    # Two copies of an address are compared as objects: every packet is backward.
    _, bulk = _bulks([(packet, False) for packet in row.packets])
    cells |= dict.fromkeys(("Fwd Bytes/Bulk Avg", "Fwd Packet/Bulk Avg", "Fwd Bulk Rate Avg"), 0)
    cells["Bwd Bytes/Bulk Avg"] = bulk.octets // bulk.count if bulk.count else 0
    cells["Bwd Packet/Bulk Avg"] = bulk.packets // bulk.count if bulk.count else 0
    cells["Bwd Bulk Rate Avg"] = int(bulk.rate)
    return cells


def _v4_rates(row: JavaRow) -> Row:
    """Java's own division by a duration of 0."""
    if row.duration:
        return {"Flow Bytes/s": row.per_second(row.octets), "Flow Packets/s": row.per_second(len(row.packets))}
    return {"Flow Bytes/s": math.inf if row.octets else math.nan, "Flow Packets/s": math.inf}


def _v4_first_packet(row: JavaRow) -> Row:
    """What v4 takes from the first packet alone, or leaves it out of, and its last backward window."""
    first = row.packets[0]
    return {
        "Fwd PSH Flags": _count([first], PSH),
        "Bwd PSH Flags": 0,
        "Fwd URG Flags": _count([first], URG),
        "Bwd URG Flags": 0,
        "FWD Init Win Bytes": first.window,
        "Bwd Init Win Bytes": row.backward[-1].window if row.backward else 0,
        "Fwd Act Data Pkts": sum(packet.payload > 0 for packet in row.forward[1:]),
        "Fwd Seg Size Min": min(packet.header for packet in row.forward),
    }


def _v4_subflows(row: JavaRow) -> Row:
    return _subflows(row, lambda total, breaks: total // breaks)


def fork_row(flow: JavaFlow) -> Row:
    row = JavaRow(flow)
    cells = row.common()
    lengths = Sample([packet.payload for packet in row.packets])
    cells |= _all_lengths(lengths) | {"Average Packet Size": lengths.mean}
    cells |= _fork_rates(row) | _fork_directions(row) | _fork_first_packet(row) | _subflows(row, Fraction)
    cells["Timestamp"] = _to_the_microsecond(flow.first)
    cells["Down/Up Ratio"] = ratio(len(row.backward), len(row.forward))
    for name, bulk in zip(("Fwd", "Bwd"), _bulks(flow.packets), strict=True):
        cells[f"{name} Bytes/Bulk Avg"] = ratio(bulk.octets, bulk.count)
        cells[f"{name} Packet/Bulk Avg"] = ratio(bulk.packets, bulk.count)
        cells[f"{name} Bulk Rate Avg"] = bulk.rate
    cells["ICMP Code"], cells["ICMP Type"] = row.packets[0].icmp
    cells["Total TCP Retrans. Count"] = sum(flow.retransmitted)
    cells["Total Connection Flow Time"] = flow.connection_time
    return cells


def _fork_rates(row: JavaRow) -> Row:
    if row.duration:
        return {"Flow Bytes/s": row.per_second(row.octets), "Flow Packets/s": row.per_second(len(row.packets))}
    return {"Flow Bytes/s": -1, "Flow Packets/s": -1}


def _fork_directions(row: JavaRow) -> Row:
    cells: Row = {}
    for (name, part), retransmitted in zip(row.directions, row.flow.retransmitted, strict=True):
        cells[f"{name} PSH Flags"] = _count(part, PSH)
        cells[f"{name} URG Flags"] = _count(part, URG)
        cells[f"{name} RST Flags"] = _count(part, RST)
        cells[f"{name} Act Data Pkts"] = sum(packet.payload > 0 for packet in part)
        cells[f"{name} TCP Retrans. Count"] = retransmitted
    return cells


def _fork_first_packet(row: JavaRow) -> Row:
    """Only the direction of the first packet has a smallest header, only a forward first packet a forward window."""
    begins_forward = row.flow.packets[0][1]
    return {
        "Fwd Seg Size Min": min(packet.header for packet in row.forward) if begins_forward else 0,
        "Bwd Seg Size Min": 0 if begins_forward else min(packet.header for packet in row.backward),
        "FWD Init Win Bytes": row.forward[0].window if begins_forward else 0,
        "Bwd Init Win Bytes": next((packet.window for packet in row.backward if packet.window), 0),
    }


def _count(packets: Packets, flag: int) -> int:
    return sum(packet.flags & flag != 0 for packet in packets)


def _summary(name: str, sample: Sample) -> Row:
    return {
        f"{name} Max": sample.largest,
        f"{name} Min": sample.smallest,
        f"{name} Mean": sample.mean,
        f"{name} Std": sample.deviation,
    }


def _all_lengths(lengths: Sample) -> Row:
    return _summary("Packet Length", lengths) | {"Packet Length Variance": lengths.variance}


def _subflows(row: JavaRow, share: Callable[[int, int], Value]) -> Row:
    """The breaks are counted where their number plus one was meant."""
    breaks = row.gaps_over_a_second()
    cells: Row = {}
    for name, part in row.directions:
        octets = sum(packet.payload for packet in part)
        cells[f"Subflow {name} Packets"] = share(len(part), breaks) if breaks else 0
        cells[f"Subflow {name} Bytes"] = share(octets, breaks) if breaks else 0
    return cells


def _active_and_idle(times: Sequence[int]) -> Row:
    active, idle = active_and_idle(times, IDLE_GAP)
    return _summary("Active", Sample(active)) | _summary("Idle", Sample(idle))


class _Bulk:
    """The bulk detector of one direction: from the fourth payload packet of a run without a gap of over 1 s."""

    def __init__(self) -> None:
        self.count = self.packets = self.octets = self.duration = 0
        self.begin = self.last = self.run_packets = self.run_octets = 0

    def take(self, packet: JavaPacket) -> None:
        if self.begin == 0 or packet.time - self.last > US_PER_SECOND:
            self.begin, self.last = packet.time, packet.time
            self.run_packets, self.run_octets = 1, packet.payload
            return
        self.run_packets += 1
        self.run_octets += packet.payload
        if self.run_packets == BULK:
            self._enter(1, BULK, self.run_octets, packet.time - self.begin)
        elif self.run_packets > BULK:
            self._enter(0, 1, packet.payload, packet.time - self.last)
        self.last = packet.time

    def _enter(self, bulks: int, packets: int, octets: int, duration: int) -> None:
        self.count += bulks
        self.packets += packets
        self.octets += octets
        self.duration += duration

    @property
    def rate(self) -> float:
        return self.octets / (self.duration / 1e6) if self.duration else 0.0


def _bulks(packets: Sequence[tuple[JavaPacket, bool]]) -> tuple[_Bulk, _Bulk]:
    """Forward and backward; a run restarts when the other direction's went on after its beginning."""
    forward_bulk, backward_bulk = _Bulk(), _Bulk()
    for packet, forward in packets:
        mine, other = (forward_bulk, backward_bulk) if forward else (backward_bulk, forward_bulk)
        if other.last > mine.begin:
            mine.begin = 0
        if packet.payload > 0:
            mine.take(packet)
    return forward_bulk, backward_bulk


def _moment(microseconds: int) -> datetime.datetime:
    return datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=microseconds)


def _day_and_second(microseconds: int) -> str:
    """v4's text, in UTC."""
    return _moment(microseconds).strftime("%d/%m/%Y %I:%M:%S %p")


def _to_the_microsecond(microseconds: int) -> str:
    """The fork's text: no fraction, three digits or six, as many as are needed."""
    text = _moment(microseconds).strftime("%Y-%m-%d %H:%M:%S")
    fraction = microseconds % US_PER_SECOND
    if fraction % 1000:
        return f"{text}.{fraction:06d}"
    return f"{text}.{fraction // 1000:03d}" if fraction else text
