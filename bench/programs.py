"""The native programs of this folder, built when they are asked for."""

import functools
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = ROOT / "build" / "bench"

NATIVE_SOURCES = sorted((ROOT / "native" / "src").glob("*/*.cpp"))
NATIVE_HEADERS = sorted((ROOT / "native").glob("*/**/*.hpp"))
PACKAGE_SOURCES = [*NATIVE_SOURCES, *NATIVE_HEADERS, *sorted((ROOT / "src" / "flowedge").glob("**/*.p[xy]*"))]


class BenchError(Exception):
    """A row cannot be measured; the message says why."""


class Unavailable(BenchError):
    """What a row needs is not on this machine."""


@functools.cache
def program(name: str) -> Path:
    """Path of a C program of this folder. The floors may use what the processor has, as the engine's build does not."""
    return _build(name, [os.environ.get("CC", "cc"), "-O3", *_this_processor()], [BENCH / f"{name}.c"], ["-lm"])


@functools.cache
def csv_floor() -> Path:
    compiler = [os.environ.get("CXX", "c++"), "-std=c++17", "-O3", *_this_processor()]
    return _build("csv_floor", compiler, [BENCH / "csv_floor.cpp"], [])


@functools.cache
def engine_bench() -> Path:
    """The engine with the flags of setup.py, and with symbols."""
    flags = ["-std=c++17", "-O3", "-g", "-ffp-contract=off", "-fvisibility=hidden", f"-I{ROOT / 'native' / 'include'}"]
    sources = [BENCH / "engine_bench.cpp", *NATIVE_SOURCES]
    return _build("engine_bench", [os.environ.get("CXX", "c++"), *flags], sources, [], NATIVE_HEADERS)


def _build(
    name: str, compiler: list[str], sources: list[Path], libraries: list[str], headers: Sequence[Path] = ()
) -> Path:
    target = BUILD / name
    if not up_to_date(target, [*sources, *headers]):
        BUILD.mkdir(parents=True, exist_ok=True)
        command = [*compiler, *map(str, sources), "-o", str(target), *libraries]
        try:
            subprocess.run(command, check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchError(f"{name} could not be built: {error}") from error
    return target


def up_to_date(target: Path, sources: Sequence[Path]) -> bool:
    return target.exists() and target.stat().st_mtime > max(source.stat().st_mtime for source in sources)


def _this_processor() -> list[str]:
    """AVX2 where it is to be had: the fastest floor is the fairest one."""
    if platform.machine() == "x86_64" and " avx2 " in Path("/proc/cpuinfo").read_text():
        return ["-march=x86-64-v3"]
    return []


if __name__ == "__main__":
    print(engine_bench())
