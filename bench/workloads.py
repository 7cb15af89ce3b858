"""The captures: synthetic ones from gensyn.c, and a real one where it is at hand. Kept in build/bench."""

import functools
import lzma
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import run
from programs import BUILD, ROOT, Unavailable, program

REAL = "real_snap128.pcap"
FILE_HEADER = 24
RECORD_HEADER = 16


def synthetic(mix: str, live_flows: int, packets: int, packets_per_second: int = 100_000) -> Path:
    """A capture by gensyn.c; `mix` and the numbers are its arguments."""
    path = BUILD / f"{mix}_{live_flows}_{packets}_{packets_per_second}.pcap"
    if not path.exists():
        with _appearing(path) as part:
            run(gensyn(part, mix, live_flows, packets, packets_per_second))
    return path


def gensyn(out: Path, mix: str, live_flows: int, packets: int, packets_per_second: int) -> list[str]:
    """The command that makes such a capture."""
    seed = "1"
    return [str(program("gensyn")), str(out), str(packets), str(live_flows), mix, seed, str(packets_per_second)]


@functools.cache
def real() -> Path:
    """1.2 million real packets, cut to 128 octets; Unavailable where they are not at hand."""
    path = BUILD / REAL
    if not path.exists():
        shared = Path(os.environ.get("FLOWEDGE_SHARED", ROOT.parent / "shared"))
        packed = shared / "bench" / f"{REAL}.xz"
        if not packed.exists():
            raise Unavailable(f"{packed.name} is not at hand (set FLOWEDGE_SHARED)")
        with lzma.open(packed) as source, _appearing(path) as part, part.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    return path


def times_over(capture: Path, times: int) -> Path:
    """A capture several times over, one after the other (pcap): longer, and else as it is."""
    path = BUILD / f"{capture.stem}_{times}x{capture.suffix}"
    if not path.exists():
        octets = capture.read_bytes()
        with _appearing(path) as part, part.open("wb") as out:
            out.write(octets)
            for _ in range(times - 1):
                out.write(octets[FILE_HEADER:])
    return path


def first_packets(capture: Path, count: int) -> Path:
    """A capture of the first packets of another (little-endian pcap)."""
    path = BUILD / f"{capture.stem}_first_{count}.pcap"
    if not path.exists():
        octets = capture.read_bytes()
        with _appearing(path) as part:
            part.write_bytes(octets[: _end_of_packet(octets, count)])
    return path


def _end_of_packet(octets: bytes, count: int) -> int:
    end = FILE_HEADER
    for _ in range(count):
        captured = int.from_bytes(octets[end + 8 : end + 12], "little")
        end += RECORD_HEADER + captured
    return end


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """Where to write so that the file is there whole or not at all."""
    BUILD.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    yield part
    part.rename(path)
