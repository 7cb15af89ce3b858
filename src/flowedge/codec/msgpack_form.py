"""The members of an edge-list message as msgpack, and back."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

import msgpack

from flowedge.codec.fields import checked_text
from flowedge.codec.limits import BODY_KEYS, HEAD_KEYS, MAX_COLUMNS, MAX_COUNTS
from flowedge.edges import Column, Node
from flowedge.errors import MalformedMessageError

_Readers: TypeAlias = Mapping[str, Callable[[], Any]]

_NO_SCALARS = frozenset((*range(0x80, 0xA0), *range(0xC7, 0xCA), *range(0xD4, 0xD9), *range(0xDC, 0xE0)))
"""First octets of arrays, maps and extension types."""
_KNOWN_KEYS = frozenset(HEAD_KEYS + BODY_KEYS)


def members(values: Mapping[str, Any]) -> bytes:
    """Keys and values one after the other, without the map's head."""
    packer = msgpack.Packer()
    return b"".join(packer.pack(item) for key, value in values.items() for item in (key, _plain(value)))


def message(count: int, head: bytes, body: bytes) -> bytes:
    """The map of so many members."""
    octets: bytes = msgpack.Packer().pack_map_header(count)
    return octets + head + body


def read(octets: bytes) -> dict[str, Any]:
    """The members that are known. Raises MalformedMessageError."""
    reader = _Reader(octets)
    try:
        values = reader.members()
    except MalformedMessageError:
        raise
    except (ValueError, IndexError, msgpack.UnpackException) as error:
        raise MalformedMessageError(f"the message is not an edge list in msgpack: {error or 'it ends early'}") from None
    if not reader.at_end:
        raise MalformedMessageError("something follows the message")
    return values


def _plain(value: Any) -> Any:
    """A value as msgpack's own types."""
    if not isinstance(value, Mapping):
        return value
    return {name: _plain_column(item) if isinstance(item, Column) else item for name, item in value.items()}


def _plain_column(column: Column) -> list[object]:
    return [column.code, column.data] if column.offsets is None else [column.code, column.data, column.offsets]


def _refuse(code: int, octets: bytes) -> NoReturn:
    raise MalformedMessageError("an extension type of msgpack is in the message")


class _Reader:
    """Enters arrays and maps by their heads, where they are expected, and lets msgpack build nothing but scalars.

    So whatever a payload nests or announces, no more is built than a message has room for. What is not known is passed
    over and not built.
    """

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._unpacker = msgpack.Unpacker(max_buffer_size=len(octets), ext_hook=_refuse)
        self._unpacker.feed(octets)
        self._readers: dict[str, Callable[[], Any]] = {
            "nodes": self._nodes,
            "cols": self._columns,
            "drop": self._counts,
        }

    @property
    def at_end(self) -> bool:
        return bool(self._unpacker.tell() == len(self._octets))

    def members(self) -> dict[str, Any]:
        values = {}
        for _ in range(self._unpacker.read_map_header()):
            key = self._text("a key")
            if key in _KNOWN_KEYS:
                values[key] = self._readers.get(key, self._scalar)()
            else:
                self._unpacker.skip()
        return values

    def _scalar(self) -> Any:
        if self._octets[self._unpacker.tell()] in _NO_SCALARS:
            raise MalformedMessageError("an array, map or extension type is where none belongs")
        return self._unpacker.unpack()

    def _text(self, name: str) -> str:
        return checked_text(name, self._scalar())

    def _map_size(self, name: str, most: int) -> int:
        size: int = self._unpacker.read_map_header()
        if size > most:
            raise MalformedMessageError(f"{name} has more than {most} entries")
        return size

    def _nodes(self) -> list[Node]:
        return [self._node() for _ in range(self._unpacker.read_array_header())]

    def _node(self) -> Any:
        if self._octets[self._unpacker.tell()] not in _NO_SCALARS:
            return self._unpacker.unpack()
        if self._unpacker.read_array_header() != 2:
            raise MalformedMessageError("a node is neither an address nor a subnet")
        return self._scalar(), self._scalar()

    def _columns(self) -> dict[str, Column]:
        return {self._text("a column's name"): self._column() for _ in range(self._map_size("cols", MAX_COLUMNS))}

    def _column(self) -> Column:
        size = self._unpacker.read_array_header()
        if size not in (2, 3):
            raise MalformedMessageError("a column is not a type, its data and perhaps offsets")
        code, *data = [self._scalar() for _ in range(size)]
        if any(type(octets) is not bytes for octets in data):
            raise MalformedMessageError("a column's data are not octets")
        return Column(code, *data)

    def _counts(self) -> dict[str, Any]:
        return {self._text("a counter's name"): self._scalar() for _ in range(self._map_size("drop", MAX_COUNTS))}
