"""Python programs that capture, run on the watched side of a network."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from integration.agent_process import wait_until
from integration.network import Network

#: A program calls it where it would do other things for a while: it goes on when the frames have come.
REST_OF_YOUR_PROGRAM = """\
import sys
def rest_of_your_program():
    print("running", flush=True)
    sys.stdin.readline()
"""


def output_of(network: Network, folder: Path, program: str, frames: Iterable[bytes], awaited: str) -> list[str]:
    """What a program prints that is sent frames while it waits, until it has printed what is awaited."""
    printed = folder / "printed"
    command = network.in_watched(sys.executable, "-u", "-c", REST_OF_YOUR_PROGRAM + program)

    def has_printed(text: str) -> bool:
        assert process.poll() is None, "the program has ended early"
        return text in printed.read_text()

    with printed.open("wb") as out, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out) as process:
        try:
            wait_until(lambda: has_printed("running"), "the program runs")
            with network.wire() as wire:
                wire.send(frames)
            wait_until(lambda: has_printed(awaited), f"it prints {awaited}")
            process.communicate(b"\n", timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    return [line for line in printed.read_text().splitlines() if line != "running"]
