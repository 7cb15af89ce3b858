"""The modes cicflowmeter and engelen against the CSVs that the two Java programs wrote (in UTC)."""

import csv
from pathlib import Path

import pytest
from conversion import convert
from reference.comparison import compare
from reference.features import Cell, Row
from shared_captures import each_capture, golden_captures

#: Folder of the CSVs by mode.
FOLDERS = {"cicflowmeter": "java", "engelen": "engelen"}
#: Both programs make up rows of protocol 0 from frames that are not IPv4: they are no traffic.
PROTOCOLS = ("6", "17")
#: Neither program reads a link type other than Ethernet.
NOT_ETHERNET = ("sll.pcap", "raw-ip.pcap")

CAPTURES = [capture for capture in golden_captures() if capture.name not in NOT_ETHERNET]


@pytest.mark.parametrize("mode", FOLDERS)
@each_capture(CAPTURES)
def test_rows_are_those_of_java(capture: Path, mode: str) -> None:
    golden = capture.parents[1]
    # jnetpcap knows neither pcapng nor nanoseconds: the programs were given a conversion.
    converted = golden / "pcap_us" / f"{capture.stem}.pcap"
    ours = convert(converted if converted.exists() else capture, mode=mode).rows
    theirs = _java_rows(golden / FOLDERS[mode] / f"{capture.stem}.csv")
    result = compare([row for row in ours if row["Protocol"] in PROTOCOLS], theirs)
    assert not result, str(result)


def _java_rows(path: Path) -> list[Row]:
    with path.open(newline="") as lines:
        return [_row(row) for row in csv.DictReader(lines) if row["Protocol"] in PROTOCOLS]


def _row(texts: dict[str, str]) -> Row:
    return {name: _cell(text) for name, text in texts.items()}


def _cell(text: str) -> Cell:
    """Java writes whole numbers without a point."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
