"""The network that the tests of live capture stand on."""

import subprocess

import pytest
from integration.network import Network
from reference.frames import IPV4, ethernet


def frame(size: int) -> bytes:
    return ethernet(IPV4, bytes(size))


def test_frames_arrive_in_order_and_large_ones_too(network: Network) -> None:
    with network.wire() as wire:
        stamps = wire.send(frame(size) for size in (46, 1500, 9000, 60000))
    assert stamps == sorted(stamps)


def test_nobody_else_speaks(network: Network) -> None:
    before = network.received()
    with network.wire() as wire:
        wire.send([frame(46)] * 10)
    assert network.received() - before == 10


def test_nothing_stays_behind(network: Network) -> None:
    """Also when a test fails."""
    with pytest.raises(ZeroDivisionError), Network() as another:
        1 / 0  # noqa: B018
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert network.watched in listed
    assert another.sending not in listed
    assert another.watched not in listed
