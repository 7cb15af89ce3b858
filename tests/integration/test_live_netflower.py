"""netflower's examples of live capture, as its README has them but for the import, on both packages."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from integration.agent_process import wait_until
from integration.made_captures import connection
from integration.network import Network

#: The program goes on when something is typed, where the README says that it does other things for a while.
PRELUDE = """\
import sys, time
from {package} import capture_live
time.sleep = lambda seconds: rest_of_your_program()
def rest_of_your_program():
    print("running", flush=True)
    sys.stdin.readline()
"""

ON_FLOW = """
def on_flow(flow: dict):
    print(
        f"{flow['src_ip']}:{flow['src_port']} -> "
        f"{flow['dst_ip']}:{flow['dst_port']} | "
        f"duration={flow['flow_duration']:.3f}s  "
        f"pkts={flow['tot_fwd_pkts'] + flow['tot_bwd_pkts']}"
    )
"""

HANDLE = """
handle = capture_live("eth0", on_flow=on_flow)
handle.start()

rest_of_your_program()

handle.stop()
"""

CONTEXT_MANAGER = """
import time
with capture_live("eth0", on_flow=on_flow) as handle:
    handle.start()
    time.sleep(60)
"""

SAVED = """
handle = capture_live(
    "eth0",
    on_flow=on_flow,
    save_pcap=True,
    pcap_dir="{folder}",
)
handle.start()
rest_of_your_program()
handle.stop()
"""


@pytest.fixture(params=["flowedge", "netflower"])
def package(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed")
    return name


def output_of(network: Network, folder: Path, script: str) -> list[str]:
    """What a script prints that sees a connection of 6 packets before it ends."""
    printed = folder / "printed"
    command = network.in_watched(sys.executable, "-u", "-c", script)
    with printed.open("wb") as out, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out) as process:
        try:
            wait_until(lambda: "running" in printed.read_text() or process.poll() is not None, "the script runs")
            with network.wire() as wire:
                wire.send(connection(40000))
            wait_until(lambda: "pkts=" in printed.read_text(), "the flow is printed")
            process.communicate(b"\n", timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0
    return [line for line in printed.read_text().splitlines() if line != "running"]


@pytest.mark.parametrize("example", [HANDLE, CONTEXT_MANAGER], ids=["handle", "context manager"])
def test_examples(network: Network, tmp_path: Path, package: str, example: str) -> None:
    lines = output_of(network, tmp_path, PRELUDE.format(package=package) + ON_FLOW + example)
    assert len(lines) == 1
    assert lines[0].startswith("10.0.0.1:40000 -> 10.0.0.2:80 | duration=0.")
    assert lines[0].endswith("s  pkts=6")


def test_saved_packets(network: Network, tmp_path: Path, package: str) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    script = PRELUDE.format(package=package) + ON_FLOW + SAVED.format(folder=folder)
    assert len(output_of(network, tmp_path, script)) == 1
    saved = list(folder.iterdir())
    assert len(saved) == 1
    assert saved[0].name.startswith("10.0.0.1-40000-10.0.0.2-80-6-")
    assert saved[0].suffix == ".pcap"
