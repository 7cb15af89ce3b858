"""The end of a source: the flows that are still open."""

from collections.abc import Iterator

from flowedge._core import FlowBatch, FlowEngine, LiveFeed


def last_flows(carrier: FlowEngine | LiveFeed) -> Iterator[FlowBatch]:
    """Closes every flow, a batch at a time: all of them at once might be a gigabyte."""
    status = "batch"
    while status != "end":
        batch, status = carrier.finish()
        if batch is not None:
            yield batch
