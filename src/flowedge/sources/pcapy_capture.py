"""An interface by way of pcapy-ng, for builds without libpcap."""

import array
import errno
import os
import select
import socket
import struct
import time
from contextlib import suppress
from types import ModuleType
from typing import Any

from flowedge._core import GATHER_MILLISECONDS, FlowBatch, LiveFeed
from flowedge.errors import MissingPackageError
from flowedge.sources.link import LinkSettings, interface_index

DISCARD_SECONDS = 0.5
BATCH_PACKETS = 4096
RECORD_OCTETS = 16  # of one packet in what next_batch() gives
COUNTER_SIZE = 1 << 32  # pcapy's counters begin anew at it

# Where activate() returns PCAP_ERROR_NO_SUCH_DEVICE, _PERM_DENIED, _IFACE_NOT_UP, _PROMISC_PERM_DENIED
ACTIVATION_ERRORS = {-5: errno.ENOENT, -8: errno.EPERM, -9: errno.ENETDOWN, -11: errno.EPERM}

# linux/if_packet.h, asm-generic/socket.h, linux/filter.h
SOL_PACKET = 263
PACKET_FANOUT = 18
PACKET_FANOUT_FLAG_UNIQUEID = 0x2000
PACKET_IGNORE_OUTGOING = 23
SO_ATTACH_FILTER = 26
RETURN_0 = struct.pack("=HBBI", 0x06, 0, 0, 0)


