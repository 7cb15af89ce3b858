"""Captures that end early or contradict themselves: what was good is kept, and nothing else happens."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from conversion import convert
from integration.made_captures import small_traffic
from reference import MODES, rows_of
from reference.captures import CaptureError, Frame, frames_of
from reference.comparison import compare
from reference.frames import pcap, pcapng

FORMATS = {"pcap": pcap, "pcapng": pcapng}
PACKETS_OF_FIRST_FLOW = 6
SECTION_HEADER = 28  # octets; nothing must follow it


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("form", FORMATS)
def test_cut_at_every_octet(form: str, mode: str) -> None:
    whole = FORMATS[form](small_traffic())
    whole_sizes = _whole_sizes(form)
    for size in range(len(whole) + 1):
        conversion = convert(whole[:size], mode=mode)
        frames = _frames(whole[:size])
        result = compare(conversion.rows, rows_of(frames, mode))
        assert not result, f"cut at {size}: {result}"
        assert conversion.counters["packets"] == len(frames), f"cut at {size}"
        assert (conversion.status == "end") == (size in whole_sizes), f"cut at {size}: {conversion.status}"


@pytest.mark.parametrize("form", FORMATS)
def test_flow_closed_before_the_cut_is_kept(form: str) -> None:
    traffic = small_traffic()
    first_flow = FORMATS[form](traffic[:PACKETS_OF_FIRST_FLOW])
    expected = convert(first_flow).rows
    assert len(expected) == 1
    for size in range(len(first_flow), len(FORMATS[form](traffic))):
        assert convert(FORMATS[form](traffic)[:size]).rows[0] == expected[0], f"cut at {size}"


@pytest.mark.parametrize("captured", [262145, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_record_that_claims_too_much(captured: int) -> None:
    good = pcap(small_traffic())
    conversion = convert(good + struct.pack("<IIII", 0, 0, captured, captured) + bytes(1000))
    assert conversion.status == "malformed"
    assert conversion.rows == convert(good).rows


@pytest.mark.parametrize("length", [0, 1, 11])
def test_block_that_claims_too_little(length: int) -> None:
    good = pcapng(small_traffic())
    conversion = convert(good + struct.pack("<II", 6, length) + bytes(1000))
    assert conversion.status == "malformed"
    assert conversion.rows == convert(good).rows


@pytest.mark.parametrize(
    ("octets", "status"),
    [(b"", "empty"), (b"\0", "not_a_capture"), (b"Hello, world; this is no capture.", "not_a_capture")],
)
def test_no_capture_at_all(octets: bytes, status: str) -> None:
    conversion = convert(octets)
    assert conversion.status == status
    assert conversion.rows == []
    assert conversion.counters["packets"] == 0


def test_random_corruptions() -> None:
    """In a process of its own, so that a crash is seen. `python -m integration.corrupt` in tests/ runs for longer."""
    command = [sys.executable, "-m", "integration.corrupt", "--count", "2000"]
    run = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=300)
    last = re.findall(r"\d+", run.stdout)
    assert run.returncode == 0, f"corruption {last[-1] if last else 'none'}: {run.stderr}"


def _frames(octets: bytes) -> list[Frame]:
    try:
        return list(frames_of(octets))
    except CaptureError:
        return []


def _whole_sizes(form: str) -> set[int]:
    """Where the capture may end without being cut short."""
    traffic = small_traffic()
    sizes = {len(FORMATS[form](traffic[:count])) for count in range(len(traffic) + 1)}
    return sizes | {SECTION_HEADER} if form == "pcapng" else sizes
