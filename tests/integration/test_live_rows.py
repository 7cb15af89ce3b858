"""The rows of a link are those of a file with the same frames, stamped as they arrived."""

import time
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from conversion import TextRow, convert
from integration.agent_process import AgentProcess, in_order, wait_until
from integration.made_captures import busy_capture, connection, query
from integration.network import Network, Wire
from reference import MODES
from reference.captures import frames_of, read_frames
from reference.frames import ETHERNET, Timed, pcap
from shared_captures import each_capture, golden_captures

FLOWS = 600
#: Packets that claim no length, as segmentation offload leaves them, have that of what was captured.
WHOLE_FRAMES = {"tso.pcapng": ("--snaplen", "262144")}
ETHERNET_HEADER = 14
SECOND = 10**9


def ethernet_captures() -> list[Path]:
    """Those that a wire can carry."""
    return [path for path in golden_captures() if next(read_frames(path)).link_type == ETHERNET]


def frames_in(capture: Path | bytes) -> list[bytes]:
    """Those that a wire takes: with a header."""
    frames = frames_of(capture) if isinstance(capture, bytes) else read_frames(capture)
    return [frame.data for frame in frames if len(frame.data) >= ETHERNET_HEADER]


def rows_of_file(timed: Iterable[Timed], **options: object) -> list[TextRow]:
    return convert(pcap(timed), **options).rows


def sent_and_stopped(network: Network, agent: AgentProcess, frames: Sequence[bytes]) -> list[Timed]:
    """Sends frames past an agent, then ends it; the frames as a capture of the link has them."""
    with network.wire() as wire:
        stamps = wire.send(frames)
    stats = agent.stop()
    assert stats["received"] == stats["packets"] == len(frames), stats
    assert stats["kernel_dropped"] == stats["queue_dropped"] == 0
    return list(zip(stamps, frames, strict=True))


@each_capture(ethernet_captures())
def test_rows_are_those_of_the_file(capture: Path, network: Network, folder: Path) -> None:
    """Times included, to the nanosecond. Only headers are taken from a link, which must change no value."""
    with AgentProcess(network, folder, "eth0", *WHOLE_FRAMES.get(capture.name, ())) as agent:
        timed = sent_and_stopped(network, agent, frames_in(capture))
        assert in_order(agent.rows) == in_order(rows_of_file(timed))


@pytest.mark.parametrize("mode", MODES)
def test_modes(network: Network, folder: Path, mode: str) -> None:
    with AgentProcess(network, folder, "eth0", "--mode", mode) as agent:
        timed = sent_and_stopped(network, agent, frames_in(busy_capture(FLOWS)))
        assert in_order(agent.rows) == in_order(rows_of_file(timed, mode=mode))


def test_fanout_keeps_both_directions_together(network: Network, folder: Path) -> None:
    with AgentProcess(network, folder, "eth0", "--fanout", "2") as agent:
        timed = sent_and_stopped(network, agent, frames_in(busy_capture(FLOWS)))
        assert in_order(agent.rows) == in_order(rows_of_file(timed))


def test_several_interfaces(network: Network, folder: Path) -> None:
    network.add_wire("eth1")
    left, right = list(connection(1000)), list(connection(2000))
    with AgentProcess(network, folder, "eth0", "eth1") as agent:
        with network.wire("eth0") as wire:
            timed = list(zip(wire.send(left), left, strict=True))
        with network.wire("eth1") as wire:
            timed += zip(wire.send(right), right, strict=True)
        stats = agent.stop()
        assert stats["received"] == stats["packets"] == len(left) + len(right)
        assert in_order(agent.rows) == in_order(rows_of_file(timed))


def test_filter(network: Network, folder: Path) -> None:
    """The kernel keeps what does not match from us."""
    wanted, others = list(connection(1000)), list(query(2000))
    with AgentProcess(network, folder, "eth0", "--filter", "tcp port 1000") as agent:
        with network.wire() as wire:
            wire.send([*others, *wanted, *others])
        assert agent.stop()["received"] == len(wanted)
        assert [row["src_port"] for row in agent.rows] == ["1000"]


def test_eviction(network: Network, folder: Path) -> None:
    """Every flow has a row, also those that had to go."""
    frames = [frame for port in range(1000, 1100) for frame in query(port)]
    with AgentProcess(network, folder, "eth0", "--max-flows", "16") as agent:
        sent_and_stopped(network, agent, frames)
        assert agent.stats["evicted"] == 100 - 16
        assert sorted(int(row["src_port"]) for row in agent.rows) == list(range(1000, 1100))


def test_quiet_link(network: Network, folder: Path) -> None:
    """A flow ends though nothing comes after it."""
    with AgentProcess(network, folder, "eth0", "--idle-timeout", "0.5") as agent:
        with network.wire() as wire:
            wire.send(query(1000))
        wait_until(lambda: len(agent.rows) == 1, "the flow is in the table")
        assert agent.stop()["flows"] == 1


def test_flows_whose_gaps_are_just_within_the_time_out(network: Network, folder: Path) -> None:
    """None is cut, though the kernel keeps packets for a while before they can be seen."""
    flows, packets = 300, 6
    frames = [next(iter(query(port))) for port in range(1000, 1000 + flows)]
    with AgentProcess(network, folder, "eth0", "--idle-timeout", "1") as agent, network.wire() as wire:
        begun = time.monotonic()
        stamps = [sent_in_turn(wire, frames, begun + 0.985 * number) for number in range(packets)]
        agent.stop()
        gaps = [later - at for before, after in pairwise(stamps) for at, later in zip(before, after, strict=True)]
        if max(gaps) > SECOND:
            pytest.skip("this machine was too busy to send on time")
        assert [row["tot_fwd_pkts"] for row in agent.rows] == [str(packets)] * flows


def sent_in_turn(wire: Wire, frames: Sequence[bytes], begin: float) -> list[int]:
    """Sends frames, a millisecond each, from some time on."""
    stamps: list[int] = []
    for number, frame in enumerate(frames):
        time.sleep(max(0.0, begin + number / 1000 - time.monotonic()))
        stamps += wire.send([frame])
    return stamps


def test_saved_packets(network: Network, folder: Path) -> None:
    """A file a flow; each, read again, gives the row of its flow."""
    packets = folder / "packets"
    with AgentProcess(network, folder, "eth0", "--save-pcap", packets) as agent:
        sent_and_stopped(network, agent, frames_in(busy_capture(FLOWS)))
        again = [row for path in packets.iterdir() for row in convert(path).rows]
        assert in_order(again) == in_order(agent.rows)
