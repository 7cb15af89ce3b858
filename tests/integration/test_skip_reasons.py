"""Each reason for which a packet is in no flow, provoked by a packet made for it."""

import struct

import pytest
from conversion import convert
from reference.decoding import ACK, FIN, RST, SYN, TCP, UDP
from reference.frames import IPV4, ethernet, icmp, ipv4, pcap, pcapng, simple_packet, tcp, udp
from reference.jnetpcap import ICMP

from flowedge._core import SKIP_REASONS

ENDS = ("10.0.0.1", "10.0.0.2")
PORTS = (1000, 80)
ARP = 0x0806
UNKNOWN_LINK_TYPE = 147
START = 1_700_000_000 * 10**9


def from_client(flags: int) -> bytes:
    return ethernet(IPV4, ipv4(ENDS, TCP, tcp(PORTS, flags)))


def datagram(**header: int) -> bytes:
    return ethernet(IPV4, ipv4(ENDS, UDP, udp(PORTS), **header))


def captured(*frames: bytes, link_type: int = 1) -> bytes:
    """A capture of one frame a millisecond."""
    return pcap(((START + number * 10**6, octets) for number, octets in enumerate(frames)), link_type)


def short_data_offset() -> bytes:
    segment = bytearray(tcp(PORTS, SYN))
    segment[12] = 4 << 4
    return ethernet(IPV4, ipv4(ENDS, TCP, bytes(segment)))


#: The reason -> a capture in which exactly one packet is skipped for it, and the options of the conversion.
PROVOCATIONS = {
    "filtered": (captured(datagram(), from_client(SYN)), {"filter": "tcp"}),
    "untimed": (pcapng([(START, datagram())]) + simple_packet(datagram()), {}),
    "link": (captured(datagram(), link_type=UNKNOWN_LINK_TYPE), {}),
    "non_ip": (captured(ethernet(ARP, bytes(28))), {}),
    "protocol": (captured(ethernet(IPV4, ipv4(ENDS, ICMP, icmp(8, 0)))), {}),
    "fragment": (captured(datagram(fragment=1)), {}),
    "truncated": (captured(datagram()[:38]), {}),
    "malformed": (captured(short_data_offset()), {}),
    "leftover": (captured(from_client(SYN), from_client(RST), from_client(ACK)), {}),
    "repeated_fin": (captured(from_client(SYN), from_client(FIN), from_client(FIN)), {"mode": "cicflowmeter"}),
    "single": (captured(datagram()), {"mode": "cicflowmeter"}),
}


def test_every_reason_is_provoked() -> None:
    assert PROVOCATIONS.keys() == SKIP_REASONS.keys()


@pytest.mark.parametrize("reason", PROVOCATIONS)
def test_the_packet_is_counted_under_its_reason(reason: str) -> None:
    capture, options = PROVOCATIONS[reason]
    conversion = convert(capture, **options)
    assert conversion.skipped == {reason: 1}
    assert conversion.counters["in_flows"] == conversion.counters["packets"] - 1


def test_time_out_of_range_is_untimed() -> None:
    """An interface that counts seconds can name times that no 64 bits of nanoseconds hold."""
    capture = bytearray(pcapng([((1 << 63) + START, datagram())]))
    resolution = capture.index(struct.pack("<HHB", 9, 1, 9)) + 4
    capture[resolution] = 0
    assert convert(bytes(capture)).skipped == {"untimed": 1}
