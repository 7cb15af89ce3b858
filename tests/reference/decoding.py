"""From a frame's octets to what a flow needs to know of a packet; lengths are those of the IP header."""

import socket
import struct
from dataclasses import dataclass

from reference.link import IPV4, IPV6, network_layer

TCP, UDP = 6, 17
FRAGMENT, AUTHENTICATION = 44, 51
#: Hop-by-hop, routing, fragment, authentication, destination, mobility, HIP and shim6.
EXTENSION_HEADERS = (0, 43, FRAGMENT, AUTHENTICATION, 60, 135, 139, 140)

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128


@dataclass(frozen=True)
class Endpoint:
    address: str
    port: int


@dataclass(frozen=True)
class Segment:
    """A TCP segment or UDP datagram; `window` is -1 for UDP."""

    source: Endpoint
    destination: Endpoint
    protocol: int
    ip_length: int
    header: int
    payload: int
    flags: int
    window: int


@dataclass(frozen=True)
class Datagram:
    """An IP packet; `length` is the total on the wire, `header` includes options and extension headers."""

    source: str
    destination: str
    length: int
    protocol: int
    header: int
    octets: bytes


def decode(octets: bytes, link_type: int) -> Segment | None:
    """The TCP or UDP packet in a frame; None for every other frame."""
    ethertype, octets = network_layer(octets, link_type)
    datagram = _ipv4(octets) if ethertype == IPV4 else _ipv6(octets) if ethertype == IPV6 else None
    return _transport(datagram) if datagram else None


def _ipv4(octets: bytes) -> Datagram | None:
    """None if it is no IPv4 header, or that of a fragment other than the first."""
    if len(octets) < 20 or octets[0] >> 4 != 4:
        return None
    header = (octets[0] & 15) * 4
    length = _u16(octets, 2) or len(octets)  # segmentation offload leaves 0
    if header < 20 or length < header or _u16(octets, 6) & 0x1FFF:
        return None
    below = _below_extensions(octets, octets[9], header, (AUTHENTICATION,))
    return Datagram(_text(octets[12:16]), _text(octets[16:20]), length, *below, octets) if below else None


def _ipv6(octets: bytes) -> Datagram | None:
    if len(octets) < 40 or octets[0] >> 4 != 6:
        return None
    payload = _u16(octets, 4)
    length = 40 + payload if payload else len(octets)
    below = _below_extensions(octets, octets[6], 40, EXTENSION_HEADERS)
    return Datagram(_text(octets[8:24]), _text(octets[24:40]), length, *below, octets) if below else None


def _below_extensions(octets: bytes, protocol: int, at: int, known: tuple[int, ...]) -> tuple[int, int] | None:
    """Protocol and offset of what follows the extension headers; None for a later fragment, or where they are cut."""
    while protocol in known:
        if len(octets) < at + 8 or (protocol == FRAGMENT and _u16(octets, at + 2) & 0xFFF8):
            return None
        size = {FRAGMENT: 8, AUTHENTICATION: (octets[at + 1] + 2) * 4}.get(protocol, (octets[at + 1] + 1) * 8)
        protocol, at = octets[at], at + size
    return protocol, at


def _transport(datagram: Datagram) -> Segment | None:
    octets = datagram.octets[datagram.header :]
    if datagram.protocol == TCP and len(octets) >= 20 and octets[12] >> 4 >= 5:
        return _segment(datagram, octets, (octets[12] >> 4) * 4, octets[13], _u16(octets, 14))
    if datagram.protocol == UDP and len(octets) >= 8:
        return _segment(datagram, octets, 8, 0, -1)
    return None


def _segment(datagram: Datagram, octets: bytes, header: int, flags: int, window: int) -> Segment:
    source, destination = struct.unpack_from("!HH", octets)
    return Segment(
        source=Endpoint(datagram.source, source),
        destination=Endpoint(datagram.destination, destination),
        protocol=datagram.protocol,
        ip_length=datagram.length,
        header=header,
        payload=max(0, datagram.length - datagram.header - header),
        flags=flags,
        window=window,
    )


def _u16(octets: bytes, at: int) -> int:
    return octets[at] << 8 | octets[at + 1]


def _text(address: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(address) == 4 else socket.AF_INET6, address)
