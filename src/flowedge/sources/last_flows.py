"""The end of a source: the flows that are still open."""

from collections.abc import Iterator

from flowedge._core import FlowBatch, FlowEngine


def last_flows(engine: FlowEngine) -> Iterator[FlowBatch]:
    """Closes every flow, a batch at a time: all of them at once might be a gigabyte."""
    status = "batch"
    while status != "end":
        batch, status = engine.finish()
        if batch is not None:
            yield batch
