"""Capture files: plain or compressed, standard input, and folders of them."""

import io
import os
import re
import select
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

from flowedge._core import CaptureReader
from flowedge.errors import (
    CaptureError,
    MissingInputError,
    MissingPackageError,
    NotACaptureError,
    PermissionDeniedError,
)

T = TypeVar("T")

STANDARD_INPUT = "-"
STANDARD_INPUT_DESCRIPTOR = 0
GZIP_MAGIC = b"\x1f\x8b"
XZ_MAGIC = b"\xfd7zXZ\x00"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LONGEST_MAGIC = 6
COMPRESSED_BLOCK = 1 << 18
# A rotation number and the compressor's suffix may follow: x.pcap3, x.pcap.1, x.pcap.gz.
CAPTURE_NAME = re.compile(r"(?P<stem>[^.].*?)\.(pcap|pcapng|cap|dmp)\d*(\.\d+)*(\.(gz|xz|zst))?", re.IGNORECASE)


class Readable(Protocol):
    """What CaptureReader reads from when it is not a descriptor. It raises what is wrong with the stream."""

    def readinto(self, into: memoryview, /) -> int | None: ...


@dataclass(frozen=True)
class OpenCapture:
    """A capture that is being read."""

    name: str
    reader: CaptureReader
    raw: io.FileIO
    size: int | None
    """octets of the file as it is stored; None: a pipe"""

    @property
    def octets_taken(self) -> int:
        """Octets of the stored file read so far."""
        return self.reader.octets_read if self.size is None else self.raw.tell()

    def problem(self) -> CaptureError | None:
        """How the capture ended, once it has: None if well."""
        if self.reader.status == "end":
            return None
        if self.reader.status in ("empty", "not_a_capture") or self.reader.octets_read == 0:
            return NotACaptureError(f"{self.name}: {self._sentence()}")
        return CaptureError(f"{self.name}: {self._sentence()}; the flows up to there are kept")

    def _sentence(self) -> str:
        if isinstance(self.reader.exception, EOFError):
            return "the compressed file is cut short"
        if self.reader.exception is not None:
            return f"cannot be read: {self.reader.exception}"
        return self.reader.problem


@contextmanager
def open_capture(path: str) -> Iterator[OpenCapture]:
    """Opens a capture (pcap or pcapng; plain, gzip, xz or zstd; "-" is standard input) for a FlowEngine to read.

    Raises MissingInputError, PermissionDeniedError, CaptureError.
    """
    name = "standard input" if path == STANDARD_INPUT else path
    with _open_raw(path, name) as raw:
        try:
            source = _source(raw)
        except OSError as error:
            raise NotACaptureError(f"{name}: cannot be read: {error.strerror}") from error
        yield OpenCapture(name, CaptureReader(source), raw, stored_size(path))


def stored_size(path: str) -> int | None:
    """Octets of a regular file; None for anything else."""
    return os.path.getsize(path) if path != STANDARD_INPUT and os.path.isfile(path) else None


def capture_paths(inputs: Iterable[str]) -> list[str]:
    """The captures that inputs name, with each folder's captures, sorted, in its place.

    A folder that holds none, or cannot be listed, stays as it is: to open it says what is wrong.
    """
    return [path for each in inputs for path in (_captures_in(each) or [each])]


def _captures_in(folder: str) -> list[str]:
    if not os.path.isdir(folder):
        return []
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    paths = [os.path.join(folder, name) for name in names if CAPTURE_NAME.fullmatch(name)]
    return [path for path in paths if not os.path.isdir(path)]


