"""convert() and its netflower twin: from captures to outputs."""

import csv
import os
from pathlib import Path
from typing import Any

import pytest
from reference.frames import pcap

from flowedge import (
    CaptureError,
    MissingInputError,
    NotACaptureError,
    Progress,
    SinkError,
    UsageError,
    convert,
    convert_pcap_to_csv,
    read_flows,
)

from .conftest import make_capture, udp_flows


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_capture_to_one_table(capture: Path, tmp_path: Path) -> None:
    result = convert(capture, tmp_path / "flows.csv")
    assert (result.packets, result.in_flows, result.flows) == (3, 3, 3)
    assert (result.problems, result.warnings) == ([], [])
    assert result.seconds > 0
    assert [row["src_port"] for row in rows(tmp_path / "flows.csv")] == ["1000", "1001", "1002"]


def test_captures_are_independent(capture: Path, tmp_path: Path) -> None:
    result = convert([capture, capture], tmp_path / "flows.csv")
    assert (result.packets, result.flows) == (6, 6)
    assert len(rows(tmp_path / "flows.csv")) == 6


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "parquet"])
def test_threads_change_no_octet(large: Path, tmp_path: Path, form: str) -> None:
    outputs = [tmp_path / f"{jobs}.{form}" for jobs in (1, 2, 5)]
    for jobs, output in zip((1, 2, 5), outputs, strict=True):
        assert convert(large, output, jobs=jobs).flows == 5000
    assert len({output.read_bytes() for output in outputs}) == 1


@pytest.mark.parametrize("batch_size", [1, 7, 5000, 100_000])
def test_batch_sizes_change_no_octet(large: Path, batch_size: int) -> None:
    def text(size: int) -> bytes:
        return b"".join(batch.csv() for batch in read_flows(large, batch_size=size))

    assert text(batch_size) == text(1024)


def test_a_folder_of_outputs(tmp_path: Path) -> None:
    captures = tmp_path / "captures"
    captures.mkdir()
    for name in ("a.pcap", "b.pcap.1", "c.pcap", "c.cap"):
        make_capture(captures / name)
    convert(captures, f"{tmp_path}/new/flows/")
    assert sorted(os.listdir(tmp_path / "new" / "flows")) == ["a.csv", "b.csv", "c.cap.csv", "c.pcap.csv"]
    convert(captures / "a.pcap", tmp_path / "new", format="jsonl")
    assert sorted(os.listdir(tmp_path / "new")) == ["a.jsonl", "flows"]


def test_two_captures_of_one_name_are_not_mixed_up(capture: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"two captures are named three\.pcap"):
        convert([capture, capture], f"{tmp_path}/flows/")


def test_damage_keeps_what_was_good(capture: Path, tmp_path: Path) -> None:
    bad, none = tmp_path / "bad.pcap", tmp_path / "none.pcap"
    bad.write_bytes(capture.read_bytes()[:-5])
    result = convert([bad, none, capture], tmp_path / "flows.csv")
    assert [type(problem) for problem in result.problems] == [CaptureError, MissingInputError]
    assert len(rows(tmp_path / "flows.csv")) == 6


def test_without_a_usable_capture_there_is_no_output(tmp_path: Path) -> None:
    empty, odd = tmp_path / "empty.pcap", tmp_path / "odd.pcap"
    empty.touch()
    odd.write_bytes(b"not a capture at all")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(NotACaptureError, match=r"empty\.pcap: .* \(and 1 more"):
        convert([empty, odd], tmp_path / "flows.csv")
    with pytest.raises(NotACaptureError, match=r"odd\.pcap: "):
        convert(odd, tmp_path / "flows.csv")
    assert sorted(os.listdir(tmp_path)) == before


def test_an_unknown_link_type_is_counted(tmp_path: Path) -> None:
    result = convert(make_capture(tmp_path / "usb.pcap", link_type=189), tmp_path / "flows.csv")
    assert (result.packets, result.flows, result.skipped["link"]) == (3, 0, 3)
    assert rows(tmp_path / "flows.csv") == []
    assert (tmp_path / "flows.csv").read_text().startswith("src_ip,")


def test_a_filter_that_does_not_fit_is_told(capture: Path, tmp_path: Path) -> None:
    result = convert(capture, tmp_path / "flows.csv", filter="wlan type mgt")
    assert result.skipped["filtered"] == 3
    assert ["wlan type mgt" in warning for warning in result.warnings] == [True]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"jobs": 0}, "jobs: 0"),
        ({"format": "xlsx"}, "format: 'xlsx'"),
        ({"idle_timeout": -1}, "idle_timeout: -1"),
        ({"mode": "java"}, "mode: 'java'"),
        ({"columns": "src_ip"}, "columns: give a sequence"),
        ({"flow_timeout": 3}, "flow_timeout"),
    ],
)
def test_options_that_cannot_be_met(capture: Path, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        convert(capture, tmp_path / "flows.csv", **options)
    assert os.listdir(tmp_path) == ["three.pcap"]


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one"):
        convert([], tmp_path / "flows.csv")


def test_progress_is_told_and_ends_with_all(large: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    convert([large, large], tmp_path / "flows.csv", on_progress=told.append)
    assert told[-1].packets == told[-1].flows == 10_000
    assert told[-1].octets_taken == told[-1].octets_total == 2 * large.stat().st_size
    assert [step.packets for step in told] == sorted(step.packets for step in told)


def test_an_interrupt_leaves_no_trace(large: Path, tmp_path: Path) -> None:
    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(large, tmp_path / "flows.csv", on_progress=interrupt, jobs=3)
    assert os.listdir(tmp_path) == ["large.pcap"]


def test_a_full_disk_ends_the_conversion(large: Path) -> None:
    with pytest.raises(SinkError, match="No space left"):
        convert(large, "/dev/full", format="csv", jobs=2)


def test_netflowers_function(capture: Path, tmp_path: Path) -> None:
    output = tmp_path / "any.name"
    assert convert_pcap_to_csv(str(capture), str(output)) == 3
    assert convert_pcap_to_csv(str(capture), str(output), 60.0, 10, 10, -1) == 3
    assert len(rows(output)) == 3


def test_netflowers_function_splits_at_its_timeout(tmp_path: Path) -> None:
    (first, frame), *_ = udp_flows(1)
    path = tmp_path / "x.pcap"
    path.write_bytes(pcap([(first, frame), (first + 6 * 10**9, frame)]))
    output = str(tmp_path / "flows.csv")
    assert convert_pcap_to_csv(str(path), output) == 1
    assert convert_pcap_to_csv(str(path), output, flow_timeout=5.0) == 2


def test_netflowers_function_refuses_what_netflower_refuses(capture: Path, tmp_path: Path) -> None:
    output = tmp_path / "flows.csv"
    with pytest.raises(ValueError, match="n_jobs"):
        convert_pcap_to_csv(str(capture), str(output), n_jobs=0)
    with pytest.raises(FileNotFoundError):
        convert_pcap_to_csv("absent.pcap", str(output))
    capture.write_bytes(capture.read_bytes()[:-5])
    with pytest.raises(CaptureError):
        convert_pcap_to_csv(str(capture), str(output))
    assert len(rows(output)) == 3
