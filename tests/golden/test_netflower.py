"""netflower 1.1.0 itself, on captures in which both must give the same."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest
from conversion import TextRow, convert
from shared_captures import each_capture, golden_captures

netflower = pytest.importorskip("netflower", reason="netflower is not installed", exc_type=ImportError)

#: Captures left out, and why.
LEFT_OUT = {
    "nano": "nanosecond time stamps: it raises TypeError",
    "t0": "a time stamp of 0 counts as no packet yet",
    "kafka-mixedres": "every interface gets the first one's time resolution",
    "pppoe": "it knows no PPPoE",
    "raw-ip": "it takes raw IP for Ethernet",
    "sll": "it takes Linux cooked for Ethernet",
    "badpackets": "cut by a snaplen: it counts captured octets",
    "urg-cut": "cut by a snaplen: it counts captured octets",
}

CAPTURES = [capture for capture in golden_captures() if capture.stem not in LEFT_OUT]

#: Its times are float64 seconds since 1970: multiples of 238 ns at present dates, and each difference has two.
TIME_ERROR = 1e-6
ROUNDING = 1e-9
ENDS = ("src_ip", "dst_ip", "src_port", "dst_port", "protocol")
RATES = ("flow_byts_s", "flow_pkts_s", "fwd_pkts_s", "bwd_pkts_s")
BULK_RATES = {"fwd_blk_rate_avg": "fwd_byts_b_avg", "bwd_blk_rate_avg": "bwd_byts_b_avg"}


@each_capture(CAPTURES)
def test_rows_are_those_of_netflower(capture: Path, tmp_path: Path) -> None:
    netflower.convert_pcap_to_csv(str(capture), str(tmp_path / "flows.csv"))
    with (tmp_path / "flows.csv").open(newline="") as lines:
        theirs = _by_flow(list(csv.DictReader(lines)))
    ours = _by_flow([row for row in convert(capture).rows if ":" not in row["src_ip"]])  # it knows no IPv6
    assert {flow: len(rows) for flow, rows in ours.items()} == {flow: len(rows) for flow, rows in theirs.items()}
    different = [
        f"{flow}: {name} is {mine[name]}, not {its[name]}"
        for flow, rows in ours.items()
        for mine, its in zip(rows, theirs[flow], strict=True)
        for name in its
        if name not in ENDS and abs(float(mine[name]) - float(its[name])) > _tolerance(name, its)
    ]
    assert not different, "\n".join(different[:20])


def _by_flow(rows: list[TextRow]) -> dict[tuple[str, ...], list[TextRow]]:
    """Rows by 5-tuple, in the order of their start."""
    flows: dict[tuple[str, ...], list[TextRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: float(row["timestamp"])):
        flows[tuple(row[name] for name in ENDS)].append(row)
    return flows


def _tolerance(name: str, row: TextRow) -> float:
    """How far from the exact value netflower's may be when every difference of times is off by TIME_ERROR."""
    value = abs(float(row[name]))
    if "_iat_" in name or name.startswith(("active_", "idle_")) or name in ("timestamp", "flow_duration"):
        return TIME_ERROR + ROUNDING * value
    if name in RATES and float(row["flow_duration"]) > 0:
        return value * (TIME_ERROR / float(row["flow_duration"]) + ROUNDING)
    if name in BULK_RATES and value > 0:
        duration = float(row[BULK_RATES[name]]) / value
        return value * (TIME_ERROR / duration + ROUNDING)
    return ROUNDING * value if "." in row[name] else 0.0  # counts are printed without a point
