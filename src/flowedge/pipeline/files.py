"""From a capture file to a sink, with one thread or several."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from flowedge._core import FlowBatch, FlowEngine, PacketBlock
from flowedge.options import FlowOptions
from flowedge.pipeline.engines import make_engine
from flowedge.sinks import Sink
from flowedge.sources.file import OpenCapture
from flowedge.sources.last_flows import last_flows

if TYPE_CHECKING:
    from concurrent.futures import Future

BATCH_SIZE = 1024  # flows in a batch: some 650 kB
BATCHES_AHEAD = 8  # on their way to the sink, for each thread that encodes
MOST_BATCHES_AHEAD = 64
BLOCKS_AHEAD = 4  # blocks of packets that are decoded ahead: some 640 kB each
HELD_FLOWS = 4096  # of some 500 octets: an engine with no more open closes none by its clock (see FlowEngine)
WORTH_THREADS = 4 << 20  # octets of a capture from which on threads pay

LookAround = Callable[[], None]


def make_reading_engine(options: FlowOptions, batch_size: int = BATCH_SIZE) -> FlowEngine:
    """An engine for a capture that is read to its end. Raises as make_engine() does."""
    return make_engine(options, batch_size=batch_size, held_flows=HELD_FLOWS)


def batches_of(capture: OpenCapture, engine: FlowEngine, look_around: LookAround) -> Iterator[FlowBatch]:
    """All flows of a capture; look_around is called every few milliseconds."""
    status = "more"
    while status != "end":
        batch, status = engine.run(capture.reader)
        look_around()
        if batch is not None:
            yield batch


def copy_flows(capture: OpenCapture, engine: FlowEngine, sink: Sink, threads: int, look_around: LookAround) -> None:
    """All flows of a capture into a sink; look_around is called every few milliseconds. Raises SinkError."""
    if threads == 1 or (capture.size is not None and capture.size < WORTH_THREADS):
        for batch in batches_of(capture, engine, look_around):
            sink.write(sink.encode(batch))
        return
    with SideBySide(capture, engine, sink, threads) as work:
        work.run(look_around)


@dataclass
class _Encoding:
    batch: FlowBatch
    encoded: "Future[Any]"


class SideBySide:
    """Copies a capture's flows to a sink with several threads: the caller's keeps the flows and writes, the others
    decode packets and encode flows.

    Work is handed out in pieces of about a millisecond, a block of packets or a batch of flows, so that every thread is
    busy whatever the capture is made of. The caller's thread encodes too, rather than wait. What is written, and in
    which order, does not depend on the threads.
    """

    def __init__(self, capture: OpenCapture, engine: FlowEngine, sink: Sink, threads: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._capture = capture
        self._engine = engine
        self._sink = sink
        self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="flowedge")
        self._decoding = Lock()  # one block after the other: the order of packets is the order of blocks
        self._ended = False
        self._decoded: SimpleQueue[PacketBlock | BaseException | None] = SimpleQueue()
        self._on_their_way: deque[_Encoding] = deque()
        self._most_on_their_way = min(BATCHES_AHEAD * (threads - 1), MOST_BATCHES_AHEAD)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._ended = True
        self._pool.shutdown(cancel_futures=True)

    def run(self, look_around: LookAround) -> None:
        """Raises SinkError."""
        # Nobody could end a thread that waits for a pipe: a pipe is read here.
        blocks = self._decoded_here() if self._capture.size is None else self._decoded_aside()
        for block in blocks:
            while (batch := self._engine.process(block)) is not None:
                self._put(batch)
            look_around()
        for batch in last_flows(self._engine):
            self._put(batch)
        while self._on_their_way:
            self._write_oldest()

    def _decoded_here(self) -> Iterator[PacketBlock]:
        block = PacketBlock()
        status = "full"
        while status != "end":
            status = self._engine.decode(self._capture.reader, block)
            yield block

    def _decoded_aside(self) -> Iterator[PacketBlock]:
        for _ in range(BLOCKS_AHEAD):
            self._pool.submit(self._decode, PacketBlock())
        while (block := self._next_decoded()) is not None:
            if isinstance(block, BaseException):
                raise block
            yield block
            self._pool.submit(self._decode, block)

    def _next_decoded(self) -> PacketBlock | BaseException | None:
        while self._decoded.empty() and self._encode_one_here():
            pass
        return self._decoded.get()

    def _decode(self, block: PacketBlock) -> None:
        with self._decoding:
            if self._ended:
                return
            try:
                self._ended = self._engine.decode(self._capture.reader, block) == "end"
                self._decoded.put(block)
                if self._ended:
                    self._decoded.put(None)
            except BaseException as error:
                self._ended = True
                self._decoded.put(error)

    def _put(self, batch: FlowBatch) -> None:
        self._on_their_way.append(_Encoding(batch, self._pool.submit(self._sink.encode, batch)))
        while self._on_their_way[0].encoded.done() or len(self._on_their_way) > self._most_on_their_way:
            self._write_oldest()
            if not self._on_their_way:
                return

    def _write_oldest(self) -> None:
        self._sink.write(self._on_their_way.popleft().encoded.result())

    def _encode_one_here(self) -> bool:
        """Takes a batch from the threads that none of them has begun; False if there is none."""
        from concurrent.futures import Future

        for encoding in self._on_their_way:
            if encoding.encoded.cancel():
                encoding.encoded = Future()
                encoding.encoded.set_result(self._sink.encode(encoding.batch))
                return True
        return False
