"""Edge lists in files: what is in them, when they appear, and what is left of a window that was not finished."""

import csv
import errno
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import count
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

import networkx
import pandas
import polars
import pytest
from hypothesis import HealthCheck, given, settings
from pyarrow import parquet

from flowedge import MissingPackageError, SinkError
from flowedge.edges import Column, EdgeList
from flowedge.sinks.day_retention import DayRetention
from flowedge.sinks.edge_files import EDGE_NAMES, EdgeFiles
from flowedge.sinks.row_file import Fsync

from .edge_lists import SECOND, START, edge_list, edge_lists, empty, three_flows, two_pairs
from .live_rows import NOBODY, files_end_at, needs_root

FORMS = ("csv", "jsonl", "parquet")
DAY = "2023-11-14"
STEM = "eth0-20231114T221320Z"

numbers = count()


class Folder:
    """An EdgeFiles under test."""

    def __init__(self, path: Path, form: str = "csv", fsync: Fsync = "never") -> None:
        self.path = path
        self.form = form
        self.notices: list[str] = []
        self.sink = EdgeFiles(f"{path}/", form, notice=self.notices.append, fsync=fsync)

    @property
    def names(self) -> list[str]:
        """Of the complete files, with their days."""
        return sorted(str(path.relative_to(self.path)) for path in self.path.glob("[!.]*/*"))

    @property
    def parts(self) -> list[Path]:
        return sorted(path for path in self.path.iterdir() if path.name.startswith("."))

    def edges(self, name: str = "") -> list[dict[str, Any]]:
        """The edges of a file as text, the only one if no name is given."""
        (path,) = [self.path / name] if name else self.path.glob("[!.]*/*")
        return edges_in(path)


