"""A capture as a service: opens what needs privileges, gives them up, and obeys signals until the end."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from flowedge.agent import privileges
from flowedge.capture import ConfiguredCapture
from flowedge.config import Configuration, changed_settings
from flowedge.errors import CaptureError, FlowedgeError, SinkError

STOPPING = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*STOPPING, signal.SIGHUP, signal.SIGUSR1)
LOOK_SECONDS = 0.2  # between two looks at whether the capture has ended
ENDED_BY_SIGNAL = 128  # shells add the signal's number
RELOADED = ("rows.", "log.stats_interval")  # settings that a running agent can take up


class Log(Protocol):
    """Where the agent says what it does. Each call takes one sentence; `facts` are its numbers, for programs."""

    def error(self, text: str) -> None: ...
    def warning(self, text: str) -> None: ...
    def info(self, text: str, **facts: Any) -> None: ...


class Agent:
    """Runs one capture from start to end.

    configuration  what to do
    log            where to say it
    capture        makes the capture: from a configuration, and the user that will own what it creates
    read_anew      the configuration as it is now, asked for on SIGHUP

    SIGINT and SIGTERM end the capture well, a second one at once; SIGHUP reopens files and reads the configuration
    anew; SIGUSR1 writes the counters.
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

    def run(self) -> int:
        """The exit code: 0, or that of what ended the capture. Raises FlowedgeError if it cannot begin."""
        with signals_held(), open_stats(self._configuration.log.stats) as write_stats:
            capture = self._started_capture()
            self._attend(capture)
            self._report(capture)
            write_stats(self._stats(capture))
        return self._exit_code(capture)

    def _started_capture(self) -> ConfiguredCapture:
        """A replay needs no privileges that could be given up: whoever starts it stays who he is."""
        settings = self._configuration.capture
        account = privileges.account(settings.user) if settings.interfaces else None
        capture = self._make_capture(account)
        capture.open()
        try:
            if settings.interfaces:
                privileges.drop(account)
            capture.check_outputs()
        except BaseException:
            capture.close()
            raise
        capture.start()
        self._log.info(f"capturing {capture.what}" + (f" as user {account.name}" if account else ""))
        return capture

    def _attend(self, capture: ConfiguredCapture) -> None:
        self._schedule_report()
        deadline = self._deadline()
        while not capture.join(0):
            self._obey(signal.sigtimedwait(SIGNALS, LOOK_SECONDS), capture)
            now = time.monotonic()
            if now >= deadline:
                capture.request_stop()
            if now >= self._next_report:
                self._report(capture)
                self._schedule_report()

    def _obey(self, received: signal.struct_siginfo | None, capture: ConfiguredCapture) -> None:
        if received is None:
            return
        if received.si_signo in STOPPING:
            if capture.stopping:
                os._exit(ENDED_BY_SIGNAL + received.si_signo)
            capture.request_stop()
        elif received.si_signo == signal.SIGHUP:
            self._reload(capture)
        else:
            self._report(capture)

    def _reload(self, capture: ConfiguredCapture) -> None:
        """Takes up what can be taken up; what is wrong or needs a restart is said, and the old settings stay."""
        try:
            new = self._read_anew()
            changed = changed_settings(self._configuration, new)
            later = [name for name in changed if not name.startswith(RELOADED)]
            if any(name.startswith("rows.") for name in changed):
                capture.replace_rows(new.rows)
            else:
                capture.reopen()
        except FlowedgeError as error:
            self._log.error(f"the configuration stays as it was: {error}")
            return
        self._configuration = new
        self._schedule_report()
        self._log.info("files reopened, configuration read anew")
        if later:
            self._log.warning(f"takes effect after a restart only: {', '.join(later)}")

    def _deadline(self) -> float:
        duration = float(self._configuration.capture.duration)
        return self._started + duration if duration else float("inf")

    def _schedule_report(self) -> None:
        interval = float(self._configuration.log.stats_interval)
        self._next_report = time.monotonic() + interval if interval else float("inf")

    def _report(self, capture: ConfiguredCapture) -> None:
        stats = self._stats(capture)
        self._log.info(_summary(stats), **stats)

    def _stats(self, capture: ConfiguredCapture) -> dict[str, Any]:
        return {**capture.stats(), "seconds": round(time.monotonic() - self._started, 6)}

    def _exit_code(self, capture: ConfiguredCapture) -> int:
        """A capture that could not be read to its end, or a source that failed, shows."""
        code = 0
        for problem in capture.problems:
            self._log.error(str(problem) if isinstance(problem, FlowedgeError) else f"unexpected: {problem!r}")
            code = problem.exit_code if isinstance(problem, FlowedgeError) else CaptureError.exit_code
        return code


@contextmanager
def signals_held() -> Iterator[None]:
    """Signals wait until they are asked for, in this thread and in those that it starts."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def open_stats(path: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Opens the file for the closing counters while that is still allowed, and gives what writes them."""
    if not path:
        yield lambda _: None
        return
    try:
        stream = open(path, "w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error
    with stream:
        yield lambda stats: print(json.dumps(stats, indent=2), file=stream)


def _summary(stats: dict[str, Any]) -> str:
    skipped = sum(stats["skipped"].values())
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in stats["skipped"].items() if count)
    lost = ", ".join(f"{stats[name]:,} {text}" for name, text in _LOSSES.items() if stats[name])
    return (
        f"{stats['received']:,} packets received, {stats['in_flows']:,} in flows, "
        f"{skipped:,} skipped{f' ({reasons})' if reasons else ''}; {stats['open_flows']:,} flows open, "
        f"{stats['evicted']:,} closed early for lack of room, {stats['rows']:,} rows; lost: {lost or 'nothing'}"
    )


_LOSSES = {
    "kernel_dropped": "packets dropped by the kernel",
    "interface_dropped": "packets dropped by the interface",
    "queue_dropped": "flows dropped on the way to the output",
    "rows_lost": "rows that could not be written",
    "callback_errors": "callbacks that failed",
    "unsaved_packets": "packets not saved",
}
