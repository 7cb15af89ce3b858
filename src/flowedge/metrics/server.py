"""Answers Prometheus. No request waits for the capture, or makes the capture wait."""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from socketserver import TCPServer, ThreadingMixIn
from threading import BoundedSemaphore, Thread
from typing import TYPE_CHECKING, Any

from flowedge.edges.optional_package import required
from flowedge.errors import UsageError
from flowedge.metrics.families import Counts, metrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

MOST_REQUESTS = 8
"""at a time; further ones are closed unanswered"""
SILENCE_SECONDS = 5.0
"""until a client that does not go on is given up"""

_ADDRESS = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<host>[^:\[\]]+)):(?P<port>\d{1,5})", re.ASCII)


class MetricsServer:
    """Serves until it is closed."""

    def __init__(self, server: "_Server") -> None:
        self._server = server
        self._thread = Thread(target=server.serve_forever, name="flowedge-metrics", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where it listens, as ADDRESS:PORT."""
        host, port = self._server.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self) -> None:
        """Gives the port back. A request that is being answered may go on for some seconds."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def serve_metrics(address: str, collect: Callable[[], Counts]) -> MetricsServer:
    """Serves an agent's counters to Prometheus, at http://ADDRESS/metrics.

    address  ADDRESS:PORT, such as 127.0.0.1:9464 or [::1]:9464; whoever can connect there can read. Port 0: any
    collect  gives the stats at each request, from another thread, and must not wait: a mapping of
             interfaces        by name, what LiveCounters has
             callback_errors, unsaved_packets
             edges             what Windowing counts: windows, windows_lost, edges, late; None: no edge lists are made
             mqtt              what MqttCounters has; None: nothing is published

    Raises UsageError if nothing can listen there, MissingPackageError without the package prometheus_client.
    """
    host, port = parse_address(address)
    client = required("prometheus_client", "--metrics", "flowedge[metrics]")
    handler = client.MetricsHandler.factory(_registry(collect))
    handler.timeout = SILENCE_SECONDS
    try:
        family, _, _, _, endpoint = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return MetricsServer(_Server(family, endpoint, handler))
    except OSError as error:
        remedy = "give another with --metrics"
        raise UsageError(f"{address}: metrics cannot be served there: {error.strerror}; {remedy}") from error


def parse_address(text: str) -> tuple[str, int]:
    """Host and port. Raises UsageError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise UsageError(f"{text!r} is no ADDRESS:PORT for metrics; give one such as 127.0.0.1:9464 or [::1]:9464")
    return match["bracketed"] or match["host"], int(match["port"])


def _registry(collect: Callable[[], Counts]) -> "CollectorRegistry":
    """One of its own: a program that embeds flowedge may have others."""
    from prometheus_client import CollectorRegistry, ProcessCollector

    registry = CollectorRegistry()
    registry.register(_Collector(collect))
    ProcessCollector(registry=registry)
    return registry


class _Collector:
    def __init__(self, collect: Callable[[], Counts]) -> None:
        self._collect = collect

    def collect(self) -> Iterator["Metric"]:
        from prometheus_client.core import InfoMetricFamily

        yield InfoMetricFamily("flowedge_build", "What runs.", {"version": version("flowedge")})
        yield from metrics(self._collect())


class _Server(ThreadingMixIn, TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, family: int, endpoint: Any, handler: Any) -> None:
        self.address_family = family
        self._free = BoundedSemaphore(MOST_REQUESTS)
        super().__init__(endpoint, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)
