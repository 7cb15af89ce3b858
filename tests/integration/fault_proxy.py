"""A TCP proxy between a client and a server that breaks connections in the ways that networks do."""

import selectors
import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

from integration.broker import free_port

CHUNK = 16 << 10
LOOK_SECONDS = 0.05
RESET_AT_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER without lingering


class FaultProxy:
    """Listens to `port` of 127.0.0.1 and passes on to `server_port`, in a thread, within its block.

    connections     how many clients have been connected to the server
    octets          how many the clients have sent
    """

    def __init__(self, server_port: int) -> None:
        self.connections = 0
        self.octets = 0
        self.delay = 0.0
        """seconds that each chunk is held back"""
        self._server = ("127.0.0.1", server_port)
        self._stalled = threading.Event()
        self._ending = threading.Event()
        self._lock = threading.RLock()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._reset_after: int | None = None
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self.port = free_port()
        self.accept()
        self._thread = threading.Thread(target=self._run, name="fault proxy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self.refuse()
        self.cut()
        self._selector.close()

    def accept(self) -> None:
        """Listens (again)."""
        with self._lock:
            if self._listener is None:
                self._listener = socket.create_server(("127.0.0.1", self.port))
                self._selector.register(self._listener, selectors.EVENT_READ)

    def refuse(self) -> None:
        """Does not listen any more; connections stay."""
        with self._lock:
            if self._listener is not None:
                self._selector.unregister(self._listener)
                self._listener.close()
                self._listener = None

    def cut(self) -> None:
        """Closes every connection."""
        with self._lock:
            while self._peers:
                self._close(next(iter(self._peers)))

    def reset_after(self, octets: int) -> None:
        """Once the clients have sent so many more, resets their connections: in the middle of a message."""
        with self._lock:
            self._reset_after = self.octets + octets

    def stall(self) -> None:
        """Passes nothing on and reads nothing, while connections stay: half-open, as when a cable is pulled."""
        self._stalled.set()

    def resume(self) -> None:
        self._stalled.clear()

    def _run(self) -> None:
        while not self._ending.is_set():
            if self._stalled.is_set():
                time.sleep(LOOK_SECONDS)
                continue
            for key, _ in self._selector.select(LOOK_SECONDS):
                with self._lock:
                    if key.fileobj is self._listener:
                        self._connect()
                    elif key.fileobj in self._peers:
                        self._pass_on(key.fileobj)

    def _connect(self) -> None:
        assert self._listener is not None
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        self.connections += 1
        self._peers |= {client: server, server: client}
        for peer in (client, server):
            self._selector.register(peer, selectors.EVENT_READ, data=peer is client)

    def _pass_on(self, source: socket.socket) -> None:
        from_client = self._selector.get_key(source).data
        try:
            chunk = source.recv(CHUNK)
            time.sleep(self.delay)
            if from_client and self._is_last(chunk):
                source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                self._peers[source].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)
                chunk = b""
            if chunk:
                self._peers[source].sendall(chunk)
        except OSError:
            chunk = b""
        if not chunk:
            self._close(source)

    def _is_last(self, chunk: bytes) -> bool:
        """Passes on what comes before the reset."""
        self.octets += len(chunk)
        if self._reset_after is None or self.octets < self._reset_after:
            return False
        self._reset_after = None
        return True

    def _close(self, peer: socket.socket) -> None:
        for each in (peer, self._peers[peer]):
            del self._peers[each]
            self._selector.unregister(each)
            each.close()
