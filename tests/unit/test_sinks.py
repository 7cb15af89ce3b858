"""The contract of every sink, and of the outputs below them."""

import csv
import errno
import gzip
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from flowedge import FlowBatch, FlowEngine, MissingPackageError, SinkError, UsageError
from flowedge.sinks import FORMATS, Sink, format_of, open_sink

from .conftest import udp_flows

ENGINE = FlowEngine(columns=["src_port", "dst_port"])


def ports_in_csv(text: str) -> list[int]:
    return [int(row["src_port"]) for row in csv.DictReader(text.splitlines())]


def ports_in_jsonl(text: str) -> list[int]:
    return [json.loads(line)["src_port"] for line in text.splitlines()]


def ports_in_arrow(path: Path) -> list[int]:
    with pyarrow.OSFile(str(path)) as file:
        table: Any = pyarrow.ipc.open_file(file).read_all()
    ports: list[int] = table["src_port"].to_pylist()
    return ports


READERS: dict[str, Callable[[Path], list[int]]] = {
    "csv": lambda path: ports_in_csv(path.read_text()),
    "csv.gz": lambda path: ports_in_csv(gzip.decompress(path.read_bytes()).decode()),
    "jsonl": lambda path: ports_in_jsonl(path.read_text()),
    "jsonl.gz": lambda path: ports_in_jsonl(gzip.decompress(path.read_bytes()).decode()),
    "parquet": lambda path: parquet.read_table(path)["src_port"].to_pylist(),
    "arrow": ports_in_arrow,
}
each_format = pytest.mark.parametrize("form", FORMATS)


@pytest.fixture
def target(tmp_path: Path, form: str) -> Path:
    return tmp_path / f"flows.{form}"


@pytest.fixture
def batches() -> list[FlowBatch]:
    engine = FlowEngine(columns=["src_port", "dst_port"], batch_size=1000)
    engine.feed(udp_flows(10_000))
    return engine.flush()


def opened(target: Path, form: str) -> Sink:
    return open_sink(str(target), form, ENGINE.selection)


@each_format
def test_every_flow_is_written_in_order(target: Path, form: str, batches: list[FlowBatch]) -> None:
    sink = opened(target, form)
    for batch in batches:
        sink.write(sink.encode(batch))
    sink.close(keep=True)
    expected = [flow["src_port"] for batch in batches for flow in batch.to_dicts()]
    assert READERS[form](target) == expected
    assert len(expected) == 10_000


@each_format
def test_batches_may_be_encoded_in_any_order_and_thread(target: Path, form: str, batches: list[FlowBatch]) -> None:
    sink = opened(target, form)
    encoded: dict[int, Any] = {}

    def encode(index: int) -> None:
        encoded[index] = sink.encode(batches[index])

    threads = [threading.Thread(target=encode, args=(index,)) for index in reversed(range(len(batches)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index in range(len(batches)):
        sink.write(encoded[index])
    sink.close(keep=True)
    assert READERS[form](target) == [flow["src_port"] for batch in batches for flow in batch.to_dicts()]


@each_format
def test_without_flows_the_output_is_empty_and_valid(target: Path, form: str) -> None:
    opened(target, form).close(keep=True)
    assert READERS[form](target) == []


@each_format
def test_nothing_is_seen_before_the_end(target: Path, form: str, batches: list[FlowBatch]) -> None:
    target.write_text("what was there before")
    sink = opened(target, form)
    sink.write(sink.encode(batches[0]))
    assert target.read_text() == "what was there before"
    sink.close(keep=True)
    assert len(READERS[form](target)) == 1000
    assert os.listdir(target.parent) == [target.name]


@each_format
def test_what_is_not_kept_leaves_no_trace(target: Path, form: str, batches: list[FlowBatch]) -> None:
    sink = opened(target, form)
    sink.write(sink.encode(batches[0]))
    sink.close(keep=False)
    assert os.listdir(target.parent) == []


@each_format
def test_a_folder_that_is_not_there(target: Path, form: str) -> None:
    with pytest.raises(SinkError, match=r"absent/flows.*: cannot be written: No such file or directory"):
        opened(target.parent / "absent" / target.name, form)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@each_format
def test_a_full_disk(form: str, batches: list[FlowBatch]) -> None:
    with pytest.raises(SinkError, match="/dev/full: cannot be written: No space left on device"):  # noqa: PT012
        sink = opened(Path("/dev/full"), form)
        try:
            for batch in batches:
                sink.write(sink.encode(batch))
        except BaseException:
            sink.close(keep=False)
            raise
        sink.close(keep=True)


@each_format
def test_the_same_flows_are_the_same_octets(tmp_path: Path, form: str, batches: list[FlowBatch]) -> None:
    targets = [tmp_path / f"{number}.{form}" for number in range(2)]
    for target in targets:
        sink = opened(target, form)
        for batch in batches:
            sink.write(sink.encode(batch))
        sink.close(keep=True)
    assert targets[0].read_bytes() == targets[1].read_bytes()


def test_a_name_that_cannot_be_taken_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    sink = opened(tmp_path / "flows.csv", "csv")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SinkError, match="cross-device"):
        sink.close(keep=True)
    assert os.listdir(tmp_path) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    link = tmp_path / "link.csv"
    link.symlink_to("flows.csv")
    opened(link, "csv").close(keep=True)
    assert link.is_symlink()
    assert (tmp_path / "flows.csv").read_bytes() == b"src_port,dst_port\n"


def test_a_pipe_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    texts: list[str] = []
    reader = threading.Thread(target=lambda: texts.append(pipe.read_text()))
    reader.start()
    opened(pipe, "csv").close(keep=True)
    reader.join()
    assert texts == ["src_port,dst_port\n"]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_tables_without_pyarrow_name_the_remedy(target: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'flowedge\[table\]'"):
        opened(target, form)
    assert os.listdir(target.parent) == []


@each_format
def test_the_suffix_tells_the_format(form: str) -> None:
    assert format_of(f"some.flows.{form}") == format_of(f"FLOWS.{form.upper()}") == form


@pytest.mark.parametrize("target", ["flows", "flows.txt", "flowscsv", "csv", "flows.csv.xz"])
def test_other_suffixes_tell_none(target: str) -> None:
    with pytest.raises(UsageError, match=r"names no format; give one of \.csv, "):
        format_of(target)
