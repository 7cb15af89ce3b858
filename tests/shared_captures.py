"""Captures of other people, read where they lie: in ../shared beside the checkout, or in $FLOWEDGE_SHARED."""

import os
from pathlib import Path

import pytest

SUFFIXES = (".pcap", ".pcapng")
ABSENT = "no captures: neither $FLOWEDGE_SHARED nor ../shared beside the checkout is there"


def find_shared() -> Path | None:
    """The folder of captures, if there is one."""
    folder = Path(os.environ.get("FLOWEDGE_SHARED") or Path(__file__).parents[2] / "shared")
    return folder if (folder / "spec" / "golden").is_dir() else None


def golden_captures(folder: str = "pcap") -> list[Path]:
    return _captures_in("spec/golden", folder)


def corpus_captures() -> list[Path]:
    return _captures_in("corpus")


def _captures_in(*parts: str) -> list[Path]:
    shared = find_shared()
    return sorted(p for p in shared.joinpath(*parts).iterdir() if p.suffix in SUFFIXES) if shared else []


def each_capture(captures: list[Path]) -> pytest.MarkDecorator:
    """Runs a test once a capture; skips it, saying why, where there are none."""
    if not captures:
        return pytest.mark.parametrize("capture", [pytest.param(None, marks=pytest.mark.skip(reason=ABSENT))])
    return pytest.mark.parametrize("capture", captures, ids=lambda path: f"{path.parent.name}/{path.name}")
