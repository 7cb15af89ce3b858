"""Edge lists that the tests make themselves."""

from typing import Any

from hypothesis import strategies as st

from flowedge.edges import Column, EdgeList, Node

START = 1_700_000_000 * 10**9
SECOND = 10**9
BOOT = "0b9c1f52-6e7d-4a57-9d0c-3f6f5f0a8c11"

INTEGERS = {f"<{kind}{width}": (kind, 8 * width) for kind in "ui" for width in (1, 2, 4, 8)}


def edge_list(nodes: list[Node], columns: dict[str, Column], **others: Any) -> EdgeList:
    names = {"site": "default", "node": "gateway", "iface": "eth0", "boot": BOOT, "kind": "flow"}
    window: dict[str, Any] = {"seq": 7, "start_ns": START, "end_ns": START + 10 * SECOND}
    return EdgeList(**names | window | {"nodes": nodes, "columns": columns} | others)


def three_flows() -> EdgeList:
    columns = {
        "src": Column.of("<u4", [0, 0, 2]),
        "dst": Column.of("<u4", [1, 2, 1]),
        "src_port": Column.of("<u2", [40000, 53, 7]),
        "first_ns": Column.of("<i8", [START, START + 1, START + 2]),
        "init_fwd_win_byts": Column.of("<i4", [-1, 0, 65535]),
        "flow_duration": Column.of("<f8", [0.25, 0.1, 3.0]),
    }
    nodes: list[Node] = [bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), bytes.fromhex("20010db8" + "00" * 11 + "01")]
    return edge_list(nodes, columns, drop={"dropped": 2, "non_ip": 5})


def two_pairs() -> EdgeList:
    columns = {
        "src": Column.of("<u1", [0, 0]),
        "dst": Column.of("<u1", [1, 2]),
        "flow_count": Column.of("<u4", [3, 1]),
        "server_ports": Column.of_lists("<u2", [[53, 443], [8080]]),
        "protocols": Column.of_lists("<u1", [[], [6]]),
    }
    nodes: list[Node] = [(bytes([10, 0, 0, 0]), 8), bytes([10, 0, 0, 2]), bytes(10) + b"\xff\xff\x01\x02\x03\x04"]
    return edge_list(nodes, columns, kind="pair")


def empty() -> EdgeList:
    return edge_list([], {name: Column("<u1", b"") for name in ("src", "dst")})


def numbers(code: str) -> "st.SearchStrategy[Any]":
    """Any number of a column's type."""
    if code[1] == "f":
        return st.floats(width=32 if code == "<f4" else 64)
    kind, bits = INTEGERS[code]
    return st.integers(0, 2**bits - 1) if kind == "u" else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@st.composite
def columns(draw: st.DrawFn, edges: int) -> Column:
    code = draw(st.sampled_from([*INTEGERS, "<f4", "<f8"]))
    if draw(st.booleans()):
        return Column.of(code, draw(st.lists(numbers(code), min_size=edges, max_size=edges)))
    lists = st.lists(st.lists(numbers(code), max_size=4), min_size=edges, max_size=edges)
    return Column.of_lists(code, draw(lists))


addresses = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
subnets = addresses.flatmap(lambda address: st.tuples(st.just(address), st.integers(0, 8 * len(address))))
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=255)


@st.composite
def edge_lists(draw: st.DrawFn) -> EdgeList:
    """Any edge list that can be sent."""
    nodes = draw(st.lists(addresses | subnets, unique=True, max_size=12))
    edges = draw(st.integers(0, 12)) if nodes else 0
    ends = st.lists(st.integers(0, len(nodes) - 1), min_size=edges, max_size=edges) if nodes else st.just([])
    made = {name: Column.of(draw(st.sampled_from(["<u1", "<u4", "<u8"])), draw(ends)) for name in ("src", "dst")}
    made |= draw(st.dictionaries(names.filter(lambda name: name not in made), columns(edges), max_size=5))
    start = draw(st.integers(0, 2**63 - 2))
    return edge_list(
        nodes,
        made,
        site=draw(names),
        iface=draw(names),
        seq=draw(st.integers(0, 2**63 - 1)),
        start_ns=start,
        end_ns=draw(st.integers(start + 1, 2**63 - 1)),
        kind=draw(st.sampled_from(["flow", "pair", "service"])),
        drop=draw(st.dictionaries(names, st.integers(0, 2**63 - 1), max_size=5)),
    )
