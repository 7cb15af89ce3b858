"""The interfaces that can be captured."""

import fcntl
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

from flowedge._core import HAVE_LIBPCAP, interfaces
from flowedge.errors import InterfaceError

# linux/sockios.h, linux/if.h
SIOCGIFFLAGS = 0x8913
IFREQ = struct.Struct("16sH22x")  # 40 octets: as many as it has anywhere
IFF_UP = 0x1
IFF_LOOPBACK = 0x8
IFF_RUNNING = 0x40


@dataclass(frozen=True)
class Interface:
    """What can be captured."""

    name: str
    description: str
    addresses: tuple[str, ...]
    up: bool
    running: bool
    """it has a link"""
    loopback: bool


def list_interfaces() -> list[Interface]:
    """In the library's order. Without libpcap there are neither descriptions nor addresses. Raises InterfaceError."""
    if not HAVE_LIBPCAP:
        return [_by_kernel(name) for name in _names()]
    try:
        found = interfaces()
    except OSError as error:
        raise InterfaceError(f"interfaces: cannot be listed: {error.strerror}") from error
    return [Interface(name, text, tuple(addresses), *flags) for name, text, addresses, *flags in found]


def _names() -> list[str]:
    """pcapy knows more than the kernel: "any"."""
    with suppress(ImportError):
        import pcapy

        with suppress(pcapy.PcapError):
            names: list[str] = pcapy.findalldevs()
            return names
    return [name for _, name in socket.if_nameindex()]


def _by_kernel(name: str) -> Interface:
    flags = 0
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        _, flags = IFREQ.unpack(fcntl.ioctl(asked, SIOCGIFFLAGS, IFREQ.pack(name.encode(), 0)))
    return Interface(name, "", (), bool(flags & IFF_UP), bool(flags & IFF_RUNNING), bool(flags & IFF_LOOPBACK))
