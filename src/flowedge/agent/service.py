"""A capture as a service: opens what needs privileges, gives them up, and obeys signals until the end."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Protocol

from flowedge.agent import privileges
from flowedge.capture import ConfiguredCapture
from flowedge.config import Configuration, changed_settings
from flowedge.errors import CaptureError, FlowedgeError, SinkError
from flowedge.sinks.access import open_for_owner

STOPPING = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*STOPPING, signal.SIGHUP, signal.SIGUSR1)
LOOK_SECONDS = 0.2  # between two looks at whether the capture has ended
SAME_REQUEST_SECONDS = 1.0  # timeout(1) and shells signal a program and its group: that is one request
ENDED_BY_SIGNAL = 128  # shells add the signal's number
RELOADED = ("rows.", "log.stats_interval")  # settings that a running agent can take up
NEEDED_LATER = (
    "difflib",
    "tomllib",
    "zlib",
    "flowedge.sinks.appended",
    "flowedge.sinks.rotated",
    "flowedge.sinks.stream",
)
"""Modules that SIGHUP may need: imported while the agent may read them."""
NEEDED_BY_MQTT = ("encodings.idna", "hashlib", "paho.mqtt.client", "paho.mqtt.properties", "sqlite3", "ssl")
"""Those that a connection needs."""


class Log(Protocol):
    """Where the agent says what it does. Each call takes one sentence; `facts` are its numbers, for programs."""

    def error(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def info(self, text: str, **facts: Any) -> None: ...


class Agent:
    """Runs one capture from start to end.

    configuration  what to do
    log            where to say it
    capture        makes the capture, for the user who will own what it creates
    read_anew      the configuration as it is now, asked for on SIGHUP

    SIGINT and SIGTERM end the capture well, a second one at once; SIGHUP reopens files and reads the configuration
    anew; SIGUSR1 says the counters.
    """

    def __init__(
        self,
        configuration: Configuration,
        log: Log,
        *,
        capture: Callable[[privileges.Account | None], ConfiguredCapture],
        read_anew: Callable[[], Configuration],
    ) -> None:
        self._configuration = configuration
        self._log = log
        self._make_capture = capture
        self._read_anew = read_anew
        self._started = time.monotonic()
        self._next_report = 0.0
        self._asked_at: float | None = None  # when somebody asked for the end

    def run(self) -> int:
        """The exit code: 0, or that of what ended the capture or was lost. Raises FlowedgeError if it cannot begin."""
        settings = self._configuration.capture
        account = privileges.account(settings.user) if settings.interfaces else None
        with signals_held(), StatsFile(self._configuration.log.stats, account) as stats_file:
            capture = self._started_capture(account)
            try:
                self._attend(capture)
            finally:
                capture.request_stop()
                capture.join()
            self._report(capture)
            stats_file.write(self._stats(capture))
            return self._exit_code(capture)

    def _started_capture(self, account: privileges.Account | None) -> ConfiguredCapture:
        """A replay needs no privileges that could be given up: whoever starts it stays who he is."""
        capture = self._make_capture(account)
        capture.open()
        try:
            if self._configuration.capture.interfaces:
                for module in (*NEEDED_LATER, *(NEEDED_BY_MQTT if self._configuration.mqtt.url else ())):
                    import_module(module)
                privileges.drop(account)
            capture.check_outputs()
            capture.start()
        except BaseException:
            capture.close()
            raise
        self._log.info(f"capturing {capture.what}" + (f" as user {account.name}" if account else ""))
        self._check_configuration()
        return capture

    def _check_configuration(self) -> None:
        """Better said now than at the first SIGHUP."""
        try:
            self._read_anew()
        except FlowedgeError as error:
            self._log.warning(f"SIGHUP will reopen files and change nothing else: {error}")

    def _attend(self, capture: ConfiguredCapture) -> None:
        self._schedule_report()
        while not capture.join(0):
            self._obey(signal.sigtimedwait(SIGNALS, LOOK_SECONDS), capture)
            if time.monotonic() >= self._next_report:
                self._report(capture)
                self._schedule_report()

    def _obey(self, received: signal.struct_siginfo | None, capture: ConfiguredCapture) -> None:
        if received is None:
            return
        if received.si_signo in STOPPING:
            self._stop(capture, received.si_signo)
        elif received.si_signo == signal.SIGHUP:
            self._reload(capture)
        else:
            self._report(capture)

    def _stop(self, capture: ConfiguredCapture, number: int) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
            capture.request_stop()
        elif now - self._asked_at >= SAME_REQUEST_SECONDS:
            os._exit(ENDED_BY_SIGNAL + number)

    def _reload(self, capture: ConfiguredCapture) -> None:
        """Reopens files in any case; a configuration that is wrong is told, and the one before stays."""
        try:
            new = self._read_anew()
        except Exception as error:
            capture.reopen()
            self._log.error(f"files are reopened, but the configuration stays as it was: {error}")
            return
        changed = changed_settings(self._configuration, new)
        if any(name.startswith("rows.") for name in changed):
            capture.replace_rows(new.rows)
        capture.reopen()
        self._configuration = new
        self._schedule_report()
        self._log.info("files are reopened, and the configuration is read anew")
        later = [name for name in changed if not name.startswith(RELOADED)]
        if later:
            self._log.warning(f"takes effect after a restart only: {', '.join(later)}")

    def _schedule_report(self) -> None:
        interval = float(self._configuration.log.stats_interval)
        self._next_report = time.monotonic() + interval if interval else float("inf")

    def _report(self, capture: ConfiguredCapture) -> None:
        stats = self._stats(capture)
        self._log.info(_summary(stats), **stats)

    def _stats(self, capture: ConfiguredCapture) -> dict[str, Any]:
        return {**capture.stats(), "seconds": round(time.monotonic() - self._started, 6)}

    def _exit_code(self, capture: ConfiguredCapture) -> int:
        """A capture that could not be read to its end, a source that failed, and rows that are nowhere, show."""
        code = 0
        if _outputs_lost(capture.stats()) and not capture.output_closed:
            code = SinkError.exit_code
        for problem in capture.problems:
            self._log.error(str(problem) if isinstance(problem, FlowedgeError) else f"unexpected: {problem!r}")
            code = problem.exit_code if isinstance(problem, FlowedgeError) else CaptureError.exit_code
        return code


@contextmanager
def signals_held() -> Iterator[None]:
    """Signals wait until they are asked for, in this thread and in those that it starts; none is left at the end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        while signal.sigtimedwait(SIGNALS, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class StatsFile:
    """The file for the closing counters: opened while that is still allowed, and left as it is until they are there."""

    def __init__(self, path: str, account: privileges.Account | None) -> None:
        self._path = path
        self._owner = None if account is None else account.owner
        self._descriptor = -1

    def __enter__(self) -> "StatsFile":
        if self._path:
            self._descriptor = open_for_owner(self._path, self._owner)
        return self

    def __exit__(self, *_: object) -> None:
        if self._path:
            os.close(self._descriptor)

    def write(self, stats: dict[str, Any]) -> None:
        """Raises SinkError."""
        if not self._path:
            return
        try:
            with open(self._descriptor, "w", encoding="utf-8", closefd=False) as stream:
                if stream.seekable():
                    stream.truncate(0)
                print(json.dumps(stats, indent=2), file=stream)
        except OSError as error:
            raise SinkError(f"{self._path}: cannot be written: {error.strerror}") from error


def _summary(stats: dict[str, Any]) -> str:
    skipped = sum(stats["skipped"].values())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in stats["skipped"].items() if count)
    lost = ", ".join(f"{count:,} {text}" for count, text in (*_inputs_lost(stats), *_outputs_lost(stats)))
    return (
        f"{stats['received']:,} packets received, {stats['in_flows']:,} in flows, "
        f"{skipped:,} skipped{f' ({reasons})' if reasons else ''}; {stats['open_flows']:,} flows open, "
        f"{stats['evicted']:,} closed early for lack of room, {stats['rows']:,} rows; lost: {lost or 'nothing'}"
    )


