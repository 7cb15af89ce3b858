"""Opening captures: what is found in folders, how compression is told, and what is said of what cannot be read."""

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
import zstandard
from reference.frames import pcap

from flowedge import (
    CaptureError,
    FlowBatch,
    FlowEngine,
    MissingInputError,
    MissingPackageError,
    NotACaptureError,
    PermissionDeniedError,
    read_flows,
)
from flowedge.sources import pcapy as pcapy_source
from flowedge.sources.file import RewoundPipe, capture_paths, open_capture
from flowedge.sources.pcapy import compile_filter, filter_compiler

from .conftest import make_capture, udp_flows


def flows_in(path: Path) -> int:
    return sum(len(batch) for batch in read_flows(path))


@pytest.mark.parametrize(
    "compress",
    [bytes, gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress],
    ids=["plain", "gzip", "xz", "zstd"],
)
def test_compression_is_told_by_content(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "capture"
    path.write_bytes(compress(pcap(udp_flows(3000))))
    assert flows_in(path) == 3000


@pytest.mark.parametrize(
    "compress", [gzip.compress, lzma.compress, zstandard.ZstdCompressor().compress], ids=["gzip", "xz", "zstd"]
)
def test_a_compressed_capture_that_is_cut_gives_its_flows(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "cut.pcap.gz"
    stored = compress(pcap(udp_flows(20_000)))
    path.write_bytes(stored[: len(stored) // 2])
    batches: list[FlowBatch] = []
    with pytest.raises(CaptureError, match=r"cut.pcap.gz: the compressed file is cut short; the flows"):
        batches.extend(read_flows(path))
    assert 1000 < sum(len(batch) for batch in batches) < 20_000


def test_a_capture_that_is_cut_gives_its_flows(capture: Path) -> None:
    capture.write_bytes(capture.read_bytes()[:-5])
    found: list[FlowBatch] = []
    with pytest.raises(CaptureError, match="cut short") as caught:
        found.extend(read_flows(capture))
    assert sum(len(batch) for batch in found) == 3
    assert not isinstance(caught.value, NotACaptureError)
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    "content", [b"", b"\xd4\xc3", b"#!/bin/sh\n" * 9, bz2.compress(b"x"), b"\x1f\x8b garbage", b"\xfd7zXZ\x00 garbage"]
)
def test_what_is_not_a_capture(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.pcap"
    path.write_bytes(content)
    with pytest.raises(NotACaptureError, match=r"odd\.pcap: \w+"):
        flows_in(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"absent\.pcap: no such file") as caught:
        flows_in(tmp_path / "absent.pcap")
    assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(capture: Path) -> None:
    capture.chmod(0)
    with pytest.raises(PermissionDeniedError, match="may not read"):
        flows_in(capture)


def test_a_file_that_may_not_be_read_as_the_system_says_it(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(io, "FileIO", refuse)
    with pytest.raises(PermissionDeniedError, match="may not read") as caught:
        flows_in(capture)
    assert caught.value.exit_code == 3


def test_a_folder_is_its_captures_in_order(tmp_path: Path) -> None:
    names = ["b.pcap", "a.pcapng", "c.PCAP.GZ", "d.pcap3", "e.pcap.1", "f.cap", "g.dmp.zst"]
    for name in [*names, "README.txt", "flows.csv", "pcap", "h.pcapx"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.pcap").mkdir()
    assert capture_paths([str(tmp_path)]) == [str(tmp_path / name) for name in sorted(names)]
    assert capture_paths(["x", str(tmp_path), "y"])[0::8] == ["x", "y"]


def test_a_folder_without_captures(tmp_path: Path) -> None:
    (tmp_path / "README.txt").touch()
    (path,) = capture_paths([str(tmp_path)])
    with pytest.raises(MissingInputError, match="holds no capture"), open_capture(path):
        pass


def test_zstd_without_its_package_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("the standard library reads zstd")
    path = tmp_path / "x.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(b"x"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'flowedge\[zstd\]'"):
        flows_in(path)


COUNT = "import sys, flowedge; print(sum(len(b) for b in flowedge.read_flows('-')))"


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_may_be_a_pipe(compress: Callable[[bytes], bytes]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT], input=compress(pcap(udp_flows(2000))), capture_output=True, check=True
    )
    assert done.stdout == b"2000\n"


def test_standard_input_may_be_a_file(capture: Path) -> None:
    with capture.open("rb") as stream:
        done = subprocess.run([sys.executable, "-c", COUNT], stdin=stream, capture_output=True, check=True)
    assert done.stdout == b"3\n"


def test_a_pipe_may_give_one_octet_at_a_time() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COUNT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        for octet in pcap(udp_flows(2)):
            process.stdin.write(bytes([octet]))
        output, _ = process.communicate()
    assert output == b"2\n"


def test_what_was_read_of_a_pipe_comes_first_in_any_pieces(tmp_path: Path) -> None:
    path = tmp_path / "rest"
    path.write_bytes(b"rest")
    with io.FileIO(path) as rest, RewoundPipe(b"head, ", rest) as pipe:
        pieces = [pipe.read(4) for _ in range(4)]
    assert pieces == [b"head", b", ", b"rest", b""]


def test_progress_counts_stored_octets(tmp_path: Path) -> None:
    plain = make_capture(tmp_path / "plain.pcap", 100)
    packed = tmp_path / "packed.pcap.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        with open_capture(str(path)) as capture:
            assert capture.size == path.stat().st_size
            engine = FlowEngine()
            while engine.run(capture.reader)[1] != "end":
                pass
            assert capture.octets_taken == capture.size


def test_filters_by_pcapy_pass_the_same_packets() -> None:
    pytest.importorskip("pcapy")
    engine = FlowEngine(filter="udp and port 1002", compile_filter=compile_filter, columns=["src_port"])
    engine.feed(udp_flows(5))
    assert engine.flush()[0].to_dicts() == [{"src_port": 1002}]


def test_bad_filters_by_pcapy_are_refused() -> None:
    pytest.importorskip("pcapy")
    with pytest.raises(ValueError, match="syntax error"):
        FlowEngine(filter="udp prot 8", compile_filter=compile_filter)


def test_pcapy_knows_raw_ip_by_another_number() -> None:
    pytest.importorskip("pcapy")
    assert compile_filter("udp", 101)


def test_without_pcapy_a_filter_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcapy_source, "find_spec", lambda _: None)
    with pytest.raises(MissingPackageError, match=r"pip install 'flowedge\[pcapy\]'"):
        filter_compiler()


def test_zstd_frames_one_after_the_other(tmp_path: Path) -> None:
    octets = pcap(udp_flows(3000))
    path = tmp_path / "frames.pcap.zst"
    path.write_bytes(b"".join(zstandard.compress(octets[at : at + 7000]) for at in range(0, len(octets), 7000)))
    assert flows_in(path) == 3000


def test_a_pipe_that_somebody_made_non_blocking() -> None:
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    octets = pcap(udp_flows(100))

    def write_late() -> None:
        for piece in (octets[:3], octets[3:1000], octets[1000:]):
            time.sleep(0.02)
            os.write(theirs, piece)
        os.close(theirs)

    writer = Thread(target=write_late)
    writer.start()
    with open_capture(f"/dev/fd/{ours}") as capture:
        engine = FlowEngine()
        while engine.run(capture.reader)[1] != "end":
            pass
    writer.join()
    os.close(ours)
    assert engine.counters["flows"] == 100


def test_a_folder_is_read_for_captures_alone(tmp_path: Path) -> None:
    for name in ("a.pcap", "b.pcapng.gz", "c.pcap3", "d.cap.1.zst"):
        (tmp_path / name).touch()
    for name in ("a.pcap.csv", "b.pcap.md5", ".hidden.pcap", "notes.txt"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in capture_paths([str(tmp_path)])] == [
        "a.pcap",
        "b.pcapng.gz",
        "c.pcap3",
        "d.cap.1.zst",
    ]
