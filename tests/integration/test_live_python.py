"""flowedge.Capture in a program."""

from pathlib import Path

from integration.made_captures import connection
from integration.network import Network
from integration.programs import output_of

BATCHES = """
import flowedge
def on_batch(interface, batch):
    print(interface, [row["tot_fwd_pkts"] for row in batch.to_dicts()])
with flowedge.Capture("eth0", on_batch=on_batch) as capture:
    rest_of_your_program()
stats = capture.stats()
print(stats["received"], stats["packets"], stats["rows"])
"""

FLOWS = """
import flowedge
def on_flow(flow):
    print(flow["src_port"])
    raise RuntimeError("of the program")
capture = flowedge.Capture(["eth0"], on_flow=on_flow)
capture.start()
rest_of_your_program()
capture.stop()
print(capture.stats()["callback_errors"])
"""


def test_batches(network: Network, tmp_path: Path) -> None:
    assert output_of(network, tmp_path, BATCHES, connection(), "eth0") == ["eth0 [3]", "6 6 1"]


def test_a_callback_that_raises_ends_nothing(network: Network, tmp_path: Path) -> None:
    frames = [*connection(1000), *connection(2000)]
    assert output_of(network, tmp_path, FLOWS, frames, "2000") == ["1000", "2000", "2"]
