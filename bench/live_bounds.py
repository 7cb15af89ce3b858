"""The rows about an agent that nobody watches: idle, flooded, on a silent link, stopped under load."""

import csv
import time
from pathlib import Path

import watchers
from integration.network import Network
from link import ONCE, Load, link, send, sent_by, start_sending
from live_speed import RATE, Scale, check_counters, load
from programs import BenchError
from report import Finding
from watchers import END_SECONDS, FLOWEDGE, POLL_SECONDS, SETTLE_SECONDS, TABLE, Watch
from workloads import synthetic

FLOOD_PACKETS = 2_100_000
FLOOD_RATE = 200_000
MAX_FLOWS = 50_000
STEADY_FLOWS = 100
STEADY_NETWORK = "10."
"""Where gensyn.c puts the flows that go on; the others are elsewhere."""
STOP_AFTER_SECONDS = 3.0


def idle_cpu(scale: Scale) -> Finding:
    """CPU time in percent of a core while nothing comes."""
    shares = []
    for _ in range(scale.rounds):
        with link() as network, Watch(FLOWEDGE, network) as running:
            time.sleep(1.0)  # the start is not meant
            before = running.cpu_ns()
            time.sleep(scale.seconds)
            shares.append((running.cpu_ns() - before) / scale.seconds / 1e7)
    return Finding(shares, f"{scale.seconds:g} s without a packet")


def flood_memory() -> Finding:
    """Peak resident memory in MB while two million flows of one SYN pass a table of 50,000."""
    flood = Load(synthetic("flood", STEADY_FLOWS, FLOOD_PACKETS), FLOOD_RATE, ONCE)
    with link() as network, Watch(watchers.agent("--max-flows", str(MAX_FLOWS)), network) as running:
        sent = send(network, flood)
        time.sleep(SETTLE_SECONDS)
        peak_kb = running.memory_kb("VmHWM")
        running.end()
    counters = watchers.stats()
    check_counters(counters, sent)
    if counters["evicted"] < counters["flows"] - MAX_FLOWS:
        raise BenchError(f"{counters['evicted']:,} flows counted as evicted, of {counters['flows']:,}")
    if _steady_rows() != STEADY_FLOWS:
        raise BenchError(f"the {STEADY_FLOWS} flows that went on are in {_steady_rows()} rows")
    return Finding(
        [peak_kb * 1024 / 1e6],
        f"{counters['flows']:,} flows, {counters['evicted']:,} evicted, {counters['queue_dropped']:,} not written; "
        f"each of {STEADY_FLOWS} that went on is one row",
    )


def _steady_rows() -> int:
    with TABLE.open() as lines:
        return sum(line.startswith(STEADY_NETWORK) for line in lines)


def expiry(scale: Scale, idle_timeout: int) -> Finding:
    """Seconds from the moment when a flow of a silent link is over until its row is in the file."""
    delays = [_expiry_delay(idle_timeout) for _ in range(scale.rounds)]
    return Finding(delays, f"behind an idle time-out of {idle_timeout} s")


def _expiry_delay(idle_timeout: int) -> float:
    tool = watchers.agent("--idle-timeout", str(idle_timeout))
    with link() as network, Watch(tool, network) as running:
        _send_one_frame(network)
        sent_at = time.monotonic()
        while _lines_in(TABLE) < 2:  # the first is the header
            if time.monotonic() - sent_at > idle_timeout + END_SECONDS:
                raise BenchError("the flow never ended")
            time.sleep(POLL_SECONDS)
        delay = time.monotonic() - sent_at - idle_timeout
        running.end()
    return delay


def _send_one_frame(network: Network) -> None:
    """Of UDP: it has no end that a packet could tell."""
    ip = bytes.fromhex("4500 0020 0000 0000 4011 0000 0a000001 0a000002")
    udp = bytes.fromhex("0400 0035 000c 0000") + bytes(4)
    with network.wire() as wire:
        wire.send([bytes(12) + b"\x08\x00" + ip + udp + bytes(14)])


def _lines_in(table: Path) -> int:
    return table.read_bytes().count(b"\n") if table.exists() else 0


def stop(scale: Scale) -> Finding:
    """Seconds from SIGTERM under load to the end; every packet that was received is in a row by then."""
    seconds = [_stop_seconds() for _ in range(scale.rounds)]
    return Finding(seconds, f"SIGTERM at {RATE:,} packets/s; {watchers.stats()['in_flows']:,} packets, all in rows")


def _stop_seconds() -> float:
    sending = load(RATE, STOP_AFTER_SECONDS + 1)
    with link() as network, Watch(FLOWEDGE, network) as running:
        sender = start_sending(network, sending)
        time.sleep(STOP_AFTER_SECONDS)
        asked_at = time.monotonic()
        running.end()
        seconds = time.monotonic() - asked_at
        sent_by(sender)
    check_counters(watchers.stats())
    in_rows, in_flows = _packets_in_rows(), watchers.stats()["in_flows"]
    if in_rows != in_flows:
        raise BenchError(f"{in_rows:,} packets in rows, {in_flows:,} in flows")
    return seconds


def _packets_in_rows() -> int:
    with TABLE.open(newline="") as lines:
        rows = csv.reader(lines)
        names = next(rows)
        forward, backward = names.index("tot_fwd_pkts"), names.index("tot_bwd_pkts")
        return sum(int(row[forward]) + int(row[backward]) for row in rows)
