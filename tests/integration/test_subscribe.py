"""subscribe() and `flowedge subscribe` on a real broker."""

import csv
import gc
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import msgpack
import pytest
from integration.agent_process import wait_until
from integration.broker import Broker, program
from integration.corrupt_messages import corrupted
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from flowedge.codec import MAX_MESSAGE_OCTETS, MetaMessage, StatusMessage, decode, split
from flowedge.edges import Column, EdgeList, Gap
from flowedge.errors import BrokerError
from flowedge.subscriber import Limits, Subscription, subscribe
from flowedge.subscriber.connection import RECEIVE_MAXIMUM

pytestmark = pytest.mark.skipif(program() is None, reason="needs mosquitto")

EXAMPLES = Path(__file__).parents[2] / "examples"
TOPIC = "flowedge/v1/default/gateway/eth0/edges"
PART_OCTETS = 4096
SECOND = 10**9
BOTH_VERSIONS: Sequence[Literal["5", "3.1.1"]] = ("5", "3.1.1")


def window(seq: int, edges: int = 3, boot: str = "one") -> EdgeList:
    columns = {
        "src": Column.of("<u4", [edge % 7 for edge in range(edges)]),
        "dst": Column.of("<u4", [edge % 5 for edge in range(edges)]),
        "edge": Column.of("<u8", range(edges)),
        "flow_duration": Column.of("<f8", [edge / 2 for edge in range(edges)]),
    }
    return EdgeList(
        site="default",
        node="gateway",
        iface="eth0",
        boot=boot,
        seq=seq,
        start_ns=seq * SECOND,
        end_ns=(seq + 1) * SECOND,
        kind="flow",
        nodes=[bytes([10, 0, 0, number]) for number in range(7)],
        columns=columns,
    )


class Publisher:
    """Sends what an agent would, and what it would not."""

    def __init__(self, broker: Broker) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        self._last: Any = None

    def send(self, payload: bytes, topic: str = TOPIC, *, retain: bool = False) -> None:
        self._last = self._client.publish(topic, payload, 1, retain)

    def windows(self, *windows: EdgeList) -> int:
        """How many messages these were, all of which the broker now has."""
        messages = [message for each in windows for message in split(each, PART_OCTETS)]
        for message in messages:
            self.send(message)
        self.flush()
        return len(messages)

    def flush(self) -> None:
        self._last.wait_for_publish(30)
        assert self._last.is_published()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    made = Publisher(broker)
    yield made
    made.close()


class Notes:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, level: str, text: str) -> None:
        self.texts.append(text)

    def count(self, text: str) -> int:
        return sum(text in each for each in self.texts)


def url(broker: Broker) -> str:
    return f"mqtt://127.0.0.1:{broker.port}"


def subscribed(broker: Broker, **settings: Any) -> Subscription:
    """A subscription that the broker knows of."""
    notes = Notes()
    subscription = subscribe(url(broker), on_notice=notes, **settings)
    wait_until(lambda: notes.count("subscribed to") > 0, f"the subscription; {notes.texts}")
    return subscription


def seqs(subscription: Subscription, count: int) -> list[int]:
    """Those of the next windows."""
    items = [subscription.take(30) for _ in range(count)]
    return [item.seq for item in items if isinstance(item, EdgeList)]


@pytest.mark.parametrize("version", BOTH_VERSIONS)
def test_windows_come_whole_and_in_order(broker: Broker, publisher: Publisher, version: str) -> None:
    sent = [window(1), window(2, 2000), window(3, 0), window(4)]
    with subscribed(broker, version=version) as subscription:
        assert publisher.windows(*sent) > len(sent)
        got = [subscription.take(30) for _ in sent]
    assert [each.to_dicts() for each in got if isinstance(each, EdgeList)] == [each.to_dicts() for each in sent]


@pytest.mark.parametrize("inflight", [1, 20])
@pytest.mark.parametrize("version", BOTH_VERSIONS)
def test_a_window_of_more_parts_than_the_broker_sends_ahead(tmp_path: Path, version: str, inflight: int) -> None:
    with Broker(tmp_path, general=[f"max_inflight_messages {inflight}"]) as broker:
        publisher = Publisher(broker)
        with subscribed(broker, version=version) as subscription:
            assert publisher.windows(window(1, 800 if inflight == 1 else 20_000)) > 2 * inflight
            assert seqs(subscription, 1) == [1]
        publisher.close()


