"""Interfaces by way of pcapy-ng. The reader is made up; its descriptor is that of a real socket."""

import errno
import socket
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from flowedge import MissingPackageError
from flowedge._core import FlowBatch, FlowEngine, LiveFeed
from flowedge.sources import interfaces, live
from flowedge.sources.interfaces import list_interfaces
from flowedge.sources.last_flows import last_flows
from flowedge.sources.libpcap import LibpcapCapture
from flowedge.sources.link import LinkSettings
from flowedge.sources.pcapy_capture import PcapyCapture

from .conftest import udp_flows
from .test_engine import flows_in
from .test_live_door import packed

HERE = socket.if_nameindex()[0][1]


class PcapError(Exception):
    pass


class MadeUpReader:
    """A pcapy Reader: a datagram sent to `address` makes `descriptor` readable, as the kernel does."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.status = 0
        self.link_type = 1
        self.waiting: list[Any] = []
        """what next_batch() gives, or raises"""
        self.counters = (0, 0, 0)
        self.settings: dict[str, Any] = {}
        self.closed = False

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("set"):
            raise AttributeError(name)

        def note(*values: Any) -> None:
            self.settings[name] = values
            if values == ("porty 1",):
                raise PcapError("syntax error")

        return note

    def activate(self) -> int:
        return self.status

    def getfd(self) -> int:
        return self.socket.fileno()

    def datalink(self) -> int:
        return self.link_type

    def stats(self) -> tuple[int, int, int]:
        return self.counters

    def next_batch(self, count: int) -> tuple[bytes, bytes]:
        batch = self.waiting.pop(0) if self.waiting else (b"", b"")
        if isinstance(batch, Exception):
            raise batch
        packets: tuple[bytes, bytes] = batch
        return packets

    def close(self) -> None:
        self.closed = True

    def bring(self, count: int) -> None:
        """Frames come."""
        self.waiting.append(packed(udp_flows(count)))
        received, dropped, interface_dropped = self.counters
        self.counters = ((received + count) % (1 << 32), dropped, interface_dropped)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUpReader]:
    """What pcapy.create() gives."""
    made = MadeUpReader()
    module: Any = ModuleType("pcapy")
    module.PcapError = PcapError
    module.PACKET_FANOUT_HASH = 0
    module.PCAP_D_IN, module.PCAP_D_OUT = 1, 2
    module.create = lambda interface: made
    module.findalldevs = lambda: [HERE, "any"]
    monkeypatch.setitem(sys.modules, "pcapy", module)
    yield made
    made.socket.close()


@pytest.fixture
def opened(reader: MadeUpReader, monkeypatch: pytest.MonkeyPatch) -> Iterator[PcapyCapture]:
    """Of an interface that is there, and not the loopback interface."""
    monkeypatch.setattr("flowedge.sources.pcapy_capture.interface_index", lambda name: 7)
    capture = PcapyCapture("eth0", LinkSettings(snaplen=99, filter="udp"), None)
    yield capture
    capture.close()


def carry(capture: PcapyCapture, feed: LiveFeed) -> tuple[list[FlowBatch], str]:
    return capture.carry(feed, 1)


def test_the_interface_is_opened_as_asked(reader: MadeUpReader, opened: PcapyCapture) -> None:
    assert reader.settings["set_snaplen"] == (99,)
    assert reader.settings["set_promisc"] == (True,)
    assert reader.settings["set_buffer_size"] == (8 << 20,)
    assert reader.settings["setnonblock"] == (1,)
    assert reader.settings["setfilter"] == ("udp",)
    opened.close()
    assert reader.closed


def test_frames_reach_the_flows_and_are_counted(reader: MadeUpReader, opened: PcapyCapture) -> None:
    engine = FlowEngine(idle_timeout=100)
    feed = LiveFeed(engine)
    reader.bring(10)
    reader.bring(20)
    batches, status = carry(opened, feed)
    assert status == "waited"
    assert engine.counters["packets"] == 30
    assert opened.counters() == (30, 0, 0)
    assert len(flows_in([*batches, *last_flows(feed)])) == 20


def test_full_batches_are_handed_over_at_once(reader: MadeUpReader, opened: PcapyCapture) -> None:
    feed = LiveFeed(FlowEngine(max_flows=1, batch_size=5))
    reader.bring(17)
    batches, status = opened.carry(feed, 10_000)
    assert ([len(batch) for batch in batches], status) == ([5, 5, 5], "batch")


def test_what_came_before_the_filter_is_not_counted(reader: MadeUpReader, opened: PcapyCapture) -> None:
    reader.counters = (5, 2, 0)
    reader.waiting.append(packed(udp_flows(3)))
    opened.discard_waiting()
    assert opened.counters() == (0, 0, 0)
    engine = FlowEngine()
    reader.bring(4)
    carry(opened, LiveFeed(engine))
    assert opened.counters() == (4, 0, 0)
    assert engine.counters["packets"] == 4


def test_counters_go_on_where_pcapys_begin_anew(reader: MadeUpReader, opened: PcapyCapture) -> None:
    feed = LiveFeed(FlowEngine())
    reader.counters = (2**32 - 3, 2**32 - 8, 1)
    carry(opened, feed)
    reader.counters = (7, 2, 1)
    carry(opened, feed)
    assert opened.counters() == (2**32 + 7, 2**32 + 2, 1)


def test_an_interface_that_went_down_is_not_lost(reader: MadeUpReader, opened: PcapyCapture) -> None:
    engine = FlowEngine()
    feed = LiveFeed(engine)
    reader.bring(1)
    reader.waiting.append(PcapError("The interface went down"))
    reader.bring(2)
    assert carry(opened, feed)[1] == "waited"
    assert engine.counters["packets"] == 3


def test_an_interface_that_is_gone_leaves_its_packets(
    reader: MadeUpReader, opened: PcapyCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FlowEngine()
    reader.waiting.append(PcapError("The interface disappeared"))
    reader.bring(2)
    reader.bring(3)
    monkeypatch.setattr("flowedge.sources.pcapy_capture.interface_index", lambda name: None)
    assert carry(opened, LiveFeed(engine))[1] == "gone"
    assert engine.counters["packets"] == 5


def test_an_interface_with_another_name_is_gone(
    reader: MadeUpReader, opened: PcapyCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = FlowEngine()
    feed = LiveFeed(engine)
    reader.bring(2)
    assert carry(opened, feed)[1] == "waited"
    reader.waiting += [packed([]), packed([])]
    reader.bring(3)  # while it is waited for what the kernel keeps
    monkeypatch.setattr("flowedge.sources.pcapy_capture.interface_index", lambda name: 8)
    assert carry(opened, feed)[1] == "gone"
    assert engine.counters["packets"] == 5
    assert opened.counters() == (5, 0, 0)
    monkeypatch.setattr("flowedge.sources.pcapy_capture.interface_index", lambda name: 7)
    assert carry(opened, feed)[1] == "gone"  # its socket takes no more


def test_what_a_full_buffer_leaves_behind_is_handed_over_a_few_batches_at_a_time(
    reader: MadeUpReader, opened: PcapyCapture, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = LiveFeed(FlowEngine(max_flows=1, batch_size=10))
    reader.waiting.append(PcapError("The interface disappeared"))
    reader.bring(12)
    reader.bring(20)
    monkeypatch.setattr("flowedge.sources.pcapy_capture.interface_index", lambda name: None)
    handed_over = [carry(opened, feed) for _ in range(3)]
    assert [([len(batch) for batch in batches], status) for batches, status in handed_over] == [
        ([10], "batch"),
        ([10, 10], "batch"),
        ([1], "gone"),
    ]


def test_an_error_that_stays_is_told(reader: MadeUpReader, opened: PcapyCapture) -> None:
    reader.waiting += [PcapError("the cable is out")] * 2
    assert carry(opened, LiveFeed(FlowEngine()))[1] == "failed"
    assert opened.problem == "the cable is out"


def test_raw_ip_has_a_number_of_its_own(reader: MadeUpReader) -> None:
    reader.link_type = 12  # DLT_RAW; LINKTYPE_RAW is 101
    capture = PcapyCapture("any", LinkSettings(), None)
    engine = FlowEngine()
    reader.waiting.append(packed([(time, frame[14:]) for time, frame in udp_flows(3)]))
    carry(capture, LiveFeed(engine))
    capture.close()
    assert engine.counters["in_flows"] == 3


def test_frames_of_another_direction_are_not_counted(reader: MadeUpReader) -> None:
    capture = PcapyCapture("any", LinkSettings(direction="out"), None)
    assert reader.settings["setdirection"] == (2,)
    reader.bring(3)
    reader.counters = (10, 0, 0)  # the kernel counts those that libpcap leaves out
    carry(capture, LiveFeed(FlowEngine()))
    assert capture.counters() == (3, 0, 0)
    capture.close()


@pytest.mark.parametrize(
    ("status", "number"), [(-5, errno.ENOENT), (-8, errno.EPERM), (-9, errno.ENETDOWN), (-1, errno.EIO)]
)
def test_why_it_cannot_be_opened(reader: MadeUpReader, status: int, number: int) -> None:
    reader.status = status
    with pytest.raises(OSError, match="status") as caught:
        PcapyCapture("eth0", LinkSettings(), None)
    assert caught.value.errno == number


@pytest.mark.parametrize(
    ("settings", "words"),
    [(LinkSettings(filter="porty 1"), "filter: syntax error"), (LinkSettings(timestamp_type="host"), "timestamp_type")],
)
def test_settings_that_cannot_be(reader: MadeUpReader, settings: LinkSettings, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        PcapyCapture("eth0", settings, None)


def test_without_pcapy_too_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HAVE_LIBPCAP", False)
    monkeypatch.setitem(sys.modules, "pcapy", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'flowedge\[pcapy\]'"):
        live.LinkSource("eth0", FlowEngine())


def test_an_old_pcapy_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pcapy", ModuleType("pcapy"))
    with pytest.raises(MissingPackageError, match=r"2\.1 or newer"):
        PcapyCapture("eth0", LinkSettings(), None)


def test_pcapy_captures_where_the_build_has_no_libpcap(reader: MadeUpReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "HAVE_LIBPCAP", False)
    capture = live.make_capture("eth0", LinkSettings(), None)
    assert isinstance(capture, PcapyCapture)
    capture.close()
    monkeypatch.setattr(live, "HAVE_LIBPCAP", True)
    monkeypatch.setattr(live, "LibpcapCapture", lambda *options: LibpcapCapture)
    assert live.make_capture("eth0", LinkSettings(), None) is LibpcapCapture  # type: ignore[comparison-overlap]


@pytest.mark.parametrize("with_pcapy", [True, False])
def test_interfaces_without_libpcap(reader: MadeUpReader, monkeypatch: pytest.MonkeyPatch, with_pcapy: bool) -> None:
    monkeypatch.setattr(interfaces, "HAVE_LIBPCAP", False)
    if not with_pcapy:
        monkeypatch.setitem(sys.modules, "pcapy", None)
    found = {interface.name: interface for interface in list_interfaces()}
    assert ("any" in found) == with_pcapy
    assert found[HERE].loopback == (HERE == "lo")
