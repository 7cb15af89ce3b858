"""A capture that is played to the agent gives the rows that its conversion gives. Needs no privileges."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conversion import TextRow, convert
from integration.agent_process import flowedge, in_order, rows_in
from integration.made_captures import a_millisecond_apart, busy_capture, query
from reference.captures import read_frames
from reference.frames import pcap
from shared_captures import each_capture, golden_captures


def replay(capture: Path, folder: Path, *options: str) -> tuple[list[TextRow], dict[str, Any]]:
    """The rows and the closing counters."""
    table, stats = folder / "flows.csv", folder / "stats.json"
    command = flowedge("capture", "-r", capture, "--csv", table, "--stats", stats, *options)
    subprocess.run(command, check=True, timeout=60)
    return rows_in(table), json.loads(stats.read_text())


def steady_captures() -> Iterator[Path]:
    """Those in which time never runs back: a link's clock closes flows by it, a file's does not."""
    for path in golden_captures():
        times = [frame.time(10**9) for frame in read_frames(path)]
        if times == sorted(times):
            yield path


@each_capture(list(steady_captures()))
def test_rows_are_those_of_the_conversion(capture: Path, folder: Path) -> None:
    rows, stats = replay(capture, folder)
    assert in_order(rows) == in_order(convert(capture).rows)
    assert stats["received"] == stats["packets"] == len(list(read_frames(capture)))


def test_nothing_is_dropped_on_the_way(folder: Path) -> None:
    """A replay waits for the sinks; a link would not."""
    capture = folder / "busy.pcap"
    capture.write_bytes(busy_capture(50_000))
    rows, stats = replay(capture, folder)
    assert len(rows) == stats["flows"] == stats["rows"]
    assert stats["queue_dropped"] == 0
    assert in_order(rows) == in_order(convert(capture).rows)


def test_speed_changes_nothing(folder: Path) -> None:
    capture = folder / "queries.pcap"
    capture.write_bytes(pcap(a_millisecond_apart(frame for port in range(1000, 1200) for frame in query(port))))
    rows, _ = replay(capture, folder, "--speed", "2")
    assert in_order(rows) == in_order(convert(capture).rows)
