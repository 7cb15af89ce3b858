"""How to reach an MQTT broker: its address, whom to trust, who asks. Who publishes and who subscribes share it."""

import os
import random
import ssl
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import SplitResult, urlsplit

from flowedge.errors import PermissionDeniedError, UsageError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

MqttVersion: TypeAlias = Literal["5", "3.1.1"]

SCHEMES = {"mqtt": 1883, "mqtts": 8883, "ws": 80, "wss": 443}
"""With the port that each has by default."""
_ENCRYPTED = ("mqtts", "wss")
_WEBSOCKETS = ("ws", "wss")
_WEBSOCKET_PATH = "/mqtt"
_CREDENTIAL = "mqtt-password"
_VARIABLE = "FLOWEDGE_MQTT_PASSWORD"
_MAX_SECRET_OCTETS = 65_535  # as many as MQTT can carry
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds


@dataclass(frozen=True)
class Address:
    """Where a broker listens."""

    scheme: str
    host: str
    port: int
    path: str
    """of a websocket"""

    @property
    def encrypted(self) -> bool:
        return self.scheme in _ENCRYPTED

    @property
    def websocket(self) -> bool:
        return self.scheme in _WEBSOCKETS

    @property
    def is_this_host(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who asks, and whom to trust."""

    user: str = ""
    password_file: str = ""
    """without it, systemd's credential mqtt-password or the environment's FLOWEDGE_MQTT_PASSWORD"""
    ca: str = ""
    """file with the certificates to trust; without it, the system's"""
    certificate: str = ""
    """file with this client's certificate"""
    key: str = ""
    """file with its key; without it, the key is in `certificate`"""
    insecure: bool = False
    """do not verify the broker: anybody could be it"""


def parse_address(url: str) -> Address:
    """Raises UsageError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"url: is no URL: {error}") from None
    if "@" in url:  # wherever: what is not understood is repeated below
        raise UsageError("url: carries a user or password, which every list of processes shows; give the user apart")
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise UsageError(f"url: {url!r} is none of mqtt://, mqtts://, ws:// or wss://HOST[:PORT]")
    return Address(parts.scheme, parts.hostname, port or SCHEMES[parts.scheme], _path(url, parts))


def _path(url: str, parts: SplitResult) -> str:
    if parts.query or parts.fragment or (parts.path not in ("", "/") and parts.scheme not in _WEBSOCKETS):
        raise UsageError(f"url: {url!r} goes on after the port, which only the path of ws:// and wss:// may")
    return parts.path or _WEBSOCKET_PATH


class Credentials:
    """Password and certificates, as they were last read.

    Whoever gave up privileges after reading them may not be able to read them again: then they stay as they are.
    """

    def __init__(self, address: Address, access: Access) -> None:
        """Reads them. Raises UsageError for settings that contradict each other or files that are not there or hold
        something else, PermissionDeniedError for files that may not be read."""
        self._address = address
        self._access = access
        self.user = access.user
        self._read()

    def refresh(self) -> None:
        """Reads them again. Raises UsageError."""
        with suppress(PermissionDeniedError):
            self._read()

    def _read(self) -> None:
        self.tls = tls_context(self._address, self._access)
        self.password = password(self._access) if self.user else None


def make_client(
    address: Address,
    credentials: Credentials,
    *,
    client_id: str,
    version: MqttVersion,
    clean_session: bool = False,
    manual_ack: bool = False,
) -> "Client":
    """A paho client that is not connected yet nor reconnects by itself; `clean_session` is that of MQTT 3.1.1."""
    from paho.mqtt import client as paho
    from paho.mqtt.enums import CallbackAPIVersion

    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=clean_session if version == "3.1.1" else None,
        protocol=paho.MQTTv311 if version == "3.1.1" else paho.MQTTv5,
        transport="websockets" if address.websocket else "tcp",
        reconnect_on_failure=False,
        manual_ack=manual_ack,
    )
    if address.websocket:
        client.ws_set_options(address.path)
    if credentials.tls is not None:
        client.tls_set_context(credentials.tls)
    if credentials.user:
        client.username_pw_set(credentials.user, credentials.password)
    return client


def tls_context(address: Address, access: Access) -> ssl.SSLContext | None:
    """None for a connection that is not encrypted. Raises as Credentials does."""
    if not address.encrypted:
        if access.ca or access.certificate or access.key or access.insecure:
            raise UsageError(f"{address}: is not encrypted and takes no certificates; give mqtts:// or wss://")
        return None
    context = _context_that_trusts(access.ca)
    if access.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if access.certificate:
        _load_certificate(context, access)
    elif access.key:
        raise UsageError("key: is of no use alone; give the certificate as well")
    return context


def _context_that_trusts(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except PermissionError as error:
        raise PermissionDeniedError(f"{ca}: cannot be read: {error.strerror}") from error
    except OSError as error:  # an SSLError is one
        raise UsageError(f"{ca}: holds no certificates to trust: {error.strerror or error}") from error


def _load_certificate(context: ssl.SSLContext, access: Access) -> None:
    def no_passphrase() -> str:
        raise UsageError(f"{access.key or access.certificate}: the key has a passphrase; store it without one")

    name = access.certificate + (f", {access.key}" if access.key else "")
    try:
        context.load_cert_chain(access.certificate, access.key or None, no_passphrase)
    except PermissionError as error:
        raise PermissionDeniedError(f"{name}: cannot be read: {error.strerror}") from error
    except OSError as error:
        raise UsageError(f"{name}: is no certificate with its key: {error.strerror or error}") from error


def password(access: Access) -> str | None:
    """From the first place that has one. Raises UsageError, PermissionDeniedError."""
    if access.password_file:
        return _secret(access.password_file)
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    credential = os.path.join(folder, _CREDENTIAL)
    if folder and os.path.exists(credential):
        return _secret(credential)
    return os.environ.get(_VARIABLE)


def _secret(path: str) -> str:
    """The file's text without the newline at its end."""
    try:
        with open(path, encoding="utf-8") as stream:
            text = stream.read(_MAX_SECRET_OCTETS + 1)
    except PermissionError as error:
        raise PermissionDeniedError(f"{path}: cannot be read: {error.strerror}") from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: holds no password: {getattr(error, 'strerror', None) or error}") from error
    if not text.strip() or len(text.encode()) > _MAX_SECRET_OCTETS:
        raise UsageError(f"{path}: holds no password of up to {_MAX_SECRET_OCTETS} octets")
    return text.rstrip("\r\n")


def warnings_of(address: Address, access: Access) -> Iterator[str]:
    """What whoever connects should know, a sentence each."""
    if not address.encrypted and not address.is_this_host:
        whom = "everybody on the way reads along" + (", the password too" if access.user else "")
        yield f"{address}: is not encrypted: {whom}; use mqtts:// if the broker has it"
    if access.insecure:
        yield f"{address}: is not verified: anybody could be it"
    if access.password_file and _is_open_to_all(access.password_file):
        yield f"{access.password_file}: everybody on this host may read the password; chmod o= {access.password_file}"


def _is_open_to_all(path: str) -> bool:
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:  # whoever reads it will say so
        return False


def pauses(draw: Any = random.uniform) -> Iterator[float]:
    """Seconds to wait before each further attempt to connect.

    They double up to a minute, each shortened at random to as little as half, so that the clients of a broker that
    comes back do not all come at once.
    """
    longest = _FIRST_PAUSE
    while True:
        yield draw(longest / 2, longest)
        longest = min(2 * longest, _LONGEST_PAUSE)
