"""Measures flowedge on a link of its own, next to others; exit code 1 if a bar is missed. Needs root."""

from functools import partial

import live_bounds
import live_speed
from live_speed import RATE, Scale
from report import Bar
from table import Row, main
from watchers import NETFLOWER_LIVE, NFSTREAM_LIVE

FULL = Scale(rounds=3, rival_rounds=1, seconds=10)
QUICK = Scale(rounds=1, rival_rounds=1, seconds=3)

LOSS_BAR = Bar(0.1, "%")
EXPIRY_BAR = Bar(1, "s")

ROWS: list[Row[Scale]] = [
    Row("loss.300k", LOSS_BAR, partial(live_speed.loss, packets_per_second=RATE)),
    Row("loss.top", LOSS_BAR, live_speed.top_speed),
    Row("loss.fallback_100k", LOSS_BAR, live_speed.fallback),
    Row("cpu.300k", Bar(0.8, "us/packet"), live_speed.cpu),
    Row("cpu.idle", Bar(1, "% of a core"), live_bounds.idle_cpu),
    Row("memory.10k", Bar(45, "MB"), live_speed.memory),
    Row("memory.flood", Bar(90, "MB"), lambda scale: live_bounds.flood_memory()),
    Row("expiry.2s", EXPIRY_BAR, partial(live_bounds.expiry, idle_timeout=2)),
    Row("expiry.10s", EXPIRY_BAR, partial(live_bounds.expiry, idle_timeout=10)),
    Row("stop.300k", Bar(2, "s"), live_bounds.stop),
    Row("rivals.netflower", Bar(20, "x less", at_least=True), partial(live_speed.rival, tool=NETFLOWER_LIVE)),
    Row("rivals.nfstream", Bar(5, "x less", at_least=True), partial(live_speed.rival, tool=NFSTREAM_LIVE)),
]

if __name__ == "__main__":
    raise SystemExit(main(__doc__, ROWS, FULL, QUICK))
