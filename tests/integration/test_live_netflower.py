"""netflower's examples of live capture, as its README has them but for the import, on both packages."""

import importlib.util
from pathlib import Path

import pytest
from integration.made_captures import connection
from integration.network import Network
from integration.programs import output_of

PRELUDE = """\
import time
from {package} import capture_live
time.sleep = lambda seconds: rest_of_your_program()
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


def lines_of(network: Network, folder: Path, program: str) -> list[str]:
    """What a program prints that sees one connection."""
    return output_of(network, folder, program, connection(40000), awaited="pkts=")


@pytest.mark.parametrize("example", [HANDLE, CONTEXT_MANAGER], ids=["handle", "context manager"])
def test_examples(network: Network, tmp_path: Path, package: str, example: str) -> None:
    lines = lines_of(network, tmp_path, PRELUDE.format(package=package) + ON_FLOW + example)
    assert len(lines) == 1
    assert lines[0].startswith("10.0.0.1:40000 -> 10.0.0.2:80 | duration=0.")
    assert lines[0].endswith("s  pkts=6")


def test_saved_packets(network: Network, tmp_path: Path, package: str) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    script = PRELUDE.format(package=package) + ON_FLOW + SAVED.format(folder=folder)
    assert len(lines_of(network, tmp_path, script)) == 1
    saved = list(folder.iterdir())
    assert len(saved) == 1
    assert saved[0].name.startswith("10.0.0.1-40000-10.0.0.2-80-6-")
    assert saved[0].suffix == ".pcap"
