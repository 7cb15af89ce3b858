"""Captures that tests make for themselves."""

from collections.abc import Iterator

from reference.decoding import ACK, FIN, PSH, SYN, TCP, UDP
from reference.frames import IPV4, IPV6, Timed, ethernet, ipv4, ipv6, pcap, tcp, udp

START = 1_700_000_000 * 10**9
CLIENT, SERVER = "10.0.0.1", "10.0.0.2"
CLIENT_V6, SERVER_V6 = "fd00::1", "fd00::2"


def connection(port: int = 40000) -> Iterator[bytes]:
    """A whole TCP connection, opened, used and closed by both sides."""
    said = [(True, SYN, 0), (False, SYN | ACK, 0), (True, PSH | ACK, 90), (False, PSH | ACK, 500)]
    said += [(True, FIN | ACK, 0), (False, FIN | ACK, 0)]
    for from_client, flags, size in said:
        ends, ports = ((CLIENT, SERVER), (port, 80)) if from_client else ((SERVER, CLIENT), (80, port))
        yield ethernet(IPV4, ipv4(ends, TCP, tcp(ports, flags, bytes(size))))


def query(port: int) -> Iterator[bytes]:
    """A question and its answer in UDP over IPv6."""
    yield ethernet(IPV6, ipv6((CLIENT_V6, SERVER_V6), UDP, udp((port, 53), bytes(30))))
    yield ethernet(IPV6, ipv6((SERVER_V6, CLIENT_V6), UDP, udp((53, port), bytes(130))), vlan=7)


def a_millisecond_apart(frames: Iterator[bytes]) -> Iterator[Timed]:
    return ((START + number * 10**6, octets) for number, octets in enumerate(frames))


def small_traffic() -> list[Timed]:
    """Two flows: a connection that ends, then a query."""
    return list(a_millisecond_apart(frame for part in (connection(), query(5353)) for frame in part))


def busy_capture(flows: int) -> bytes:
    """A pcap of as many flows, half of them connections; enough of them fill several batches."""
    parts = (connection(port) if port % 2 else query(port) for port in range(1024, 1024 + flows))
    return pcap(a_millisecond_apart(frame for part in parts for frame in part))
