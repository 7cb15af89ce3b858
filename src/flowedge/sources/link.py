"""What a captured interface is, whichever library captures it, and why one may not be captured."""

import errno
import os
import shlex
import socket
import sys
from dataclasses import dataclass
from typing import Protocol

from flowedge._core import FlowBatch, LiveFeed
from flowedge.errors import FlowedgeError, InterfaceError, MissingInterfaceError, PermissionDeniedError, UsageError


@dataclass(frozen=True)
class LinkSettings:
    """How an interface is captured."""

    snaplen: int = 256
    """octets to take of each packet"""
    buffer_size: int = 8 << 20
    """octets of the kernel's buffer"""
    promiscuous: bool = True
    """packets for other hosts too"""
    direction: str = "both"
    """"both", "in" or "out", as this host sees it"""
    timestamp_type: str | None = None
    """libpcap's name of whose clock stamps the packets; None: the interface's own choice"""
    filter: str | None = None
    """which packets (pcap-filter(7)); None: all"""


class LinkCapture(Protocol):
    """An interface that is captured, until it is gone. One thread at a time.

    To be made of an interface's name, LinkSettings, and a fanout as LiveCapture takes it. Making it raises
    FileNotFoundError (no such interface), PermissionError, ValueError (a setting), OSError (ENETDOWN: it is not up).
    """

    stamped_by_host: bool
    fanout_group: int
    """what other captures give as fanout to share this one's packets; 0: none"""

    @property
    def problem(self) -> str:
        """What went wrong last, in one sentence."""

    def carry(self, feed: LiveFeed, milliseconds: int) -> tuple[list[FlowBatch], str]:
        """Takes packets for some time; the flows closed meanwhile, and a status.

        "batch": call again, before the time was over; "waited": the time is over; "gone": the interface is, or has
        another name; "failed": see problem. But for "batch" the flows are all that have been closed.
        """

    def counters(self) -> tuple[int, int, int]:
        """(received, dropped, interface_dropped), as of the last call that ended with another status than "batch".

        received == packets delivered + dropped + those that still wait in the kernel's buffer.
        """

    def stop_receiving(self) -> None:
        """From now on the kernel refuses packets; those in its buffer can still be taken."""

    def discard_waiting(self) -> None:
        """Throws away what is in the kernel's buffer, and counts from here on."""

    def close(self) -> None: ...


def interface_index(interface: str) -> int | None:
    """None for what is none of the host's, such as "any"."""
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return None


def refusal(interface: str, error: OSError | ValueError) -> FlowedgeError:
    """What is raised above the door when a LinkCapture could not be made."""
    if isinstance(error, FileNotFoundError):
        return MissingInterfaceError(f"{interface}: no such interface; `flowedge interfaces` lists them")
    if isinstance(error, PermissionError):
        python = shlex.quote(os.path.realpath(sys.executable))
        return PermissionDeniedError(
            f"{interface}: this user may not capture; use sudo, or allow it once: sudo setcap cap_net_raw+ep {python}"
        )
    if isinstance(error, ValueError):
        return UsageError(str(error))
    if error.errno == errno.ENETDOWN:
        return InterfaceError(f"{interface}: is not up; `ip link set {shlex.quote(interface)} up` changes that")
    return InterfaceError(f"{interface}: cannot be captured: {error.strerror}")
