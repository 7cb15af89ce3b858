"""Packet sources from the settings of a configuration."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from flowedge._core import FlowEngine, FlowSaver
from flowedge.config import Configuration, flow_options
from flowedge.pipeline.engines import make_engine
from flowedge.pipeline.live import BATCH_SIZE
from flowedge.sources import PacketSource
from flowedge.sources.link import LinkSettings
from flowedge.sources.live import open_link_sources
from flowedge.sources.replay import ReplaySource
from flowedge.surroundings import Surroundings

SNAPLEN = 256  # octets: Ethernet with tags, IPv6 with extension headers, TCP with options
SNAPLEN_OF_TUNNELS = 512
SNAPLEN_OF_ALL = 262144
MODES_OF_WHOLE_FRAMES = ("cicflowmeter", "engelen")  # they count captured octets, as their programs do


@dataclass(frozen=True)
class Replay:
    """A capture file in place of interfaces."""

    path: str
    speed: float | None = None
    """1: as fast as it was captured; None: as fast as possible"""


def engine_of(configuration: Configuration, replay: Replay | None) -> FlowEngine:
    """Raises UsageError for options that cannot be met."""
    options = flow_options(configuration.flows)
    if replay is not None:  # the kernel does it for an interface
        options["filter"] = configuration.capture.filter or None
    return make_engine(options, batch_size=BATCH_SIZE)


def open_sources(
    configuration: Configuration,
    replay: Replay | None,
    surroundings: Surroundings,
    make_saver: Callable[[int], FlowSaver | None],
) -> list[PacketSource]:
    """The replay, or all interfaces, each with its workers; make_saver takes the snaplen.

    Raises InterfaceError, PermissionDeniedError, CaptureError, MissingInputError, UsageError; then none stays open.
    """
    if replay is not None:
        engine = engine_of(configuration, replay)
        return [ReplaySource(replay.path, engine, speed=replay.speed, saver=make_saver(SNAPLEN_OF_ALL))]
    with ExitStack() as opened:
        sources: list[PacketSource] = []
        for interface in configuration.capture.interfaces:
            for source in _open_interface(interface, configuration, surroundings, make_saver):
                opened.callback(source.close)
                sources.append(source)
        opened.pop_all()
    return sources


def _open_interface(
    interface: str,
    configuration: Configuration,
    surroundings: Surroundings,
    make_saver: Callable[[int], FlowSaver | None],
) -> Sequence[PacketSource]:
    capture = configuration.capture
    settings = LinkSettings(
        snaplen=_snaplen(configuration),
        buffer_size=capture.buffer_size,
        promiscuous=capture.promiscuous,
        direction=capture.direction,
        timestamp_type=capture.timestamp_type or None,
        filter=capture.filter or None,
    )
    return open_link_sources(
        interface,
        capture.fanout,
        lambda: engine_of(configuration, None),
        settings,
        make_saver=lambda: make_saver(settings.snaplen),
        opening=surroundings.sockets,
        on_notice=surroundings.notify,
    )


def _snaplen(configuration: Configuration) -> int:
    if configuration.capture.snaplen:
        return configuration.capture.snaplen
    if configuration.packets.save_pcap or configuration.flows.mode in MODES_OF_WHOLE_FRAMES:
        return SNAPLEN_OF_ALL
    return SNAPLEN_OF_TUNNELS if configuration.flows.decapsulate else SNAPLEN
