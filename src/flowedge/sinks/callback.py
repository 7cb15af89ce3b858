"""Flows to a program's own functions."""

import traceback
from collections.abc import Callable
from typing import Any, TypeAlias

from flowedge._core import FlowBatch

Flow: TypeAlias = dict[str, int | float | str]


class Callback:
    """What the two kinds share; each is a LiveSink.

    A function that raises stops nothing: the first error is reported with its traceback, and all are counted. What is
    no Exception (KeyboardInterrupt, SystemExit) passes through.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.errors = 0
        """calls that have raised"""
        self._report = report

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        try:
            function(*arguments)
        except Exception:
            self.errors += 1
            if self.errors == 1:
                self._report(f"a callback has raised; further errors are only counted\n{traceback.format_exc()}")

    def tick(self) -> None:
        """Nothing is due by the clock."""

    def reopen(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is left to complete."""


class FlowCallback(Callback):
    """Calls `on_flow` with each flow, as FlowBatch.to_dicts() gives them."""

    def __init__(self, on_flow: Callable[[Flow], object], report: Callable[[str], None]) -> None:
        super().__init__(report)
        self._on_flow = on_flow

    def write(self, source: str, batch: FlowBatch) -> None:
        """See LiveSink; raises nothing that on_flow raises."""
        for flow in batch.to_dicts():
            self.call(self._on_flow, flow)


class BatchCallback(Callback):
    """Calls `on_batch` with the source (interface) and each batch of its flows. The batch may be kept."""

    def __init__(self, on_batch: Callable[[str, FlowBatch], object], report: Callable[[str], None]) -> None:
        super().__init__(report)
        self._on_batch = on_batch

    def write(self, source: str, batch: FlowBatch) -> None:
        """See LiveSink; raises nothing that on_batch raises."""
        self.call(self._on_batch, source, batch)
