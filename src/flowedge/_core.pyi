import sys
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, Protocol, Self, TypeAlias, TypedDict, final

import numpy

_Seconds: TypeAlias = int | float | str | Decimal | Fraction
_Frame: TypeAlias = tuple[int, bytes] | tuple[int, bytes, int]
_CompileFilter: TypeAlias = Callable[[str, int], Iterable[tuple[int, int, int, int]]]
_NumpyFormat: TypeAlias = str | tuple[str, tuple[int, ...]]
_ColumnInfo: TypeAlias = tuple[str, _NumpyFormat, str, str, int, dict[str, str | None], str, int]

MODES: tuple[str, ...]
NAME_SCHEMES: tuple[str, ...]
SKIP_REASONS: dict[str, str]
HAVE_LIBPCAP: bool
MAX_SECONDS: int
MAX_FLOWS: int

class _RecordDtype(TypedDict):
    names: list[str]
    formats: list[_NumpyFormat]
    offsets: list[int]
    itemsize: int

class _Counters(TypedDict):
    packets: int
    in_flows: int
    skipped: dict[str, int]
    flows: int
    evicted: int
    backward_time: int

class _Readinto(Protocol):
    def readinto(self, into: memoryview, /) -> int | None: ...

def column_list() -> list[_ColumnInfo]: ...

@final
class Selection:
    def __new__(
        cls,
        mode: str = "netflower",
        names: str | None = None,
        columns: Sequence[str] | None = None,
        extra: Sequence[str] = (),
        label: str | None = None,
    ) -> Self: ...
    @property
    def mode(self) -> str: ...
    @property
    def names(self) -> str: ...
    @property
    def headers(self) -> list[str]: ...
    def csv_header(self) -> bytes: ...
    def record_dtype(self) -> _RecordDtype: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class FlowBatch:
    def __new__(cls, selection: Selection, room: int = 0) -> Self: ...
    @property
    def selection(self) -> Selection: ...
    def __len__(self) -> int: ...
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

    def record_dtype(self) -> _RecordDtype: ...
    def to_numpy(self) -> numpy.ndarray[Any, numpy.dtype[numpy.void]]: ...
    def to_pandas(self) -> Any: ...  # a pandas.DataFrame; pandas has no types of its own
    def to_dicts(self) -> list[dict[str, int | float | str]]: ...
    def csv(self) -> bytes: ...
    def jsonl(self) -> bytes: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class CaptureReader:
    def __new__(cls, source: int | _Readinto) -> Self: ...
    @property
    def octets_read(self) -> int: ...
    @property
    def status(
        self,
    ) -> Literal["more", "end", "empty", "not_a_capture", "cut_short", "malformed", "read_failed"]: ...
    @property
    def problem(self) -> str: ...
    @property
    def exception(self) -> BaseException | None: ...

@final
class PacketBlock:
    def __new__(cls, room: int = 8192) -> Self: ...
    def __len__(self) -> int: ...

@final
class FlowEngine:
    def __new__(
        cls,
        *,
        mode: str = "netflower",
        idle_timeout: _Seconds = 120,
        max_duration: _Seconds | None = None,
        linger: _Seconds = 1,
        protocols: str = "tcp,udp",
        decapsulate: bool = False,
        max_flows: int | None = None,
        held_flows: int = 0,
        filter: str | None = None,
        names: str | None = None,
        columns: Sequence[str] | None = None,
        extra: Sequence[str] = (),
        label: str | None = None,
        compile_filter: _CompileFilter | None = None,
        batch_size: int = 1024,
    ) -> Self: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def filter_problem(self) -> str: ...
    @property
    def open_flows(self) -> int: ...
    @property
    def counters(self) -> _Counters: ...
    def run(self, reader: CaptureReader) -> tuple[FlowBatch | None, Literal["batch", "pause", "end"]]: ...
    def decode(self, reader: CaptureReader, block: PacketBlock) -> Literal["full", "pause", "end"]: ...
    def process(self, block: PacketBlock) -> FlowBatch | None: ...
    def finish(self) -> tuple[FlowBatch | None, Literal["batch", "end"]]: ...
    def feed(self, frames: Iterable[_Frame], link_type: int = 1) -> list[FlowBatch]: ...
    def advance(self, now_ns: int) -> list[FlowBatch]: ...
    def flush(self) -> list[FlowBatch]: ...
