"""How fast edges go through encoder, spool, broker and to a client.

Usage: python bench/mqtt_speed.py [WINDOWS]. Needs mosquitto and its clients, and tests/ in PYTHONPATH.
"""

import random
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from integration.agent_process import wait_until
from integration.broker import Broker
from integration.mqtt import Notes, connected, make_sink, window

from flowedge.edges import Column, EdgeList

EDGES, HOSTS, PIECE = 20_000, 2_000, 2_048
COLUMNS = 84


def edges() -> EdgeList:
    """Half of the features are integers, as in flows."""
    chance = random.Random(1)
    columns = {name: Column.of("<u4", [chance.randrange(HOSTS) for _ in range(EDGES)]) for name in ("src", "dst")}
    for number in range(COLUMNS - len(columns)):
        if number % 2:
            columns[f"float_{number}"] = Column.of("<f8", [chance.random() * 1000 for _ in range(EDGES)])
        else:
            columns[f"whole_{number}"] = Column.of("<u8", [chance.randrange(1500) for _ in range(EDGES)])
    return replace(window(0), nodes=[number.to_bytes(4, "big") for number in range(HOSTS)], columns=columns)


def main(windows: int = 20) -> None:
    whole = edges()
    pieces = [whole.rows(start, min(start + PIECE, EDGES)) for start in range(0, EDGES, PIECE)]
    with tempfile.TemporaryDirectory() as folder, Broker(Path(folder), general=["log_type error"]) as broker:
        arrived = Path(folder, "arrived")
        with arrived.open("wb") as out:
            topic = ["-t", "flowedge/v1/+/+/+/edges", "-q", "1", "-V", "5", "-F", "%l"]
            client = subprocess.Popen(["mosquitto_sub", "-p", str(broker.port), *topic], stdout=out)
        sink = make_sink(f"mqtt://127.0.0.1:{broker.port}", Notes(), spool=f"{folder}/spool.db", spool_size=4 << 30)
        sink.tick()
        connected(sink)
        begin, cpu = time.monotonic(), time.process_time()
        for seq in range(windows):
            for piece in pieces[:-1]:
                sink.add_piece(replace(piece, seq=seq))
            sink.end_window(replace(pieces[-1], seq=seq))
        spooled, spooled_cpu = time.monotonic() - begin, time.process_time() - cpu
        wait_until(lambda: sink.counters().spool.messages == 0, "all sent", 600)
        sent = sink.counters().publisher.acknowledged
        seconds, cpu = time.monotonic() - begin, time.process_time() - cpu
        wait_until(lambda: arrived.read_bytes().count(b"\n") == sent, "all received", 60)
        octets = sum(map(int, arrived.read_bytes().split()))
        sink.close()
        client.terminate()
        client.wait()
    count = windows * EDGES
    print(f"{count} edges of {COLUMNS} columns, {sent} messages, {octets / count:.0f} octets an edge")
    print(f"spooled: {count / spooled:,.0f} edges/s, {1e6 * spooled_cpu / count:.2f} us of CPU an edge")
    print(f"arrived: {count / seconds:,.0f} edges/s, {1e6 * cpu / count:.2f} us of CPU an edge")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