def test_iterating_ends_when_nothing_comes_for_long(broker: Broker, publisher: Publisher) -> None:
    with subscribed(broker, timeout=0.5) as subscription:
        publisher.windows(*map(window, (1, 3, 4, 5, 6, 7)))
        items = list(subscription)
    assert [item.seq for item in items if isinstance(item, EdgeList)] == [1, 3, 4, 5, 6, 7]
    assert [item for item in items if isinstance(item, Gap)] == [Gap("gateway", "eth0", "one", 2, 2)]


def test_a_broker_that_goes_and_comes_back(broker: Broker) -> None:
    with subscribed(broker) as subscription:
        for seq in (1, 2):
            publisher = Publisher(broker)
            wait_until(lambda: broker.log.read_text().count("Sending SUBACK") == seq, "the subscription")  # noqa: B023
            publisher.windows(window(seq))
            assert seqs(subscription, 1) == [seq]
            publisher.close()
            broker.kill()
            broker.start()


def test_a_restarted_subscriber_misses_nothing(broker: Broker, publisher: Publisher) -> None:
    kept: dict[str, Any] = {"client_id": "reader", "clean_start": False}
    with pytest.raises(ZeroDivisionError), subscribed(broker, **kept) as subscription:  # noqa: PT012
        publisher.windows(*map(window, range(10)))
        assert seqs(subscription, 4) == [0, 1, 2, 3]
        raise ZeroDivisionError  # while it works on window 3
    publisher.windows(window(10, 1000), *map(window, range(11, 20)))
    with subscribed(broker, **kept) as subscription:
        assert seqs(subscription, 17) == list(range(3, 20))
    with subscribed(broker, **kept) as subscription:
        assert subscription.take(0.5) is None


def test_a_fresh_subscriber_leaves_nothing_at_the_broker(broker: Broker, publisher: Publisher) -> None:
    with subscribed(broker, client_id="reader"):
        pass
    publisher.windows(window(1))
    with subscribed(broker, client_id="reader", clean_start=False) as subscription:
        assert subscription.take(0.5) is None


def test_each_part_reaches_one_member_of_a_group(broker: Broker, publisher: Publisher) -> None:
    settings: dict[str, Any] = {"group": "readers", "parts": True, "timeout": 1}
    with subscribed(broker, **settings) as one, subscribed(broker, **settings) as other:
        count = publisher.windows(*(window(seq, 500) for seq in range(20)))
        got = [[(item.seq, item.part) for item in member if isinstance(item, EdgeList)] for member in (one, other)]
    assert all(got)
    assert len(got[0]) + len(got[1]) == len({*got[0], *got[1]}) == count


def test_a_slow_program_holds_the_broker_back(broker: Broker, publisher: Publisher) -> None:
    with subscribed(broker) as subscription:
        publisher.windows(*map(window, range(500)))
        time.sleep(1)
        assert subscription.counters["messages"] <= RECEIVE_MAXIMUM
        assert seqs(subscription, 500) == list(range(500))


def test_memory_is_bounded_when_nothing_holds_the_broker_back(broker: Broker, publisher: Publisher) -> None:
    """QoS 0 has no answers: only the connection itself, which the subscriber does not read."""
    with subscribed(broker, qos=0, limits=Limits(queue_octets=100_000)) as subscription:
        publisher.windows(*map(window, range(500)))
        time.sleep(1)
        assert subscription.counters["windows"] < 100
        assert len(seqs(subscription, 500)) == 500


