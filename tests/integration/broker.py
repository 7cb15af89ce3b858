"""A real MQTT broker (mosquitto) on the loopback interface, that tests start, stop, kill and pause."""

import os
import random
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from integration.agent_process import wait_until

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
STOP_SECONDS = 10.0


def program() -> str | None:
    return shutil.which("mosquitto", path=PATH)


def free_port() -> int:
    """Below those that the system gives to whoever connects: it stays free while nobody listens there for a while."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Broker:
    """Runs within its block, and may be stopped and started within it.

    folder       gets its configuration, its log and, if `persistent`, what it keeps
    listener     lines of its configuration that belong to its listener on `port`
    general      other lines of it
    websockets   whether it also listens to WebSockets, on `websocket_port`
    """

    def __init__(
        self,
        folder: Path,
        *,
        persistent: bool = False,
        anonymous: bool = True,
        listener: Sequence[str] = (),
        general: Sequence[str] = (),
        websockets: bool = False,
    ) -> None:
        self.port = free_port()
        self.websocket_port = free_port()
        self._ports = [self.port, *([self.websocket_port] if websockets else [])]
        self.log = folder / "mosquitto.log"
        self._configuration = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            *(["user root"] if os.geteuid() == 0 else []),  # or it becomes somebody who may not read what tests write
            *([f"persistence true\npersistence_location {folder}/"] if persistent else []),
            "log_type all",
            "max_queued_messages 1000000",  # so that a slow subscriber of a test loses nothing; 0 breaks 2.0.11
            *general,
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {'true' if anonymous else 'false'}",
            *listener,
            *([f"listener {self.websocket_port} 127.0.0.1\nprotocol websockets"] if websockets else []),
        ]
        self._configuration.write_text("".join(f"{line}\n" for line in lines))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it listens."""
        with self.log.open("ab") as log:
            arguments = [program() or "mosquitto", "-c", str(self._configuration)]
            self._process = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT)
        wait_until(self._is_ready, f"mosquitto listens; {self.log.read_text()}")

    def stop(self) -> None:
        """As an administrator does: it says goodbye and, if persistent, saves what it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """As a crash does. No matter if it does not run."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It does not answer any more, and its system keeps the connections."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        return all(map(_listens, self._ports))


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
