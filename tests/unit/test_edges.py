"""Edge lists: their columns, putting parts together, and what other libraries get."""

import sys
from dataclasses import replace
from itertools import pairwise
from struct import pack
from types import SimpleNamespace
from typing import Any

import networkx
import numpy
import polars
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowedge import MissingPackageError
from flowedge.edges import Column, EdgeList, joined
from flowedge.errors import MalformedMessageError

from .edge_lists import (
    BOOT,
    INTEGERS,
    SECOND,
    START,
    columns,
    edge_list,
    edge_lists,
    empty,
    numbers,
    three_flows,
    two_pairs,
)

TEXTS = ["10.0.0.1", "10.0.0.2", "2001:db8::1"]


def parts_of(edges: EdgeList, *cuts: int) -> list[EdgeList]:
    """The edge list cut before these edges."""
    bounds = [0, *cuts, len(edges)]
    pieces = [edges.rows(start, stop) for start, stop in pairwise(bounds)]
    return [replace(piece, part=number, parts=len(pieces)) for number, piece in enumerate(pieces, 1)]


def test_a_column_is_little_endian_octets_that_numpy_reads() -> None:
    column = Column.of("<u4", [1, 2**32 - 1])
    assert column.data == pack("<II", 1, 2**32 - 1)
    assert numpy.frombuffer(column.data, column.code).tolist() == [1, 2**32 - 1]
    assert column.to_list() == [1, 2**32 - 1]
    assert len(column) == 2


def test_a_column_of_lists_has_offsets() -> None:
    column = Column.of_lists("<u2", [[53, 443], [], [80]])
    assert column.offsets == pack("<IIII", 0, 2, 2, 3)
    assert column.to_list() == [[53, 443], [], [80]]
    assert len(column) == 3
    assert column.rows(1, 3) == Column.of_lists("<u2", [[], [80]])
    assert column.rows(3, 3).to_list() == []


@pytest.mark.parametrize(("code", "value"), [("<u1", 256), ("<u1", -1), ("<i2", 2**15), ("<u8", 2**64)])
def test_a_number_that_a_column_cannot_hold_is_an_error(code: str, value: int) -> None:
    with pytest.raises(OverflowError):
        Column.of(code, [value])


def test_a_columns_numbers_are_read_only() -> None:
    data = bytearray(8)
    with pytest.raises(TypeError):
        Column("<u4", memoryview(data)).values()[0] = 1


def test_a_big_endian_machine_swaps_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's numbers are then the wrong way round, in the same way in both directions."""
    other = "big" if sys.byteorder == "little" else "little"
    expected = pack(">I" if sys.byteorder == "little" else "<I", 0x01020304)
    monkeypatch.setattr(sys, "byteorder", other)
    column = Column.of("<u4", [0x01020304])
    assert column.data == expected
    assert column.values().tolist() == [0x01020304]
    assert column.values().readonly


@given(st.integers(0, 8).flatmap(columns))
def test_a_fitted_column_has_the_same_numbers(column: Column) -> None:
    fitted = column.fitted()
    assert fitted.offsets == column.offsets
    if column.code[1] == "f":
        assert fitted == column
    else:
        assert fitted.to_list() == column.to_list()


@given(st.sampled_from(list(INTEGERS)).flatmap(lambda code: st.tuples(st.just(code), st.lists(numbers(code)))))
def test_a_fitted_column_is_the_narrowest(case: tuple[str, list[int]]) -> None:
    code, values = case
    kind = "i" if min(values, default=0) < 0 else "u"
    limits = {f"<{kind}{width}": numpy.iinfo(f"<{kind}{width}") for width in (1, 2, 4, 8)}
    holding = (c for c, limit in limits.items() if all(limit.min <= value <= limit.max for value in values))
    assert Column.of(code, values).fitted() == Column.of(next(holding), values)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([-128, 127], "<i1"),
        ([-128], "<i1"),
        ([-129], "<i2"),
        ([-(2**63)], "<i8"),
        ([-1, 128], "<i2"),
        ([-1, 2**15], "<i4"),
        ([-(2**31), 2**31], "<i8"),
        ([128], "<u1"),
        ([256], "<u2"),
        ([2**16], "<u4"),
        ([2**24], "<u4"),
        ([2**32], "<u8"),
        ([], "<u1"),
    ],
)
def test_bounds_of_fitted_columns(values: list[int], code: str) -> None:
    assert Column.of("<i8", values).fitted() == Column.of(code, values)


