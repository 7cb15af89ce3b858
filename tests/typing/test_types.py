"""The types are tested, not trusted."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is not installed (dependency group lint)")


def run(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_uses_have_their_types() -> None:
    assert run("mypy", "--strict", str(Path(__file__).with_name("uses.py"))) == ""


def test_the_stub_is_the_module() -> None:
    assert run("mypy.stubtest", "--concise", "flowedge._core") == ""
