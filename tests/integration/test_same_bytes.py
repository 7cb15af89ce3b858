"""The same packets give the same octets of output, however they come and in whatever portions they are taken."""

import gzip
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conversion import convert
from integration.made_captures import busy_capture
from reference import MODES

import flowedge

FLOWS = 5000  # more than four batches


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("same_bytes") / "busy.pcap"
    path.write_bytes(busy_capture(FLOWS))
    return path


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_jobs(capture: Path, tmp_path: Path, jobs: int, mode: str) -> None:
    output = tmp_path / "flows.csv"
    flowedge.convert(capture, output, jobs=jobs, mode=mode)
    assert output.read_bytes() == convert(capture, mode=mode).text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [1, 2, 3, 63, 64, 1000, 1023, 4096])
def test_batch_sizes(capture: Path, size: int, mode: str) -> None:
    batches = list(flowedge.read_flows(capture, batch_size=size, mode=mode))
    text = batches[0].selection.csv_header() + b"".join(batch.csv() for batch in batches)
    assert text == convert(capture, mode=mode).text
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_compressed(capture: Path, tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]) -> None:
    packed = tmp_path / f"busy.pcap{suffix}"
    packed.write_bytes(compress(capture.read_bytes()))
    flowedge.convert(packed, tmp_path / "flows.csv")
    assert (tmp_path / "flows.csv").read_bytes() == convert(capture).text


def test_pipe(capture: Path) -> None:
    command = [sys.executable, "-m", "flowedge", "convert", "-", "-o", "-", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        output, _ = process.communicate(capture.read_bytes(), timeout=30)
    assert process.returncode == 0
    assert output == convert(capture).text


def test_two_runs(capture: Path) -> None:
    """The hash of the flow table is seeded at random."""
    assert convert(capture).text == convert(capture).text
