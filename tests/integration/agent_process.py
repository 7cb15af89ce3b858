"""`flowedge capture` as a process in a network of its own."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from integration.network import Network

PATIENCE = 30.0  # seconds for what should happen at once: a machine may be busy
POLL_SECONDS = 0.02
RUNNING = re.compile(r"capturing|replaying")

Argument = str | os.PathLike[str]
TextRow = dict[str, str]


def wait_until(happened: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Fails if it does not happen."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s, still not: {what}")
        time.sleep(POLL_SECONDS)


def rows_in(table: Path) -> list[TextRow]:
    """The rows of a CSV, also while it is being written."""
    if not table.exists():
        return []
    whole_lines = table.read_text().rpartition("\n")[0]
    return list(csv.DictReader(whole_lines.splitlines()))


def in_order(rows: Iterable[TextRow]) -> list[list[str]]:
    """Flows that end at the same moment may do so in any order."""
    return sorted(list(row.values()) for row in rows)


class AgentProcess:
    """Runs `flowedge capture` on the watched side of a network, and ends it with the block.

    folder     gets what the agent writes: its log, its closing counters, and `table`
    arguments  the interfaces and options; the table and the counters are asked for already
    """

    def __init__(self, network: Network, folder: Path, *arguments: Argument) -> None:
        self.table = folder / "flows.csv"
        self._log, self._stats = folder / "agent.log", folder / "stats.json"
        outputs = ["--csv", str(self.table), "--stats", str(self._stats)]
        self.process = start(network, self._log, flowedge("capture", *arguments, *outputs))

    def __enter__(self) -> "AgentProcess":
        try:
            wait_until(lambda: self._runs() or self.ended, "the agent runs")
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._kill()

    def _kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def _runs(self) -> bool:
        return RUNNING.search(self.said) is not None

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def said(self) -> str:
        """All that it has said so far."""
        return self._log.read_text()

    @property
    def rows(self) -> list[TextRow]:
        """What is in the table so far."""
        return rows_in(self.table)

    @property
    def stats(self) -> dict[str, Any]:
        """The closing counters."""
        counters: dict[str, Any] = json.loads(self._stats.read_text())
        return counters

    @property
    def status(self) -> dict[str, str]:
        """The lines of /proc/PID/status."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """The exit code, once it has ended by itself."""
        return self.process.wait(PATIENCE)

    def stop(self, number: int = signal.SIGTERM) -> dict[str, Any]:
        """Ends it as an operator does; the closing counters."""
        self.send_signal(number)
        code = self.wait()
        assert code == 0, f"exit code {code}: {self.said}"
        return self.stats


def flowedge(*arguments: Argument) -> list[Argument]:
    return [sys.executable, "-m", "flowedge", *arguments]


def start(network: Network, log: Path, command: Sequence[Argument]) -> "subprocess.Popen[bytes]":
    """Starts a command on the watched side; what it says on standard error goes to `log`."""
    with log.open("wb") as stream:
        return subprocess.Popen(
            network.in_watched(*command), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stream
        )
