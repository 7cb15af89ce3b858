"""The agent's counters for Prometheus, over HTTP."""

from flowedge.metrics.server import MetricsServer, parse_address, serve_metrics

__all__ = ["MetricsServer", "parse_address", "serve_metrics"]
