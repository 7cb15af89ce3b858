"""Windows: edge lists against plain Python over the same flows' rows."""

import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.frames import IPV4, IPV6, Timed, ethernet, ipv4, ipv6, tcp, udp

from flowedge import FlowBatch, FlowEngine
from flowedge._core import EDGE_FEATURES, LiveFeed
from flowedge._core import Windows as NativeWindows
from flowedge.columns import COLUMNS
from flowedge.edges import EdgeList
from flowedge.errors import SinkError
from flowedge.sinks.windowing import Windowing
from flowedge.windows import ENDED, FEATURES, NOTHING_SETTLED, Observer, WindowSettings

from .conftest import ACK, FIN_ACK, SECOND, START, SYN, udp_flows

WINDOW = 2 * SECOND
OBSERVER = Observer("plant", "gateway", "a-run")
EXTRA = ("first_ns", "last_ns", "end_reason", "closed_ns", "ip_version")
SHARED = ("src_port", "dst_port", "protocol", "first_ns", "last_ns", "end_reason")
SUMS = ("tot_fwd_pkts", "tot_bwd_pkts", "totlen_fwd_pkts", "totlen_bwd_pkts")
Row = dict[str, Any]


@dataclass
class NoLosses:
    kernel_dropped: int = 0
    interface_dropped: int = 0
    queue_dropped: int = 0
    evicted: int = 0
    skipped: dict[str, int] = field(default_factory=dict)


class Kept:
    """An EdgeSink that keeps what it is given, and checks the order of calls."""

    def __init__(self) -> None:
        self.windows: dict[str, list[list[EdgeList]]] = defaultdict(list)
        self.open: dict[str, list[EdgeList]] = defaultdict(list)
        self.abandoned = self.closed = False

    def add_piece(self, piece: EdgeList) -> None:
        assert (piece.part, piece.parts, piece.drop) == (len(self.open[piece.iface]) + 1, 0, {})
        assert piece.seq == len(self.windows[piece.iface])
        self.open[piece.iface].append(piece)

    def end_window(self, last: EdgeList) -> None:
        pieces = [*self.open.pop(last.iface, []), last]
        assert last.part == last.parts == len(pieces)
        assert {piece.seq for piece in pieces} == {len(self.windows[last.iface])}
        self.windows[last.iface].append(pieces)

    def abandon(self) -> None:
        self.open.clear()
        self.abandoned = True

    def tick(self) -> None: ...
    def reopen(self) -> None: ...

    def close(self) -> None:
        assert not any(self.open.values())
        self.closed = True

    def rows(self, iface: str = "eth0") -> list[list[Row]]:
        return [[row for piece in pieces for row in piece.to_dicts()] for pieces in self.windows[iface]]


def node(text: str, config: WindowSettings) -> str:
    if not config.subnets:
        return text
    prefix = config.v6_prefix if ":" in text else config.v4_prefix
    return str(ip_network(f"{text}/{prefix}", strict=False))


def flow_edge(row: Row, config: WindowSettings) -> Row:
    ends = {"src": node(row["src_ip"], config), "dst": node(row["dst_ip"], config)}
    return ends | {name: row[name] for name in (*SHARED, *config.columns)}


def summed(rows: Iterable[Row], config: WindowSettings) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        service = () if config.kind == "pair" else (row["protocol"], row["dst_port"])
        groups[node(row["src_ip"], config), node(row["dst_ip"], config), *service].append(row)
    return [edge_of(key, group) for key, group in groups.items()]


def edge_of(key: tuple[Any, ...], group: list[Row]) -> Row:
    edge = {"src": key[0], "dst": key[1], "flow_count": len(group)}
    edge |= {name: sum(row[name] for row in group) for name in SUMS}
    edge["first_ns"] = min(row["first_ns"] for row in group)
    edge["last_ns"] = max(row["last_ns"] for row in group)
    if len(key) > 2:
        return edge | {"protocol": key[2], "server_port": key[3]}
    ports = sorted({row["dst_port"] for row in group})
    protocols = sorted({row["protocol"] for row in group})
    return edge | {"protocols": protocols, "server_ports": ports, "server_port_count": len(ports)}


