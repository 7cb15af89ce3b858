"""The MQTT sink and a real broker: what arrives, and what is said of the agent."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration import broker as mosquitto
from integration.broker import Broker
from integration.mqtt import Collector, Notes, connected, emptied, in_haste, make_sink, open_sink, window

from flowedge.codec import StatsMessage, StatusMessage, decode
from flowedge.edges import joined

pytestmark = pytest.mark.skipif(mosquitto.program() is None, reason="mosquitto is not installed")
WINDOWS = 200
STATS = StatsMessage(
    boot="boot", seq=1, received=5, dropped={}, skipped={}, evicted=0, open_flows=0, spool={}, rejected=0
)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def notes() -> Notes:
    return Notes()


def url(broker: Broker) -> str:
    return f"mqtt://127.0.0.1:{broker.port}"


@pytest.mark.parametrize("version", ["5", "3.1.1"])
@pytest.mark.parametrize("spool", ["file", "memory"])
def test_windows_arrive_once_and_in_order(
    broker: Broker, notes: Notes, tmp_path: Path, version: str, spool: str
) -> None:
    path = str(tmp_path / "spool.db") if spool == "file" else ""
    with Collector(broker.port) as collector, open_sink(url(broker), notes, version=version, spool=path) as sink:
        connected(sink)
        for seq in range(WINDOWS):
            sink.end_window(window(seq))
        collector.wait_for(lambda it: len(it.edges()) == WINDOWS, "all windows")
        emptied(sink)
        counters = sink.counters().publisher
        assert [part.seq for part in collector.edges()] == list(range(WINDOWS))
        assert (counters.published, counters.acknowledged, counters.rejected) == (WINDOWS, WINDOWS, 0)
    assert notes.complaints == []


@pytest.mark.parametrize("encoding", ["msgpack", "json"])
@pytest.mark.parametrize("compress", [False, True])
def test_a_large_window_in_pieces(broker: Broker, notes: Notes, tmp_path: Path, encoding: str, compress: bool) -> None:
    options = {"max_payload": 4096, "encoding": encoding, "compress": compress, "spool": str(tmp_path / "spool.db")}
    pieces = [window(0, edges=2000, part=number) for number in (1, 2, 3)]
    with Collector(broker.port) as collector, open_sink(url(broker), notes, **options) as sink:
        sink.add_piece(pieces[0])
        sink.add_piece(window(0, edges=5, iface="eth1"))
        sink.add_piece(pieces[1])
        sink.end_window(window(0, edges=2000, part=3, parts=3, drop={"dropped": 7}))
        sink.end_window(window(0, edges=0, iface="eth1", part=2, parts=2))
        emptied(sink)
        collector.wait_for(lambda it: any(part.iface == "eth1" for part in it.edges()), "the last window")
        parts = [part for part in collector.edges() if part.iface == "eth0"]
        assert len(parts) > 3
        assert {part.parts for part in parts} == {len(parts)}
        assert all(part.drop == {"dropped": 7} for part in parts)
        assert max(len(message.payload) for message in collector.all) <= 4096
        whole = joined(parts)
        expected = [number for piece in pieces for number in piece.columns["first_ns"].values()]
        assert whole.columns["first_ns"].to_list() == expected
        (other,) = [part for part in collector.edges() if part.iface == "eth1"]
        assert (len(other), other.parts) == (5, 1)


def test_properties(broker: Broker, notes: Notes) -> None:
    with Collector(broker.port) as collector, open_sink(url(broker), notes, encoding="json", expiry=100) as sink:
        sink.end_window(window(4))
        collector.wait_for(lambda it: bool(it.edges()), "the window")
        (message,) = [each for each in collector.all if each.topic == "flowedge/v1/default/gw/eth0/edges"]
        properties = message.properties
        assert properties.ContentType == "application/vnd.flowedge.edges.v1+json"
        assert properties.PayloadFormatIndicator == 1
        assert 0 < properties.MessageExpiryInterval <= 100
        user = {"schema": "edges/1", "node": "gw", "boot": "boot", "seq": "4", "part": "1", "parts": "1"}
        assert dict(properties.UserProperty) == user


def test_an_interface_with_characters_that_no_topic_has(broker: Broker, notes: Notes) -> None:
    with Collector(broker.port) as collector, open_sink(url(broker), notes) as sink:
        sink.end_window(window(0, iface="a/b+c#d\n"))
        collector.wait_for(lambda it: bool(it.edges()), "the window")
        assert collector.all[-1].topic == "flowedge/v1/default/gw/a_b_c_d_/edges"
        assert collector.edges()[0].iface == "a_b_c_d_"


def test_status_meta_and_stats(broker: Broker, notes: Notes) -> None:
    with Collector(broker.port) as collector:
        with open_sink(url(broker), notes) as sink:
            connected(sink)
            sink.publish_stats("eth0", STATS)
            collector.wait_for(lambda it: len(it.all) == 3, "status, meta, stats")
            topics = [message.topic.rpartition("gw/")[2] for message in collector.all]
            assert topics == ["status", "meta", "eth0/stats"]
            assert StatsMessage.from_json(collector.all[2].payload) == STATS
            online = StatusMessage.from_json(collector.all[0].payload)
            assert (online.state, online.boot, online.version) == ("online", "boot", "0.1.0")
        collector.wait_for(lambda it: len(it.states()) == 2, "offline")
        assert StatusMessage.from_json(collector.all[-1].payload).state == "offline"
    with Collector(broker.port, "flowedge/v1/+/+/status") as later:
        later.wait_for(lambda it: bool(it.all), "the retained status")
        assert later.all[0].retained
        assert json.loads(later.all[0].payload)["state"] == "offline"
        assert "DISCONNECT" in broker.log.read_text()


def test_at_the_end_the_broker_gets_what_waits(broker: Broker, notes: Notes, tmp_path: Path) -> None:
    with Collector(broker.port) as collector:
        sink = make_sink(url(broker), notes, spool=str(tmp_path / "spool.db"))
        for seq in range(WINDOWS):
            sink.end_window(window(seq))
        sink.close()
        collector.wait_for(lambda it: len(it.edges()) == WINDOWS, "all windows")
        assert sink.counters().spool.messages == 0


def test_abandoned_pieces_are_forgotten(broker: Broker, notes: Notes) -> None:
    with Collector(broker.port) as collector, open_sink(url(broker), notes) as sink:
        sink.add_piece(window(0, part=1))
        sink.abandon()
        sink.end_window(window(1))
        collector.wait_for(lambda it: bool(it.edges()), "the other window")
        assert collector.seqs() == [1]


def test_an_edge_that_is_too_large_is_left_out(broker: Broker, notes: Notes) -> None:
    from flowedge.edges import Column

    lists = Column.of_lists("<u4", [[1], range(70_000, 75_000), [3]])
    large = window(0)
    large = window(0, columns={**large.columns, "server_ports": lists})
    with Collector(broker.port) as collector, open_sink(url(broker), notes, max_payload=4096) as sink:
        sink.end_window(large)
        emptied(sink)
        collector.wait_for(lambda it: len(it.edges()) == 2, "the other edges")
        assert [part.columns["server_ports"].to_list() for part in collector.edges()] == [[[1]], [[3]]]
        assert sink.counters().rejected_edges == 1
    assert "does not fit into" in str(notes)


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_messages_beyond_the_brokers_limit_are_rejected(tmp_path: Path, notes: Notes, version: str) -> None:
    with Broker(tmp_path, general=["max_packet_size 5000"]) as broker, Collector(broker.port) as collector:
        with open_sink(url(broker), notes, version=version, spool=str(tmp_path / "spool.db")) as sink:
            in_haste(sink)
            for seq in range(10):
                sink.end_window(window(seq, edges=1000 if seq == 4 else 3))
            emptied(sink)
            collector.wait_for(lambda it: len(it.seqs()) == 9, "the others")
            assert sorted(collector.seqs()) == [0, 1, 2, 3, 5, 6, 7, 8, 9]
            assert sink.counters().publisher.rejected == sink.counters().spool.rejected_messages == 1
        assert "flowedge/v1/default/gw/eth0/edges: the broker refuses it" in str(notes)


def test_what_the_broker_refuses_for_good(tmp_path: Path, notes: Notes) -> None:
    access = tmp_path / "access"
    access.write_text("topic readwrite flowedge/v1/+/+/status\ntopic read flowedge/v1/#\n")
    with Broker(tmp_path, general=[f"acl_file {access}"]) as broker, open_sink(url(broker), notes) as sink:
        for seq in range(3):
            sink.end_window(window(seq))
        emptied(sink)
        assert sink.counters().publisher.rejected == 3
    (text,) = [text for level, text in notes.all if level == "error"]
    assert "eth0/edges: the broker refuses it (0x87): not authorised" in text


def test_websockets(tmp_path: Path, notes: Notes) -> None:
    with (
        Broker(tmp_path, websockets=True) as broker,
        open_sink(f"ws://127.0.0.1:{broker.websocket_port}/mqtt", notes) as sink,
    ):
        for seq in range(20):
            sink.end_window(window(seq, edges=2000))
        emptied(sink)
        assert sink.counters().publisher.acknowledged == 20
    assert notes.complaints == []


def test_mosquittos_own_client_receives_it(broker: Broker, notes: Notes, tmp_path: Path) -> None:
    from shutil import which

    program = which("mosquitto_sub")
    if program is None:
        pytest.skip("mosquitto_sub is not installed")
    with open_sink(url(broker), notes) as sink, (tmp_path / "out").open("wb") as out:
        connected(sink)
        arguments = ["-h", "127.0.0.1", "-p", str(broker.port), "-t", "flowedge/v1/+/+/+/edges", "-V", "5", "-C", "1"]
        process = subprocess.Popen([program, *arguments, "-N"], stdout=out)
        try:
            while process.poll() is None:
                sink.end_window(window(1))
                try:
                    process.wait(0.1)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            process.kill()
            process.wait()
    assert decode((tmp_path / "out").read_bytes()).seq == 1
