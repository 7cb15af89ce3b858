"""netflower's functions, with netflower's signatures, on this engine."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from flowedge.capture import Capture
from flowedge.conversion import convert
from flowedge.errors import FlowedgeError, UsageError


def convert_pcap_to_csv(
    input_path: str,
    output_path: str,
    flow_timeout: float = 120.0,
    gc_interval: int = 1000,
    buffer_rows: int = 500,
    n_jobs: int = 1,
) -> int:
    """Turns a capture into a CSV of flows and returns the number of rows.

    flow_timeout  seconds without a packet after which a flow is closed
    gc_interval   has no effect: idle flows are closed by the packets' clock, not every so many packets
    buffer_rows   has no effect
    n_jobs        threads that share the work; -1: one a CPU, -2: one less, and so on; changes no octet of the output

    Raises ValueError for n_jobs=0, FileNotFoundError, PermissionError, and CaptureError once the rows up to the damage
    in a damaged capture are written.
    """
    result = convert(input_path, output_path, format="csv", jobs=_threads(n_jobs), idle_timeout=flow_timeout)
    if result.problems:
        raise result.problems[0]
    return result.flows


def _threads(n_jobs: int) -> int:
    if n_jobs == 0:
        raise ValueError("n_jobs=0 is not a number of threads; give 1, or -1 for one a CPU")
    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + n_jobs + 1)


class CaptureHandle:
    """What capture_live() returns: start() begins the capture, stop() ends it and gives on_flow the open flows."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture

    def start(self) -> None:
        """Raises RuntimeError, saying what is missing, if the interface cannot be captured."""
        try:
            self._capture.start()
        except FlowedgeError as error:
            raise RuntimeError(str(error)) from error

    def stop(self) -> None:
        """Waits until on_flow has had every flow. Has no effect if the capture does not run."""
        self._capture.stop()

    def stats(self) -> dict[str, Any]:
        """The counters, as Capture.stats() has them."""
        return self._capture.stats()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()


def capture_live(
    interface: str,
    on_flow: Callable[[dict[str, Any]], object],
    idle_timeout: float = 30.0,
    flow_timeout: float = 120.0,
    save_pcap: bool = False,
    pcap_dir: str | None = None,
) -> CaptureHandle:
    """Captures an interface and calls on_flow with each flow, a dict of the 82 values, in a thread of its own.

    idle_timeout  seconds without a packet after which a flow is closed
    flow_timeout  seconds after which a flow is closed in any case
    save_pcap     save the packets of each flow as a capture file in the folder pcap_dir

    Raises ValueError for save_pcap without pcap_dir.
    """
    if save_pcap and not pcap_dir:
        raise UsageError("pcap_dir: is needed with save_pcap=True")
    saving: dict[str, Any] = {"save_pcap": pcap_dir, "save_pcap_size": 0} if save_pcap else {}
    return CaptureHandle(
        Capture(interface, on_flow=on_flow, idle_timeout=idle_timeout, max_duration=flow_timeout, **saving)
    )
