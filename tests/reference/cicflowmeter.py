"""Flow life cycles of CICFlowMeter v4 and of the fork of Engelen et al., bug for bug."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from reference.decoding import ACK, FIN, RST, SYN, TCP, UDP
from reference.jnetpcap import ICMP, JavaPacket

US_PER_SECOND = 10**6
LONGEST = 120 * US_PER_SECOND


class FlowId(NamedTuple):
    source: str
    destination: str
    source_port: int
    destination_port: int
    protocol: int

    def reverse(self) -> "FlowId":
        return FlowId(self.destination, self.source, self.destination_port, self.source_port, self.protocol)

    def __str__(self) -> str:
        return "-".join(map(str, self))


def id_of(packet: JavaPacket) -> FlowId:
    return FlowId(packet.source, packet.destination, packet.source_port, packet.destination_port, packet.protocol)


@dataclass
class JavaFlow:
    """`name` is the Flow ID, `ends` the orientation; `packets` come with whether each is booked as forward.

    Only the fork uses `closing`, `both_closed`, `ready`, `earlier` (time of the parts before this one), `seen` and
    `retransmitted` (forward, backward).
    """

    name: FlowId
    ends: FlowId
    packets: list[tuple[JavaPacket, bool]] = field(default_factory=list)
    fins: list[int] = field(default_factory=lambda: [0, 0])
    closing: bool = False
    ready: bool = False
    both_closed: bool = False
    earlier: int = 0
    seen: set[tuple[str, int, int, int, int]] = field(default_factory=set)
    retransmitted: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def first(self) -> int:
        return self.packets[0][0].time

    @property
    def last(self) -> int:
        return self.packets[-1][0].time

    @property
    def connection_time(self) -> int:
        """Duration of this part and of those before it, with what lay between them; 0 if neither TCP nor UDP."""
        return self.earlier + self.last - self.first if self.ends.protocol in (TCP, UDP) else 0

    def is_forward(self, packet: JavaPacket) -> bool:
        """By the address alone: between equal addresses everything is forward."""
        return packet.source == self.ends.source


def v4_flows(packets: Iterable[JavaPacket]) -> list[JavaFlow]:
    """The flows CICFlowMeter v4 prints; it never prints one of a single packet."""
    open_flows: dict[FlowId, JavaFlow] = {}
    done: list[JavaFlow] = []
    for packet in packets:
        flow = _find(open_flows, packet)
        if flow is None:
            _begin_v4(open_flows, packet, id_of(packet), id_of(packet))
        elif packet.time - flow.first > LONGEST:
            done.append(flow)
            _begin_v4(open_flows, packet, flow.name, flow.ends)
        elif _take_v4(flow, packet):
            done.append(open_flows.pop(flow.name))
    return [flow for flow in [*done, *open_flows.values()] if len(flow.packets) > 1]


def _find(open_flows: dict[FlowId, JavaFlow], packet: JavaPacket) -> JavaFlow | None:
    name = id_of(packet)
    return open_flows.get(name) or open_flows.get(name.reverse())


def _begin_v4(open_flows: dict[FlowId, JavaFlow], packet: JavaPacket, name: FlowId, ends: FlowId) -> None:
    """The first packet is booked as forward, whatever its direction."""
    open_flows[name] = JavaFlow(name, ends, [(packet, True)])


def _take_v4(flow: JavaFlow, packet: JavaPacket) -> bool:
    """Adds the packet; whether the flow ends with it (at an RST, or the first backward FIN)."""
    forward = flow.is_forward(packet)
    if packet.flags & FIN:
        direction = 0 if forward else 1
        flow.fins[direction] += 1
        if flow.fins[direction] > 1:
            return False  # thrown away
    flow.packets.append((packet, forward))
    if packet.flags & FIN:
        return not forward
    return bool(packet.flags & RST)


def fork_flows(packets: Iterable[JavaPacket]) -> list[JavaFlow]:
    """The flows the fork prints: a closed one stays in the table until a SYN, 120 s, or the end."""
    open_flows: dict[FlowId, JavaFlow] = {}
    done: list[JavaFlow] = []
    for packet in packets:
        flow = _find(open_flows, packet)
        if flow is None:
            _begin_connection(open_flows, packet, id_of(packet))
        elif _is_over(flow, packet):
            done.append(open_flows.pop(flow.name))
            _begin_after(open_flows, packet, flow)
        elif _is_other_icmp(flow, packet):
            done.append(open_flows.pop(flow.name))
            _begin(open_flows, packet, flow.name, id_of(packet))
        else:
            _take(flow, packet)
            _follow_close(flow, packet)
    return [*done, *open_flows.values()]


def _is_syn_ack(packet: JavaPacket) -> bool:
    return packet.flags & (SYN | ACK) == SYN | ACK


def _is_over(flow: JavaFlow, packet: JavaPacket) -> bool:
    return packet.time - flow.first > LONGEST or bool(flow.ready and packet.flags & SYN)


def _is_other_icmp(flow: JavaFlow, packet: JavaPacket) -> bool:
    """Both the code and the type must differ. Only ICMP has no flags, so it alone gets as far as this test."""
    if flow.ends.protocol != ICMP:
        return False
    code, kind = flow.packets[0][0].icmp
    return code != packet.icmp[0] and kind != packet.icmp[1]


def _begin(open_flows: dict[FlowId, JavaFlow], packet: JavaPacket, name: FlowId, ends: FlowId) -> JavaFlow:
    open_flows[name] = JavaFlow(name, ends)
    _take(open_flows[name], packet)
    return open_flows[name]


def _begin_connection(open_flows: dict[FlowId, JavaFlow], packet: JavaPacket, name: FlowId) -> None:
    """A SYN-ACK that comes first is turned round."""
    if _is_syn_ack(packet):
        name = name.reverse()
    _begin(open_flows, packet, name, name)


def _begin_after(open_flows: dict[FlowId, JavaFlow], packet: JavaPacket, old: JavaFlow) -> None:
    """A connection that was cut goes on under its Flow ID and orientation; a new one keeps the Flow ID alone."""
    reopened = old.ready and packet.flags & SYN
    silent = old.ends.protocol == UDP and packet.time - old.last > LONGEST
    if reopened or silent or packet.protocol not in (TCP, UDP):
        ends = id_of(packet)
        _begin(open_flows, packet, old.name, ends.reverse() if _is_syn_ack(packet) else ends)
        return
    open_flows[old.name] = JavaFlow(old.name, old.ends, seen=old.seen)
    _take(open_flows[old.name], packet)
    open_flows[old.name].earlier = old.connection_time + packet.time - old.last


def _take(flow: JavaFlow, packet: JavaPacket) -> None:
    forward = flow.is_forward(packet)
    direction = 0 if forward else 1
    flow.packets.append((packet, forward))
    flow.fins[direction] += bool(packet.flags & FIN)
    if flow.ends.protocol == TCP:
        mark = (packet.source, packet.sequence, packet.acknowledgement, packet.payload, packet.window)
        flow.retransmitted[direction] += mark in flow.seen
        flow.seen.add(mark)


def _follow_close(flow: JavaFlow, packet: JavaPacket) -> None:
    """A FIN, then a FIN when both sides have sent one, then an ACK without FIN; or an RST."""
    if packet.flags & FIN:
        if not flow.ready:
            flow.both_closed = flow.both_closed or (flow.closing and min(flow.fins) > 0)
            flow.closing = True
    elif packet.flags & RST or (packet.flags & ACK and flow.both_closed):
        flow.ready = True
