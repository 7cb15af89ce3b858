"""Messages: what goes in comes out, parts fit, and nothing that a stranger sends does harm."""

import json
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgpack
import numpy
import pytest
from hypothesis import given
from msgpack import fallback

from flowedge.codec import (
    CONTENT_TYPES,
    MAX_MESSAGE_OCTETS,
    MAX_PAYLOAD,
    ColumnInfo,
    MetaMessage,
    StatsMessage,
    StatusMessage,
    decode,
    encode_part,
    split,
)
from flowedge.codec import encoding as encoding_module
from flowedge.codec.encoding import EncodingName
from flowedge.edges import Column, EdgeList, joined
from flowedge.errors import EdgeTooLargeError, MalformedMessageError

from .edge_lists import BOOT, START, edge_list, edge_lists, empty, three_flows, two_pairs

ENCODINGS: tuple[EncodingName, ...] = ("msgpack", "json")
each_encoding = pytest.mark.parametrize("encoding", ENCODINGS)
each_compression = pytest.mark.parametrize("compress", [False, True])


@pytest.fixture(params=["native", "pure"])
def each_msgpack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """msgpack as it is, and the one written in Python that 32-bit ARM has."""
    if request.param == "pure":
        monkeypatch.setattr(msgpack, "Packer", fallback.Packer)
        monkeypatch.setattr(msgpack, "Unpacker", fallback.Unpacker)


def fitted(edges: EdgeList) -> EdgeList:
    return replace(edges, columns={name: column.fitted() for name, column in edges.columns.items()})


def message() -> dict[str, Any]:
    """That of two_pairs() in msgpack's own types."""
    unpacked: dict[str, Any] = msgpack.unpackb(encode_part(two_pairs()))
    return unpacked


@pytest.mark.usefixtures("each_msgpack")
@each_compression
@pytest.mark.parametrize("edges", [three_flows(), two_pairs(), empty()], ids=["flows", "pairs", "empty"])
def test_msgpack_is_exact(edges: EdgeList, compress: bool) -> None:
    assert decode(encode_part(edges, compress=compress)) == fitted(edges)


@each_compression
@pytest.mark.parametrize("edges", [three_flows(), two_pairs(), empty()], ids=["flows", "pairs", "empty"])
def test_json_is_exact_but_for_what_it_has_not(edges: EdgeList, compress: bool) -> None:
    assert decode(encode_part(edges, encoding="json", compress=compress)) == fitted(edges)


@given(edge_lists())
def test_any_edge_list_in_msgpack(edges: EdgeList) -> None:
    assert decode(encode_part(edges)) == fitted(edges)


@given(edge_lists())
def test_any_edge_list_in_json(edges: EdgeList) -> None:
    expected = [{name: without_infinity(value) for name, value in edge.items()} for edge in edges.to_dicts()]
    decoded = decode(encode_part(edges, encoding="json"))
    assert repr(decoded.to_dicts()) == repr(expected)
    assert decoded == replace(fitted(edges), columns=decoded.columns)


def without_infinity(value: Any) -> Any:
    if isinstance(value, list):
        return [without_infinity(item) for item in value]
    return math.nan if isinstance(value, float) and not math.isfinite(value) else value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324])
def test_special_floats(value: float) -> None:
    ends = {name: Column.of("<u1", [0]) for name in ("src", "dst")}
    edges = edge_list([bytes(4)], ends | {"x": Column.of("<f8", [value])})
    assert decode(encode_part(edges)).columns["x"].data == struct.pack("<d", value)
    (again,) = decode(encode_part(edges, encoding="json")).columns["x"].values()
    assert repr(again) == repr(without_infinity(value))


@each_encoding
def test_single_precision_halves_floats(encoding: EncodingName) -> None:
    edges = decode(encode_part(three_flows(), encoding=encoding, precision="f4"))
    assert edges.columns["flow_duration"] == Column.of("<f4", [0.25, 0.1, 3.0])
    assert edges.columns["first_ns"].to_list() == [START, START + 1, START + 2]


def test_single_precision_is_short_in_json() -> None:
    assert b"0.100000001," in encode_part(three_flows(), encoding="json", precision="f4")


def test_a_subscriber_needs_msgpack_and_numpy_alone() -> None:
    unpacked = msgpack.unpackb(encode_part(two_pairs()))
    columns = {name: numpy.frombuffer(column[1], column[0]) for name, column in unpacked["cols"].items()}
    assert columns["flow_count"].tolist() == [3, 1]
    offsets = numpy.frombuffer(unpacked["cols"]["server_ports"][2], "<u4")
    assert numpy.split(columns["server_ports"], offsets[1:-1])[1].tolist() == [8080]
    assert unpacked["nodes"][:2] == [[bytes([10, 0, 0, 0]), 8], bytes([10, 0, 0, 2])]


