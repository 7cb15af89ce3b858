"""What Prometheus is told, by real requests."""

import re
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parsed

import flowedge
from flowedge import MissingPackageError, UsageError
from flowedge.metrics import families, parse_address, serve_metrics, server
from flowedge.pipeline.counters import LiveCounters
from flowedge.sinks.mqtt import MqttCounters, PublisherCounters
from flowedge.spool import SpoolCounters

ANY = "127.0.0.1:0"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def skipped(**counts: int) -> dict[str, int]:
    return LiveCounters().skipped | counts


ETH0 = LiveCounters(
    received=100,
    kernel_dropped=1,
    interface_dropped=2,
    packets=99,
    in_flows=90,
    skipped=skipped(non_ip=6, fragment=3),
    flows=12,
    open_flows=4,
    evicted=5,
    queue_dropped=3,
    rows=7,
    rows_lost=2,
)
ETH1 = LiveCounters(received=7)
SPOOL = SpoolCounters(1, 2, 3, 4.5, 5, 6, 7, 8, 9, True)
PUBLISHER = PublisherCounters(published=9, acknowledged=8, rejected=1, reconnects=2, connected=True)
STATS: dict[str, Any] = {
    "interfaces": {"eth0": asdict(ETH0), "eth1": asdict(ETH1)},
    "callback_errors": 13,
    "unsaved_packets": 14,
    "edges": {"windows": 15, "windows_lost": 16, "edges": 17, "late": 18},
    "mqtt": asdict(MqttCounters(publisher=PUBLISHER, spool=SPOOL, rejected_edges=19, lost_windows=20)),
}


@contextmanager
def served(stats: Mapping[str, Any] = STATS, address: str = ANY) -> Iterator[str]:
    """The URL."""
    with closing(serve_metrics(address, lambda: stats)) as metrics:
        yield f"http://{metrics.address}/metrics"


def text_at(url: str, accept: str = "text/plain") -> str:
    with urlopen(Request(url, headers={"Accept": accept}), timeout=10) as answer:
        return str(answer.read().decode())


