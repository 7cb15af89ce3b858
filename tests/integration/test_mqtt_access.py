"""Brokers that cannot be reached, that cannot be trusted, or that refuse: one sentence each, and trying again."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from integration import broker as mosquitto
from integration import certificates
from integration.agent_process import wait_until
from integration.broker import Broker, free_port
from integration.certificates import Authority
from integration.mqtt import Notes, connected, emptied, in_haste, make_sink, window

pytestmark = [
    pytest.mark.skipif(mosquitto.program() is None, reason="mosquitto is not installed"),
    pytest.mark.skipif(not certificates.available(), reason="openssl is not installed"),
    # paho leaves the socket of a failed handshake to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <.*socket.*:pytest.PytestUnraisableExceptionWarning"),
]
SECRET = "correct horse"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> list[str]:
    """A listener's configuration for the host name localhost."""
    return secured(*authority.issue("localhost"))


def secured(certificate: Path, key: Path) -> list[str]:
    return [f"certfile {certificate}", f"keyfile {key}"]


def complaint(url: str, **settings: Any) -> str:
    """What the sink says of the broker, after it has tried a few times and still has its window."""
    notes = Notes()
    sink = make_sink(url, notes, **settings)
    sink.end_window(window(0))
    in_haste(sink)
    wait_until(lambda: url in str(notes), "a complaint about the broker")
    assert sink.counters().spool.messages == 1
    sink.close(0)
    assert SECRET not in f"{notes}{sink!r}{vars(sink)}"
    about = [text for text in notes.complaints if text.startswith(url) and ": is not" not in text]
    assert len(about) == len(set(about)) == 1, about
    assert "\n" not in about[0]
    return about[0]


def delivers(url: str, **settings: Any) -> Notes:
    notes = Notes()
    sink = make_sink(url, notes, **settings)
    sink.end_window(window(0))
    emptied(sink)
    sink.close()
    return notes


def test_tls(tmp_path: Path, authority: Authority, server: list[str]) -> None:
    with Broker(tmp_path, listener=server) as broker:
        notes = delivers(f"mqtts://localhost:{broker.port}", ca=str(authority.certificate))
    assert notes.complaints == []


def test_an_authority_that_is_not_trusted(tmp_path: Path, server: list[str]) -> None:
    other = Authority(tmp_path, "other")
    with Broker(tmp_path, listener=server) as broker:
        assert "not trusted; give that authority" in complaint(
            f"mqtts://localhost:{broker.port}", ca=str(other.certificate)
        )
        assert "not trusted" in complaint(f"mqtts://localhost:{broker.port}")


def test_another_host_name(tmp_path: Path, authority: Authority, server: list[str]) -> None:
    with Broker(tmp_path, listener=server) as broker:
        text = complaint(f"mqtts://127.0.0.1:{broker.port}", ca=str(authority.certificate))
    assert "its certificate is for another name; give that name in mqtt.url" in text


def test_an_expired_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Broker(tmp_path, listener=secured(*authority.issue("localhost", expired=True))) as broker:
        text = complaint(f"mqtts://localhost:{broker.port}", ca=str(authority.certificate))
    assert "its certificate has expired" in text


def test_not_verified_if_that_is_spelled_out(tmp_path: Path, server: list[str]) -> None:
    with Broker(tmp_path, listener=server) as broker:
        notes = delivers(f"mqtts://127.0.0.1:{broker.port}", insecure=True)
    assert [text for text in notes.complaints if "anybody could be it" in text]


def test_a_client_certificate(tmp_path: Path, authority: Authority, server: list[str]) -> None:
    listener = [*server, f"cafile {authority.certificate}", "require_certificate true"]
    certificate, key = map(str, authority.issue("agent"))
    with Broker(tmp_path, listener=listener) as broker:
        url = f"mqtts://localhost:{broker.port}"
        text = complaint(url, ca=str(authority.certificate))
        notes = delivers(url, ca=str(authority.certificate), certificate=certificate, key=key)
    assert "give mqtt.certificate and mqtt.key" in text
    assert notes.complaints == []


