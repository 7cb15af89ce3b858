"""Frames and captures made from nothing but struct; checksums stay zero, as nobody reads them."""

import socket
import struct
from collections.abc import Iterable

ETHERNET = 1
IPV4, IPV6, VLAN = 0x0800, 0x86DD, 0x8100
MORE_FRAGMENTS = 0x2000

Timed = tuple[int, bytes]


def tcp(ports: tuple[int, int], flags: int, payload: bytes = b"", sequence: int = 0, window: int = 1000) -> bytes:
    return struct.pack("!HHIIBBHHH", *ports, sequence, 0, 5 << 4, flags, window, 0, 0) + payload


def udp(ports: tuple[int, int], payload: bytes = b"") -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload


def icmp(kind: int, code: int, body: bytes = b"") -> bytes:
    return struct.pack("!BBHI", kind, code, 0, 0) + body


def ipv4(ends: tuple[str, str], protocol: int, payload: bytes, fragment: int = 0, length: int | None = None) -> bytes:
    """`fragment` is the field of flags and offset; `length` replaces the true total length."""
    total = 20 + len(payload) if length is None else length
    addresses = socket.inet_aton(ends[0]) + socket.inet_aton(ends[1])
    return struct.pack("!BBHHHBBH", 0x45, 0, total, 0, fragment, 64, protocol, 0) + addresses + payload


def ipv6(ends: tuple[str, str], protocol: int, payload: bytes) -> bytes:
    addresses = b"".join(socket.inet_pton(socket.AF_INET6, end) for end in ends)
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + addresses + payload


def ethernet(ethertype: int, payload: bytes, vlan: int | None = None) -> bytes:
    """At least 60 octets, as an adapter hands them on."""
    tag = b"" if vlan is None else struct.pack("!HH", VLAN, vlan)
    return (b"\x02" * 12 + tag + struct.pack("!H", ethertype) + payload).ljust(60, b"\0")


def pcap(frames: Iterable[Timed], link_type: int = ETHERNET) -> bytes:
    """A pcap file with times in nanoseconds."""
    records = (
        struct.pack("<IIII", time // 10**9, time % 10**9, len(octets), len(octets)) + octets for time, octets in frames
    )
    return struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link_type) + b"".join(records)


def pcapng(frames: Iterable[Timed], link_type: int = ETHERNET) -> bytes:
    """A pcapng file of one section and one interface that counts nanoseconds."""
    section = _block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)
    interface = _block(1, struct.pack("<HHI", link_type, 0, 0) + options)
    return section + interface + b"".join(_enhanced_packet(time, octets) for time, octets in frames)


def simple_packet(octets: bytes) -> bytes:
    """A pcapng block without a time."""
    return _block(3, struct.pack("<I", len(octets)) + octets)


def _enhanced_packet(time: int, octets: bytes) -> bytes:
    head = struct.pack("<IIIII", 0, time >> 32, time & 0xFFFFFFFF, len(octets), len(octets))
    return _block(6, head + octets)


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
