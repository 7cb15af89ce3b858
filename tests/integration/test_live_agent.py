"""The agent over its life: signals, limits, interfaces that come and go, privileges."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest
from integration.agent_process import AgentProcess, flowedge, rows_in, wait_until
from integration.made_captures import connection, query
from integration.network import Network

#: A flow that has ended is in the table soon after: tests wait for it, and never measure how long.
IDLE = ("--idle-timeout", "0.5")
ENOUGH = 1000  # packets


def ports(agent: AgentProcess) -> list[int]:
    return sorted(int(row["src_port"]) for row in agent.rows)


def send_queries(network: Network, *source_ports: int) -> None:
    with network.wire() as wire:
        for port in source_ports:
            wire.send(query(port))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_every_flow_is_written(network: Network, folder: Path, number: int) -> None:
    with AgentProcess(network, folder, "eth0") as agent:
        send_queries(network, *range(1000, 1100))
        stats = agent.stop(number)
        assert stats["received"] == stats["packets"] == stats["in_flows"] == 200
        assert stats["flows"] == stats["rows"] == 100
        assert ports(agent) == list(range(1000, 1100))


def test_ended_under_traffic(network: Network, folder: Path) -> None:
    """What was received before the signal, and has not been looked at yet, is in rows."""
    ended = Event()
    with AgentProcess(network, folder, "eth0") as agent, network.wire() as wire, ThreadPoolExecutor(1) as thread:
        sending = thread.submit(wire.send, queries_until(ended))
        try:
            wait_until(lambda: network.received() > ENOUGH, "many packets have come")
            stats = agent.stop()
        finally:
            ended.set()
        assert ENOUGH < stats["received"] < len(sending.result())
        assert stats["kernel_dropped"] == 0
        assert stats["received"] == sum(int(row["tot_fwd_pkts"]) + int(row["tot_bwd_pkts"]) for row in agent.rows)


def queries_until(ended: Event) -> Iterator[bytes]:
    for port in cycle(range(1024, 65536)):
        if ended.is_set():
            return
        yield from query(port)


def test_without_a_packet_there_is_a_header(network: Network, folder: Path) -> None:
    with AgentProcess(network, folder, "eth0") as agent:
        assert agent.stop()["received"] == 0
        assert agent.table.read_text().startswith("src_ip,")


def test_hangup_begins_a_new_file(network: Network, folder: Path) -> None:
    """As logrotate does it: move the file away, then say so."""
    moved = folder / "moved.csv"
    with AgentProcess(network, folder, "eth0", *IDLE) as agent:
        send_queries(network, 1000)
        wait_until(lambda: ports(agent) == [1000], "the first flow is in the table")
        agent.table.rename(moved)
        agent.send_signal(signal.SIGHUP)
        wait_until(agent.table.exists, "there is a new table")
        send_queries(network, 2000)
        agent.stop()
        assert ports(agent) == [2000]
        assert [row["src_port"] for row in rows_in(moved)] == ["1000"]


def test_counters_on_demand(network: Network, folder: Path) -> None:
    with AgentProcess(network, folder, "eth0", *IDLE) as agent:
        send_queries(network, 1000)
        wait_until(lambda: ports(agent) == [1000], "the flow is in the table")
        agent.send_signal(signal.SIGUSR1)
        wait_until(lambda: "2 packets received" in agent.said, "it says its counters")
        assert not agent.ended


@pytest.mark.parametrize(
    ("limit", "reached"),
    [
        (("--packets", "20"), lambda stats: stats["packets"] >= 20),
        (("--flows", "5", *IDLE), lambda stats: stats["flows"] >= 5),
        (("--duration", "1"), lambda stats: stats["packets"] == 40),
    ],
)
def test_it_ends_by_itself(
    network: Network, folder: Path, limit: tuple[str, ...], reached: Callable[[dict[str, int]], bool]
) -> None:
    with AgentProcess(network, folder, "eth0", *limit) as agent:
        send_queries(network, *range(1000, 1020))
        assert agent.wait() == 0, agent.said
        assert reached(agent.stats)
        assert agent.stats["rows"] == len(agent.rows)


def flap(network: Network, agent: AgentProcess) -> None:
    """The socket outlives it."""
    network.set_watched("down")
    network.set_watched("up")


def replace(network: Network, agent: AgentProcess) -> None:
    """An interface of the same name needs a new socket."""
    network.remove_wire()
    wait_until(lambda: "gone" in agent.said, "it says that the interface is gone")
    network.add_wire()
    wait_until(lambda: "back" in agent.said, "it says that the interface is back")


def exchange(network: Network, agent: AgentProcess) -> None:
    """The name is another interface's now."""
    network.rename_watched("eth0", "eth9")
    wait_until(lambda: "gone" in agent.said, "it says that the interface is gone")
    network.remove_wire("eth9")
    network.add_wire()
    wait_until(lambda: "back" in agent.said, "it says that the interface is back")


@pytest.mark.parametrize("happens", [flap, replace, exchange])
def test_an_interface_comes_back(
    network: Network, folder: Path, happens: Callable[[Network, AgentProcess], None]
) -> None:
    """Flows go on: half of a connection before, half after, is one row."""
    frames = list(connection())
    with AgentProcess(network, folder, "eth0") as agent:
        with network.wire() as wire:
            wire.send(frames[:3])
        happens(network, agent)
        with network.wire() as wire:
            wire.send(frames[3:])
        stats = agent.stop()
        assert [(row["tot_fwd_pkts"], row["tot_bwd_pkts"]) for row in agent.rows] == [("3", "3")]
        assert stats["received"] == stats["packets"] == stats["in_flows"] == 6


def test_flows_end_while_the_interface_is_gone(network: Network, folder: Path) -> None:
    with AgentProcess(network, folder, "eth0", *IDLE) as agent:
        send_queries(network, 1000)
        network.remove_wire()
        wait_until(lambda: ports(agent) == [1000], "the flow is in the table")
        assert agent.stop()["rows"] == 1


def test_privileges_are_given_up(network: Network, folder: Path) -> None:
    with AgentProcess(network, folder, "eth0", "--user", "nobody") as agent:
        assert agent.status["Uid"].split() == [_id_of("nobody")] * 4
        assert int(agent.status["CapEff"], 16) == 0
        assert agent.status["NoNewPrivs"] == "1"
        send_queries(network, 1000)
        assert agent.stop()["rows"] == 1


def test_an_interface_comes_back_without_privileges(network: Network, folder: Path) -> None:
    with AgentProcess(network, folder, "eth0", "--user", "nobody") as agent:
        replace(network, agent)
        assert int(agent.status["CapEff"], 16) == 0
        send_queries(network, 1000)
        agent.stop()
        assert ports(agent) == [1000]


def test_refused_without_privileges(network: Network) -> None:
    """The remedy is named."""
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    done = run_in(network, *powerless, *map(str, flowedge("capture", "eth0", "--csv", "-")))
    assert done.returncode == 3
    assert "setcap" in done.stderr


def test_no_such_interface(network: Network) -> None:
    done = run_in(network, *map(str, flowedge("capture", "eth7", "--csv", "-")))
    assert done.returncode == 3
    assert "eth7" in done.stderr


def run_in(network: Network, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(network.in_watched(*command), capture_output=True, text=True, timeout=30)


def _id_of(user: str) -> str:
    return subprocess.run(["id", "-u", user], capture_output=True, text=True, check=True).stdout.strip()
