"""A network for tests: two namespaces with wires between them. Nothing enters it, nothing leaves it."""

import ctypes
import itertools
import os
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

INTERFACE = "eth0"
LARGEST_FRAME = 65535  # so that frames which an adapter put together pass too
PATIENCE = 5.0  # seconds that a frame may take from one end of a wire to the other

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 3
SO_TIMESTAMPNS = 35

_numbers = itertools.count()


class NetworkError(Exception):
    """A network cannot be made here; the message says why."""


class Network:
    """Frames are sent in one namespace and watched in the other. Wires have the same name at both ends; they have no
    addresses, so that neither kernel adds a frame of its own.
    """

    def __init__(self) -> None:
        mark = f"flowedge-{os.getpid()}-{next(_numbers)}"
        self.sending, self.watched = f"{mark}-sending", f"{mark}-watched"

    def __enter__(self) -> "Network":
        try:
            for namespace in (self.sending, self.watched):
                _run("ip", "netns", "add", namespace)
                _run("ip", "netns", "exec", namespace, "sh", "-c", _WITHOUT_IPV6)
            self.add_wire()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._remove()

    def _remove(self) -> None:
        for namespace in (self.sending, self.watched):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True)

    def add_wire(self, name: str = INTERFACE) -> None:
        end = ("name", name, "mtu", str(LARGEST_FRAME))
        _run("ip", "-n", self.sending, "link", "add", *end, "type", "veth", "peer", *end, "netns", self.watched)
        for namespace in (self.sending, self.watched):
            _run("ip", "-n", namespace, "link", "set", name, "up")

    def remove_wire(self, name: str = INTERFACE) -> None:
        _run("ip", "-n", self.watched, "link", "del", name)

    def set_watched(self, state: str, name: str = INTERFACE) -> None:
        """Turns the watched end "up" or "down"."""
        _run("ip", "-n", self.watched, "link", "set", name, state)

    def rename_watched(self, name: str, new_name: str) -> None:
        """Gives the watched end another name; it is up before and after."""
        self.set_watched("down", name)
        _run("ip", "-n", self.watched, "link", "set", name, "name", new_name)
        self.set_watched("up", new_name)

    def received(self, name: str = INTERFACE) -> int:
        """Frames that have reached the watched end of a wire."""
        counter = f"/sys/class/net/{name}/statistics/rx_packets"
        return int(subprocess.run(self.in_watched("cat", counter), capture_output=True, check=True).stdout)

    def in_sending(self, *command: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
        return ["ip", "netns", "exec", self.sending, *command]

    def in_watched(self, *command: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
        return ["ip", "netns", "exec", self.watched, *command]

    def wire(self, name: str = INTERFACE) -> "Wire":
        return Wire(self, name)


class Wire:
    """Both ends of a wire, in the hands of this process, for as long as the wire is not removed."""

    def __init__(self, network: Network, name: str) -> None:
        self._sender = _socket_in(network.sending, name, protocol=0)
        self._watcher = _socket_in(network.watched, name, ETH_P_ALL)
        # Every frame in the host is stamped once for all from now on: other watchers see the stamps that this one sees.
        self._watcher.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._watcher.settimeout(PATIENCE)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._sender.close()
        self._watcher.close()

    def send(self, frames: Iterable[bytes]) -> list[int]:
        """Sends frames, each when the one before has arrived; the stamps of their arrival, in nanoseconds."""
        return [self._send(frame) for frame in frames]

    def _send(self, frame: bytes) -> int:
        self._sender.send(frame)
        _, controls, _, _ = self._watcher.recvmsg(1, 128)
        stamps = [data for level, kind, data in controls if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
        seconds, nanoseconds = struct.unpack("@ll", stamps[0])
        return int(seconds * 10**9 + nanoseconds)


def why_none() -> str:
    """Why there can be no network here; empty if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "network namespaces need the command ip (package iproute2)"
    try:
        with Network() as network, network.wire() as wire:
            wire.send([bytes(60)])
    except (NetworkError, OSError) as error:
        return f"no network namespaces here: {error}"
    return ""


#: Before a wire is there: its ends would ask the neighbourhood for their addresses otherwise.
_WITHOUT_IPV6 = """\
for scope in all default; do
  setting=/proc/sys/net/ipv6/conf/$scope/disable_ipv6
  if [ -e $setting ]; then echo 1 >$setting; fi
done
"""


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise NetworkError(f"{' '.join(command[:4])} ...: {done.stderr.strip()}")


def _socket_in(namespace: str, interface: str, protocol: int) -> socket.socket:
    """A socket stays in the namespace where it was made; the thread that goes there to make it ends with it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_enter_and_open, namespace, interface, protocol).result()


def _enter_and_open(namespace: str, interface: str, protocol: int) -> socket.socket:
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}", "rb") as place:
        if libc.setns(place.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    opened.bind((interface, protocol))
    return opened
