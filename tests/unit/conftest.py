"""Small captures that the tests make themselves."""

from pathlib import Path

import pytest
from reference.frames import IPV4, Timed, ethernet, ipv4, pcap, tcp, udp

START = 1_700_000_000 * 10**9
SECOND = 10**9
SYN, FIN_ACK, ACK = 0x02, 0x11, 0x10


def udp_frame(source_port: int) -> bytes:
    return ethernet(IPV4, ipv4(("10.0.0.1", "10.0.0.2"), 17, udp((source_port, 53), b"question")))


def udp_flows(count: int) -> list[Timed]:
    """As many flows of one packet each, a microsecond apart."""
    return [(START + 1000 * number, udp_frame(1000 + number)) for number in range(count)]


def tcp_flow(at: int) -> list[Timed]:
    """One connection with a handshake and a FIN of each side: five packets, a millisecond apart."""
    there, back = (40000, 80), (80, 40000)
    ends, reverse = ("10.0.0.1", "10.0.0.2"), ("10.0.0.2", "10.0.0.1")
    segments = [
        ipv4(ends, 6, tcp(there, SYN)),
        ipv4(reverse, 6, tcp(back, SYN | ACK)),
        ipv4(ends, 6, tcp(there, ACK, b"hello")),
        ipv4(ends, 6, tcp(there, FIN_ACK)),
        ipv4(reverse, 6, tcp(back, FIN_ACK)),
    ]
    return [(at + number * 10**6, ethernet(IPV4, segment)) for number, segment in enumerate(segments)]


def make_capture(path: Path, flows: int = 3, link_type: int = 1) -> Path:
    path.write_bytes(pcap(udp_flows(flows), link_type))
    return path


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A capture of three flows."""
    return make_capture(tmp_path / "three.pcap")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A capture of five thousand flows: several batches."""
    return make_capture(tmp_path / "large.pcap", 5000)
