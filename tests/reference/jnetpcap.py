"""Packets as CICFlowMeter's PacketReader hands them on: IPv4 in Ethernet alone, captured octets, microseconds.

Frames without an IPv4 header are left out. CICFlowMeter scans them again from their first octet, as L2TP and then
as IPv4, and so makes up flows of protocol 0: they are no traffic.
"""

import socket
import struct
from dataclasses import dataclass, replace

from reference.decoding import TCP, UDP
from reference.link import IPV4

ETHERNET_HEADER = 14
VLAN_TAG = 0x8100
ICMP, IGMP, IP_IN_IP, SCTP = 1, 2, 4, 132
#: Source quench, redirect and so on: jnetpcap takes what they quote for the packet itself.
ICMP_ERRORS = (3, 4, 5, 11, 12)
NO_ICMP = (-1, -1)


@dataclass(frozen=True)
class JavaPacket:
    """`icmp` is (code, type); the sequence and acknowledgement numbers serve the fork's retransmission count."""

    time: int
    source: str
    destination: str
    source_port: int = 0
    destination_port: int = 0
    protocol: int = 0
    payload: int = 0
    header: int = 0
    flags: int = 0
    window: int = 0
    sequence: int = 0
    acknowledgement: int = 0
    icmp: tuple[int, int] = NO_ICMP


def read_packet(octets: bytes, time: int, fork: bool) -> JavaPacket | None:
    """The packet in a frame, or None if it holds no IPv4 header; `fork` is that of Engelen et al."""
    ethertype, at = (_u16(octets, 12), ETHERNET_HEADER) if len(octets) >= ETHERNET_HEADER else (0, ETHERNET_HEADER)
    while ethertype == VLAN_TAG and len(octets) >= at + 4:
        ethertype, at = _u16(octets, at + 2), at + 4
    if ethertype != IPV4 or len(octets) < at + 20:
        return None
    ip = octets[at:]
    packet = JavaPacket(time, socket.inet_ntoa(ip[12:16]), socket.inet_ntoa(ip[16:20]))
    return _network(ip, packet, fork, padded=at > ETHERNET_HEADER)


def _network(ip: bytes, packet: JavaPacket, fork: bool, padded: bool) -> JavaPacket:
    """jnetpcap trims the Ethernet padding, but not behind a VLAN tag (`padded`)."""
    total = _u16(ip, 2)
    later_fragment = _u16(ip, 6) & 0x1FFF
    if total == 0 or later_fragment:
        return packet
    header = (ip[0] & 15) * 4
    body = ip[header : None if padded else total]
    protocol = ip[9]
    if protocol == TCP and len(body) >= 20 and body[12] >> 4 >= 5:
        return _tcp(body, packet)
    if protocol == UDP and len(body) >= 8:
        return _with_ports(body, packet, UDP, 8)
    if protocol == ICMP and len(body) >= 8:
        return replace(packet, protocol=ICMP, icmp=(body[1], body[0])) if fork else _icmp(body, packet)
    if protocol == IP_IN_IP and len(body) >= 20 and header > 0:
        return replace(_network(body, packet, fork, padded=False), icmp=NO_ICMP)  # read from the outer header alone
    if protocol == IGMP and fork:
        return replace(packet, protocol=IGMP)
    if protocol == SCTP and fork and len(body) >= 12:
        return _with_ports(body, packet, SCTP, 12)
    return packet


def _tcp(body: bytes, packet: JavaPacket) -> JavaPacket:
    header = min((body[12] >> 4) * 4, len(body))
    sequence, acknowledgement = struct.unpack_from("!II", body, 4)
    return replace(
        _with_ports(body, packet, TCP, header),
        flags=body[13],
        window=_u16(body, 14),
        sequence=sequence,
        acknowledgement=acknowledgement,
    )


def _with_ports(body: bytes, packet: JavaPacket, protocol: int, header: int) -> JavaPacket:
    return replace(
        packet,
        source_port=_u16(body, 0),
        destination_port=_u16(body, 2),
        protocol=protocol,
        header=header,
        payload=len(body) - header,
    )


def _icmp(body: bytes, packet: JavaPacket) -> JavaPacket:
    """An error is booked as the packet that it quotes, under the error's own addresses."""
    if body[0] in ICMP_ERRORS and len(body) >= 28:
        return _network(body[8:], packet, fork=False, padded=False)
    return packet


def _u16(octets: bytes, at: int) -> int:
    return octets[at] << 8 | octets[at + 1]
