"""The edge lists of a replay are those that a few lines of polars make of the rows of its conversion."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from integration.agent_process import flowedge
from integration.made_captures import busy_capture
from reference.captures import read_frames
from shared_captures import golden_captures

import flowedge as library

SECOND = 10**9
WINDOW = 2 * SECOND
SUMS = ["tot_fwd_pkts", "tot_bwd_pkts", "totlen_fwd_pkts", "totlen_bwd_pkts"]
COLUMNS = ["src_ip", "dst_ip", "src_port", "dst_port", "protocol", *SUMS]
TIMES = ["first_ns", "last_ns", "end_reason", "closed_ns"]


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("captures") / "busy.pcap"
    path.write_bytes(busy_capture(20_000))
    return path


def steady_captures() -> Iterator[Path]:
    """Those in which time never runs back, so that no flow is late."""
    for path in golden_captures():
        times = [frame.time(SECOND) for frame in read_frames(path)]
        if times == sorted(times) and times[-1] - times[0] < 600 * SECOND:
            yield path


def captures() -> list[Any]:
    return [pytest.param(None, id="made"), *(pytest.param(path, id=path.name) for path in steady_captures())]


def rows_of(capture: Path) -> pl.DataFrame:
    batches = library.read_flows(capture, columns=COLUMNS, extra=TIMES, idle_timeout=3, max_duration=5)
    return pl.concat(pl.DataFrame(batch) for batch in batches)


def edges_of(capture: Path, folder: Path, kind: str, assign: str) -> tuple[pl.DataFrame, int]:
    """All edges with the begin of their window, and the number of windows."""
    command = flowedge(
        "capture", "-r", capture, "--idle-timeout", "3", "--max-duration", "5", "--window", "2s", "--assign", assign,
        "--edges", folder, "--edge-format", "jsonl", "--edge-kind", kind, "--edge-columns", ",".join(SUMS),
        "--stats", folder.with_suffix(".json"), "--quiet",
    )  # fmt: skip
    subprocess.run(command, check=True, timeout=120)
    found = []
    for path in sorted(folder.rglob("*.jsonl")):
        begin = pl.Series([path.stem[-16:]]).str.to_datetime("%Y%m%dT%H%M%SZ").dt.epoch("ns")[0]
        found += [{"window": begin, **json.loads(line)} for line in path.read_text().splitlines()]
    stats = json.loads(folder.with_suffix(".json").read_text())
    return pl.DataFrame(found, infer_schema_length=None), stats["edges"]["windows"]


def expected(rows: pl.DataFrame, kind: str, assign: str) -> pl.DataFrame:
    time = "closed_ns" if assign == "closed" else "first_ns"
    rows = rows.with_columns(window=pl.col(time) // WINDOW * WINDOW).rename({"src_ip": "src", "dst_ip": "dst"})
    if kind == "flow":
        return rows
    keys = ["window", "src", "dst"] + (["protocol", "dst_port"] if kind == "service" else [])
    return rows.group_by(keys).agg(
        pl.len().alias("flow_count"), pl.col(*SUMS).sum(), pl.col("first_ns").min(), pl.col("last_ns").max()
    )


def compared(table: pl.DataFrame, kind: str) -> list[tuple[Any, ...]]:
    names = ["window", "src", "dst", *SUMS, "first_ns", "last_ns"]
    names += ["src_port", "dst_port", "protocol", "end_reason"] if kind == "flow" else ["flow_count"]
    if kind == "service":
        table = table.rename({"dst_port": "server_port"}, strict=False)
        names += ["protocol", "server_port"]
    return sorted(table.select(names).rows())


@pytest.mark.parametrize("assign", ["closed", "start"])
@pytest.mark.parametrize("kind", ["flow", "pair", "service"])
@pytest.mark.parametrize("capture", captures())
def test_edge_lists(capture: Path | None, busy: Path, folder: Path, kind: str, assign: str) -> None:
    path = capture or busy
    edges, windows = edges_of(path, folder / "edges", kind, assign)
    table = expected(rows_of(path), kind, assign)
    assert compared(edges, kind) == compared(table, kind)
    assert windows >= table["window"].n_unique()
