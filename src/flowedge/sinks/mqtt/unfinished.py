"""Parts of windows that are not final yet: how many a window has is known at its end, and each part says it."""

import tempfile

MEMORY_OCTETS = 4 << 20


class UnfinishedWindow:
    """The encoded parts of one window: in memory up to MEMORY_OCTETS, beyond in a file without a name."""

    def __init__(self, folder: str | None, max_octets: int) -> None:
        """`folder` is where the file would be; None: all stays in memory. More than `max_octets` is not kept."""
        in_memory = max_octets if folder is None else MEMORY_OCTETS
        self._file = tempfile.SpooledTemporaryFile(max_size=in_memory + 1, dir=folder)  # noqa: SIM115 - see close()
        self._ends = [0]
        self._max_octets = max_octets
        self.problem = ""
        """why the window cannot be kept any more, if it cannot"""

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, body: bytes) -> None:
        """Keeps a part, or gives the whole window up and says so in `problem`."""
        if self.problem:
            return
        end = self._ends[-1] + len(body)
        if end > self._max_octets:
            self._give_up(f"it has more than {self._max_octets} octets; raise mqtt.spool_size or shorten the window")
            return
        try:
            self._file.write(body)
        except OSError as error:
            self._give_up(f"its parts found no room on the disk: {error.strerror}")
        else:
            self._ends.append(end)

    def body(self, place: int) -> bytes:
        """A part, from 0 on. Raises OSError."""
        begin, end = self._ends[place : place + 2]
        self._file.seek(begin)
        return self._file.read(end - begin)

    @property
    def in_memory(self) -> bool:
        return self._ends[-1] <= MEMORY_OCTETS

    def close(self) -> None:
        self._file.close()

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self._ends = [0]
        self._file.close()