def test_a_subscriber_needs_json_alone() -> None:
    unpacked = json.loads(encode_part(two_pairs(), encoding="json"))
    assert unpacked["nodes"] == [["10.0.0.0", 8], "10.0.0.2", "::ffff:1.2.3.4"]
    assert unpacked["cols"]["server_ports"] == ["<u2", [53, 443, 8080], [0, 2, 3]]
    assert " ".join(unpacked) == "v schema site node iface boot seq part parts w0 w1 kind drop nodes n cols"


@each_encoding
def test_keys_that_are_not_known_are_ignored(encoding: EncodingName) -> None:
    added = {"new": [[[1, {"a": [None]}]] * 20, {}], "newer": "x" * 1000}
    if encoding == "msgpack":
        payload = msgpack.packb(added | message() | {"newest": msgpack.ExtType(1, b"any")})
    else:
        payload = json.dumps(added | json.loads(encode_part(two_pairs(), encoding="json"))).encode()
    assert decode(payload) == fitted(two_pairs())


def test_indented_json_is_read() -> None:
    payload = json.dumps(json.loads(encode_part(two_pairs(), encoding="json")), indent=2)
    assert decode(b"\n" + payload.encode()) == fitted(two_pairs())


def flows(count: int, hosts: int) -> EdgeList:
    columns = {
        "src": Column.of("<u4", [number % hosts for number in range(count)]),
        "dst": Column.of("<u4", [number * 7 % hosts for number in range(count)]),
        "first_ns": Column.of("<i8", range(START, START + count)),
        "flow_duration": Column.of("<f8", [1 / (1 + number) for number in range(count)]),
        "server_ports": Column.of_lists("<u2", [range(number % 5) for number in range(count)]),
    }
    return edge_list([number.to_bytes(4, "big") for number in range(hosts)], columns)


@each_encoding
@each_compression
@pytest.mark.parametrize("limit", [1000, 5000, MAX_PAYLOAD])
def test_parts_fit_and_make_the_whole(encoding: EncodingName, compress: bool, limit: int) -> None:
    edges = flows(3000, 500)
    payloads = split(edges, limit, encoding=encoding, compress=compress)
    parts = [decode(payload) for payload in payloads]
    assert max(map(len, payloads)) <= limit
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    assert {part.parts for part in parts} == {len(parts)}
    assert all(len(set(part.nodes)) == len(part.nodes) <= 2 * len(part) for part in parts)
    assert joined(parts).to_dicts() == edges.to_dicts()


def test_parts_are_filled() -> None:
    payloads = split(flows(20_000, 100), 20_000)
    assert sum(map(len, payloads)) / len(payloads) > 0.8 * 20_000


def test_compressed_parts_are_filled_and_may_still_be_read() -> None:
    ends = {name: Column.of("<u1", [0]) for name in ("src", "dst")}
    same = {f"zero_{number}": Column("<f8", bytes(8)) for number in range(50)}
    one = edge_list([bytes(4)], ends | same)
    many = replace(one, columns={name: Column(c.code, bytes(c.data) * 30_000) for name, c in one.columns.items()})
    payloads = split(many, compress=True)
    assert sum(len(decode(payload)) for payload in payloads) == 30_000
    assert len(payloads) < 8  # 12 MB, and readers take 4 MiB


def test_an_empty_window_is_one_part() -> None:
    (payload,) = split(empty())
    edges = decode(payload)
    assert (len(edges), edges.part, edges.parts, edges.nodes) == (0, 1, 1, [])


@pytest.mark.parametrize("edges", [two_pairs(), empty()], ids=["pairs", "empty"])
def test_an_edge_that_does_not_fit(edges: EdgeList) -> None:
    with pytest.raises(EdgeTooLargeError, match="does not fit into 100 octets"):
        split(edges, 100)


def test_more_parts_than_a_reader_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding_module, "MAX_PARTS", 3)
    with pytest.raises(EdgeTooLargeError, match="do not fit into 3 messages"):
        split(flows(1000, 10), 1000)


def test_more_than_a_reader_takes() -> None:
    with pytest.raises(EdgeTooLargeError, match=r"split\(\)"):
        encode_part(flows(300_000, 10))


