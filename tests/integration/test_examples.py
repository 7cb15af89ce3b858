"""The examples do what the README says they do."""

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, *arguments: str) -> str:
    command = [sys.executable, str(EXAMPLES / example), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_demonstration_shows_ten_flows(tmp_path: Path) -> None:
    capture = str(tmp_path / "demo.pcap")
    run("demo_capture.py", capture)
    assert "10 flows" in run("show_flows.py", capture)
