"""What `flowedge subscribe` makes of windows."""

import io
import json
from contextlib import closing
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

from flowedge.cli.edge_rows import format_of, open_windows, window_line
from flowedge.cli.window_table import WindowTable, cells, talkers
from flowedge.edges import Column, EdgeList
from flowedge.errors import SinkError, UsageError

from .edge_lists import START, empty, three_flows, two_pairs


def written(tmp_path: Path, name: str, *windows: EdgeList) -> Path:
    path = tmp_path / name
    output = open_windows(str(path), format_of(str(path), None), pytest.fail)
    with closing(output):
        for window in windows:
            output.put(window)
    return path


def with_octets() -> EdgeList:
    window = three_flows()
    counts = {
        "tot_fwd_pkts": [1, 2, 3],
        "tot_bwd_pkts": [0, 1, 0],
        "totlen_fwd_pkts": [9, 0, 500],
        "totlen_bwd_pkts": [1] * 3,
    }
    return replace(window, columns={**window.columns, **{name: Column.of("<u4", c) for name, c in counts.items()}})


def test_lists_are_spaced_numbers_in_csv(tmp_path: Path) -> None:
    lines = written(tmp_path, "pairs.csv", two_pairs()).read_text().splitlines()
    assert lines[0] == "window_ns,site,node,iface,src,dst,flow_count,server_ports,protocols"
    assert lines[1] == f"{START},default,gateway,eth0,10.0.0.0/8,10.0.0.2,3,53 443,"


def test_rows_of_json(tmp_path: Path) -> None:
    rows = [
        json.loads(line) for line in written(tmp_path, "pairs.jsonl", two_pairs(), empty()).read_text().splitlines()
    ]
    assert [row["server_ports"] for row in rows] == [[53, 443], [8080]]


def test_json_has_null_for_what_is_no_number() -> None:
    window = three_flows()
    durations = Column.of("<f8", [nan, inf, 1.5])
    line = json.loads(window_line(replace(window, columns={**window.columns, "flow_duration": durations})))
    assert line["edges"]["flow_duration"] == [None, None, 1.5]
    assert line["drop"] == {"dropped": 2, "non_ip": 5}


@pytest.mark.parametrize("name", ["edges.csv", "edges.parquet"])
def test_a_column_that_comes_later_is_not_left_out(tmp_path: Path, name: str) -> None:
    window = three_flows()
    more = replace(window, columns={**window.columns, "another": Column.of("<u1", [1, 2, 3])})
    with pytest.raises(SinkError, match="the columns of the windows have changed"):
        written(tmp_path, name, window, more)


@pytest.mark.parametrize("name", ["edges.csv", "edges.parquet"])
def test_a_table_has_one_kind_of_windows(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match="the columns of the windows have changed"):
        written(tmp_path, name, three_flows(), two_pairs())


def test_a_table_of_parquet(tmp_path: Path) -> None:
    from pyarrow import parquet

    table = parquet.read_table(written(tmp_path, "flows.parquet", three_flows(), replace(three_flows(), seq=8)))
    assert table.num_rows == 6
    assert table.column_names[:6] == ["window_ns", "site", "node", "iface", "src", "dst"]
    assert written(tmp_path, "none.parquet").exists() is False


def test_formats() -> None:
    assert format_of("-", None) == "windows"
    assert format_of("edges/", None) == "csv"
    assert format_of("edges.JSONL", None) == "jsonl"
    assert format_of("edges", "parquet") == "parquet"
    with pytest.raises(UsageError, match="names no format"):
        format_of("edges.txt", None)
    with pytest.raises(UsageError, match="a file a window"):
        open_windows("edges/", "windows", pytest.fail)


def test_the_cells_of_a_window() -> None:
    assert cells(with_octets()) == ("2023-11-14 22:13:20", "gateway", "eth0", "3", "3", "7", "512", "2")
    assert cells(two_pairs())[-3:] == ("-", "-", "0")
    assert cells(replace(empty(), columns={**empty().columns, "totlen_fwd_pkts": Column("<f8", b"")}))[3] == "0"


def test_the_pairs_that_talk_most() -> None:
    assert talkers(with_octets()) == [
        ("10.0.0.2 - 2001:db8::1", 501),
        ("10.0.0.1 - 10.0.0.2", 10),
        ("10.0.0.1 - 2001:db8::1", 1),
    ]
    assert talkers(two_pairs()) == []


def test_the_table_shows_names_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    table = WindowTable()
    table.put(replace(with_octets(), node="[red]gateway"))
    table.close()
    shown = io.StringIO()
    Console(file=shown, width=200).print(table._drawn())
    assert "[red]gateway" in shown.getvalue()
    assert "10.0.0.2 - 2001:db8::1" in shown.getvalue()