def test_single_precision_is_for_floats_alone() -> None:
    assert Column.of("<f8", [0.1, 1e300]).single() == Column.of("<f4", [float(numpy.float32(0.1)), float("inf")])
    assert Column.of("<u4", [1]).single() == Column.of("<u4", [1])


def test_nodes_as_text() -> None:
    assert three_flows().nodes_text() == TEXTS
    assert two_pairs().nodes_text() == ["10.0.0.0/8", "10.0.0.2", "::ffff:1.2.3.4"]


def test_rows_have_only_their_own_nodes() -> None:
    last = three_flows().rows(2, 3)
    assert last.nodes_text() == ["2001:db8::1", "10.0.0.2"]
    assert last.to_dicts() == three_flows().to_dicts()[2:]


def test_dicts() -> None:
    first = {
        "src": "10.0.0.1",
        "dst": "10.0.0.2",
        "src_port": 40000,
        "first_ns": START,
        "init_fwd_win_byts": -1,
        "flow_duration": 0.25,
    }
    assert three_flows().to_dicts()[0] == first
    assert [pair["server_ports"] for pair in two_pairs().to_dicts()] == [[53, 443], [8080]]
    assert empty().to_dicts() == []


def test_parts_joined_are_the_whole() -> None:
    whole = three_flows()
    for cuts in [(), (1,), (2,), (1, 2), (0, 3)]:
        again = joined(reversed(parts_of(whole, *cuts)))
        assert again.to_dicts() == whole.to_dicts()
        assert sorted(again.nodes_text()) == sorted(whole.nodes_text())
        assert (again.part, again.parts, again.drop) == (1, 1, whole.drop)


@given(edge_lists(), st.data())
def test_any_parts_joined_are_the_whole(edges: EdgeList, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(edges)), max_size=4)))
    again = joined(parts_of(edges, *cuts))
    assert repr(again.to_dicts()) == repr(edges.to_dicts())  # repr: NaN is not equal to itself
    assert len(set(again.nodes)) == len(again.nodes)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (("<u1", "<u4"), "<u4"),
        (("<i1", "<i8"), "<i8"),
        (("<u2", "<i1"), "<i4"),
        (("<u8", "<i1"), "<i8"),
        (("<f4", "<f8"), "<f8"),
    ],
)
def test_integers_of_parts_may_differ_in_width(codes: tuple[str, str], expected: str) -> None:
    again = joined(two_parts(*(Column.of(code, [1]) for code in codes)))
    assert again.columns["x"] == Column.of(expected, [1, 1])


def two_parts(*both: Column) -> list[EdgeList]:
    """Two parts of an edge each, whose column x is this one."""
    ends = {name: Column.of("<u1", [0]) for name in ("src", "dst")}
    return [edge_list([bytes(4)], ends | {"x": column}, part=number, parts=2) for number, column in enumerate(both, 1)]


@pytest.mark.parametrize(
    ("both", "problem"),
    [
        ((Column.of("<u1", [1]), Column.of("<f8", [1])), "integers in some parts"),
        ((Column.of("<u8", [2**64 - 1]), Column.of("<i1", [-1])), "no type holds together"),
        ((Column.of("<u1", [1]), Column.of_lists("<u1", [[1]])), "lists in some parts"),
    ],
)
def test_parts_whose_columns_do_not_go_together(both: tuple[Column, Column], problem: str) -> None:
    with pytest.raises(MalformedMessageError, match=problem):
        joined(two_parts(*both))


def test_parts_that_do_not_go_together() -> None:
    first, second = parts_of(three_flows(), 1)
    without = {name: column for name, column in second.columns.items() if name != "src_port"}
    for parts in [
        [],
        [first],
        [first, first],
        [first, second, second],
        [first, replace(second, seq=8)],
        [first, replace(second, boot="another")],
        [first, replace(second, parts=3)],
        [first, replace(second, columns=without)],
    ]:
        with pytest.raises(MalformedMessageError):
            joined(parts)


def test_numpy_arrays_are_views() -> None:
    edges = three_flows()
    arrays = edges.to_numpy()
    assert arrays["src"].tolist() == [0, 0, 2]
    assert arrays["flow_duration"].dtype == "<f8"
    assert not any(array.flags.owndata for array in arrays.values())
    assert [ports.tolist() for ports in two_pairs().to_numpy()["server_ports"]] == [[53, 443], [8080]]


def test_arrow() -> None:
    table = three_flows().to_arrow()
    assert table.to_pylist() == three_flows().to_dicts()
    assert table.schema.field("src_port").type == pyarrow.int64()
    assert table.schema.metadata[b"boot"] == BOOT.encode()
    assert two_pairs().to_arrow().to_pylist() == two_pairs().to_dicts()
    assert empty().to_arrow().num_rows == 0


