"""FlowBatch and Selection: every way out gives the same values."""

import csv
import io
import json
import math
from typing import Any

import numpy
import pandas
import polars
import pyarrow
import pytest

from flowedge import COLUMNS, MODES, NAME_SCHEMES, FlowBatch, FlowEngine, Selection

from .conftest import START, tcp_flow, udp_flows


@pytest.fixture
def batch() -> FlowBatch:
    engine = FlowEngine(extra=["first_ns", "end_reason", "label"], label='a "label", quoted')
    engine.feed(udp_flows(4))
    return engine.flush()[0]


def numbers(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if isinstance(value, int | float)}


def near(flow: dict[str, Any]) -> dict[str, Any]:
    """The texts give the time of day to the nanosecond, a double does not hold that."""
    return flow | {"timestamp": pytest.approx(flow["timestamp"], abs=1e-6, rel=0)}


def test_csv_reads_back_as_the_dicts(batch: FlowBatch) -> None:
    text = (batch.selection.csv_header() + batch.csv()).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(batch)
    for row, flow in zip(rows, batch.to_dicts(), strict=True):
        assert row["label"] == flow["label"] == 'a "label", quoted'
        assert {name: type(value)(row[name]) for name, value in numbers(flow).items()} == near(numbers(flow))


def test_jsonl_reads_back_as_the_dicts(batch: FlowBatch) -> None:
    rows = [json.loads(line) for line in batch.jsonl().splitlines()]
    assert rows == [near(flow) for flow in batch.to_dicts()]


def test_arrow_holds_the_dicts(batch: FlowBatch) -> None:
    assert pyarrow.record_batch(batch).to_pylist() == batch.to_dicts()
    assert pyarrow.RecordBatchReader.from_stream(batch).read_all().to_pylist() == batch.to_dicts()
    assert pyarrow.schema(batch.selection).names == batch.selection.headers


def test_polars_and_pandas_read_it(batch: FlowBatch) -> None:
    assert polars.DataFrame(batch).to_dicts() == batch.to_dicts()
    frame = batch.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.to_dict("records") == batch.to_dicts()


def test_numpy_is_a_view_that_cannot_be_written(batch: FlowBatch) -> None:
    flows = batch.to_numpy()
    assert flows["src_port"].tolist() == [flow["src_port"] for flow in batch.to_dicts()]
    assert flows["first_ns"].tolist() == [START + 1000 * number for number in range(4)]
    assert bytes(flows["src_ip"][0]) == b"\0" * 10 + b"\xff\xff" + bytes([10, 0, 0, 1])
    assert not flows.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        flows["src_port"] = 0
    layout: Any = batch.record_dtype()
    again: Any = numpy.frombuffer(memoryview(batch), numpy.dtype(layout))  # type: ignore[arg-type] # a Buffer from 3.12 on
    assert (again["src_port"] == flows["src_port"]).all()
    assert again.__array_interface__["data"] == flows.__array_interface__["data"]


def test_the_buffer_is_read_only(batch: FlowBatch) -> None:
    view = memoryview(batch)  # type: ignore[arg-type] # a Buffer from 3.12 on
    assert view.readonly
    assert view.nbytes == len(batch) * batch.record_dtype()["itemsize"]
    with pytest.raises(TypeError, match="read-only"):
        view[0] = 1


def test_a_view_keeps_the_memory() -> None:
    engine = FlowEngine()
    engine.feed(udp_flows(4))
    flows = engine.flush()[0].to_numpy()
    del engine
    assert sorted(flows["src_port"].tolist()) == [1000, 1001, 1002, 1003]


def test_arrow_capsules_that_nobody_takes_are_released(batch: FlowBatch) -> None:
    for _ in range(3):
        batch.__arrow_c_schema__()
        batch.__arrow_c_array__()
        batch.__arrow_c_stream__()
    assert len(batch.to_dicts()) == 4


def test_an_empty_batch() -> None:
    empty = FlowBatch(Selection())
    assert len(empty) == 0
    assert empty.to_dicts() == []
    assert empty.csv() == empty.jsonl() == b""
    assert empty.to_numpy().shape == (0,)
    assert pyarrow.record_batch(empty).num_rows == 0


# The published data sets have no names for the fork's columns of its own.
PAIRS = [(mode, names) for mode in MODES for names in NAME_SCHEMES if mode != "engelen" or "20" not in names]


@pytest.mark.parametrize(("mode", "names"), PAIRS)
def test_every_scheme_of_every_mode_is_one_table_everywhere(mode: str, names: str) -> None:
    engine = FlowEngine(mode=mode, names=names)
    batch = (engine.feed([*tcp_flow(START), *tcp_flow(START + 3 * 10**9)]) + engine.flush())[0]
    headers = batch.selection.headers
    assert next(csv.reader([batch.selection.csv_header().decode()])) == headers
    unique = list(dict.fromkeys(headers))  # CICIDS2017 has one header twice; a table has it once
    assert pyarrow.record_batch(batch).schema.names == unique
    assert {len(row) for row in csv.reader(io.StringIO(batch.csv().decode()))} == {len(headers)}
    flow = batch.to_dicts()[0]
    assert list(flow) == unique
    assert str(flow[unique[-1]]) == batch.csv().decode().splitlines()[0].rpartition(",")[2]


def test_names_change_units_in_text_and_not_in_memory() -> None:
    def durations(**options: Any) -> tuple[Any, Any]:
        engine = FlowEngine(columns=["flow_duration"], **options)
        batch = engine.feed(tcp_flow(START))[0]
        return next(iter(batch.to_dicts()[0].values())), batch.to_numpy()["flow_duration"][0]

    assert durations() == (0.004, 0.004)
    assert durations(names="cicids2017") == (4000, 0.004)


def test_values_that_json_does_not_have() -> None:
    engine = FlowEngine(mode="cicflowmeter", columns=["flow_byts_s"])
    frame = tcp_flow(START)[0][1]
    engine.feed([(START, frame), (START, frame)])
    batch = engine.flush()[0]
    value = next(iter(batch.to_dicts()[0].values()))
    assert isinstance(value, float)
    assert not math.isfinite(value)
    assert list(json.loads(batch.jsonl()).values()) == [None]


def test_defaults_follow_the_mode() -> None:
    assert [Selection(mode).names for mode in MODES] == ["netflower", "cicflowmeter", "cicflowmeter", "netflower"]
    assert len(Selection().headers) == 82


def test_columns_are_described() -> None:
    assert len([column for column in COLUMNS if column.group == "feature"]) == 82
    by_name = {column.name: column for column in COLUMNS}
    assert by_name["flow_duration"].names["cicids2017"] == " Flow Duration"
    assert by_name["flow_duration"].unit == "duration"
    layout = Selection().record_dtype()
    offsets = dict(zip(layout["names"], layout["offsets"], strict=True))
    assert offsets == {column.name: column.offset for column in COLUMNS if column.group == "feature"}
