"""Corrupts captures at random and converts them: nothing may crash, hang, or lose count of a packet.

    cd tests && python -m integration.corrupt --count 100000

The number of the corruption at hand stands in corruption.txt of the temporary folder, so that the culprit is known when
it dies; `--only NUMBER --keep FILE` makes that one again.
"""

import argparse
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from conversion import convert
from integration.made_captures import small_traffic
from reference import MODES
from reference.frames import pcap, pcapng
from shared_captures import corpus_captures, golden_captures

LARGEST = 100_000  # octets: larger captures take long and show no more
PATIENCE = 10  # seconds for one capture, of which the largest takes some milliseconds
EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

Change = Callable[[bytearray, int, Random], None]


def flip_bit(octets: bytearray, at: int, random: Random) -> None:
    octets[at] ^= 1 << random.randrange(8)


def set_octets(octets: bytearray, at: int, random: Random) -> None:
    octets[at : at + 8] = random.randbytes(len(octets[at : at + 8]))


def set_number(octets: bytearray, at: int, random: Random) -> None:
    """A length, count or offset that nobody expects."""
    number = random.choice(EXTREMES).to_bytes(4, random.choice(("little", "big")))
    octets[at : at + 4] = number[: len(octets) - at]


def cut(octets: bytearray, at: int, random: Random) -> None:
    del octets[at:]


def remove(octets: bytearray, at: int, random: Random) -> None:
    del octets[at : at + random.randrange(1, 64)]


def repeat(octets: bytearray, at: int, random: Random) -> None:
    octets[at:at] = octets[at : at + random.randrange(1, 512)]


CHANGES: tuple[Change, ...] = (flip_bit, flip_bit, set_octets, set_number, set_number, cut, remove, repeat)


def corrupted(capture: bytes, random: Random) -> bytes:
    """The capture after up to 20 changes, half of them near its beginning, where the file's own headers are."""
    octets = bytearray(capture)
    for _ in range(random.randint(1, 20)):
        if not octets:
            break
        nearby = random.random() < 0.5
        at = random.randrange(min(len(octets), 256) if nearby else len(octets))
        random.choice(CHANGES)(octets, at, random)
    return bytes(octets)


def options(random: Random) -> dict[str, Any]:
    return {
        "mode": random.choice(MODES),
        "protocols": random.choice(("tcp,udp", "all")),
        "decapsulate": random.random() < 0.5,
        "max_flows": random.choice((None, 1, 4)),
        "max_duration": random.choice((None, 1)),
        "batch_size": random.choice((1, 1024)),
    }


def check(capture: bytes, random: Random) -> None:
    """Converts a capture, and counts its packets."""
    signal.alarm(PATIENCE)  # its default action ends the process, from within native code too
    conversion = convert(capture, **options(random))
    signal.alarm(0)
    counters = conversion.counters
    assert counters["packets"] == counters["in_flows"] + sum(counters["skipped"].values()), counters
    assert counters["flows"] == len(conversion.rows), counters


def captures() -> list[bytes]:
    """Ours, and those of other people that are there."""
    made = [pcap(small_traffic()), pcapng(small_traffic())]
    paths = [path for path in golden_captures() + corpus_captures() if path.stat().st_size <= LARGEST]
    return made + [path.read_bytes() for path in paths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--only", type=int, help="this corruption alone")
    parser.add_argument("--keep", type=Path, help="write the corrupted capture to this file first")
    arguments = parser.parse_args()
    originals = captures()
    where = Path(tempfile.gettempdir()) / "corruption.txt"
    numbers = range(arguments.count) if arguments.only is None else [arguments.only]
    for number in numbers:
        if number % 10_000 == 0 or arguments.only is not None:
            print(f"from {number}", flush=True)
        where.write_text(str(number))
        random = Random(f"{arguments.seed}/{number}")
        capture = corrupted(random.choice(originals), random)
        if arguments.keep is not None:
            arguments.keep.write_bytes(capture)
        check(capture, random)
    print(f"{len(numbers)} corrupted captures converted")


if __name__ == "__main__":
    main()
