"""Engines from options."""

from flowedge._core import HAVE_LIBPCAP, FlowEngine
from flowedge.errors import UsageError
from flowedge.options import FlowOptions
from flowedge.sources.pcapy import filter_compiler


def make_engine(options: FlowOptions, *, batch_size: int, held_flows: int = 0) -> FlowEngine:
    """An engine with these options. Raises UsageError if they cannot be met, MissingPackageError being one."""
    compiler = None if HAVE_LIBPCAP or options.get("filter") is None else filter_compiler()
    try:
        return FlowEngine(**options, held_flows=held_flows, batch_size=batch_size, compile_filter=compiler)
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error