def _open_raw(path: str, name: str) -> io.FileIO:
    if os.path.isdir(path) and os.access(path, os.R_OK | os.X_OK):
        raise MissingInputError(f"{name}: holds no capture (*.pcap, *.pcapng, *.cap, *.dmp, or these compressed)")
    try:
        if path == STANDARD_INPUT:
            return io.FileIO(STANDARD_INPUT_DESCRIPTOR, closefd=False)
        return io.FileIO(path)
    except FileNotFoundError:
        raise MissingInputError(f"{name}: no such file") from None
    except (PermissionError, IsADirectoryError):
        raise PermissionDeniedError(f"{name}: this user may not read it; change its mode or run as its owner") from None
    except OSError as error:
        raise NotACaptureError(f"{name}: cannot be opened: {error.strerror}") from error


def _source(raw: io.FileIO) -> int | Readable:
    """What the engine reads from: the descriptor itself wherever that can be."""
    head = _read_head(raw)
    stored: io.RawIOBase = raw
    if raw.seekable():
        raw.seek(-len(head), os.SEEK_CUR)
    else:
        stored = RewoundPipe(head, raw)
    if head.startswith((GZIP_MAGIC, XZ_MAGIC, ZSTD_MAGIC)):
        return _decompressor(head, io.BufferedReader(stored, COMPRESSED_BLOCK))
    return raw.fileno() if stored is raw else stored


def _read_head(raw: io.FileIO) -> bytes:
    """The first octets; fewer only if there are no more (a pipe may give them one at a time)."""
    head = b""
    while len(head) < LONGEST_MAGIC:
        more = _blocking(raw, partial(raw.read, LONGEST_MAGIC - len(head)))
        if not more:
            break
        head += more
    return head


def _blocking(raw: io.FileIO, read: Callable[[], T | None]) -> T:
    """What read() gives once there is something: a pipe may have been made non-blocking by somebody else."""
    while (got := read()) is None:
        select.select([raw], [], [])
    return got


class RewoundPipe(io.RawIOBase):
    """A pipe whose first octets were read already."""

    def __init__(self, head: bytes, rest: io.FileIO) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview, /) -> int | None:  # type: ignore[override]
        if not self._head:
            count: int = _blocking(self._rest, partial(self._rest.readinto, into))
            return count
        count = min(len(into), len(self._head))
        into[:count] = self._head[:count]
        self._head = self._head[count:]
        return count


def _decompressor(head: bytes, stored: io.BufferedReader) -> Readable:
    if head.startswith(GZIP_MAGIC):
        import gzip

        return gzip.GzipFile(fileobj=stored)
    if head.startswith(XZ_MAGIC):
        import lzma

        return lzma.LZMAFile(stored)
    return _zstd_decompressor(stored)


def _zstd_decompressor(stored: io.BufferedReader) -> Readable:
    if sys.version_info >= (3, 14):
        from compression import zstd

        return zstd.ZstdFile(stored)
    try:
        import zstandard
    except ImportError:
        raise MissingPackageError(
            "a zstd capture needs the package zstandard: pip install 'flowedge[zstd]', or decompress it first"
        ) from None
    return ZstdStream(stored, zstandard.ZstdDecompressor)


class ZstdStream(io.RawIOBase):
    """A zstd file, decompressed; the package's own reader takes a file that is cut short for a whole one."""

    PIECE = 1 << 12  # octets given to the decompressor at once: it has no bound on what it gives back

    def __init__(self, stored: io.BufferedReader, decompressor: Callable[[], Any]) -> None:
        self._stored = stored
        self._new = decompressor
        self._frame = decompressor().decompressobj()
        self._in_frame = False
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview, /) -> int:  # type: ignore[override]
        while not self._output:
            if not self._input:
                self._input = self._stored.read1(self.PIECE)
            if not self._input:
                if self._in_frame:
                    raise EOFError
                return 0
            self._output = memoryview(self._decompress())
        count = min(len(into), len(self._output))
        into[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def _decompress(self) -> bytes:
        piece: bytes = self._frame.decompress(self._input)
        self._in_frame = not self._frame.eof
        self._input = self._frame.unused_data
        if self._frame.eof:
            self._frame = self._new().decompressobj()
        return piece
