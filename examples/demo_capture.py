"""Writes a small capture to try flowedge on: name look-ups, a download, a port scan, IPv6 and some ARP.

    python examples/demo_capture.py demo.pcap

Every octet is made here with struct; Wireshark finds nothing to complain about.
"""

import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

START_US = 1_700_000_000_000_000  # 2023-11-14 22:13:20 UTC
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP = 6, 17
ETHERNET = 1  # LINKTYPE_ETHERNET
MACS = b"\x02\x00\x00\x00\x00\x02" + b"\x02\x00\x00\x00\x00\x01"  # destination, source: locally administered

Timed = tuple[int, bytes]  # microseconds since the start, Ethernet frame


@dataclass(frozen=True)
class Conversation:
    """The two ends of what is said, the client first."""

    client: str
    client_port: int
    server: str
    server_port: int

    def packet(self, protocol: int, segment: bytes, from_client: bool) -> bytes:
        """An Ethernet frame around a TCP or UDP segment whose checksum is still zero."""
        source, destination = (self.client, self.server) if from_client else (self.server, self.client)
        return ethernet(source, destination, protocol, segment)

    def ports(self, from_client: bool) -> bytes:
        ports = (self.client_port, self.server_port)
        return struct.pack("!HH", *(ports if from_client else reversed(ports)))

    def udp(self, payload: bytes, from_client: bool = True) -> bytes:
        header = self.ports(from_client) + struct.pack("!HH", 8 + len(payload), 0)
        return self.packet(UDP, header + payload, from_client)

    def tcp(self, flags: int, sequence: int, ack: int, payload: bytes = b"", from_client: bool = True) -> bytes:
        window = 64240 if from_client else 65160
        header = self.ports(from_client) + struct.pack("!IIBBHHH", sequence, ack, 5 << 4, flags, window, 0, 0)
        return self.packet(TCP, header + payload, from_client)


def checksum(octets: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    padded = octets + bytes(len(octets) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(source: str, destination: str, protocol: int, segment: bytes) -> bytes:
    """Segment in IP in Ethernet; the IP version is that of the addresses."""
    ends = ip_address(source).packed + ip_address(destination).packed
    pseudo_header = ends + struct.pack("!II", len(segment), protocol)
    place = 16 if protocol == TCP else 6
    segment = segment[:place] + struct.pack("!H", checksum(pseudo_header + segment)) + segment[place + 2 :]
    if isinstance(ip_address(source), IPv4Address):
        header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, 64, protocol, 0) + ends
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        return MACS + b"\x08\x00" + header + segment
    return MACS + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(segment), protocol, 64) + ends + segment


def dns_message(identifier: int, answer: bytes = b"") -> bytes:
    """A question for the address of example.org and, if one is given, the answer record."""
    flags = 0x8180 if answer else 0x0100
    header = struct.pack("!HHHHHH", identifier, flags, 1, 1 if answer else 0, 0, 0)
    return header + b"\x07example\x03org\x00" + struct.pack("!HH", 1, 1) + answer


def look_up(at: int, conversation: Conversation) -> Iterator[Timed]:
    answer = struct.pack("!HHHIH4B", 0xC00C, 1, 1, 300, 4, 203, 0, 113, 80)
    yield at, conversation.udp(dns_message(at & 0xFFFF))
    yield at + 18_400, conversation.udp(dns_message(at & 0xFFFF, answer), from_client=False)


def download(at: int, conversation: Conversation, segments: int) -> Iterator[Timed]:
    """Handshake, request, the given number of full segments, and both sides say goodbye."""
    request = b"GET /data.bin HTTP/1.1\r\nHost: example.org\r\n\r\n"
    asked, body = 1001 + len(request), bytes(1448)
    yield at, conversation.tcp(SYN, 1000, 0)
    yield at + 12_000, conversation.tcp(SYN | ACK, 5000, 1001, from_client=False)
    yield at + 12_150, conversation.tcp(ACK, 1001, 5001)
    yield at + 12_400, conversation.tcp(PSH | ACK, 1001, 5001, request)
    at, sequence = at + 30_000, 5001
    for _ in range(segments):
        yield at, conversation.tcp(ACK, sequence, asked, body, from_client=False)
        sequence += len(body)
        yield at + 90, conversation.tcp(ACK, asked, sequence)
        at += 1_200
    yield at, conversation.tcp(FIN | ACK, sequence, asked, from_client=False)
    yield at + 200, conversation.tcp(FIN | ACK, asked, sequence + 1)
    yield at + 12_200, conversation.tcp(ACK, sequence + 1, asked + 1, from_client=False)


def port_scan(at: int, scanner: str, victim: str, ports: range) -> Iterator[Timed]:
    """A SYN to each port; the closed ones refuse."""
    for port in ports:
        probe = Conversation(scanner, 40_000 + port, victim, port)
        yield at, probe.tcp(SYN, 7000, 0)
        yield at + 350, probe.tcp(RST | ACK, 0, 7001, from_client=False)
        at += 2_000


def arp_request(at: int) -> Iterator[Timed]:
    ends = MACS[6:] + ip_address("192.0.2.10").packed + bytes(6) + ip_address("192.0.2.1").packed
    yield at, b"\xff" * 6 + MACS[6:] + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + ends


def traffic() -> list[Timed]:
    """All of it, in the order of time. The addresses are those reserved for documentation."""
    return sorted(
        [
            *arp_request(0),
            *look_up(1_000, Conversation("192.0.2.10", 53124, "192.0.2.53", 53)),
            *download(25_000, Conversation("192.0.2.10", 51000, "203.0.113.80", 80), segments=40),
            *look_up(200_000, Conversation("2001:db8::10", 50444, "2001:db8::53", 53)),
            *download(230_000, Conversation("2001:db8::10", 51002, "2001:db8:1::80", 80), segments=8),
            *port_scan(1_500_000, "198.51.100.66", "192.0.2.10", range(20, 26)),
            *look_up(9_000_000, Conversation("192.0.2.10", 53124, "192.0.2.53", 53)),
        ],
        key=lambda timed: timed[0],
    )


def write_pcap(path: Path, packets: list[Timed]) -> None:
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, ETHERNET))
        for at, frame in packets:
            seconds, microseconds = divmod(START_US + at, 1_000_000)
            file.write(struct.pack("<IIII", seconds, microseconds, len(frame), len(frame)) + frame)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: demo_capture.py FILE")
    write_pcap(Path(sys.argv[1]), traffic())
