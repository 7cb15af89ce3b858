"""What the tests of outputs that run for months share."""

import gzip
import json
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowedge import FlowBatch, FlowEngine

from .conftest import udp_flows

NOBODY = 65534
SELECTION = FlowEngine(columns=["src_port", "dst_port"]).selection
HEAD = SELECTION.csv_header()
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def batches_of(flows: int, size: int) -> list[FlowBatch]:
    engine = FlowEngine(columns=["src_port", "dst_port"], batch_size=size)
    engine.feed(udp_flows(flows))
    return engine.flush()


BATCHES = batches_of(5000, 500)
ONE = BATCHES[0]


def ports_of(*batches: FlowBatch) -> list[int]:
    return [int(flow["src_port"]) for batch in batches for flow in batch.to_dicts()]


def ports_in(octets: bytes, form: str) -> list[int]:
    """Fails unless the octets are whole rows, of CSV with one head."""
    if form.endswith(".gz"):
        octets, form = gzip.decompress(octets), form.removesuffix(".gz")
    assert octets[-1:] in (b"", b"\n")
    if form == "jsonl":
        return [json.loads(line)["src_port"] for line in octets.splitlines()]
    assert octets.startswith(HEAD)
    ports, others = zip(*(map(int, line.split(b",")) for line in octets.splitlines()[1:]), strict=True)
    assert set(others) == {53}
    return list(ports)


def ports_in_folder(folder: Path, source: str = "eth0") -> list[int]:
    """Of a source's complete files, in the order in which they were begun."""
    ports: list[int] = []
    for path in sorted(folder.glob(f"{source}-*"), key=order):
        ports += ports_in(path.read_bytes(), path.name.partition(".")[2])
    return ports


def order(path: Path) -> tuple[str, int]:
    _, stamp, *number = path.name.partition(".")[0].split("-")
    return stamp, int(*number) if number else 1


@contextmanager
def files_end_at(octets: int) -> Iterator[None]:
    """No file can grow beyond this size: what a full disk is, for who writes."""
    bounds = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, bounds[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, bounds)


@contextmanager
def as_nobody() -> Iterator[None]:
    """What an agent is after it has given up its rights."""
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


class Clock:
    """A time of day and a steady clock, set by hand."""

    def __init__(self, time: float = 1_700_000_000.0) -> None:
        self.time = time
        self.steady = 5.0

    def go(self, seconds: float) -> None:
        self.time += seconds
        self.steady += seconds
