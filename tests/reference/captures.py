"""Capture files, read whole into memory: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng)."""

import gzip
import lzma
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

INTERFACE, OBSOLETE_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 1, 2, 3, 6
#: Octets that a block of a kind has at least.
FIXED_FIELDS = {INTERFACE: 8, OBSOLETE_PACKET: 20, SIMPLE_PACKET: 4, ENHANCED_PACKET: 20}
BYTE_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
END_OF_OPTIONS, TIME_RESOLUTION, TIME_OFFSET = 0, 9, 14

#: magic -> (byte order, ticks per second, size of a record's header)
PCAP_KINDS = {
    b"\xa1\xb2\xc3\xd4": (">", 10**6, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 10**6, 16),
    b"\xa1\xb2\x3c\x4d": (">", 10**9, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9, 16),
    b"\xa1\xb2\xcd\x34": (">", 10**6, 24),
    b"\x34\xcd\xb2\xa1": ("<", 10**6, 24),
}


class CaptureError(Exception):
    """The file is neither pcap nor pcapng."""


@dataclass(frozen=True)
class Frame:
    """A captured frame; `ticks` is None where the format carries no time."""

    ticks: int | None
    ticks_per_second: int
    link_type: int
    data: bytes

    def time(self, per_second: int) -> int:
        """Time since 1970 in whole units of 1/per_second, rounded down."""
        assert self.ticks is not None
        return self.ticks * per_second // self.ticks_per_second


@dataclass(frozen=True)
class Interface:
    """As an Interface Description Block gives it; one that is missing has a link type that nobody knows."""

    link_type: int = 0xFFFF
    ticks_per_second: int = 10**6
    offset_seconds: int = 0


@dataclass
class Section:
    order: str
    interfaces: list[Interface] = field(default_factory=list)

    def interface(self, number: int) -> Interface:
        return self.interfaces[number] if number < len(self.interfaces) else Interface()


def read_frames(path: Path) -> Iterator[Frame]:
    """Every frame of a capture up to its end, or to where it is damaged."""
    octets = path.read_bytes()
    if octets[:2] == b"\x1f\x8b":
        octets = gzip.decompress(octets)
    elif octets[:6] == b"\xfd7zXZ\x00":
        octets = lzma.decompress(octets)
    return frames_of(octets)


def frames_of(octets: bytes) -> Iterator[Frame]:
    """The same for a capture in memory."""
    if octets[:4] == b"\x0a\x0d\x0d\x0a":
        return _pcapng(octets)
    if octets[:4] in PCAP_KINDS and len(octets) >= 24:
        return _pcap(octets)
    raise CaptureError("neither pcap nor pcapng")


def _pcap(octets: bytes) -> Iterator[Frame]:
    order, per_second, header = PCAP_KINDS[octets[:4]]
    link_type = struct.unpack_from(order + "I", octets, 20)[0] & 0xFFFF
    at = 24
    while at + header <= len(octets):
        seconds, fraction, captured = struct.unpack_from(order + "III", octets, at)
        data = octets[at + header : at + header + captured]  # shorter where the file ends
        yield Frame(seconds * per_second + fraction, per_second, link_type, data)
        at += header + captured


def _pcapng(octets: bytes) -> Iterator[Frame]:
    at = 0
    section = Section("<")
    while at + 12 <= len(octets):
        if octets[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            if octets[at + 8 : at + 12] not in BYTE_ORDERS:
                return
            section = Section(BYTE_ORDERS[octets[at + 8 : at + 12]])
        kind, length = struct.unpack_from(section.order + "II", octets, at)
        if length < 12:
            return
        body = octets[at + 8 : at + length - 4]
        if kind in FIXED_FIELDS and len(body) < FIXED_FIELDS[kind]:
            return
        if kind == INTERFACE:
            section.interfaces.append(_interface(section.order, body))
        elif kind in FIXED_FIELDS:
            yield _packet_block(section, kind, body)
        at += length


def _interface(order: str, body: bytes) -> Interface:
    link_type = struct.unpack_from(order + "H", body)[0]
    per_second, offset = 10**6, 0
    for code, value in _options(order, body[8:]):
        if code == TIME_RESOLUTION and value:
            per_second = (2 if value[0] & 0x80 else 10) ** (value[0] & 0x7F)
        elif code == TIME_OFFSET and len(value) >= 8:
            offset = struct.unpack_from(order + "q", value)[0]
    return Interface(link_type, per_second, offset)


def _options(order: str, octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(octets):
        code, length = struct.unpack_from(order + "HH", octets, at)
        if code == END_OF_OPTIONS:
            return
        yield code, octets[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


def _packet_block(section: Section, kind: int, body: bytes) -> Frame:
    if kind == SIMPLE_PACKET:  # carries no time, and is of the section's first interface
        on_wire = struct.unpack_from(section.order + "I", body)[0]
        return Frame(None, 1, section.interface(0).link_type, body[4 : 4 + on_wire])
    head = "IIII" if kind == ENHANCED_PACKET else "HHIII"
    number, *_drops, high, low, captured = struct.unpack_from(section.order + head, body)
    interface = section.interface(number)
    ticks = (high << 32 | low) + interface.offset_seconds * interface.ticks_per_second
    return Frame(ticks, interface.ticks_per_second, interface.link_type, body[20 : 20 + captured])
