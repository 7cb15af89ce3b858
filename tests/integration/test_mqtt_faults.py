"""What the MQTT sink loses when the broker, the network or the agent fails: nothing."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from integration import broker as mosquitto
from integration import publishing_agent
from integration.agent_process import wait_until
from integration.broker import Broker, free_port
from integration.fault_proxy import FaultProxy
from integration.mqtt import Collector, Notes, connected, emptied, in_haste, make_sink, open_sink, spool_in, window

from flowedge.codec import StatusMessage

pytestmark = pytest.mark.skipif(mosquitto.program() is None, reason="mosquitto is not installed")
WINDOWS = 2000


def url(port: int) -> str:
    return f"mqtt://127.0.0.1:{port}"


def complete(collector: Collector, windows: int = WINDOWS) -> bool:
    return set(collector.seqs()) == set(range(windows))


def test_connections_that_are_cut_reset_and_refused(tmp_path: Path) -> None:
    notes, chance = Notes(), random.Random(1)
    faults: list[Callable[[FaultProxy], None]] = [
        lambda proxy: proxy.cut(),
        lambda proxy: proxy.reset_after(chance.randrange(1, 3000)),
        refuse_for_a_while,
    ]
    with Broker(tmp_path) as broker, FaultProxy(broker.port) as proxy, Collector(broker.port) as collector:
        with open_sink(url(proxy.port), notes, spool=spool_in(tmp_path)) as sink:
            in_haste(sink)
            for seq in range(WINDOWS):
                sink.end_window(window(seq))
                if chance.random() < 0.005:
                    chance.choice(faults)(proxy)
            emptied(sink)
            counters = sink.counters().publisher
        collector.wait_for(complete, "every window")
    assert counters.reconnects > 3
    assert counters.acknowledged == WINDOWS, str(notes)
    assert counters.published >= WINDOWS
    assert len(notes.complaints) == len(set(notes.complaints)) > 0  # each once a minute


def refuse_for_a_while(proxy: FaultProxy) -> None:
    proxy.refuse()
    proxy.cut()
    time.sleep(0.1)
    proxy.accept()


def test_what_waited_is_sent_in_order_and_what_is_new_does_not_wait(tmp_path: Path) -> None:
    with (
        Broker(tmp_path) as broker,
        FaultProxy(broker.port) as proxy,
        Collector(broker.port) as collector,
        open_sink(url(proxy.port), Notes(), spool=spool_in(tmp_path)) as sink,
    ):
        in_haste(sink)
        connected(sink)
        proxy.refuse()
        proxy.cut()
        wait_until(lambda: not sink.counters().publisher.connected, "the sink notices")
        for seq in range(500):
            sink.end_window(window(seq))
        proxy.accept()
        connected(sink)
        for seq in range(500, 600):
            sink.end_window(window(seq))
        emptied(sink)
        collector.wait_for(lambda it: complete(it, 600), "every window")
    seqs = collector.seqs()
    assert [seq for seq in seqs if seq < 500] == list(range(500))
    assert [seq for seq in seqs if seq >= 500] == list(range(500, 600))


def test_a_half_open_connection_is_noticed(tmp_path: Path) -> None:
    notes = Notes()
    with (
        Broker(tmp_path) as broker,
        FaultProxy(broker.port) as proxy,
        Collector(broker.port) as collector,
        open_sink(url(proxy.port), notes, spool=spool_in(tmp_path), keepalive=1) as sink,
    ):
        in_haste(sink)
        connected(sink)
        proxy.stall()
        for seq in range(100):
            sink.end_window(window(seq))
        wait_until(lambda: not sink.counters().publisher.connected, "the sink notices")
        proxy.resume()
        emptied(sink)
        collector.wait_for(lambda it: complete(it, 100), "every window")
        connected(sink)
        status = [StatusMessage.from_json(message.payload).state for message in collector.states()]
        assert status[-1] == "online", status
    assert "no sign of it for 2 s" in str(notes)


def test_a_broker_that_hangs(tmp_path: Path) -> None:
    with (
        Broker(tmp_path) as broker,
        open_sink(url(broker.port), Notes(), spool=spool_in(tmp_path), keepalive=1) as sink,
    ):
        in_haste(sink)
        connected(sink)
        broker.pause()
        sink.end_window(window(0))
        wait_until(lambda: not sink.counters().publisher.connected, "the sink notices")
        broker.resume()
        emptied(sink)


@pytest.mark.parametrize("persistent", [True, False])
def test_brokers_that_are_restarted(tmp_path: Path, persistent: bool) -> None:
    check_restarts(tmp_path, 3, persistent=persistent)


def check_restarts(folder: Path, restarts: int, *, persistent: bool) -> None:
    """Without persistence the broker forgets what it has not passed on: it has passed on all when it is stopped."""
    with (
        Broker(folder, persistent=persistent) as broker,
        FaultProxy(broker.port) as proxy,
        Collector(broker.port) as collector,
        open_sink(url(proxy.port), Notes(), spool=spool_in(folder)) as sink,
    ):
        in_haste(sink)
        for seq in range(WINDOWS):
            sink.end_window(window(seq))
            if (seq + 1) % (WINDOWS // (restarts + 1)) == 0:
                restart(broker, proxy, collector, gently=not persistent)
        emptied(sink)
        collector.wait_for(complete, "every window")


def restart(broker: Broker, proxy: FaultProxy, collector: Collector, *, gently: bool) -> None:
    if gently:
        proxy.refuse()
        proxy.cut()
        count = -1
        while count != len(collector.all):
            count = len(collector.all)
            time.sleep(0.2)
    collector.forget_subscription()
    broker.stop()
    broker.start()
    collector.subscribed_again()
    proxy.accept()


def test_memory_is_bounded_while_the_broker_is_away(tmp_path: Path) -> None:
    import tracemalloc

    notes = Notes()
    with open_sink(url(free_port()), notes, spool_size=1 << 20) as sink:
        tracemalloc.start()
        try:
            for seq in range(300):
                sink.end_window(window(seq, edges=1000))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        counters = sink.counters()
    assert counters.spool.octets <= 1 << 20
    assert counters.spool.dropped_windows > 100
    assert peak < 3 << 20
    assert "nothing listens there" in str(notes)


def test_closing_never_hangs(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        sink = make_sink(url(broker.port), Notes(), spool=spool_in(tmp_path))
        sink.tick()
        connected(sink)
        broker.pause()
        for seq in range(50):
            sink.end_window(window(seq))
        begin = time.monotonic()
        sink.close(0.5)
        assert time.monotonic() - begin < 10
        assert sink.counters().spool.messages == 50
        broker.resume()


def test_the_will_of_an_agent_that_is_killed(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        publish_until_killed(tmp_path, broker, "boot", 0)
        wait_until(lambda: retained_state(broker) == ("boot", "offline"), "the retained status says offline")


def test_the_will_of_a_lost_connection_does_not_come_after_the_next(tmp_path: Path) -> None:
    """As when a host loses its power and is back before the broker has noticed."""
    with Broker(tmp_path) as broker, FaultProxy(broker.port) as proxy:
        before = make_sink(url(proxy.port), Notes(), boot="before", keepalive=1)
        before.tick()
        connected(before)
        proxy.stall()
        with open_sink(url(broker.port), Notes(), boot="after") as after:
            connected(after)
            ended = ("closing old connection", "exceeded timeout")
            wait_until(lambda: any(text in broker.log.read_text() for text in ended), "the lost one has ended")
            assert retained_state(broker) == ("after", "online")
        proxy.resume()
        before.close(0)


def retained_state(broker: Broker) -> tuple[str, str]:
    with Collector(broker.port, "flowedge/v1/+/+/status") as collector:
        collector.wait_for(lambda it: bool(it.all), "the retained status")
        assert collector.all[0].retained
        status = StatusMessage.from_json(collector.all[0].payload)
        return status.boot, status.state


def test_kill(tmp_path: Path) -> None:
    check_kills(tmp_path, 4)


def check_kills(folder: Path, kills: int) -> None:
    """Kills publishing processes at random moments; the last one delivers what they have left in the spool."""
    chance = random.Random(kills)
    with Broker(folder) as broker, Collector(broker.port) as collector:
        spooled = {
            f"boot-{number}": publish_until_killed(folder, broker, f"boot-{number}", chance.uniform(0.1, 0.6))
            for number in range(kills)
        }
        states = [StatusMessage.from_json(message.payload).state for message in collector.states()]
        with agent(folder, broker, "last", 20) as process:
            assert process.wait(60) == 0
        collector.wait_for(lambda it: len(it.seqs("last")) == 20, "the last agent's windows")
        for boot, count in spooled.items():
            seqs = collector.seqs(boot)
            assert seqs == list(range(len(seqs))), boot
            assert len(seqs) >= count, boot
    assert sum(spooled.values()) > 0
    assert "offline" in states  # the will of at least one that had been connected


def publish_until_killed(folder: Path, broker: Broker, boot: str, seconds: float) -> int:
    """How many windows were in the spool, as far as is known."""
    with agent(folder, broker, boot, 1_000_000) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        return len([line for line in (first + process.stdout.read()).splitlines() if line.isdigit()])


def agent(folder: Path, broker: Broker, boot: str, windows: int) -> "subprocess.Popen[str]":
    tests = str(Path(publishing_agent.__file__).parents[1])
    paths = os.pathsep.join([tests, *filter(None, [os.environ.get("PYTHONPATH")])])
    arguments = [publishing_agent.__file__, url(broker.port), spool_in(folder), boot, str(windows)]
    environment = os.environ | {"PYTHONPATH": paths}
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True, env=environment)