def edges_in(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    if path.suffix == ".jsonl":
        return [as_text(json.loads(line, parse_constant=pytest.fail)) for line in path.read_bytes().splitlines()]
    return [as_text(edge) for edge in parquet.read_table(path).to_pylist()]


def as_text(edge: dict[str, Any]) -> dict[str, str]:
    return {name: " ".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in edge.items()}


def as_texts(edges: EdgeList) -> list[dict[str, str]]:
    return [as_text(edge) for edge in edges.to_dicts()]


def pieces_of(window: EdgeList, size: int) -> list[EdgeList]:
    pieces = [window.rows(at, min(at + size, len(window))) for at in range(0, max(1, len(window)), size)]
    numbered = [replace(piece, part=number, parts=0) for number, piece in enumerate(pieces, start=1)]
    return [*numbered[:-1], replace(numbered[-1], parts=len(pieces))]


def put(sink: EdgeFiles, pieces: list[EdgeList]) -> None:
    for piece in pieces[:-1]:
        sink.add_piece(piece)
    sink.end_window(pieces[-1])


def many_flows(count: int) -> EdgeList:
    """More than are turned into text at a time."""
    columns = {
        "src": Column.of("<u4", [number % 250 for number in range(count)]),
        "dst": Column.of("<u4", [250] * count),
        "src_port": Column.of("<u2", range(count)),
    }
    return edge_list([bytes([10, 0, 0, number]) for number in range(251)], columns)


@pytest.fixture(params=FORMS)
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Folder:
    return Folder(tmp_path / "edges", request.param)


# --- what is in a file ------------------------------------------------------------------------------------------------


def test_csv_has_a_head_and_an_edge_a_line(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.sink.end_window(three_flows())
    assert (tmp_path / DAY / f"{STEM}.csv").read_text() == (
        "src,dst,src_port,first_ns,init_fwd_win_byts,flow_duration\n"
        "10.0.0.1,10.0.0.2,40000,1700000000000000000,-1,0.25\n"
        "10.0.0.1,2001:db8::1,53,1700000000000000001,0,0.1\n"
        "2001:db8::1,10.0.0.2,7,1700000000000000002,65535,3.0\n"
    )


def test_lists_and_subnets_in_csv(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.sink.end_window(two_pairs())
    assert (tmp_path / DAY / f"{STEM}.csv").read_text() == (
        "src,dst,flow_count,server_ports,protocols\n10.0.0.0/8,10.0.0.2,3,53 443,\n10.0.0.0/8,::ffff:1.2.3.4,1,8080,6\n"
    )


def test_jsonl_has_an_object_an_edge(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "jsonl")
    folder.sink.end_window(two_pairs())
    assert (tmp_path / DAY / f"{STEM}.jsonl").read_text() == (
        '{"src":"10.0.0.0/8","dst":"10.0.0.2","flow_count":3,"server_ports":[53,443],"protocols":[]}\n'
        '{"src":"10.0.0.0/8","dst":"::ffff:1.2.3.4","flow_count":1,"server_ports":[8080],"protocols":[6]}\n'
    )


def test_what_is_no_finite_number(tmp_path: Path) -> None:
    ends = {"src": Column.of("<u1", [0, 0, 0]), "dst": Column.of("<u1", [0, 0, 0])}
    odd = edge_list(
        [bytes(4)], ends | {"x": Column.of("<f8", [nan, inf, 1.5]), "y": Column.of_lists("<f4", [[-inf], [], [2]])}
    )
    for form in FORMS:
        Folder(tmp_path, form).sink.end_window(odd)
    lines = (tmp_path / DAY / f"{STEM}.jsonl").read_text().splitlines()
    assert [json.loads(line)["x"] for line in lines] == [None, None, 1.5]
    assert [json.loads(line)["y"] for line in lines] == [[None], [], [2.0]]
    assert pandas.read_csv(tmp_path / DAY / f"{STEM}.csv")["x"].tolist()[1:] == [inf, 1.5]
    assert parquet.read_table(tmp_path / DAY / f"{STEM}.parquet")["y"].to_pylist() == [[-inf], [], [2.0]]


def test_parquet_knows_its_window(tmp_path: Path) -> None:
    window = two_pairs()
    window = replace(window, drop={"dropped": 3})
    first, last = pieces_of(replace(window, drop={}), 1)
    put(Folder(tmp_path, "parquet").sink, [first, replace(last, drop=window.drop)])
    metadata = parquet.read_table(tmp_path / DAY / f"{STEM}.parquet").schema.metadata
    facts = {name.decode(): value.decode() for name, value in metadata.items()}
    assert facts == {name: str(value) for name, value in window.window().items()} | {"drop": '{"dropped": 3}'}


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_pieces_are_one_file(folder: Folder, size: int) -> None:
    put(folder.sink, pieces_of(three_flows(), size))
    assert folder.edges() == as_texts(three_flows())
    assert folder.names == [f"{DAY}/{STEM}.{folder.form}"]


def test_a_large_window(folder: Folder) -> None:
    window = many_flows(5000)
    put(folder.sink, pieces_of(window, 2100))
    assert folder.edges() == as_texts(window)


def test_a_window_without_edges_is_a_file(folder: Folder) -> None:
    folder.sink.end_window(empty())
    assert folder.names == [f"{DAY}/{STEM}.{folder.form}"]
    assert folder.edges() == []
    if folder.form == "csv":
        assert (folder.path / folder.names[0]).read_text() == "src,dst\n"
    if folder.form == "parquet":
        assert parquet.read_schema(folder.path / folder.names[0]).names == ["src", "dst"]


def test_numbers_that_are_narrow_in_one_piece_and_wide_in_another(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "parquet")
    pieces = pieces_of(many_flows(4), 2)
    pieces[0] = replace(pieces[0], columns=dict(pieces[0].columns) | {"src_port": Column.of("<u1", [1, 2])})
    pieces[1] = replace(pieces[1], columns=dict(pieces[1].columns) | {"src_port": Column.of("<i4", [-1, 1 << 30])})
    put(folder.sink, pieces)
    assert [edge["src_port"] for edge in folder.edges()] == ["1", "2", "-1", str(1 << 30)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(window=edge_lists())
def test_any_window_comes_back(tmp_path: Path, window: EdgeList) -> None:
    window = replace(window, iface="eth0", end_ns=window.start_ns + SECOND)
    for form in FORMS:
        folder = Folder(tmp_path / str(next(numbers)), form)
        put(folder.sink, pieces_of(window, 100 if form == "parquet" else 5))  # Parquet has no type for <u8 and <i8 both
        assert len(folder.edges()) == len(window)
        if form == "parquet":
            assert repr(parquet.read_table(folder.path / folder.names[0]).to_pylist()) == repr(window.to_dicts())
        if form == "jsonl":
            assert folder.edges() == [as_text(finite(edge)) for edge in window.to_dicts()]


def finite(edge: dict[str, Any]) -> dict[str, Any]:
    return {name: [*map(or_none, value)] if isinstance(value, list) else or_none(value) for name, value in edge.items()}


def or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


# --- as docs/edge-lists.md says it is loaded --------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("window", [two_pairs(), three_flows()], ids=["pair", "flow"])
def test_pandas_polars_and_networkx_load_it(tmp_path: Path, form: str, window: EdgeList) -> None:
    folder = Folder(tmp_path, form)
    folder.sink.end_window(window)
    path = tmp_path / folder.names[0]
    table, frame = {
        "csv": lambda: (pandas.read_csv(path, dtype={"server_ports": str}), polars.read_csv(path)),
        "jsonl": lambda: (pandas.read_json(path, lines=True), polars.read_ndjson(path)),
        "parquet": lambda: (pandas.read_parquet(path), polars.read_parquet(path)),
    }[form]()
    expected = window.to_dicts()
    assert table["src"].tolist() == frame["src"].to_list() == [edge["src"] for edge in expected]
    assert table.shape == frame.shape == (len(window), len(window.columns))
    graph = networkx.from_pandas_edgelist(table, "src", "dst", edge_attr=True, create_using=networkx.MultiDiGraph)
    assert sorted(graph.edges(keys=False)) == sorted((edge["src"], edge["dst"]) for edge in expected)
    assert set(graph.nodes) == set(window.nodes_text())


def test_what_the_page_says_loads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "edge-lists.md").read_text()
    snippets = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    begin = 1_795_344_060 * SECOND
    for form in ("csv", "parquet"):
        sink = Folder(tmp_path / "edges", form).sink
        sink.end_window(replace(two_pairs(), start_ns=begin, end_ns=begin + 10 * SECOND))
        sink.end_window(replace(pair_without_edges(), start_ns=begin + 10 * SECOND, end_ns=begin + 20 * SECOND))
    monkeypatch.chdir(tmp_path)
    made: list[dict[str, Any]] = [{} for _ in snippets]
    for snippet, names in zip(snippets, made, strict=True):
        exec(snippet, names)
    pandas_made, day_of_csv, day_of_parquet, networkx_made, parquet_made = made
    assert pandas_made["ports"].tolist() == [["53", "443"], ["8080"]]
    assert len(day_of_csv["table"]) == len(day_of_parquet["table"]) == 2
    assert day_of_csv["table"]["file"][0] == "edges/2026-11-22/eth0-20261122T104100Z.csv"
    assert day_of_parquet["table"]["server_ports"].to_list() == [[53, 443], [8080]]
    assert sorted(networkx_made["graph"].nodes) == sorted(two_pairs().nodes_text())
    assert parquet_made["facts"]["kind"] == "pair"


def pair_without_edges() -> EdgeList:
    window = two_pairs()
    return replace(window, nodes=[], columns={name: column.rows(0, 0) for name, column in window.columns.items()})


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_an_empty_window_is_loaded_too(tmp_path: Path, form: str) -> None:
    folder = Folder(tmp_path, form)
    folder.sink.end_window(empty())
    path = tmp_path / folder.names[0]
    assert len(pandas.read_csv(path) if form == "csv" else pandas.read_parquet(path)) == 0
    assert len(polars.read_csv(path) if form == "csv" else polars.read_parquet(path)) == 0


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "length", "name"),
    [
        (START, 10 * SECOND, f"{DAY}/{STEM}.csv"),
        (START + 2 * 3600 * SECOND, SECOND, "2023-11-15/eth0-20231115T001320Z.csv"),
        (START, SECOND // 10, f"{DAY}/eth0-20231114T221320.000Z.csv"),
        (START + 3 * SECOND // 10, SECOND // 10, f"{DAY}/eth0-20231114T221320.300Z.csv"),
        (START + 1500 * 10**6, 1500 * 10**6, f"{DAY}/eth0-20231114T221321.500Z.csv"),
        (0, 1, "1970-01-01/eth0-19700101T000000.000Z.csv"),
        (2**63 - 1, SECOND, "2262-04-11/eth0-22620411T234716Z.csv"),
    ],
)
def test_a_file_is_named_by_its_window(tmp_path: Path, start: int, length: int, name: str) -> None:
    folder = Folder(tmp_path)
    folder.sink.end_window(replace(empty(), start_ns=start, end_ns=start + length))
    assert folder.names == [name]
    assert EDGE_NAMES.fullmatch(Path(name).name)


def test_an_interface_is_made_safe_for_a_name(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.sink.end_window(replace(empty(), iface="../../etc/passwd"))
    assert folder.names == [f"{DAY}/_._.._etc_passwd-20231114T221320Z.csv"]


def test_interfaces_may_take_turns(folder: Folder) -> None:
    eth0, eth1 = pieces_of(three_flows(), 1), pieces_of(replace(three_flows(), iface="eth1"), 2)
    folder.sink.add_piece(eth0[0])
    folder.sink.add_piece(eth1[0])
    folder.sink.add_piece(eth0[1])
    folder.sink.end_window(eth1[1])
    folder.sink.end_window(eth0[2])
    eth1_name = STEM.replace("eth0", "eth1")
    assert folder.names == [f"{DAY}/{STEM}.{folder.form}", f"{DAY}/{eth1_name}.{folder.form}"]
    assert folder.edges(folder.names[0]) == folder.edges(folder.names[1]) == as_texts(three_flows())


@pytest.mark.parametrize("links", [True, False])
def test_an_existing_file_is_never_replaced(folder: Folder, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", refused)
    for boot in ("first", "second", "third"):
        folder.sink.end_window(replace(three_flows(), boot=boot))
    assert folder.names == [f"{DAY}/{STEM}{number}.{folder.form}" for number in ("-2", "-3", "")]
    assert all(folder.edges(name) == as_texts(three_flows()) for name in folder.names)
    assert all(EDGE_NAMES.fullmatch(Path(name).name) for name in folder.names)


def refused(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


# --- complete, or not there -------------------------------------------------------------------------------------------


def test_a_file_appears_when_its_window_ends(folder: Folder) -> None:
    first, second, last = pieces_of(three_flows(), 1)
    folder.sink.add_piece(first)
    folder.sink.add_piece(second)
    assert folder.names == []
    assert len(folder.parts) == 1
    folder.sink.end_window(last)
    assert folder.parts == []
    assert folder.edges() == as_texts(three_flows())


def test_an_abandoned_window_leaves_nothing(folder: Folder) -> None:
    folder.sink.add_piece(pieces_of(three_flows(), 1)[0])
    folder.sink.add_piece(pieces_of(replace(three_flows(), iface="eth1"), 1)[0])
    folder.sink.abandon()
    assert [*folder.names, *folder.parts] == []
    folder.sink.end_window(three_flows())
    assert folder.edges() == as_texts(three_flows())


def test_a_window_that_has_not_ended_at_the_end_leaves_nothing(folder: Folder) -> None:
    before = len(os.listdir("/proc/self/fd"))
    folder.sink.add_piece(pieces_of(three_flows(), 1)[0])
    folder.sink.close()
    assert [*folder.names, *folder.parts] == []
    assert len(os.listdir("/proc/self/fd")) == before - 1


def test_a_window_for_which_there_is_no_room_is_lost_alone(folder: Folder) -> None:
    pieces = pieces_of(many_flows(60_000), 20_000)
    with files_end_at(30_000):
        with pytest.raises(SinkError, match="edges/: cannot be written: File too large"):
            put(folder.sink, pieces[:1] * 2)
        folder.sink.end_window(replace(three_flows(), seq=8, start_ns=START + 10 * SECOND, end_ns=START + 20 * SECOND))
    assert folder.parts == []
    assert folder.edges() == as_texts(three_flows())


def test_a_window_that_lacks_a_piece_has_no_file(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = pieces_of(three_flows(), 1)
    folder.sink.add_piece(first)
    with monkeypatch.context() as broken:
        broken.setattr(EdgeList, "nodes_text", refused)
        with pytest.raises(SinkError):
            folder.sink.add_piece(second)
    assert [*folder.names, *folder.parts] == []
    folder.sink.end_window(replace(three_flows(), seq=8))
    assert folder.edges() == as_texts(three_flows())


def test_a_window_that_cannot_get_its_name_is_lost(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "link", refused)
        broken.setattr(os, "rename", refused)
        with pytest.raises(SinkError, match="may not write there"):
            folder.sink.end_window(three_flows())
    assert [*folder.names, *folder.parts] == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "edges").write_text("a file")
    with pytest.raises(SinkError, match="edges/: cannot be written: Not a directory"):
        Folder(tmp_path / "edges")


def test_parquet_needs_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"flowedge\[table\]"):
        Folder(tmp_path, "parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("fsync", "synced"), [("never", 0), ("close", 3), ("always", 3)])
def test_a_file_and_its_name_survive_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsync: Fsync, synced: int
) -> None:
    folder = Folder(tmp_path, fsync=fsync)
    calls: list[int] = []
    (tmp_path / DAY).mkdir()
    monkeypatch.setattr(os, "fsync", calls.append)
    folder.sink.end_window(three_flows())
    assert len(calls) == synced - (fsync == "close")
    calls.clear()
    folder.sink.end_window(replace(three_flows(), start_ns=0, end_ns=SECOND))
    assert len(calls) == synced + (fsync == "always")


# --- somebody else in the folder --------------------------------------------------------------------------------------


def test_a_reopened_folder_is_the_one_of_that_name(folder: Folder, tmp_path: Path) -> None:
    folder.path.rename(tmp_path / "moved")
    folder.sink.reopen()
    folder.sink.end_window(three_flows())
    assert folder.edges() == as_texts(three_flows())
    assert list((tmp_path / "moved").iterdir()) == []


def test_a_half_written_window_goes_on_in_the_moved_folder(folder: Folder, tmp_path: Path) -> None:
    first, *_, last = pieces_of(three_flows(), 2)
    folder.sink.add_piece(first)
    folder.path.rename(tmp_path / "moved")
    folder.sink.reopen()
    folder.sink.end_window(last)
    assert edges_in(tmp_path / "moved" / DAY / f"{STEM}.{folder.form}") == as_texts(three_flows())
    folder.sink.end_window(three_flows())
    assert folder.edges() == as_texts(three_flows())


def test_a_folder_that_is_removed_is_made_again(folder: Folder) -> None:
    folder.sink.end_window(three_flows())
    for path in (folder.path / DAY).iterdir():
        path.unlink()
    (folder.path / DAY).rmdir()
    folder.sink.end_window(three_flows())
    assert folder.edges() == as_texts(three_flows())
    for name in folder.names:
        (folder.path / name).unlink()
    (folder.path / DAY).rmdir()
    folder.path.rmdir()
    folder.sink.end_window(three_flows())
    assert folder.edges() == as_texts(three_flows())


@needs_root
def test_what_is_made_is_given_to_the_owner(tmp_path: Path) -> None:
    sink = EdgeFiles(f"{tmp_path}/edges/", "csv", notice=pytest.fail, owner=(NOBODY, NOBODY))
    sink.end_window(three_flows())
    made = [tmp_path / "edges", tmp_path / "edges" / DAY, tmp_path / "edges" / DAY / f"{STEM}.csv"]
    assert [(path.stat().st_uid, path.stat().st_gid) for path in made] == [(NOBODY, NOBODY)] * 3


# --- what a dead process has left -------------------------------------------------------------------------------------


def test_half_a_window_is_removed_with_a_notice(folder: Folder) -> None:
    part = folder.path / f".flowedge-1-0-{STEM}.{folder.form}.window"
    part.write_text("src,dst\n10.0.0.1,10.0.0.2\n")
    rows = folder.path / f".flowedge-1-0-{STEM}.csv.part"
    rows.write_text("src,dst\n")
    folder.sink.reopen()
    assert folder.notices == [f"{part}: is a window that was not finished when its process ended; removed"]
    assert folder.parts == [rows]
    assert folder.names == []


def test_a_window_that_had_its_name_is_kept(folder: Folder) -> None:
    folder.sink.end_window(three_flows())
    os.link(folder.path / folder.names[0], folder.path / f".flowedge-1-0-{STEM}.{folder.form}.window")
    folder.sink.reopen()
    assert [*folder.parts, *folder.notices] == []
    assert folder.edges() == as_texts(three_flows())


def test_what_a_living_process_writes_is_left_alone(folder: Folder) -> None:
    first, *_, last = pieces_of(three_flows(), 2)
    folder.sink.add_piece(first)
    assert Folder(folder.path, folder.form).notices == []
    folder.sink.end_window(last)
    assert folder.edges() == as_texts(three_flows())


WRITER = """
import sys
sys.path[:0] = [sys.argv[3]]
from unit.test_edge_files import *
sink = EdgeFiles(sys.argv[1], sys.argv[2], notice=print)
for number in range(10_000):
    window = replace(many_flows(500), seq=number, start_ns=number * SECOND, end_ns=(number + 1) * SECOND)
    put(sink, pieces_of(window, 100))
    sys.stdout.write(".")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("seed", range(2))
def test_a_kill_loses_one_window_at_most(tmp_path: Path, form: str, seed: int) -> None:
    path = tmp_path / "edges"
    command: list[str | Path] = [sys.executable, "-c", WRITER, path, form, Path(__file__).parents[1]]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        written = len(writer.stdout.read(random.Random(seed).randrange(1, 30)))
        writer.send_signal(signal.SIGKILL)
        written += len(writer.stdout.read())
    folder = Folder(path, form)
    assert written <= len(folder.names) <= written + 1
    assert folder.parts == []
    assert len(folder.notices) <= 1
    expected = as_texts(many_flows(500))
    assert all(folder.edges(name) == expected for name in folder.names)


# --- with a retention -------------------------------------------------------------------------------------------------


def test_the_folder_stays_within_its_size(tmp_path: Path) -> None:
    retention = DayRetention(str(tmp_path), EDGE_NAMES, notice=pytest.fail, max_octets=5 * 4096)
    sink = EdgeFiles(f"{tmp_path}/", "csv", notice=pytest.fail, fsync="never", retention=retention)
    sink.tick()
    for number in range(20):
        sink.end_window(replace(three_flows(), start_ns=START + number * SECOND, end_ns=START + (number + 1) * SECOND))
        sink.tick()
    sink.tick()
    kept = sorted(path.name for path in (tmp_path / DAY).iterdir())
    assert kept == [f"eth0-20231114T2213{20 + number}Z.csv" for number in range(15, 20)]