def samples_at(url: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parsed(text_at(url))
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[f"flowedge_{name}", frozenset(labels.items())]


# --- what is told -----------------------------------------------------------------------------------------------------


def test_counters_are_told_by_interface() -> None:
    with served() as url:
        samples = samples_at(url)
    assert value(samples, "packets_received_total", interface="eth0") == 100
    assert value(samples, "packets_received_total", interface="eth1") == 7
    assert value(samples, "packets_dropped_total", interface="eth0", by="kernel") == 1
    assert value(samples, "packets_dropped_total", interface="eth0", by="interface") == 2
    assert value(samples, "packets_in_flows_total", interface="eth0") == 90
    assert value(samples, "packets_skipped_total", interface="eth0", reason="non_ip") == 6
    assert value(samples, "packets_skipped_total", interface="eth0", reason="malformed") == 0
    assert value(samples, "flows_total", interface="eth0") == 12
    assert value(samples, "flows_evicted_total", interface="eth0") == 5
    assert value(samples, "flows_open", interface="eth0") == 4
    assert value(samples, "flows_dropped_total", interface="eth0", at="queue") == 3
    assert value(samples, "flows_dropped_total", interface="eth0", at="rows") == 2
    assert value(samples, "rows_total", interface="eth0") == 7


def test_the_rest_of_the_agent_is_told() -> None:
    with served() as url:
        samples = samples_at(url)
    told = {name: number for (name, labels), number in samples.items() if not labels and name.startswith("flowedge_")}
    assert told == {
        "flowedge_callback_errors_total": 13,
        "flowedge_packets_unsaved_total": 14,
        "flowedge_windows_total": 15,
        "flowedge_windows_lost_total": 16,
        "flowedge_edges_total": 17,
        "flowedge_flows_late_total": 18,
        "flowedge_mqtt_connected": 1,
        "flowedge_mqtt_reconnects_total": 2,
        "flowedge_mqtt_edges_rejected_total": 19,
        "flowedge_mqtt_windows_lost_total": 20,
        "flowedge_spool_messages": 2,
        "flowedge_spool_bytes": 3,
        "flowedge_spool_oldest_seconds": 4.5,
        "flowedge_spool_windows_dropped_total": 5,
        "flowedge_spool_messages_damaged_total": 9,
        "flowedge_spool_on_disk": 1,
    }
    assert value(samples, "mqtt_messages_total", result="acknowledged") == 8
    assert value(samples, "mqtt_messages_total", result="rejected") == 1
    assert value(samples, "build_info", version=flowedge.__version__) == 1
    assert samples["process_resident_memory_bytes", frozenset()] > 10**6


def test_the_accounting_adds_up() -> None:
    with served() as url:
        samples = samples_at(url)
    of_eth0 = dict.fromkeys(("received", "dropped", "in_flows", "skipped"), 0.0)
    for (name, labels), number in samples.items():
        kind = name.removeprefix("flowedge_packets_").removesuffix("_total")
        if kind in of_eth0 and ("interface", "eth0") in labels and ("by", "interface") not in labels:
            of_eth0[kind] += number
    assert of_eth0["received"] == of_eth0["dropped"] + of_eth0["in_flows"] + of_eth0["skipped"]


def test_what_the_agent_does_not_do_is_not_told() -> None:
    rows_alone = STATS | {"edges": None, "mqtt": None, "interfaces": {}}
    with served(rows_alone) as url:
        names = {name for name, _ in samples_at(url)}
    assert not [name for name in names if re.search("mqtt|spool|edges|windows|interface", name)]
    assert "flowedge_callback_errors_total" in names


def test_each_request_is_answered_anew() -> None:
    stats = STATS | {"callback_errors": 0}
    with served(stats) as url:
        for number in range(3):
            stats["callback_errors"] = number
            assert value(samples_at(url), "callback_errors_total") == number


def test_the_answer_is_good_openmetrics_too() -> None:
    with served(STATS | {"interfaces": {'eth"0\\\n': asdict(ETH0)}}) as url:
        text = text_at(url, "application/openmetrics-text")
    told = {family.name: family for family in parsed_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert told["flowedge_packets_received"].type == "counter"
    assert told["flowedge_packets_received"].samples[0].labels == {"interface": 'eth"0\\\n'}
    assert told["flowedge_flows_open"].type == "gauge"


def test_the_registry_of_an_embedding_program_stays_its_own() -> None:
    before = set(REGISTRY._names_to_collectors)
    with served(), served():
        assert set(REGISTRY._names_to_collectors) == before


def test_every_metric_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    for family in (*families.INTERFACE, *families.AGENT, *families.EDGES, *families.MQTT):
        suffix = "_total" if family.is_counter else ""
        labels = ["interface"] * (family in families.INTERFACE) + [family.label] * bool(family.label)
        shown = f"`flowedge_{family.name}{suffix}{'{' + ','.join(labels) + '}' if labels else ''}`"
        assert shown in page


# --- where ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:9464", ("127.0.0.1", 9464)),
        ("[::1]:9464", ("::1", 9464)),
        ("[fe80::1%eth0]:1", ("fe80::1%eth0", 1)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_an_address_is_read(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_address(text) == endpoint


@pytest.mark.parametrize(
    "text",
    ["", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:http", "::1:9464", "[]:1", "a:1\n"],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"is no ADDRESS:PORT for metrics; give one such as 127\.0\.0\.1:9464 or \[::1\]"
    ):
        serve_metrics(text, lambda: STATS)


def test_a_port_in_use_is_refused() -> None:
    with closing(serve_metrics(ANY, lambda: STATS)) as first:
        expected = rf"{re.escape(first.address)}: metrics cannot be served there: Address already in use; give another"
        with pytest.raises(UsageError, match=expected):
            serve_metrics(first.address, lambda: STATS)


def test_an_address_of_another_host_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"192\.0\.2\.1:9464: metrics cannot be served there: Cannot assign requested address"
    ):
        serve_metrics("192.0.2.1:9464", lambda: STATS)


def test_a_closed_port_can_be_used_at_once() -> None:
    with served() as url:
        samples_at(url)
    threads = threading.active_count()
    with served(address=url.removeprefix("http://").removesuffix("/metrics")) as again:
        assert samples_at(again)
    assert threading.active_count() <= threads


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 on this host")
    with served(address="[::1]:0") as url:
        assert url.startswith("http://[::1]:")
        assert value(samples_at(url), "rows_total", interface="eth0") == 7


def test_the_package_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'flowedge\[metrics\]'"):
        serve_metrics(ANY, lambda: STATS)


# --- strange clients --------------------------------------------------------------------------------------------------


def endpoint_of(url: str) -> tuple[str, int]:
    return parse_address(url.removeprefix("http://").removesuffix("/metrics"))


def test_silent_clients_take_no_more_than_their_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SILENCE_SECONDS", 0.3)
    with served() as url:
        silent = [socket.create_connection(endpoint_of(url), timeout=10) for _ in range(server.MOST_REQUESTS)]
        with socket.create_connection(endpoint_of(url), timeout=10) as refused:
            assert refused.recv(1) == b""
        for connection in silent:
            assert connection.recv(1) == b""
            connection.close()
        assert samples_at(url)


def test_a_client_that_goes_away_is_no_news(capfd: pytest.CaptureFixture[str]) -> None:
    with served() as url:
        for request in (
            b"",
            b"GET /metrics",
            b"GET /metrics HTTP/1.1\r\n\r\n",
            b"\0" * 70_000,
            b"POST / HTTP/1.1\r\n\r\n",
        ):
            with socket.create_connection(endpoint_of(url), timeout=10) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.sendall(request)
        assert samples_at(url)
    assert capfd.readouterr() == ("", "")


def test_what_goes_wrong_in_the_agent_costs_the_request_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with served({"interfaces": {}}) as url:
        for _ in range(2 * server.MOST_REQUESTS):
            with pytest.raises(OSError, match=r"closed connection|reset by peer"):
                text_at(url)
    assert "KeyError: 'callback_errors'" in capfd.readouterr().err
