"""The two Python tools that flowedge is compared with, in an environment of their own."""

import functools
import subprocess
import tomllib
import venv
from pathlib import Path

from measure import Usage, usage_of
from programs import BUILD, ROOT, Unavailable

FOLDER = BUILD / "rivals"
OUT = BUILD / "rival.csv"

NETFLOWER = "import sys, netflower; netflower.convert_pcap_to_csv(sys.argv[1], sys.argv[2], n_jobs=1)"
NFSTREAM = """\
import sys
from nfstream import NFStreamer
NFStreamer(source=sys.argv[1], statistical_analysis=True, n_dissections=0, n_meters=1).to_csv(sys.argv[2])
"""


def run(script: str, capture: Path) -> Usage:
    """NETFLOWER or NFSTREAM, capture to CSV, as a whole command."""
    OUT.unlink(missing_ok=True)
    return usage_of([python(), "-c", script, capture, OUT])


@functools.cache
def python() -> Path:
    """Unavailable if the tools cannot be installed."""
    python, installed = FOLDER / "bin" / "python", FOLDER / "installed"
    if not installed.exists():
        venv.create(FOLDER, with_pip=True, clear=True)
        done = subprocess.run([python, "-m", "pip", "install", "--quiet", *_pins()], capture_output=True, text=True)
        if done.returncode != 0:
            raise Unavailable(f"{', '.join(_pins())} cannot be installed: {done.stderr.strip().rpartition(chr(10))[2]}")
        installed.touch()
    return python


def _pins() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as project:
        pins: list[str] = tomllib.load(project)["dependency-groups"]["bench"]
    return pins