def expected(rows: list[Row], config: WindowSettings) -> list[list[Row]]:
    """The windows from the first with flows to the last, with their edges in the order of the flows."""
    time = "closed_ns" if config.assign == "closed" else "first_ns"
    windows = defaultdict(list)
    for row in rows:
        windows[row[time] // config.window_ns].append(row)
    every = [windows[number] for number in range(min(windows), max(windows) + 1)] if windows else []
    if config.kind == "flow":
        return [[flow_edge(row, config) for row in window] for window in every]
    return [summed(window, config) for window in every]


def without_empty_ends(windows: list[list[Row]]) -> list[list[Row]]:
    """The clock is ahead of the last flow, and may have been behind the first."""
    full = [number for number, window in enumerate(windows) if window]
    return windows[full[0] : full[-1] + 1] if full else []


ADDRESSES = {4: ["10.0.0.1", "10.0.1.2", "192.168.7.7"], 6: ["2001:db8::1", "2001:db8:0:1::2", "fe80::3"]}


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    version = draw(st.sampled_from([4, 4, 6]))
    ends = tuple(draw(st.permutations(ADDRESSES[version]))[:2])
    ports = draw(st.tuples(st.sampled_from([4000, 4001]), st.sampled_from([53, 80])))
    flags = draw(st.sampled_from([SYN, ACK, ACK, FIN_ACK, 4]))
    protocol, payload = draw(st.sampled_from([(17, udp(ports, b"question")), (6, tcp(ports, flags, b"more"))]))
    if version == 4:
        return ethernet(IPV4, ipv4((ends[0], ends[1]), protocol, payload))
    return ethernet(IPV6, ipv6((ends[0], ends[1]), protocol, payload))


PAUSES = st.sampled_from([0, 1, 10**6, SECOND // 2, 2 * SECOND, 7 * SECOND])


@st.composite
def traffic(draw: st.DrawFn) -> list[Timed]:
    time = START
    timed = []
    for pause, frame in draw(st.lists(st.tuples(PAUSES, frames()), max_size=40)):
        time += pause
        timed.append((time, frame))
    return timed


CONFIGS = st.builds(
    WindowSettings,
    window_ns=st.sampled_from([WINDOW, SECOND // 3, 60 * SECOND]),
    assign=st.sampled_from(["closed", "start"]),
    kind=st.sampled_from(["flow", "pair", "service"]),
    subnets=st.booleans(),
    v4_prefix=st.integers(0, 32),
    v6_prefix=st.integers(0, 128),
    columns=st.sampled_from([(), FEATURES, ("flow_duration", "closed_ns")]),
)


def engine_of(mode: str = "netflower") -> FlowEngine:
    return FlowEngine(mode=mode, names="netflower", idle_timeout=3, extra=EXTRA, batch_size=3)


def run(timed: list[Timed], config: WindowSettings, engine: FlowEngine, sink: Kept) -> tuple[list[Row], Windowing]:
    """Frame by frame, with a settle() after each, as if they came over a link."""
    windowing = Windowing([sink], config, OBSERVER)
    rows: list[Row] = []

    def write(batches: list[FlowBatch]) -> None:
        for batch in batches:
            rows.extend(batch.to_dicts())
            windowing.write("eth0", batch)

    for frame in timed:
        write(engine.feed([frame]))
        windowing.settle("eth0", 0, engine.settled_ns, engine.oldest_start_ns(), NoLosses())
    write(engine.flush())
    windowing.settle("eth0", 0, ENDED, None, NoLosses())
    windowing.close()
    return rows, windowing


@given(timed=traffic(), config=CONFIGS, mode=st.sampled_from(["netflower", "corrected", "engelen", "cicflowmeter"]))
@settings(max_examples=300, deadline=None)
def test_edge_lists_are_those_of_the_rows(timed: list[Timed], config: WindowSettings, mode: str) -> None:
    if mode in ("engelen", "cicflowmeter"):  # in rows, the names decide the unit of durations
        config = replace(config, columns=("tot_fwd_pkts", "closed_ns"))
    sink = Kept()
    rows, windowing = run(timed, config, engine_of(mode), sink)
    assert without_empty_ends(sink.rows()) == expected(rows, config)
    assert windowing.late == windowing.windows_lost == 0
    assert windowing.windows == len(sink.windows["eth0"])
    assert windowing.edges == sum(map(len, sink.rows()))
    assert sink.closed


@given(timed=traffic(), config=CONFIGS, piece_edges=st.integers(1, 3))
@settings(max_examples=100, deadline=None)
def test_pieces_hold_no_more_than_asked_for_and_nothing_is_lost(
    timed: list[Timed], config: WindowSettings, piece_edges: int
) -> None:
    whole, pieces = Kept(), Kept()
    run(timed, config, engine_of(), whole)
    run(timed, replace(config, piece_edges=piece_edges), engine_of(), pieces)
    assert all(len(piece) <= piece_edges for window in pieces.windows["eth0"] for piece in window)
    if config.kind == "flow":
        assert pieces.rows() == whole.rows()
    else:
        assert flows_in_windows(pieces) == flows_in_windows(whole)


def flows_in_windows(sink: Kept) -> list[int]:
    return [sum(edge["flow_count"] for edge in window) for window in sink.rows()]


@given(timed=traffic(), config=CONFIGS)
@settings(max_examples=100, deadline=None)
def test_time_that_runs_back_loses_no_flow(timed: list[Timed], config: WindowSettings) -> None:
    sink = Kept()
    shuffled = sorted(timed, key=lambda frame: (frame[0] // SECOND) * 7919 % 31)
    rows, _ = run(shuffled, config, engine_of(), sink)
    edges = [edge for window in sink.rows() for edge in window]
    assert sum(edge.get("flow_count", 1) for edge in edges) == len(rows)
    if config.kind == "flow":
        found = sorted(map(repr, edges))
        assert found == sorted(repr(flow_edge(row, config)) for row in rows)


def batch_at(*seconds: float) -> FlowBatch:
    """Flows of one packet at these seconds after START, closed three seconds later."""
    engine = FlowEngine(idle_timeout=3, extra=EXTRA)
    timed = [(START + int(second * SECOND), udp_flows(20)[number][1]) for number, second in enumerate(seconds)]
    engine.feed(sorted(timed))
    (batch,) = engine.advance(START + 10**6 * SECOND)
    return batch


def windowing_of(*sinks: Any, workers: int = 1, **config: Any) -> Windowing:
    return Windowing(sinks, WindowSettings(**{"window_ns": WINDOW, **config}), OBSERVER, {"eth0": workers})


def at(second: float) -> int:
    return START + int(second * SECOND)


def test_edge_list_tells_whose_window_it_is() -> None:
    sink = Kept()
    windowing = windowing_of(sink)
    windowing.write("eth0", batch_at(0))
    windowing.close()
    ((edges,),) = sink.windows["eth0"]
    assert (edges.site, edges.node, edges.boot, edges.iface, edges.kind) == (*vars(OBSERVER).values(), "eth0", "flow")
    assert (edges.seq, edges.part, edges.parts) == (0, 1, 1)
    assert (edges.start_ns, edges.end_ns) == (at(2), at(4))
    assert list(edges.columns) == ["src", "dst", *SHARED, *FEATURES]
    assert len(FEATURES) == 76


def test_durations_have_the_unit_of_the_mode() -> None:
    for mode, duration in (("netflower", 0.5), ("engelen", 500_000.0)):
        sink = Kept()
        timed = [(START, udp_flows(1)[0][1]), (START + SECOND // 2, udp_flows(1)[0][1])]
        run(timed, WindowSettings(columns=("flow_duration",)), engine_of(mode), sink)
        assert [edge["flow_duration"] for window in sink.rows() for edge in window] == [duration]


def test_interfaces_have_windows_of_their_own() -> None:
    sink = Kept()
    windowing = windowing_of(sink)
    windowing.write("eth0", batch_at(0))
    windowing.write("eth1", batch_at(0, 5))
    windowing.settle("eth0", 0, at(60), None, NoLosses())
    assert len(sink.windows["eth0"]) == 29
    assert not sink.windows["eth1"]


def test_window_ends_when_all_workers_have_passed_it() -> None:
    sink = Kept()
    windowing = windowing_of(sink, workers=3)
    windowing.write("eth0", batch_at(0, 0))
    windowing.settle("eth0", 0, at(9), None, NoLosses())
    windowing.settle("eth0", 1, at(3), None, NoLosses())
    assert not sink.windows["eth0"]  # the third has not been heard of
    windowing.settle("eth0", 2, NOTHING_SETTLED, None, NoLosses())
    assert not sink.windows["eth0"]
    windowing.settle("eth0", 1, at(4), None, NoLosses())
    assert len(sink.windows["eth0"]) == 1
    windowing.settle("eth0", 2, at(5), None, NoLosses())
    windowing.settle("eth0", 1, ENDED, None, NoLosses())
    assert len(sink.windows["eth0"]) == 1
    windowing.settle("eth0", 2, ENDED, None, NoLosses())
    assert [window[0].start_ns for window in sink.windows["eth0"]] == [at(2), at(4), at(6)]
    assert windowing.late == 0


def test_by_start_windows_wait_for_open_flows() -> None:
    sink = Kept()
    windowing = windowing_of(sink, assign="start")
    windowing.settle("eth0", 0, at(9), None, NoLosses())
    windowing.settle("eth0", 0, at(9), at(2), NoLosses())
    windowing.write("eth0", batch_at(2))
    windowing.settle("eth0", 0, at(9), at(4) - 1, NoLosses())
    assert not sink.windows["eth0"]
    windowing.settle("eth0", 0, at(9), at(4), NoLosses())
    assert [len(window) for window in sink.rows()] == [1]
    windowing.settle("eth0", 0, at(9), 2**63 - 1, NoLosses())
    assert [len(window) for window in sink.rows()] == [1, 0, 0]
    assert windowing.late == 0


def test_last_piece_tells_what_was_lost_since_the_window_before() -> None:
    sink = Kept()
    windowing = windowing_of(sink, workers=2)
    windowing.settle("eth0", 0, at(2), None, NoLosses(1, 2, 0, 0, {"link": 0, "non_ip": 4}))
    windowing.settle("eth0", 1, at(4), None, NoLosses(10, 0, 5))
    windowing.settle("eth0", 0, at(6), None, NoLosses(3, 2, 0, 7, {"link": 0, "non_ip": 4}))
    windowing.write("eth0", batch_at(-3))
    windowing.settle("eth0", 1, at(6), None, NoLosses(10, 0, 5))
    drops = [window[-1].drop for window in sink.windows["eth0"]]
    assert drops == [{"dropped": 15, "queue_dropped": 5, "evicted": 7, "non_ip": 4}, {"late": 1}]


def test_what_was_lost_is_told_by_the_last_piece() -> None:
    sink = Kept()
    windowing = windowing_of(sink, piece_edges=1)
    windowing.settle("eth0", 0, at(2.5), None, NoLosses(kernel_dropped=3))
    windowing.write("eth0", batch_at(0, 0))
    windowing.close()
    assert [piece.drop for window in sink.windows["eth0"] for piece in window] == [{}, {}, {"dropped": 3}]


def test_no_window_comes_after_the_last_with_flows_when_its_source_has_ended() -> None:
    sink = Kept()
    windowing = windowing_of(sink, window_ns=10**18)
    windowing.write("eth0", batch_at(0))
    windowing.settle("eth0", 0, ENDED, None, NoLosses())
    assert len(sink.windows["eth0"]) == 1


class Broken(Kept):
    def __init__(self, error: BaseException, fails: Callable[[EdgeList], bool]) -> None:
        super().__init__()
        self._error = error
        self._fails = fails
        self.given: list[tuple[int, int]] = []

    def add_piece(self, piece: EdgeList) -> None:
        self.given.append((piece.seq, piece.part))
        if self._fails(piece):
            raise self._error

    def end_window(self, last: EdgeList) -> None:
        self.add_piece(last)


@pytest.mark.parametrize("error", [SinkError("disk is full"), ZeroDivisionError(), KeyboardInterrupt()])
def test_sinks_error_keeps_no_other_from_its_windows(error: BaseException) -> None:
    sound = Kept()
    broken = Broken(error, lambda piece: (piece.seq, piece.part) == (0, 2))
    windowing = windowing_of(broken, sound, piece_edges=1)
    windowing.write("eth0", batch_at(0, 0, 0, 2))
    with pytest.raises(type(error)):
        windowing.settle("eth0", 0, at(6), None, NoLosses())
    windowing.close()
    assert [len(window) for window in sound.rows()] == [3, 1]
    assert broken.given == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert windowing.windows_lost == 1


def test_several_errors_become_one() -> None:
    sinks = [Broken(SinkError(text), lambda piece: True) for text in ("one", "other", "one")]
    windowing = windowing_of(*sinks)
    windowing.write("eth0", batch_at(0))
    with pytest.raises(SinkError, match=r"^one; other$"):
        windowing.close()


def test_run_that_is_given_up_ends_no_window() -> None:
    sink = Kept()
    windowing = windowing_of(sink)
    windowing.write("eth0", batch_at(0))
    windowing.abandon()
    windowing.close()
    assert sink.abandoned
    assert sink.closed
    assert not sink.windows["eth0"]


def test_settings_that_cannot_be_met_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="columns: 'timestamp' is no feature of an edge"):
        windowing_of(Kept(), columns=("timestamp",))


def test_features_are_all_columns_with_one_number() -> None:
    others = {"src_ip", "dst_ip", "src_port", "dst_port", "protocol", "timestamp", "first_ns", "last_ns", "end_reason"}
    assert set(EDGE_FEATURES) == {column.name for column in COLUMNS} - others


WRONG = [
    ({"window_ns": 0}, "window_ns"),
    ({"assign": "end"}, "assign"),
    ({"kind": "node"}, "kind"),
    ({"v4_prefix": 33}, "v4_prefix"),
    ({"v6_prefix": 129}, "v6_prefix"),
    ({"piece_edges": 0}, "piece_edges"),
    ({"memory": 1000}, "memory"),
    ({"columns": ["src_ip"]}, "columns"),
]


@pytest.mark.parametrize(("option", "name"), WRONG)
def test_wrong_option_is_named(option: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        NativeWindows(**{"window_ns": 1, **option})


def addresses() -> Iterator[str]:
    """As somebody would choose them who knows the hash but not its seed: all differ in the same few bits."""
    return (f"{high}.0.0.{low}" for high in range(1, 200) for low in range(200))


def test_many_nodes_cost_no_more_than_they_are() -> None:
    timed = [(START, ethernet(IPV4, ipv4((a, "203.0.113.9"), 17, udp((1, 53))))) for a in addresses()]
    engine = FlowEngine(idle_timeout=3)
    engine.feed(timed)
    windows = NativeWindows(window_ns=WINDOW, kind="pair", piece_edges=1 << 20)
    for batch in engine.flush():
        windows.add(batch)
    ((_, _, nodes, _, edges),) = windows.finish()
    assert len(set(nodes)) == len(nodes) == edges + 1 == 199 * 200 + 1


def packed(time: int, frame: bytes) -> tuple[bytes, bytes]:
    """As pcapy-ng gives packets."""
    return frame, struct.pack("IIII", time // SECOND, time % SECOND // 1000, 0, len(frame))


def test_what_waits_in_a_batch_is_not_settled() -> None:
    engine = FlowEngine(idle_timeout=3, extra=EXTRA, batch_size=7)
    feed = LiveFeed(engine, stamped_by_host=False)
    settled, oldest, flows = NOTHING_SETTLED, NOTHING_SETTLED, 0
    for number in range(100):
        batches = feed.feed_packed(*packed(at(number), udp_flows(100)[number][1]), 1)
        for row in (row for batch in batches for row in batch.to_dicts()):
            assert int(row["closed_ns"]) > settled
            assert int(row["first_ns"]) >= oldest
            flows += 1
        settled, oldest = engine.settled_ns, engine.oldest_start_ns()
    assert 0 < flows < engine.counters["flows"]
    assert at(85) < settled < at(95)
    feed.idle()
    assert settled < engine.settled_ns < at(99)