def _inputs_lost(stats: dict[str, Any]) -> list[tuple[int, str]]:
    """What was lost before it was a row: a number and its name, of those that are not 0."""
    return _not_zero(
        (stats["kernel_dropped"], "packets dropped by the kernel"),
        (stats["interface_dropped"], "packets dropped by the interface"),
        (stats["queue_dropped"], "flows dropped on the way to the output"),
        (stats["callback_errors"], "callbacks that failed"),
        (stats["unsaved_packets"], "packets not saved"),
    )


def _outputs_lost(stats: dict[str, Any]) -> list[tuple[int, str]]:
    """What an output did not take, likewise."""
    edges, mqtt = stats["edges"], stats["mqtt"]
    lost = [(stats["rows_lost"], "rows that could not be written")]
    if edges is not None:
        lost.append((edges["windows_lost"], "windows that could not be written"))
    if mqtt is not None:
        spool = mqtt["spool"]
        lost += [
            (mqtt["lost_windows"], "windows that could not be sent"),
            (mqtt["rejected_edges"], "edges larger than a message"),
            (spool["dropped_windows"], "windows dropped for lack of room in the spool"),
            (spool["rejected_messages"], "messages that the broker refused"),
            (spool["damaged_messages"], "messages damaged in the spool"),
        ]
    return _not_zero(*lost)


def _not_zero(*counts: tuple[int, str]) -> list[tuple[int, str]]:
    return [(count, text) for count, text in counts if count]
