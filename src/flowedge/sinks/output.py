"""Where a sink's octets go: a file that appears only when it is complete, or a pipe or device as it is."""

import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from typing import BinaryIO

from flowedge.errors import SinkError

STANDARD_OUTPUT = "-"
STANDARD_OUTPUT_DESCRIPTOR = 1

_numbers = count()


@contextmanager
def reporting(name: str) -> Iterator[None]:
    """Turns an OSError into a SinkError with the output's name, but lets BrokenPipeError pass."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SinkError(f"{name}: cannot be written: {error.strerror or error}") from error


class Output:
    """An open output; on an error of the system it raises SinkError, but BrokenPipeError as it is."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name = name
        self.stream = stream

    def reporting(self) -> AbstractContextManager[None]:
        """Turns an OSError of whoever writes to `stream` into a SinkError with the output's name."""
        return reporting(self.name)

    def write(self, octets: bytes) -> None:
        with self.reporting():
            self.stream.write(octets)

    def close(self, *, keep: bool) -> None:
        """Ends the output; with keep=False what was written is of no use (a pipe or device cannot take it back)."""
        if keep:
            with self.reporting():
                self.stream.close()
        else:
            with suppress(OSError):
                self.stream.close()


class OutputFile(Output):
    """A regular file, written under a temporary name in the same folder and moved into place at the end."""

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path)
        name = f".flowedge-{os.getpid()}-{next(_numbers)}.part"  # short: a file's name may be as long as names can be
        self._temporary = os.path.join(os.path.dirname(self._path), name)
        super().__init__(path, open(self._temporary, "wb"))  # noqa: SIM115 - closed by close()
        with suppress(FileNotFoundError):
            os.chmod(self._temporary, stat.S_IMODE(os.stat(self._path).st_mode))

    def close(self, *, keep: bool) -> None:
        """With keep=True the file takes its name, in place of an older one; otherwise it is removed."""
        try:
            super().close(keep=keep)
            if keep:
                with self.reporting():
                    os.replace(self._temporary, self._path)
        finally:
            with suppress(OSError):
                os.unlink(self._temporary)


def open_output(target: str) -> Output:
    """Opens a path, or standard output for "-". Raises SinkError."""
    try:
        if target == STANDARD_OUTPUT:
            return Output("standard output", os.fdopen(os.dup(STANDARD_OUTPUT_DESCRIPTOR), "wb"))
        if is_special(target):
            return Output(target, open(target, "wb"))
        return OutputFile(target)
    except OSError as error:
        raise SinkError(f"{target}: cannot be written: {error.strerror}") from error


def is_special(path: str) -> bool:
    """Whether it is a device or a pipe, which cannot be replaced by a file."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:  # if it is more than missing, opening it will say so
        return False
