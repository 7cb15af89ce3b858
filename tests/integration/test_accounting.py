"""Every packet is accounted for: it is in a row, or it was skipped for a reason that has a name."""

from pathlib import Path

import pytest
from conversion import Conversion, convert
from reference import MODES
from reference.captures import CaptureError, read_frames
from shared_captures import corpus_captures, each_capture, golden_captures

from flowedge._core import SKIP_REASONS

CAPTURES = golden_captures() + golden_captures("pcap_us") + corpus_captures()

#: The two columns of packet counts, in our names and in CICFlowMeter's.
COUNTS = {"tot_fwd_pkts", "tot_bwd_pkts", "Total Fwd Packet", "Total Bwd packets"}


@pytest.mark.parametrize("mode", MODES)
@each_capture(CAPTURES)
def test_packets_add_up(capture: Path, mode: str) -> None:
    conversion = convert(capture, mode=mode)
    counters = conversion.counters
    assert counters["packets"] == _frames(capture)
    assert counters["packets"] == counters["in_flows"] + sum(counters["skipped"].values())
    assert counters["in_flows"] == _packets_in_rows(conversion)
    assert counters["flows"] == len(conversion.rows)
    assert counters["skipped"].keys() == SKIP_REASONS.keys()


@each_capture(CAPTURES)
def test_packets_add_up_when_flows_are_evicted(capture: Path) -> None:
    conversion = convert(capture, max_flows=3)
    counters = conversion.counters
    assert counters["packets"] == counters["in_flows"] + sum(counters["skipped"].values())
    assert counters["in_flows"] == _packets_in_rows(conversion)


def _frames(capture: Path) -> int:
    """How many frames the slow twin reads."""
    try:
        return sum(1 for _ in read_frames(capture))
    except CaptureError:
        return 0


def _packets_in_rows(conversion: Conversion) -> int:
    return sum(int(row[name]) for row in conversion.rows for name in row.keys() & COUNTS)