def test_what_a_message_is_shows_in_its_first_octet() -> None:
    for encoding in ENCODINGS:
        payload = encode_part(three_flows(), encoding=encoding, compress=True)
        assert decode(payload) == decode(payload, content_encoding="deflate") == fitted(three_flows())
    assert all(kind.startswith("application/vnd.flowedge.edges.v1+") for kind in CONTENT_TYPES.values())


def refused(payload: bytes, problem: str, **options: Any) -> None:
    with pytest.raises(MalformedMessageError, match=problem):
        decode(payload, **options)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"v": 2}, "v is none of: 1"),
    ({"v": True}, "v is none of"),
    ({"schema": "edges/2"}, "schema is none of"),
    ({"site": ""}, "site is no text"),
    ({"site": "x" * 256}, "site is no text"),
    ({"node": "a\x1b[2J"}, "node is no text"),
    ({"iface": 7}, "iface is no text"),
    ({"boot": None}, "boot is no text"),
    ({"seq": -1}, "seq is no integer"),
    ({"seq": 1.0}, "seq is no integer"),
    ({"seq": True}, "seq is no integer"),
    ({"seq": 2**63}, "seq is no integer"),
    ({"part": 0}, "part is no integer from 1 to 1"),
    ({"part": 2}, "part is no integer from 1 to 1"),
    ({"parts": 65536}, "parts is no integer"),
    ({"w0": 5, "w1": 5}, "w1 is no integer from 6"),
    ({"kind": "flows"}, "kind is none of"),
    ({"kind": b"flow"}, "kind is none of"),
    ({"n": 3}, "has 2 items for 3 edges"),
    ({"nodes": []}, "names a node beyond the 0"),
    ({"nodes": [b"abc", b"abcd", b"abce"]}, "neither 4 nor 16"),
    ({"nodes": [b"abcd", b"abcd", b"abce"]}, "twice"),
    ({"nodes": ["10.0.0.1"]}, "neither 4 nor 16"),
    ({"nodes": [None]}, "neither 4 nor 16"),
    ({"nodes": [[b"abcd"]]}, "neither an address nor a subnet"),
    ({"nodes": [[b"abcd", 33]]}, "prefix"),
    ({"nodes": [[b"abcd", True]]}, "prefix"),
    ({"nodes": [[b"abcd", [1]]]}, "where none belongs"),
    ({"nodes": {}}, "in msgpack"),
    ({"nodes": 7}, "in msgpack"),
    ({"cols": []}, "in msgpack"),
    ({"cols": {}}, "'src' is missing"),
    ({"cols": {f"c{number}": ["<u1", b""] for number in range(300)}}, "more than 256"),
    ({"drop": {"": 1}}, "counter's name"),
    ({"drop": {"a": -1}}, "drop is no integer"),
    ({"drop": {"a": 1.5}}, "drop is no integer"),
    ({"drop": {str(number): 1 for number in range(65)}}, "more than 64"),
    ({"drop": None}, "in msgpack"),
]


@pytest.mark.usefixtures("each_msgpack")
@pytest.mark.parametrize(("change", "problem"), CHANGES, ids=[repr(change)[:40] for change, _ in CHANGES])
def test_a_wrong_value_is_refused(change: dict[str, Any], problem: str) -> None:
    refused(msgpack.packb(message() | change), problem)


COLUMN_CHANGES: list[tuple[str, Any, str]] = [
    ("src", ["<u1", b"\0\3"], "names a node beyond the 3"),
    ("dst", ["<i1", b"\0\1"], "does not index nodes"),
    ("dst", ["<f8", bytes(16)], "does not index nodes"),
    ("dst", ["<u1", b"\0\1", struct.pack("<III", 0, 1, 2)], "does not index nodes"),
    ("x", ["<u1", b"\0"], "1 items for 2 edges"),
    ("x", ["<u4", bytes(9)], "ends within a number"),
    ("x", [">u4", bytes(8)], "type that is not known"),
    ("x", ["<u3", bytes(6)], "type that is not known"),
    ("x", ["O", bytes(16)], "type that is not known"),
    ("x", [4, bytes(8)], "type that is not known"),
    ("x", ["<u1", "ab"], "not octets"),
    ("x", ["<u1", [1, 2]], "where none belongs"),
    ("x", ["<u1"], "not a type, its data"),
    ("x", ["<u1", b"", b"", b""], "not a type, its data"),
    ("x", b"\0\1", "in msgpack"),
    ("x", ["<u1", b"ab", struct.pack("<II", 0, 2)], "1 items for 2 edges"),
    ("x", ["<u1", b"ab", b""], "do not begin and end"),
    ("x", ["<u1", b"ab", b"\0"], "end within a number"),
    ("x", ["<u1", b"ab", struct.pack("<III", 1, 1, 2)], "do not begin and end"),
    ("x", ["<u1", b"ab", struct.pack("<III", 0, 1, 3)], "do not begin and end"),
    ("x", ["<u1", b"ab", struct.pack("<III", 0, 3, 2)], "fall"),
    ("x\n", ["<u1", b"ab"], "a column's name"),
]


