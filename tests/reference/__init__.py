"""The slow twin: every row of a capture from lists of packets, in exact arithmetic and more than one pass.

It shares no code with the engine and keeps no running state, so that an error would have to be made twice. `rows`
gives what `flowedge convert` must print; `compare` says where the two differ.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from reference.captures import Frame, read_frames
from reference.cicflowmeter import US_PER_SECOND, fork_flows, v4_flows
from reference.decoding import Segment, decode
from reference.features import CORRECTED, NETFLOWER, Row, features
from reference.java_rows import fork_row, v4_row
from reference.jnetpcap import JavaPacket, read_packet
from reference.lifecycle import NS_PER_SECOND, CorrectedLifeCycle, NetflowerLifeCycle, Timeouts, flows_of

__all__ = ["MODES", "Row", "Timeouts", "rows", "rows_of"]

DEFAULT_TIMEOUTS = Timeouts()
MODES = ("netflower", "cicflowmeter", "engelen", "corrected")


def rows(path: Path, mode: str) -> list[Row]:
    """The rows of a capture file, in no order that matters."""
    return rows_of(read_frames(path), mode)


def rows_of(frames: Iterable[Frame], mode: str, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> list[Row]:
    """The same from frames; the time-outs are those of netflower and corrected alone."""
    timed = (frame for frame in frames if frame.ticks is not None)
    if mode == "cicflowmeter":
        return [v4_row(flow) for flow in v4_flows(_java_packets(timed, fork=False))]
    if mode == "engelen":
        return [fork_row(flow) for flow in fork_flows(_java_packets(timed, fork=True))]
    if mode == "corrected":
        return [features(flow, CORRECTED) for flow in flows_of(_segments(timed), CorrectedLifeCycle(timeouts))]
    return [features(flow, NETFLOWER) for flow in flows_of(_segments(timed), NetflowerLifeCycle(timeouts))]


def _segments(frames: Iterable[Frame]) -> Iterator[tuple[int, Segment]]:
    for frame in frames:
        segment = decode(frame.data, frame.link_type)
        if segment is not None:
            yield frame.time(NS_PER_SECOND), segment


def _java_packets(frames: Iterable[Frame], fork: bool) -> Iterator[JavaPacket]:
    for frame in frames:
        packet = read_packet(frame.data, frame.time(US_PER_SECOND), fork)
        if packet is not None:
            yield packet
