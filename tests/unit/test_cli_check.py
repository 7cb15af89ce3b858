"""flowedge check: what it prints, what it finds, and its exit codes."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flowedge.agent import privileges
from flowedge.cli import readiness, run
from flowedge.config import Configuration, read_configuration, sample, with_settings
from flowedge.errors import CaptureError
from flowedge.sources.interfaces import Interface

Said = pytest.CaptureFixture[str]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root asks for others")

INTERFACES = [
    Interface("eth0", "Ethernet", ("192.0.2.1",), up=True, running=True, loopback=False),
    Interface("eth1", "", (), up=False, running=False, loopback=False),
    Interface("wlan0", "", (), up=True, running=False, loopback=False),
]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """One that everybody may enter: pytest's own are closed, to the agent's user too."""
    with tempfile.TemporaryDirectory(prefix="flowedge-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(autouse=True)
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that is fit to capture."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(readiness, "list_interfaces", lambda: INTERFACES)
    monkeypatch.setattr(readiness, "libpcap_version", lambda: "libpcap version 1.10.3")
    monkeypatch.setattr(privileges, "may_open_packet_sockets", lambda: True)


def check(*arguments: str) -> int:
    return run(["check", *arguments])


def test_all_is_well(capsys: Said, tmp_path: Path) -> None:
    assert check("eth0", "--csv", "flows/", "--idle-timeout", "90") == 0
    said = capsys.readouterr()
    assert said.err == "flowedge: ready to capture eth0 with libpcap version 1.10.3\n"
    assert 'idle_timeout = "90s"  # default: "2m"\n' in said.out
    assert 'csv = "flows/"  # default: ""\n' in said.out
    assert said.out.count("# default") == 3
    (tmp_path / "edge.toml").write_text(said.out)
    expected = {"interfaces": ["eth0"], "csv": "flows/", "idle_timeout": 90}
    assert read_configuration("edge.toml") == with_settings(Configuration(), expected)


def test_a_sample_to_begin_with(capsys: Said) -> None:
    assert check("--sample") == 0
    assert capsys.readouterr().out == sample()


def test_a_wrong_configuration_is_not_looked_into(capsys: Said, tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text("[flows]\nmode = 3\nlabel = 4\n")
    assert check("-c", "edge.toml") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "flowedge: edge.toml: flows.mode: 3 is not one of netflower, cicflowmeter, engelen or corrected",
        "flowedge: edge.toml: flows.label: 4 is not a text",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ("", 2, "capture.interfaces: none is given; give one or more (flowedge interfaces lists them)"),
        ("wlan", 3, "capture.interfaces: there is no interface wlan; the nearest is wlan0"),
        ("zzzz", 3, "capture.interfaces: there is no interface zzzz; there are eth0, eth1, wlan0"),
        ("eth1", 3, "capture.interfaces: eth1 is down; sudo ip link set eth1 up"),
        ("wlan0", 0, "warning: capture.interfaces: wlan0 has no link; look at its cable or its network"),
        ("eth0 --filter udp_or", 2, 'the filter "udp_or" does not work'),
        ("eth0 --columns src_up", 2, 'the nearest name is "src_ip"'),
        ("eth0 --csv absent/x.csv", 4, "rows.csv: absent/x.csv cannot be made; make the folder that it is to be in"),
        ("eth0 --jsonl edge.toml/x/", 4, "rows.jsonl: edge.toml/x/ cannot be made; make the folder"),
        ("eth0 --save-pcap edge.toml", 4, "packets.save_pcap: edge.toml is no folder; give another"),
        ("eth0 --stats absent/x", 4, "log.stats: absent/x cannot be made"),
        ("eth0 --csv absent/x/", 0, "ready to capture eth0"),
        ("eth0 --csv -", 0, "ready to capture eth0"),
        ("eth0 eth7 --filter udp_or --csv absent/x.csv", 2, "there is no interface eth7"),
    ],
)
def test_findings(capsys: Said, tmp_path: Path, arguments: str, code: int, text: str) -> None:
    (tmp_path / "edge.toml").touch()
    outputs = [] if "--csv" in arguments else ["--csv", "-"]
    assert check(*arguments.split(), *outputs) == code
    assert text in capsys.readouterr().err


def test_every_finding_is_told(capsys: Said) -> None:
    assert check("eth1", "eth7", "--filter", "udp_or", "--csv", "absent/x.csv") == 2
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_no_output_is_a_warning(capsys: Said) -> None:
    assert check("eth0") == 0
    assert "warning: rows.csv: no output is given, so that CSV goes to" in capsys.readouterr().err
    assert check("eth0", "--save-pcap", "packets") == 0
    assert "no output is given" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "instead", "code", "text"),
    [
        ("privileges.may_open_packet_sockets", lambda: False, 3, "this process may not capture; use sudo, or allow it"),
        ("find_spec", lambda _: None, 2, "this build has no libpcap to capture with; pip install 'flowedge[pcapy]'"),
        ("find_spec", lambda _: "pcapy", 0, "ready to capture eth0 with pcapy-ng version "),
    ],
)
def test_what_the_system_lacks(
    capsys: Said, monkeypatch: pytest.MonkeyPatch, name: str, instead: Callable[..., object], code: int, text: str
) -> None:
    if name == "find_spec":
        pytest.importorskip("pcapy")
        monkeypatch.setattr(readiness, "libpcap_version", lambda: "")
    monkeypatch.setattr(f"flowedge.cli.readiness.{name}", instead)
    assert check("eth0", "--csv", "-") == code
    assert text in capsys.readouterr().err


def test_interfaces_that_cannot_be_listed(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[Interface]:
        raise CaptureError("interfaces: cannot be listed: too bad")

    monkeypatch.setattr(readiness, "list_interfaces", fail)
    assert check("eth0", "--csv", "-") == 3
    assert capsys.readouterr().err == "flowedge: interfaces: cannot be listed: too bad\n"


@pytest.mark.parametrize(("euid", "code"), [(0, 2), (1000, 0)])
def test_a_user_who_is_not_there(capsys: Said, monkeypatch: pytest.MonkeyPatch, euid: int, code: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: euid)
    assert check("eth0", "--csv", "-", "--user", "no-such-user") == code
    assert "capture.user: there is no user 'no-such-user'; give another" in capsys.readouterr().err


@needs_root
def test_outputs_must_suit_the_user_who_writes_them(capsys: Said, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for above in tmp_path.parents[: len(tmp_path.parents) - 2]:
        above.chmod(0o755)
    (tmp_path / "flows").mkdir(mode=0o700)
    flows = f"{tmp_path}/flows/"
    assert check("eth0", "--csv", flows) == 4
    remedy = f"sudo chown nobody {flows}, or give another"
    assert f"rows.csv: {flows} cannot be written by user nobody; {remedy}" in capsys.readouterr().err
    assert check("eth0", "--csv", flows, "--user", "root") == 0
    os.chown(flows, 65534, -1)
    assert check("eth0", "--csv", flows) == 0