def test_good_windows_between_hostile_ones(broker: Broker, publisher: Publisher) -> None:
    hostile, good = 3000, 100
    with subscribed(broker) as subscription:
        for number in range(hostile):
            publisher.send(corrupted(number))
            if number % (hostile // good) == 0:
                publisher.windows(window(number, 300, boot="good"))
        publisher.flush()
        got: set[int] = set()
        while len(got) < good:
            item = subscription.take(30)
            assert item is not None
            if isinstance(item, EdgeList) and item.boot == "good":
                got.add(item.seq)
        assert subscription.counters["malformed"] > hostile // 2


@pytest.mark.parametrize(("version", "counted"), [("5", 0), ("3.1.1", 1)])
def test_an_oversized_message_is_left_out(broker: Broker, publisher: Publisher, version: str, counted: int) -> None:
    """In MQTT 5 the broker itself keeps it back."""
    with subscribed(broker, version=version) as subscription:
        publisher.send(b"\x80" * (MAX_MESSAGE_OCTETS + (1 << 20)))
        publisher.windows(window(1))
        assert seqs(subscription, 1) == [1]
        assert subscription.counters["malformed"] == counted


def test_what_agents_tell_is_read_also_if_it_was_said_before(broker: Broker, publisher: Publisher) -> None:
    status = StatusMessage(state="online", boot="one", since=1, version="0.1.0")
    meta = MetaMessage(
        schema="edges/1", mode="netflower", names="netflower", columns=(), window_ns=1, kind="flow", interfaces=()
    )
    publisher.send(status.to_json(), "flowedge/v1/default/gateway/status", retain=True)
    publisher.send(meta.to_json(), "flowedge/v1/default/gateway/meta", retain=True)
    publisher.flush()
    with subscribed(broker) as subscription:
        wait_until(lambda: subscription.meta("gateway") == meta, "the meta message")
        wait_until(lambda: subscription.status("gateway") == status, "the status")
        assert subscription.meta("other") is None


def test_a_refusal_for_good_is_raised(tmp_path: Path) -> None:
    with (
        Broker(tmp_path, anonymous=False) as broker,
        subscribe(url(broker)) as subscription,
        pytest.raises(BrokerError, match="refuses this client"),
    ):
        subscription.take(30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a socket open
def test_tls_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", f"{tmp_path}/key.pem", "-out", f"{tmp_path}/cert.pem"]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    subprocess.run(["mosquitto_passwd", "-b", "-c", f"{tmp_path}/users", "me", "secret"], check=True)
    listener = [f"certfile {tmp_path}/cert.pem", f"keyfile {tmp_path}/key.pem", f"password_file {tmp_path}/users"]
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    monkeypatch.setenv("FLOWEDGE_MQTT_PASSWORD", "wrong")
    with Broker(tmp_path, anonymous=False, listener=listener) as broker:
        address = f"mqtts://127.0.0.1:{broker.port}"
        with subscribe(address, user="me") as subscription, pytest.raises(BrokerError, match="cannot be trusted"):
            subscription.take(30)
        access: dict[str, Any] = {"user": "me", "ca": f"{tmp_path}/cert.pem"}
        with subscribe(address, **access) as subscription, pytest.raises(BrokerError, match="refuses this client"):
            subscription.take(30)
        notes = Notes()
        with subscribe(address, **access, password_file=f"{tmp_path}/password", on_notice=notes):
            wait_until(lambda: notes.count("subscribed to") == 1, f"{notes.texts}")
    gc.collect()  # of the socket, while the mark above holds


# ---- the command


Run = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run(broker: Broker) -> Iterator[Run]:
    """Starts the command; returns when the broker knows of the subscription."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        before = broker.log.read_text().count("Sending SUBACK")
        command = [sys.executable, "-m", "flowedge", "subscribe", url(broker), *arguments]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, **pipes))
        wait_until(lambda: broker.log.read_text().count("Sending SUBACK") > before, "the subscription")
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_command_prints_a_window_a_line(publisher: Publisher, run: Run) -> None:
    process = run("--windows", "2")
    publisher.windows(window(1), window(2, 1000))
    out, err = process.communicate(timeout=30)
    lines = [json.loads(line) for line in out.splitlines()]
    assert process.returncode == 0, err
    assert [(line["seq"], line["node"], len(line["edges"]["edge"])) for line in lines] == [
        (1, "gateway", 3),
        (2, "gateway", 1000),
    ]
    assert lines[0]["nodes"][lines[0]["edges"]["dst"][1]] == "10.0.0.1"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_appends_rows_until_a_signal(
    tmp_path: Path, publisher: Publisher, run: Run, number: signal.Signals
) -> None:
    table = tmp_path / "edges.csv"
    for seq in (1, 2):
        process = run("-o", str(table))
        publisher.windows(window(seq))
        wait_until(lambda: table.exists() and table.read_text().count("\n") == 1 + 3 * seq, "the rows")  # noqa: B023
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert rows[4] == {
        "window_ns": str(2 * SECOND),
        "site": "default",
        "node": "gateway",
        "iface": "eth0",
        "src": "10.0.0.1",
        "dst": "10.0.0.1",
        "edge": "1",
        "flow_duration": "0.5",
    }


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_other_tables(tmp_path: Path, publisher: Publisher, run: Run, form: str) -> None:
    table = tmp_path / f"edges.{form}"
    process = run("-o", str(table), "--windows", "2")
    publisher.windows(window(1), window(2, 500))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    rows = _rows(table)
    assert len(rows) == 503
    assert rows[-1]["window_ns"] == 2 * SECOND
    assert rows[-1]["edge"] == 499


def _rows(table: Path) -> list[dict[str, Any]]:
    if table.suffix == ".jsonl":
        return [json.loads(line) for line in table.read_text().splitlines()]
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(table).to_pylist()
    return rows


def test_a_folder_gets_a_file_a_window(tmp_path: Path, publisher: Publisher, run: Run) -> None:
    process = run("-o", f"{tmp_path}/edges/", "--windows", "3")
    publisher.windows(*map(window, (1, 2, 3)))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    files = [path for path in (tmp_path / "edges" / "default" / "gateway").rglob("*.csv") if path.is_file()]
    assert len(files) == 3


def test_the_command_tells_what_is_missing(publisher: Publisher, run: Run) -> None:
    process = run("--windows", "6")
    publisher.send(b"rubbish")
    publisher.windows(*map(window, (1, 4, 5, 6, 7, 8)))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "message is left out" in err
    assert "1 messages malformed" in err


def test_a_killed_command_goes_on_where_it_was(tmp_path: Path, publisher: Publisher, run: Run) -> None:
    table = tmp_path / "edges.csv"
    for begin in (0, 100, 200):
        process = run("-o", str(table), "--client-id", "keeper")
        publisher.windows(*(window(seq) for seq in range(begin, begin + 100)))
        wait_until(lambda: table.exists() and table.stat().st_size > 0, "the first row")
        process.kill()
        process.wait()
    process = run("-o", str(table), "--client-id", "keeper", "--duration", "2s")
    process.communicate(timeout=30)
    seen = {row["window_ns"] for row in csv.DictReader(table.read_text().splitlines())}
    assert seen == {str(seq * SECOND) for seq in range(300)}


def test_a_reader_that_goes_away_is_no_error(publisher: Publisher, run: Run) -> None:
    process = run()
    assert process.stdout is not None
    process.stdout.close()
    publisher.windows(*map(window, range(10)))
    assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("http://localhost",), 2, "mqtt://"),
        (("mqtt://me:secret@localhost",), 2, "user or password"),
        (("mqtt://localhost", "--topic", "a/#/b"), 2, "topic"),
        (("mqtt://localhost", "--duration", "soon"), 2, "--duration"),
        (("mqtt://localhost", "--memory", "much"), 2, "--memory: 'much' is not a size from 1MiB to 1TiB"),
        (("mqtt://localhost", "-o", "edges.xyz"), 2, "edges.xyz"),
        (("mqtt://localhost", "-o", "/nonexistent/edges.parquet"), 4, "/nonexistent/edges.parquet"),
        (("mqtts://localhost", "--tls-ca", "/nonexistent"), 2, "/nonexistent"),
    ],
)
def test_wrong_options(arguments: Sequence[str], code: int, text: str) -> None:
    command = [sys.executable, "-m", "flowedge", "subscribe", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in done.stderr
    assert "secret" not in done.stderr


# ---- examples


def test_a_message_is_read_with_msgpack_and_numpy_alone(tmp_path: Path) -> None:
    message = split(window(1, 50))[0]
    assert msgpack.unpackb(message)["n"] == len(decode(message)) == 50
    (tmp_path / "message").write_bytes(message)
    command = [sys.executable, str(EXAMPLES / "decode_message.py"), str(tmp_path / "message")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "50 edges" in done.stdout
    assert "10.0.0.1" in done.stdout


def test_a_graph_model_is_fed_window_by_window(broker: Broker, publisher: Publisher) -> None:
    command = [sys.executable, "-u", str(EXAMPLES / "graph_model.py"), url(broker)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: "Sending SUBACK" in broker.log.read_text(), "the subscription")
            publisher.windows(window(1, 50))
            assert process.stdout is not None
            assert "gateway" in process.stdout.readline()
        finally:
            process.kill()