@pytest.mark.usefixtures("each_msgpack")
@pytest.mark.parametrize(("name", "column", "problem"), COLUMN_CHANGES)
def test_a_wrong_column_is_refused(name: str, column: Any, problem: str) -> None:
    whole = message()
    refused(msgpack.packb(whole | {"cols": whole["cols"] | {name: column}}), problem)


@pytest.mark.parametrize("key", message())
def test_a_missing_key_is_refused(key: str) -> None:
    refused(msgpack.packb({name: value for name, value in message().items() if name != key}), f"^{key} is missing")
    as_json = json.loads(encode_part(two_pairs(), encoding="json"))
    refused(json.dumps({name: value for name, value in as_json.items() if name != key}).encode(), f"^{key} is missing")


JSON_CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"nodes": ["10.0.0"]}, "no IP address"),
    ({"nodes": [167772161]}, "no text"),
    ({"nodes": ["fe80::1%eth0"]}, "zone"),
    ({"nodes": [["10.0.0.0", 33]]}, "prefix"),
    ({"nodes": [["10.0.0.0", []]]}, "prefix"),
    ({"nodes": ["::1", "0::1"]}, "twice"),
    ({"nodes": {}}, "nodes is no array"),
    ({"cols": []}, "cols is no map"),
    ({"cols": {"src": ["<u1", [256, 0]]}}, "what is no <u1"),
    ({"cols": {"src": ["<u1", [-1, 0]]}}, "what is no <u1"),
    ({"cols": {"src": ["<u1", [0.5, 0]]}}, "what is no <u1"),
    ({"cols": {"src": ["<u1", [None, 0]]}}, "what is no <u1"),
    ({"cols": {"src": ["<f8", ["1", 0]]}}, "what is no <f8"),
    ({"cols": {"src": ["<f8", [10**400, 0]]}}, "what is no <f8"),
    ({"cols": {"src": ["<u1", [0, 0], [0, -1]]}}, "what is no <u1"),
    ({"cols": {"src": ["<u1", "ab"]}}, "not a type, its data"),
    ({"cols": {"src": [["<u1"], [0, 1]]}}, "type is not known"),
    ({"site": "\ud800"}, "site is no text"),
    ({"drop": {"a": []}}, "drop is no integer"),
]


@pytest.mark.parametrize(("change", "problem"), JSON_CHANGES, ids=[ascii(change)[:40] for change, _ in JSON_CHANGES])
def test_a_wrong_value_in_json_is_refused(change: dict[str, Any], problem: str) -> None:
    refused(json.dumps(json.loads(encode_part(two_pairs(), encoding="json")) | change).encode(), problem)


@pytest.mark.usefixtures("each_msgpack")
@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "neither a msgpack map"),
        (b"hello", "neither a msgpack map"),
        (b"\x92\x01\x02", "neither a msgpack map"),
        (b"[]", "neither a msgpack map"),
        (b"\x80", "is missing"),
        (b"\x81", "in msgpack"),
        (b"\x81\x01\x02", "a key is no text"),
        (b"\x81\xa1\xff\x02", "in msgpack"),
        (b"\x81\xa3seq\xc1", "in msgpack"),
        (b"\x81\xa3seq\xd6\xff\0\0\0\0", "where none belongs"),
        (b"\x81\xa3seq\xdd\xff\xff\xff\xff", "where none belongs"),
        (b"\x81\xa5nodes\xdd\x7f\xff\xff\xff", "in msgpack"),
        (b"\xdf\x7f\xff\xff\xff", "in msgpack"),
        (b"\x81\xa3new" + b"\x91" * 100_000, "in msgpack"),
        (b"{}", "is missing"),
        (b"{", "no JSON"),
        (b'{"seq": NaN}', "no JSON number"),
        (b'{"seq": ' + b"9" * 5000 + b"}", "no JSON"),
        (b'{"seq": "\xff"}', "no JSON"),
        (b'{"new": ' + b"[" * 1000 + b"]" * 1000 + b"}", "no JSON|is missing"),
        (b'{"new": ' + b"[" * 5000, "more arrays and objects"),
        (b'{"new": [' + b"{}," * 5000 + b"0]}", "more arrays and objects"),
        (b"{" + b" " * MAX_MESSAGE_OCTETS, "more than 4194304 octets"),
        (zlib.compress(b"{" + b" " * MAX_MESSAGE_OCTETS), "once inflated"),
        (zlib.compress(bytes(1 << 28), 9), "once inflated"),
        (zlib.compress(b"{}")[:-1], "ends early"),
        (zlib.compress(b"{}") + b"x", "something follows"),
        (b"\x78hello", "cannot be inflated"),
        (zlib.compress(zlib.compress(b"{}")), "neither a msgpack map"),
        (encode_part(two_pairs()) + b"\0", "something follows"),
        (encode_part(two_pairs(), encoding="json") + b"{}", "no JSON"),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes, problem: str) -> None:
    refused(payload, problem)