def test_tls_where_none_is_spoken(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        assert "check scheme and port in mqtt.url" in complaint(f"mqtts://localhost:{broker.port}")


def test_plain_where_tls_is_spoken(tmp_path: Path, server: list[str]) -> None:
    with Broker(tmp_path, listener=server) as broker:
        assert "closes the connection without an answer" in complaint(f"mqtt://127.0.0.1:{broker.port}")


@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_passwords(tmp_path: Path, version: str) -> None:
    users, password = tmp_path / "users", tmp_path / "password"
    users.write_text(f"agent:{SECRET}\n")
    subprocess.run(["mosquitto_passwd", "-U", str(users)], check=True)
    settings = {"user": "agent", "password_file": str(password), "version": version}
    with Broker(tmp_path, anonymous=False, general=[f"password_file {users}"]) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        password.write_text("battery staple\n")
        assert "not authorised" in complaint(url, **settings)
        assert "battery" not in complaint(url, **settings)
        assert "check mqtt.user and the password" in complaint(url, version=version)
        password.write_text(f"{SECRET}\n")
        password.chmod(0o600)
        assert delivers(url, **settings).complaints == []


def test_a_password_is_read_anew(tmp_path: Path) -> None:
    users, password = tmp_path / "users", tmp_path / "password"
    users.write_text(f"agent:{SECRET}\n")
    subprocess.run(["mosquitto_passwd", "-U", str(users)], check=True)
    password.write_text("wrong")
    with Broker(tmp_path, anonymous=False, general=[f"password_file {users}"]) as broker:
        notes = Notes()
        sink = make_sink(f"mqtt://127.0.0.1:{broker.port}", notes, user="agent", password_file=str(password))
        sink.end_window(window(0))
        in_haste(sink)
        wait_until(lambda: "not authorised" in str(notes), "the refusal")
        password.write_text(SECRET)
        emptied(sink)
        sink.close()


def test_nobody_listens() -> None:
    assert "nothing listens there" in complaint(f"mqtt://127.0.0.1:{free_port()}")


def test_an_unknown_name() -> None:
    assert "its name cannot be resolved" in complaint("mqtt://broker.invalid:1883")


@contextmanager
def answering(octets: bytes) -> Iterator[int]:
    """A server that answers whatever it is sent first; the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client, suppress(OSError):
                    client.recv(4096)
                    client.sendall(octets)
                    while client.recv(4096):
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"\x20\x03\x00\x84\x00", "does not know this version of MQTT"),
        (b"\x20\x02\x00\x01", "does not know this version of MQTT"),  # as 3.1.1 says it
        (b"\x20\x03\x00\x8a\x00", "banned"),
        (b"\x20\x03\x00\x9a\x00", "no retained messages"),
        (b"\x20\x03\x00\x00\x00\xe0\x01\x8e", "another client has the same name"),
        (b"\xff" * 100, "closes the connection"),
        (b"\x20\x03\x00\x77\x00", "closes the connection"),
        (b"\x20\x06\x00\x00\x04\xff\xff\xff", "closes the connection"),
    ],
)
def test_what_brokers_answer(answer: bytes, text: str) -> None:
    with answering(answer) as port:
        assert text in complaint(f"mqtt://127.0.0.1:{port}")


def test_no_websocket_there(tmp_path: Path) -> None:
    with answering(b"HTTP/1.1 404 Not Found\r\n\r\n") as port:
        assert "WebSocket" in complaint(f"ws://127.0.0.1:{port}")


def test_two_agents_of_one_name(tmp_path: Path) -> None:
    notes = Notes()
    with Broker(tmp_path) as broker:
        url = f"mqtt://127.0.0.1:{broker.port}"
        first, second = make_sink(url, notes), make_sink(url, Notes())
        first.tick()
        connected(first)
        second.tick()
        wait_until(lambda: "give this agent a mqtt.node that no other has" in str(notes), "the complaint")
        first.close()
        second.close()