def test_arrow_tables_of_different_windows_go_together() -> None:
    """Though their integers have different widths and signs."""
    windows = [
        edge_list([bytes(4)], {name: Column.of("<u1", [0]) for name in ("src", "dst")} | {"x": Column.of(code, [1])})
        for code in INTEGERS
    ]
    table = pyarrow.concat_tables([window.to_arrow() for window in windows])
    assert table["x"].to_pylist() == [1] * len(INTEGERS)


def test_numbers_that_only_unsigned_integers_hold() -> None:
    (edges, _) = two_parts(Column.of("<u8", [2**64 - 1]), Column.of("<u8", [0]))
    assert edges.to_arrow()["x"].to_pylist() == [2**64 - 1]


def test_polars_reads_edge_lists() -> None:
    frame = polars.DataFrame(three_flows())
    assert frame["dst"].to_list() == ["10.0.0.2", "2001:db8::1", "10.0.0.2"]
    assert frame["init_fwd_win_byts"].to_list() == [-1, 0, 65535]


def test_networkx_flows_are_parallel_edges() -> None:
    edges = three_flows()
    double = replace(edges, columns={name: column.rows(0, 1) for name, column in edges.columns.items()})
    double = joined([replace(double, parts=2), replace(double, part=2, parts=2)])
    graph = double.to_networkx()
    assert isinstance(graph, networkx.MultiDiGraph)
    assert graph.number_of_edges("10.0.0.1", "10.0.0.2") == 2
    assert graph.get_edge_data("10.0.0.1", "10.0.0.2")[0]["src_port"] == 40000
    assert graph.graph["seq"] == 7


def test_networkx_pairs_are_single_edges() -> None:
    graph = two_pairs().to_networkx()
    assert type(graph) is networkx.DiGraph
    assert graph.edges["10.0.0.0/8", "10.0.0.2"] == {"flow_count": 3, "server_ports": [53, 443], "protocols": []}
    assert set(graph) == {"10.0.0.0/8", "10.0.0.2", "::ffff:1.2.3.4"}


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to_pyg() uses of torch and torch_geometric: tensors are arrays here."""
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(from_numpy=numpy.asarray))
    monkeypatch.setitem(sys.modules, "torch_geometric", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "torch_geometric.data", SimpleNamespace(Data=SimpleNamespace))


@pytest.mark.usefixtures("torch")
def test_pyg() -> None:
    data = three_flows().to_pyg()
    assert data.edge_index.tolist() == [[0, 0, 2], [1, 2, 1]]
    assert data.edge_index.dtype == numpy.int64
    assert data.edge_attr_names == ["src_port", "init_fwd_win_byts", "flow_duration"]
    assert data.edge_attr.dtype == numpy.float32
    assert data.edge_attr.tolist()[0] == [40000, -1, 0.25]
    assert data.edge_first_ns.tolist() == [START, START + 1, START + 2]
    assert (data.num_nodes, data.node_names) == (3, TEXTS)


@pytest.mark.usefixtures("torch")
def test_pyg_with_chosen_columns() -> None:
    data = three_flows().to_pyg(["flow_duration", "src_port"], dtype="float64")
    assert data.edge_attr.tolist() == [[0.25, 40000], [0.1, 53], [3.0, 7]]
    assert two_pairs().to_pyg().edge_attr_names == ["flow_count"]
    assert empty().to_pyg().edge_index.shape == (2, 0)
    with pytest.raises(KeyError):
        three_flows().to_pyg(["no_such_column"])


@pytest.mark.parametrize(
    ("package", "method", "remedy"),
    [
        ("numpy", "to_numpy", "pip install 'numpy'"),
        ("pyarrow", "to_arrow", r"flowedge\[table\]"),
        ("pyarrow", "__arrow_c_stream__", r"flowedge\[table\]"),
        ("networkx", "to_networkx", r"flowedge\[graph\]"),
        ("torch_geometric.data", "to_pyg", r"flowedge\[pyg\]"),
    ],
)
def test_a_missing_package(package: str, method: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=remedy):
        getattr(three_flows(), method)()


def test_edge_lists_are_equal_by_value() -> None:
    def with_seq(seq: int) -> Any:
        return replace(three_flows(), seq=seq)

    assert with_seq(SECOND) == with_seq(SECOND)
    assert with_seq(1) != with_seq(2)
