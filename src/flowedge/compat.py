"""netflower's function, with netflower's signature, on this engine."""

import os

from flowedge.conversion import convert


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
