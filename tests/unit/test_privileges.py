"""What is left of root once the agent has dropped it; each test in a process of its own."""

import os
import subprocess
import sys
from textwrap import dedent

import pytest

from flowedge.agent import privileges
from flowedge.errors import UsageError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: there is nothing to drop")

OPEN_PACKET_SOCKET = "socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()"


def run_dropped(code: str, user: str = "nobody") -> str:
    """Runs code after drop(); what it prints."""
    program = dedent("""\
        import os, pathlib, socket, threading
        from flowedge.agent import privileges
        privileges.drop(privileges.account({user!r}))
        """).format(user=user) + dedent(code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_root
def test_another_user_without_effective_capabilities() -> None:
    status = dict(
        line.split(":\t", 1)
        for line in run_dropped("print(pathlib.Path('/proc/self/status').read_text())").splitlines()
        if ":\t" in line
    )
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].split() == []
    for empty in ("CapEff", "CapInh", "CapBnd", "CapAmb"):
        assert int(status[empty], 16) == 0, empty
    assert int(status["CapPrm"], 16) == 1 << privileges.CAP_NET_RAW
    assert status["NoNewPrivs"] == "1"


@needs_root
def test_packet_sockets_open_only_where_they_are_meant_to() -> None:
    printed = run_dropped(f"""\
        def attempt():
            try:
                {OPEN_PACKET_SOCKET}
                print("opened")
            except PermissionError:
                print("refused")

        def inside_and_outside():
            attempt()
            with privileges.packet_sockets():
                attempt()
            attempt()

        inside_and_outside()
        thread = threading.Thread(target=inside_and_outside)
        thread.start()
        thread.join()
        """)
    assert printed.split() == ["refused", "opened", "refused"] * 2


@needs_root
def test_root_cannot_be_had_back() -> None:
    printed = run_dropped("""\
        for become in (lambda: os.setuid(0), lambda: os.setresuid(-1, 0, -1), lambda: os.setgroups([0])):
            try:
                become()
                print("allowed")
            except PermissionError:
                print("refused")
        """)
    assert printed.split() == ["refused"] * 3


@needs_root
def test_who_stays_root_has_no_capabilities_either() -> None:
    assert run_dropped("print(os.getuid(), privileges._capabilities()[0])", user="root").split() == ["0", "0"]


@needs_root
def test_unknown_user() -> None:
    with pytest.raises(UsageError, match="there is no user 'nosuchuser'; give another with --user"):
        privileges.account("nosuchuser")
