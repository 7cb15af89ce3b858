"""Runs the agent for long under what goes wrong in a long time: does it grow, and does it still count?

The link is taken down and up, and removed and added; the table is moved away and the agent told so (SIGHUP); it is
asked for its counters (SIGUSR1). With --clock-steps the clock of this machine is set back and forth as well, and right
again at the end. Exit code 1 if the agent ends early or its counters do not add up. Needs root.
"""

import argparse
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import linear_regression

import watchers
from integration.network import Network
from link import Load, link, start_sending
from live_speed import check_counters, load
from programs import BenchError
from watchers import END_SECONDS, FOLDER, SETTLE_SECONDS, TABLE, Watch

SAMPLE_SECONDS = 1.0
CALM_SECONDS = (3.0, 12.0)
"""Between two disturbances."""
GONE_SECONDS = (0.1, 3.0)
IDLE_TIMEOUT = 30
"""So that the table is in its steady state soon."""
STEP_SECONDS = (-200.0, 200.0)
"""More than the idle time-out: flows must neither end for it nor stay."""
MOVED_AWAY = FOLDER / "flows.csv.1"

Disturbance = Callable[[], None]
Sample = tuple[float, float]
"""Seconds since the start, kB of memory of its own: the ring of an interface that comes and goes is not among it."""


class Traffic:
    """Packets on the link, also when it is a new one, until the end of the block."""

    def __init__(self, network: Network, sending: Load) -> None:
        self._network, self._load = network, sending
        self._sender = start_sending(network, sending)

    def __enter__(self) -> "Traffic":
        return self

    def __exit__(self, *_: object) -> None:
        self._sender.kill()
        self._sender.communicate()

    def go_on(self) -> None:
        """The sender ends when its end of the link goes."""
        if self._sender.poll() is not None:
            self._sender.communicate()
            self._sender = start_sending(self._network, self._load)


class Disturber:
    """What happens to the agent."""

    def __init__(self, agent: Watch, step_clock: Disturbance | None) -> None:
        self.count = 0
        self.rows = 0
        """that were in tables moved away"""
        self._agent, self._network = agent, agent.network
        self._kinds = [self._flap, self._replace, self._move_table, self._ask_for_counters]
        self._kinds += [step_clock] if step_clock else []

    def disturb(self) -> None:
        random.choice(self._kinds)()
        self.count += 1

    def _flap(self) -> None:
        self._network.set_watched("down")
        time.sleep(random.uniform(*GONE_SECONDS))
        self._network.set_watched("up")

    def _replace(self) -> None:
        self._network.remove_wire()
        time.sleep(random.uniform(*GONE_SECONDS))
        self._network.add_wire()

    def _ask_for_counters(self) -> None:
        self._agent.process.send_signal(signal.SIGUSR1)

    def _move_table(self) -> None:
        """As logrotate does; the rows are counted and thrown away, so that the disk does not fill."""
        TABLE.rename(MOVED_AWAY)
        self._agent.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + END_SECONDS
        while not TABLE.exists():
            if time.monotonic() > deadline:
                raise BenchError("after SIGHUP the agent began no new table")
            time.sleep(SAMPLE_SECONDS / 10)
        self.rows += rows_in_table(MOVED_AWAY.read_bytes())
        MOVED_AWAY.unlink()


def rows_in_table(octets: bytes) -> int:
    return max(0, octets.count(b"\n") - 1)


@contextmanager
def clock_put_right() -> Iterator[Disturbance]:
    """Gives what sets the clock of this machine; puts it right afterwards, by a clock that nobody can set."""
    right = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)

    def set_clock(wrong_by: float) -> None:
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) + right
        time.clock_settime_ns(time.CLOCK_REALTIME, now + int(wrong_by * 1e9))

    try:
        yield lambda: set_clock(random.uniform(*STEP_SECONDS))
    finally:
        set_clock(0)


def soak(seconds: float, packets_per_second: int, step_clock: Disturbance | None) -> list[Sample]:
    """Disturbs the agent for a time, checks its counters at the end, and gives what memory it had."""
    tool = watchers.agent("--idle-timeout", str(IDLE_TIMEOUT))
    with link() as network, Watch(tool, network) as agent:
        disturber = Disturber(agent, step_clock)
        with Traffic(network, load(packets_per_second, seconds)) as traffic:
            samples = list(sampled(agent, disturber, traffic, seconds))
        time.sleep(SETTLE_SECONDS)
        agent.end()
    counters = watchers.stats()
    check_counters(counters)
    rows = disturber.rows + rows_in_table(TABLE.read_bytes())
    print(f"{disturber.count} disturbances; {counters}")
    if rows != counters["rows"] or agent.process.returncode != 0:
        raise BenchError(f"{rows:,} rows written, {counters['rows']:,} counted; exit code {agent.process.returncode}")
    return samples


def sampled(agent: Watch, disturber: Disturber, traffic: Traffic, seconds: float) -> Iterator[Sample]:
    """Resident memory, once a second."""
    start = time.monotonic()
    next_disturbance = start + random.uniform(*CALM_SECONDS)
    while (now := time.monotonic()) < start + seconds:
        if agent.process.poll() is not None:
            raise BenchError(f"the agent has ended: {agent.said[-400:]}")
        yield now - start, agent.memory_kb("RssAnon")
        traffic.go_on()
        if now >= next_disturbance:
            disturber.disturb()
            next_disturbance = time.monotonic() + random.uniform(*CALM_SECONDS)
        time.sleep(SAMPLE_SECONDS)


def growth(samples: Sequence[Sample]) -> float:
    """Of the second half, in kB a minute."""
    times, sizes = zip(*samples[len(samples) // 2 :], strict=True)
    return 60 * linear_regression(times, sizes).slope


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--packets-per-second", type=int, default=50_000)
    parser.add_argument("--clock-steps", action="store_true", help="set the clock of this machine back and forth")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that all is put right
    with ExitStack() as stack:
        step_clock = stack.enter_context(clock_put_right()) if arguments.clock_steps else None
        try:
            samples = soak(60 * arguments.minutes, arguments.packets_per_second, step_clock)
        except (BenchError, subprocess.CalledProcessError) as error:
            print(error, file=sys.stderr)
            return 1
    print(f"{samples[-1][1] / 1e3:.1f} MB of its own, growing by {growth(samples):.1f} kB/min in the second half")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