def test_an_unknown_content_encoding_is_refused() -> None:
    refused(encode_part(two_pairs()), "content encoding 'gzip'", content_encoding="gzip")


@pytest.mark.usefixtures("each_msgpack")
@each_encoding
@each_compression
def test_cut_at_every_octet(encoding: EncodingName, compress: bool) -> None:
    whole = encode_part(two_pairs(), encoding=encoding, compress=compress)
    for size in range(len(whole)):
        with pytest.raises(MalformedMessageError):
            decode(whole[:size])


STATUS = StatusMessage(state="online", boot=BOOT, since=START, version="0.1.0")
META = MetaMessage(
    schema="edges/1",
    mode="netflower",
    names="netflower",
    columns=(
        ColumnInfo(name="flow_duration", type="<f8", unit="duration"),
        ColumnInfo(name="server_ports", type="<u2[]", unit="number"),
    ),
    window_ns=10**10,
    kind="pair",
    interfaces=("eth0", "eth1"),
)
STATS = StatsMessage(
    boot=BOOT,
    seq=7,
    received=120_000,
    dropped={"kernel": 1, "interface": 0},
    skipped={"non_ip": 5},
    evicted=0,
    open_flows=12,
    spool={"messages": 2, "octets": 4096, "age_ns": 10**9, "dropped": 0},
    rejected=0,
)


def test_json_messages_come_back() -> None:
    assert StatusMessage.from_json(STATUS.to_json()) == STATUS
    assert MetaMessage.from_json(META.to_json()) == META
    assert StatsMessage.from_json(STATS.to_json()) == STATS
    assert json.loads(STATUS.to_json()) == {"state": "online", "boot": BOOT, "since": START, "version": "0.1.0"}


@pytest.mark.parametrize(
    ("read", "good", "change", "problem"),
    [
        (StatusMessage.from_json, STATUS, {"state": "asleep"}, "state is none of: online, offline"),
        (StatusMessage.from_json, STATUS, {"since": "today"}, "since is no integer"),
        (MetaMessage.from_json, META, {"columns": {}}, "columns is no array"),
        (MetaMessage.from_json, META, {"columns": [7]}, "no object"),
        (MetaMessage.from_json, META, {"columns": [{"name": "x", "type": "int", "unit": "y"}]}, "type is not known"),
        (MetaMessage.from_json, META, {"columns": [{"name": "x"}]}, "type is missing"),
        (MetaMessage.from_json, META, {"window_ns": 0}, "window_ns is no integer"),
        (MetaMessage.from_json, META, {"interfaces": [7]}, "interface is no text"),
        (StatsMessage.from_json, STATS, {"dropped": 7}, "dropped is no map"),
        (StatsMessage.from_json, STATS, {"skipped": {"link": None}}, "skipped is no integer"),
        (StatsMessage.from_json, STATS, {"more": "x" * (256 << 10)}, "more than 262144 octets"),
    ],
)
def test_a_wrong_json_message_is_refused(
    read: Callable[[bytes], object], good: Any, change: dict[str, Any], problem: str
) -> None:
    assert read(json.dumps(json.loads(good.to_json()) | {"new": [{}]}).encode()) == good
    with pytest.raises(MalformedMessageError, match=problem):
        read(json.dumps(json.loads(good.to_json()) | change).encode())


@pytest.mark.parametrize("payload", [b"", b"7", b"[]", b"null", b'"online"', b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("read", [StatusMessage.from_json, MetaMessage.from_json, StatsMessage.from_json])
def test_what_is_no_json_object_is_refused(read: Callable[[bytes], object], payload: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        read(payload)
