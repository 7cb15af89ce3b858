"""A capture as a program has it, on a capture file in place of an interface."""

import socket
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from flowedge import Capture, FlowBatch, UsageError, capture_live
from flowedge.capture import ConfiguredCapture
from flowedge.config import Configuration, with_settings
from flowedge.inputs import Replay
from flowedge.sinks.callback import BatchCallback, FlowCallback
from flowedge.surroundings import Surroundings

SECONDS = 20.0


def quiet(_: str, __: str) -> None:
    pass


def replayed(path: Path, *callbacks: FlowCallback | BatchCallback, **settings: Any) -> ConfiguredCapture:
    capture = ConfiguredCapture(
        with_settings(Configuration(), settings), Surroundings(quiet), callbacks=callbacks, replay=Replay(str(path))
    )
    capture.open()
    return capture


def test_flows_and_counters(large: Path, tmp_path: Path) -> None:
    batches: list[tuple[str, int]] = []
    keep = BatchCallback(lambda source, batch: batches.append((source, len(batch))), print)
    capture = replayed(large, keep, csv=str(tmp_path / "x.csv"))
    capture.start()
    assert capture.join(SECONDS)
    assert {source for source, _ in batches} == {"large.pcap"}
    assert sum(flows for _, flows in batches) == 5000 == capture.stats()["rows"]
    assert capture.stats()["interfaces"]["large.pcap"]["packets"] == 5000
    assert (tmp_path / "x.csv").read_bytes().count(b"\n") == 5001
    assert list(capture.problems) == []


def test_a_capture_is_started_once(capture: Path) -> None:
    played = replayed(capture)
    played.start()
    with pytest.raises(UsageError, match="started once"):
        played.start()
    assert played.join(SECONDS)


def test_a_callback_may_ask_for_the_end(large: Path) -> None:
    def end(_: str, __: FlowBatch) -> None:
        played.request_stop()
        assert not played.join()  # it is part of what it would wait for

    callback = BatchCallback(end, print)
    played = replayed(large, callback)
    played.start()
    assert played.join(SECONDS)
    assert callback.errors == 0


def test_what_a_callback_leaves_with_is_told(large: Path) -> None:
    callback = FlowCallback(lambda _: sys.exit(7), print)
    played = replayed(large, callback)
    played.start()
    assert played.join(SECONDS)
    assert [problem.code for problem in played.problems if isinstance(problem, SystemExit)] == [7]


def test_a_capture_that_was_not_started_closes(capture: Path, tmp_path: Path) -> None:
    played = replayed(capture, csv=str(tmp_path / "x.csv"))
    played.close()
    played.close()
    assert played.join(0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": "x"}, "user: is a setting of the command alone"),
        ({"stats": "x"}, "stats: is a setting of the command alone"),
        ({"log_format": "json"}, "log_format: is a setting of the command alone"),
        ({"idle_timeut": 3}, "idle_timeut: there is no such setting; the nearest is idle_timeout"),
        ({"columns": "src_ip,nonsense"}, "nonsense"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Capture("eth0", **settings)


def test_no_interface() -> None:
    with pytest.raises(UsageError, match="interfaces: give at least one"):
        Capture([])


def test_saving_needs_a_folder() -> None:
    with pytest.raises(ValueError, match="pcap_dir: is needed with save_pcap=True"):
        capture_live("eth0", print, save_pcap=True)


def test_an_interface_that_is_not_there() -> None:
    handle = capture_live("nosuchif0", print)
    with pytest.raises(RuntimeError, match="nosuchif0"):
        handle.start()
    handle.stop()


def test_the_counters_are_served_until_the_end(large: Path) -> None:
    pytest.importorskip("prometheus_client")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    scraped: list[bytes] = []

    def scrape(_: str, __: FlowBatch) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS) as answer:
            scraped.append(answer.read())

    callback = BatchCallback(scrape, print)
    played = replayed(large, callback, metrics=f"127.0.0.1:{port}")
    played.start()
    assert played.join(SECONDS)
    assert callback.errors == 0
    assert b'flowedge_packets_received_total{interface="large.pcap"}' in scraped[0]
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=SECONDS)
