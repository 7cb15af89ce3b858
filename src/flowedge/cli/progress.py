"""A progress bar on a terminal, for whoever waits longer than a moment."""

import time
from typing import TYPE_CHECKING

from flowedge.conversion import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

PATIENCE = 0.5  # seconds without a bar
INTERVAL = 0.1  # seconds between two drawings


class TerminalProgress:
    """Takes the pipeline's reports and draws some of them on standard error."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._next = self._started + PATIENCE
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        if self._bar is None:
            self._bar, self._task = _started_bar()
        assert self._task is not None
        self._bar.update(
            self._task,
            description=progress.capture,
            completed=progress.octets_taken,
            total=progress.octets_total,
            flows=progress.flows,
            rate=progress.packets / (now - self._started),
            refresh=True,
        )

    def close(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _started_bar() -> "tuple[Bar, TaskID]":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:,.0f} packets/s, {task.fields[flows]:,} flows"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    )
    bar.start()
    return bar, bar.add_task("", total=None, flows=0, rate=0.0)
