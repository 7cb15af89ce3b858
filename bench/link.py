"""The link that is watched, and the sender at its other end."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from integration.network import INTERFACE, Network, why_none
from programs import BenchError, Unavailable, program

TOP_SPEED = 0
ONCE = 0.0


@dataclass(frozen=True)
class Load:
    """What is sent: the frames of a capture, again and again."""

    capture: Path
    packets_per_second: int
    """or TOP_SPEED"""
    seconds: float
    """or ONCE, through the capture"""


def link() -> Network:
    """A network to be entered; Unavailable where there can be none."""
    reason = why_none()
    if reason:
        raise Unavailable(reason)
    return Network()


def start_sending(network: Network, load: Load) -> "subprocess.Popen[str]":
    """Starts the sender on a processor of its own."""
    sender = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0)))]
    blast = [program("txblast"), INTERFACE, load.capture, load.packets_per_second, load.seconds]
    command = network.in_sending(*sender, *map(str, blast))
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def sent_by(sender: "subprocess.Popen[str]") -> int:
    """How many frames a sender has sent in all, once it has ended by itself."""
    told, complaint = sender.communicate()
    if sender.returncode != 0:
        raise BenchError(f"txblast: {complaint.strip()}")
    return int(json.loads(told)["sent"])


def send(network: Network, load: Load) -> int:
    """Sends all of it; how many frames that were."""
    return sent_by(start_sending(network, load))
