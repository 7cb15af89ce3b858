"""Packets in, bidirectional flows with the 82 CICFlowMeter features out.

convert() writes the flows of captures as a table; read_flows() gives them to a program, batch by batch; Capture takes
packets from interfaces, FlowEngine from anywhere.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowedge._core import MODES, NAME_SCHEMES, SKIP_REASONS, FlowBatch, FlowEngine, Selection
    from flowedge.capture import Capture
    from flowedge.columns import COLUMNS, Column
    from flowedge.compat import capture_live, convert_pcap_to_csv
    from flowedge.conversion import ConvertResult, Progress, convert, read_flows
    from flowedge.edges import EdgeList, Gap
    from flowedge.errors import (
        BrokerError,
        CaptureError,
        ConfigurationError,
        FlowedgeError,
        InterfaceError,
        MissingInputError,
        MissingInterfaceError,
        MissingPackageError,
        NotACaptureError,
        PermissionDeniedError,
        SinkError,
        UsageError,
    )
    from flowedge.options import FlowOptions
    from flowedge.subscriber import Subscription, subscribe

__all__ = [
    "COLUMNS",
    "MODES",
    "NAME_SCHEMES",
    "SKIP_REASONS",
    "BrokerError",
    "Capture",
    "CaptureError",
    "Column",
    "ConfigurationError",
    "ConvertResult",
    "EdgeList",
    "FlowBatch",
    "FlowEngine",
    "FlowOptions",
    "FlowedgeError",
    "Gap",
    "InterfaceError",
    "MissingInputError",
    "MissingInterfaceError",
    "MissingPackageError",
    "NotACaptureError",
    "PermissionDeniedError",
    "Progress",
    "Selection",
    "SinkError",
    "Subscription",
    "UsageError",
    "__version__",
    "capture_live",
    "convert",
    "convert_pcap_to_csv",
    "read_flows",
    "subscribe",
]

# Imported when first used, so that a command loads only what it needs.
_HOMES = {
    "_core": ("MODES", "NAME_SCHEMES", "SKIP_REASONS", "FlowBatch", "FlowEngine", "Selection"),
    "columns": ("COLUMNS", "Column"),
    "capture": ("Capture",),
    "compat": ("capture_live", "convert_pcap_to_csv"),
    "conversion": ("ConvertResult", "Progress", "convert", "read_flows"),
    "edges": ("EdgeList", "Gap"),
    "errors": (
        "BrokerError",
        "CaptureError",
        "ConfigurationError",
        "FlowedgeError",
        "InterfaceError",
        "MissingInputError",
        "MissingInterfaceError",
        "MissingPackageError",
        "NotACaptureError",
        "PermissionDeniedError",
        "SinkError",
        "UsageError",
    ),
    "options": ("FlowOptions",),
    "subscriber": ("Subscription", "subscribe"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("flowedge")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'flowedge' has no attribute {name!r}")
    value = getattr(import_module(f"flowedge.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
