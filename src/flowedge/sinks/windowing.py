"""From flows to edge lists: a LiveSink that passes on windows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import methodcaller

from flowedge._core import FlowBatch
from flowedge.edges import EdgeList
from flowedge.errors import SinkError
from flowedge.sinks.edge_sink import EdgeSink
from flowedge.windows import ENDED, NOTHING_SETTLED, InterfaceWindows, Losses, Observer, WindowSettings


@dataclass
class _Interface:
    """The windows of an interface, and how far each of its workers is."""

    windows: InterfaceWindows
    workers: int
    settled: dict[int, int] = field(default_factory=dict)
    losses: dict[int, Losses] = field(default_factory=dict)

    def settled_by_all(self) -> int:
        """Workers without a packet so far do not count: what they will see is later than what others have seen."""
        if len(self.settled) < self.workers:
            return NOTHING_SETTLED
        return min((time for time in self.settled.values() if time != NOTHING_SETTLED), default=NOTHING_SETTLED)


class Windowing:
    """A LiveSink that makes edge lists of flows, and gives them to edge sinks.

    workers  how many share a source, by its name; one if it is not there. A window ends when all have passed it

    A sink's error does not keep others from the window; it is raised when all have had it. The sink has then lost the
    window. Raises ValueError for settings that cannot be met.
    """

    def __init__(
        self,
        sinks: Sequence[EdgeSink],
        settings: WindowSettings,
        observer: Observer,
        workers: Mapping[str, int] | None = None,
    ) -> None:
        self.windows = 0
        """that have ended"""
        self.edges = 0
        """in these, and in the pieces of those that have not"""
        self.windows_lost = 0
        """those that a sink could not take, counted for each sink"""
        self._sinks = sinks
        self._settings = settings
        self._observer = observer
        self._workers = workers or {}
        self._interfaces: dict[str, _Interface] = {}
        self._gave_up: set[tuple[int, str, int]] = set()  # sink, interface, window
        InterfaceWindows(settings, observer, "")  # raises now, not with the first flow

    @property
    def late(self) -> int:
        """Flows that came when their window had ended, and are in a later one."""
        return sum(interface.windows.late for interface in self._interfaces.values())

    def write(self, source: str, batch: FlowBatch) -> None:
        self._deliver(self._interface(source).windows.add(batch))

    def settle(self, source: str, worker: int, settled_ns: int, oldest_start_ns: int | None, losses: Losses) -> None:
        """Says how far a worker is, in order with its batches. Raises as write() does.

        settled_ns       FlowEngine.settled_ns; ENDED when all its flows have been written and no more will come
        oldest_start_ns  FlowEngine.oldest_start_ns(), asked for when settled_ns was; None: it was not, and with
                         assign="start" no window ends
        losses           its counters, from the beginning of the run
        """
        interface = self._interface(source)
        interface.losses[worker] = losses
        if self._settings.assign == "start" and settled_ns not in (ENDED, NOTHING_SETTLED):
            if oldest_start_ns is None:
                return
            settled_ns = min(settled_ns, oldest_start_ns - 1)
        interface.settled[worker] = settled_ns
        interface.windows.count(interface.losses.values())
        settled = interface.settled_by_all()
        if settled == ENDED:
            self._deliver(interface.windows.finish())
        elif settled != NOTHING_SETTLED:
            self._deliver(interface.windows.settle(settled))

    def tick(self) -> None:
        self._ask_all(methodcaller("tick"))

    def reopen(self) -> None:
        self._ask_all(methodcaller("reopen"))

    def abandon(self) -> None:
        """The run ends before the present windows do."""
        self._interfaces.clear()
        self._ask_all(methodcaller("abandon"))

    def close(self) -> None:
        """Ends all windows that have flows, then closes the sinks."""
        problems = _Problems()
        for interface in self._interfaces.values():
            problems.attempt(partial(self._deliver, interface.windows.finish()))
        problems.attempt(partial(self._ask_all, methodcaller("close")))
        problems.tell()

    def _interface(self, name: str) -> _Interface:
        if name not in self._interfaces:
            windows = InterfaceWindows(self._settings, self._observer, name)
            self._interfaces[name] = _Interface(windows, self._workers.get(name, 1))
        return self._interfaces[name]

    def _deliver(self, pieces: Iterable[EdgeList]) -> None:
        problems = _Problems()
        for piece in pieces:
            self.windows += piece.parts != 0
            self.edges += len(piece)
            for number in range(len(self._sinks)):
                self._give(number, piece, problems)
        problems.tell()

    def _give(self, number: int, piece: EdgeList, problems: "_Problems") -> None:
        window = (number, piece.iface, piece.seq)
        if window not in self._gave_up and not problems.attempt(partial(_take, self._sinks[number], piece)):
            self.windows_lost += 1
            self._gave_up.add(window)
        if piece.parts:
            self._gave_up.discard(window)

    def _ask_all(self, action: Callable[[EdgeSink], None]) -> None:
        problems = _Problems()
        for sink in self._sinks:
            problems.attempt(partial(action, sink))
        problems.tell()


def _take(sink: EdgeSink, piece: EdgeList) -> None:
    if piece.parts:
        sink.end_window(piece)
    else:
        sink.add_piece(piece)


class _Problems:
    """What went wrong while all were asked."""

    def __init__(self) -> None:
        self._raised: list[BaseException] = []

    def attempt(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except BaseException as error:  # a callback that wants to leave must not keep others from their windows
            self._raised.append(error)
            return False
        return True

    def tell(self) -> None:
        """Raises what is no SinkError as it is; the texts of SinkErrors become one."""
        for error in self._raised:
            if not isinstance(error, SinkError):
                raise error
        if self._raised:
            raise SinkError("; ".join(dict.fromkeys(map(str, self._raised))))
