"""Typed uses of the public interface; mypy --strict must accept them and know these types."""

from decimal import Decimal
from pathlib import Path
from typing import assert_type

import flowedge
from flowedge import Column, ConvertResult, FlowBatch, FlowedgeError, FlowEngine


def convert_all() -> None:
    result = flowedge.convert("x.pcap", Path("flows.parquet"), jobs=4, mode="corrected", idle_timeout=Decimal("0.5"))
    assert_type(result, ConvertResult)
    assert_type(result.skipped, dict[str, int])
    assert_type(result.problems, list[FlowedgeError])
    assert_type(flowedge.convert_pcap_to_csv("x.pcap", "x.csv", n_jobs=-1), int)


def read() -> None:
    for batch in flowedge.read_flows(Path("x.pcap"), batch_size=10, columns=["src_ip"], extra=("first_ns",)):
        assert_type(batch, FlowBatch)
        assert_type(batch.to_dicts(), list[dict[str, int | float | str]])
        assert_type(batch.csv(), bytes)


def feed() -> None:
    engine = FlowEngine(max_duration="60", max_flows=1000)
    assert_type(engine.feed([(0, b""), (1, b"", 60)], link_type=101), list[FlowBatch])
    assert_type(engine.counters["packets"], int)
    assert_type(flowedge.COLUMNS, tuple[Column, ...])


def refuse() -> None:
    flowedge.convert("x.pcap", "x.csv", idle_timout=3)  # type: ignore[call-arg]
    flowedge.read_flows(3)  # type: ignore[arg-type]
    FlowEngine("netflower")  # type: ignore[call-arg]
    FlowEngine().feed(b"octets")  # type: ignore[arg-type]