class PcapyCapture:
    """A LinkCapture by pcapy-ng.

    It does not tell a packet's length on the wire, so that modes which count the octets of frames need the largest
    snaplen, nor its time to less than a microsecond. Raises MissingPackageError where it is not installed, or too old.
    """

    stamped_by_host = True

    def __init__(self, interface: str, settings: LinkSettings, fanout: int | None) -> None:
        pcapy = live_pcapy()
        if settings.timestamp_type is not None:
            raise ValueError("timestamp_type: pcapy-ng has no choice of it; leave it out, or build with libpcap")
        self.problem = ""
        self.fanout_group = 0
        self._error = pcapy.PcapError
        self._interface = interface
        self._index = interface_index(interface)
        self._filter = settings.filter or ""
        self._gone = False
        self._exact = True
        self._least_milliseconds = 0
        self._reader = self._activated(pcapy, settings)
        # A descriptor of our own for pcapy's socket: for what pcapy has no method.
        self._socket = socket.socket(fileno=os.dup(self._reader.getfd()))
        try:
            self._prepare(pcapy, settings, fanout)
        except BaseException:
            self.close()
            raise

    def carry(self, feed: LiveFeed, milliseconds: int) -> tuple[list[FlowBatch], str]:
        deadline = time.monotonic() + max(milliseconds, self._least_milliseconds) / 1000
        batches: list[FlowBatch] = []
        try:
            while not batches and (left := deadline - time.monotonic()) > 0:
                batches = self._take(feed, left)
        except self._error as error:
            self.problem = str(error)
            return self._take_rest(feed)
        if batches:
            return batches, "batch"
        if not self._is_there():
            self.stop_receiving()
            return self._take_rest(feed)
        return self._all_closed(feed), "waited"

    def counters(self) -> tuple[int, int, int]:
        received, dropped, interface_dropped = self._totals
        return received if self._exact else self._delivered + dropped, dropped, interface_dropped

    def stop_receiving(self) -> None:
        program = array.array("B", RETURN_0)
        address, _ = program.buffer_info()
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", 1, address))
        if not self._exact:
            self._least_milliseconds = 2 * GATHER_MILLISECONDS

    def discard_waiting(self) -> None:
        self.stop_receiving()
        deadline = time.monotonic() + DISCARD_SECONDS
        while self._packets_wait() and time.monotonic() < deadline:
            self._next_batch(GATHER_MILLISECONDS / 1000)
        self._totals = [0, 0, 0]
        self._delivered = 0
        self._least_milliseconds = 0
        self._accept()

    def close(self) -> None:
        self._socket.close()
        self._reader.close()

    def _activated(self, pcapy: ModuleType, settings: LinkSettings) -> Any:
        try:
            reader = pcapy.create(self._interface)
        except pcapy.PcapError as error:
            raise OSError(errno.EIO, str(error)) from error
        reader.set_snaplen(settings.snaplen)
        reader.set_promisc(settings.promiscuous)
        reader.set_timeout(GATHER_MILLISECONDS)
        reader.set_buffer_size(settings.buffer_size)
        status = reader.activate()
        if status < 0:
            raise OSError(ACTIVATION_ERRORS.get(status, errno.EIO), f"libpcap's status is {status}")
        reader.setnonblock(1)
        return reader

    def _prepare(self, pcapy: ModuleType, settings: LinkSettings, fanout: int | None) -> None:
        self._link_type = self._reader.datalink()  # the engine knows the DLT_ numbers that are no LINKTYPE_, too
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._set_direction(pcapy, settings.direction)
        if fanout is not None:
            self.fanout_group = self._join(fanout)
        self._last = (0, 0, 0)
        self._totals = [0, 0, 0]
        self._delivered = 0
        self.discard_waiting()

    def _set_direction(self, pcapy: ModuleType, direction: str) -> None:
        """libpcap takes away frames that the kernel has counted: those of the other direction, and of the loopback
        interface, where each comes twice, the outgoing. Where the kernel can, it leaves them out itself."""
        loopback = self._interface == "lo"
        self._exact = direction == "both" and not loopback and self._index is not None
        if direction != "both":
            self._reader.setdirection(pcapy.PCAP_D_IN if direction == "in" else pcapy.PCAP_D_OUT)
        if direction == "in" or (loopback and direction == "both"):
            with suppress(OSError):
                self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
                self._exact = self._index is not None

    def _join(self, fanout: int) -> int:
        try:
            if fanout == 0:
                self._reader.set_fanout(0, PACKET_FANOUT_FLAG_UNIQUEID)
            else:
                self._reader.set_fanout(fanout - 1)
        except self._error as error:
            raise OSError(errno.EIO, f"the kernel does not share its packets: {error}") from error
        return (self._socket.getsockopt(SOL_PACKET, PACKET_FANOUT) & 0xFFFF) + 1  # the kernel's number may be 0

    def _accept(self) -> None:
        try:
            self._reader.setfilter(self._filter)
        except self._error as error:
            raise ValueError(f"filter: {error}") from error

    def _take(self, feed: LiveFeed, seconds: float) -> list[FlowBatch]:
        octets, packets = self._next_batch(seconds)
        return feed.feed_packed(octets, packets, self._link_type)

    def _take_rest(self, feed: LiveFeed) -> tuple[list[FlowBatch], str]:
        """An interface that went down may come up again; one that is gone has left packets in the kernel's buffer."""
        time.sleep(2 * GATHER_MILLISECONDS / 1000)
        status = "failed"
        with suppress(self._error):
            delivered = -1
            while delivered != self._delivered:
                delivered = self._delivered
                batches = self._take(feed, 0.0)
                if batches:
                    return batches, "batch"
            status = "waited"
        return self._all_closed(feed), status if self._is_there() else "gone"

    def _all_closed(self, feed: LiveFeed) -> list[FlowBatch]:
        self._note()
        return feed.idle()

    def _next_batch(self, seconds: float) -> tuple[bytes, bytes]:
        """What waits; if nothing does, what comes within the time."""
        octets, packets = self._reader.next_batch(BATCH_PACKETS)
        if not packets:
            self._poll.poll(seconds * 1000)
            octets, packets = self._reader.next_batch(BATCH_PACKETS)
        self._delivered += len(packets) // RECORD_OCTETS
        return octets, packets

    def _packets_wait(self) -> bool:
        self._note()
        received, dropped, _ = self._totals
        return received != dropped + self._delivered

    def _note(self) -> None:
        with suppress(self._error):  # an interface that is gone has no counters
            now = self._reader.stats()
            for place, (value, last) in enumerate(zip(now, self._last, strict=True)):
                self._totals[place] += (value - last) % COUNTER_SIZE
            self._last = now

    def _is_there(self) -> bool:
        """What is gone does not come back to this socket."""
        self._gone = self._gone or interface_index(self._interface) != self._index
        return not self._gone


def live_pcapy() -> ModuleType:
    """pcapy-ng. Raises MissingPackageError where it is not installed, or cannot capture as is needed here."""
    try:
        import pcapy
    except ImportError:
        raise MissingPackageError(
            "capture: this build has no libpcap to capture with; pip install 'flowedge[pcapy]', or install libpcap-dev "
            "and build anew"
        ) from None
    if not hasattr(pcapy, "PACKET_FANOUT_HASH"):
        raise MissingPackageError("capture: needs pcapy-ng 2.1 or newer; pip install --upgrade pcapy-ng")
    module: ModuleType = pcapy
    return module
