"""Sequences of packets that no capture holds, made at random: the engine's rows are the slow twin's."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from conversion import convert
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import MODES, Timeouts, rows_of
from reference.captures import frames_of
from reference.comparison import compare
from reference.decoding import ACK, CWR, ECE, FIN, PSH, RST, SYN, TCP, UDP, URG
from reference.frames import IPV4, IPV6, MORE_FRAGMENTS, ethernet, icmp, ipv4, ipv6, pcap, tcp, udp
from reference.jnetpcap import ICMP

START = 1_700_000_000 * 10**9
SECOND = 10**9

#: Around the limits that mean something: bulks and subflows (1 s), idle periods (5 s), time-outs (120 s).
LIMITS = [SECOND, 5 * SECOND, 120 * SECOND]
GAPS = [0, 1, 999, 1000, 1001, *(limit + off for limit in LIMITS for off in (-1000, -1, 0, 1, 1000)), 121 * SECOND]
GAPS_BACK = [-1, -1000, -SECOND, -SECOND - 1, -6 * SECOND, -121 * SECOND]
FLAGS = [ACK, PSH | ACK, ACK, URG | ACK, SYN, SYN | ACK, SYN | ECE | CWR, 0, FIN | ACK, FIN, RST, RST | ACK]

ADDRESSES = {4: ("10.0.0.1", "10.0.0.2"), 6: ("fd00::1", "fd00::2")}
PORTS = [(1000, 80), (1000, 1000)]


@dataclass(frozen=True)
class Step:
    """One packet: `gap` nanoseconds after the latest time so far, or before it where negative."""

    gap: int
    version: int
    protocol: int
    ports: tuple[int, int]
    forward: bool
    to_itself: bool
    flags: int
    payload: int
    vlan: int | None
    fragment: int

    def frame(self) -> bytes:
        addresses, ports = self._addresses(), self.ports
        if not self.forward:
            addresses, ports = (addresses[1], addresses[0]), (ports[1], ports[0])
        segment = self._segment(ports)
        if self.version == 6:
            return ethernet(IPV6, ipv6(addresses, self.protocol, segment), self.vlan)
        return ethernet(IPV4, ipv4(addresses, self.protocol, segment, self.fragment), self.vlan)

    def _addresses(self) -> tuple[str, str]:
        first, second = ADDRESSES[self.version]
        return first, first if self.to_itself else second

    def _segment(self, ports: tuple[int, int]) -> bytes:
        payload = bytes(self.payload)
        if self.protocol == TCP:
            return tcp(ports, self.flags, payload, window=self.flags)
        return udp(ports, payload) if self.protocol == UDP else icmp(self.flags, self.payload % 3, payload)


def mostly(value: object, *others: object) -> st.SearchStrategy[object]:
    """Shrinks to `value`, which comes most often anyway, so that most packets are of one flow."""
    return st.sampled_from([value] * 12 + list(others))


STEPS = st.builds(
    Step,
    gap=st.one_of(st.sampled_from(GAPS), st.integers(0, 2 * SECOND), st.sampled_from(GAPS_BACK)),
    version=mostly(4, 6),
    protocol=mostly(TCP, UDP, ICMP),
    ports=mostly(*PORTS),
    forward=st.booleans(),
    to_itself=mostly(False, True),
    flags=st.sampled_from(FLAGS),
    payload=st.sampled_from([1, 0, 7, 1000]),
    vlan=mostly(None, 0, 7),
    fragment=mostly(0, MORE_FRAGMENTS, 1),
)


#: A SYN-ACK from an endpoint to itself has no other side to be turned to.
SYN_ACK_TO_ITSELF = Step(0, 4, TCP, PORTS[1], True, True, SYN | ACK, 0, None, 0)


def timed(steps: list[Step]) -> Iterator[tuple[int, bytes]]:
    """The packets with their times."""
    latest = START
    for step in steps:
        time = max(START, latest + step.gap)
        latest = max(latest, time)
        yield time, step.frame()


@pytest.mark.parametrize("mode", MODES)
@given(steps=st.lists(STEPS, min_size=1, max_size=16))
@example(steps=[SYN_ACK_TO_ITSELF])
@settings(deadline=None, max_examples=400)
def test_rows_are_the_twins(mode: str, steps: list[Step]) -> None:
    capture = pcap(timed(steps))
    result = compare(convert(capture, mode=mode).rows, rows_of(frames_of(capture), mode))
    assert not result, str(result)


@pytest.mark.parametrize("mode", ["netflower", "corrected"])
@given(
    steps=st.lists(STEPS, min_size=1, max_size=16),
    idle_timeout=st.sampled_from([1, 5, 120]),
    max_duration=st.sampled_from([1, 5, 120, 200]),
    linger=st.sampled_from([0, 1, 5]),
)
@settings(deadline=None, max_examples=400)
def test_timeouts_are_the_twins(
    mode: str, steps: list[Step], idle_timeout: int, max_duration: int, linger: int
) -> None:
    timeouts = Timeouts(idle_timeout * SECOND, max_duration * SECOND, linger * SECOND)
    capture = pcap(timed(steps))
    ours = convert(capture, mode=mode, idle_timeout=idle_timeout, max_duration=max_duration, linger=linger).rows
    result = compare(ours, rows_of(frames_of(capture), mode, timeouts))
    assert not result, str(result)
