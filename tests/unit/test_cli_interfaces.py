"""flowedge interfaces."""

import json

import pytest

from flowedge.agent import privileges
from flowedge.cli import readiness, run
from flowedge.errors import InterfaceError
from flowedge.sources.interfaces import Interface, list_interfaces

Said = pytest.CaptureFixture[str]

INTERFACES = [
    Interface("eth0", "Ethernet", ("192.0.2.1", "fe80::1"), up=True, running=True, loopback=False),
    Interface("wlan0", "", (), up=True, running=False, loopback=False),
    Interface("lo", "Loopback", ("127.0.0.1",), up=False, running=False, loopback=True),
]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowedge.sources.interfaces.list_interfaces", lambda: INTERFACES)
    monkeypatch.setattr(readiness, "libpcap_version", lambda: "libpcap version 1.10.3")
    monkeypatch.setattr(privileges, "may_open_packet_sockets", lambda: True)


@pytest.mark.usefixtures("system")
def test_a_table_that_can_be_grepped(capsys: Said) -> None:
    assert run(["interfaces"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "eth0   running  192.0.2.1,fe80::1  Ethernet",
        "wlan0  up       -",
        "lo     down     127.0.0.1          Loopback",
    ]
    assert said.err == "flowedge: captured with libpcap version 1.10.3\n"


@pytest.mark.usefixtures("system")
def test_a_list_for_programs(capsys: Said) -> None:
    assert run(["interfaces", "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in listed] == ["eth0", "wlan0", "lo"]
    assert listed[0] == {
        "name": "eth0",
        "description": "Ethernet",
        "addresses": ["192.0.2.1", "fe80::1"],
        "up": True,
        "running": True,
        "loopback": False,
    }


@pytest.mark.usefixtures("system")
def test_there_may_be_none(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowedge.sources.interfaces.list_interfaces", list)
    assert run(["interfaces"]) == 0
    assert capsys.readouterr().out == ""
    assert run(["interfaces", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.usefixtures("system")
def test_who_may_not_capture_is_told(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileges, "may_open_packet_sockets", lambda: False)
    assert run(["interfaces"]) == 0
    assert "warning: this process may not capture; use sudo" in capsys.readouterr().err


def test_a_list_that_cannot_be_had(capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[Interface]:
        raise InterfaceError("interfaces: cannot be listed: too bad")

    monkeypatch.setattr("flowedge.sources.interfaces.list_interfaces", fail)
    assert run(["interfaces"]) == 3
    assert capsys.readouterr() == ("", "flowedge: interfaces: cannot be listed: too bad\n")


def test_the_system_s_own(capsys: Said) -> None:
    assert run(["interfaces"]) == 0
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == [each.name for each in list_interfaces()]
    assert said.err.startswith("flowedge: captured with ")
