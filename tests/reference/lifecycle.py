"""Which packets make up a flow: the life cycles of the modes netflower and corrected."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from reference.decoding import ACK, FIN, RST, SYN, TCP, Endpoint, Segment

NS_PER_SECOND = 10**9


@dataclass(frozen=True)
class Timeouts:
    """In nanoseconds; a time-out has passed when more than this has passed."""

    idle: int = 120 * NS_PER_SECOND
    max_duration: int | None = None
    linger: int = NS_PER_SECOND


@dataclass(frozen=True)
class FlowKey:
    source: Endpoint
    destination: Endpoint
    protocol: int

    def reverse(self) -> "FlowKey":
        return FlowKey(self.destination, self.source, self.protocol)


@dataclass(frozen=True)
class FlowPacket:
    """A packet with its time in nanoseconds and its direction in the flow."""

    time: int
    forward: bool
    segment: Segment


@dataclass
class Flow:
    """Packets in the order of their arrival."""

    key: FlowKey
    packets: list[FlowPacket] = field(default_factory=list)

    @property
    def first(self) -> int:
        return self.packets[0].time

    @property
    def last(self) -> int:
        return self.packets[-1].time

    def add(self, time: int, key: FlowKey, segment: Segment) -> None:
        self.packets.append(FlowPacket(time, key == self.key, segment))

    def ends_connection(self) -> bool:
        """Whether the last packet is an RST, or a FIN when both sides have sent one."""
        flags = self.packets[-1].segment.flags
        finished = {packet.forward for packet in self.packets if packet.segment.flags & FIN}
        return bool(flags & RST) or bool(flags & FIN and len(finished) == 2)


def opens_connection(segment: Segment) -> bool:
    return segment.flags & (SYN | ACK) == SYN


class NetflowerLifeCycle:
    """netflower 1.1.0: both FINs or an RST close; what comes on the 5-tuple within the linger time is left out."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.open: dict[FlowKey, Flow] = {}
        self.closed_at: dict[FlowKey, int] = {}
        self.done: list[Flow] = []

    def packet(self, time: int, segment: Segment) -> None:
        key = FlowKey(segment.source, segment.destination, segment.protocol)
        flow = self._live_flow(key, time)
        if flow is None:
            if self._is_leftover(key, time, segment):
                return
            self._forget_close(key)
            flow = self._begin(key)
        flow.add(time, key, segment)
        if flow.ends_connection():
            self.close(flow)
            if self.timeouts.linger > 0:
                self.closed_at[flow.key] = time

    def finish(self) -> list[Flow]:
        for flow in list(self.open.values()):
            self.close(flow)
        return self.done

    def _live_flow(self, key: FlowKey, time: int) -> Flow | None:
        """The flow the packet belongs to, after time-outs; one cut at its longest duration goes on under its key."""
        flow = self.open.get(key) or self.open.get(key.reverse())
        if flow is None:
            return None
        if time - flow.last > self.timeouts.idle:
            self.close(flow)
            return None
        if self.timeouts.max_duration is not None and time - flow.first > self.timeouts.max_duration:
            self.close(flow)
            return self._begin(flow.key)
        return flow

    def _is_leftover(self, key: FlowKey, time: int, segment: Segment) -> bool:
        if segment.protocol != TCP or opens_connection(segment):
            return False
        closed_at = self.closed_at.get(key, self.closed_at.get(key.reverse()))
        return closed_at is not None and time - closed_at <= self.timeouts.linger

    def _forget_close(self, key: FlowKey) -> None:
        self.closed_at.pop(key, None)
        self.closed_at.pop(key.reverse(), None)

    def _begin(self, key: FlowKey) -> Flow:
        self.open[key] = Flow(key)
        return self.open[key]

    def close(self, flow: Flow) -> None:
        self.done.append(self.open.pop(flow.key))


class CorrectedLifeCycle:
    """Time never runs back in a flow; a SYN-ACK that comes first is turned round; what trails a closed connection
    within the linger time is part of it."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.open: dict[FlowKey, Flow] = {}
        self.ended_at: dict[FlowKey, int] = {}
        self.done: list[Flow] = []

    def packet(self, time: int, segment: Segment) -> None:
        key = FlowKey(segment.source, segment.destination, segment.protocol)
        flow = self.open.get(key) or self.open.get(key.reverse())
        if flow is not None:
            time = max(time, flow.last)
            flow = self._after_timeouts(flow, time, segment)
        if flow is None:
            flow = self._begin(key.reverse() if self._answers(segment) else key)
        flow.add(time, key, segment)
        if flow.ends_connection():
            self.ended_at.setdefault(flow.key, time)

    def finish(self) -> list[Flow]:
        for flow in list(self.open.values()):
            self.close(flow)
        return self.done

    def _after_timeouts(self, flow: Flow, time: int, segment: Segment) -> Flow | None:
        ended_at = self.ended_at.get(flow.key)
        reopened = ended_at is not None and (time - ended_at > self.timeouts.linger or opens_connection(segment))
        if reopened or time - flow.last > self.timeouts.idle:
            self.close(flow)
            return None
        if self.timeouts.max_duration is not None and time - flow.first > self.timeouts.max_duration:
            self.close(flow)
            return self._begin(flow.key)
        return flow

    @staticmethod
    def _answers(segment: Segment) -> bool:
        return segment.protocol == TCP and segment.flags & (SYN | ACK) == SYN | ACK

    def _begin(self, key: FlowKey) -> Flow:
        self.open[key] = Flow(key)
        return self.open[key]

    def close(self, flow: Flow) -> None:
        self.ended_at.pop(flow.key, None)
        self.done.append(self.open.pop(flow.key))


LifeCycle = NetflowerLifeCycle | CorrectedLifeCycle


def flows_of(packets: Iterable[tuple[int, Segment]], life_cycle: LifeCycle) -> list[Flow]:
    """All flows of packets with their times in nanoseconds; silence closes nothing by itself."""
    for time, segment in packets:
        life_cycle.packet(time, segment)
    return life_cycle.finish()
