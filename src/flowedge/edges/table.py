"""Edge lists as Arrow tables."""

from typing import Any

from flowedge.edges.column import OFFSET, Column, Numbers, unpacked
from flowedge.edges.edge_list import ENDS, EdgeList
from flowedge.edges.optional_package import required

_ARROW_TYPES = {"i": "int", "u": "uint", "f": "float"}


def arrow_table(edges: EdgeList) -> Any:
    """What EdgeList.to_arrow() gives."""
    pyarrow = required("pyarrow", "to_arrow()", "flowedge[table]")
    arrays = {name: _array(pyarrow, column) for name, column in edges.columns.items()}
    texts = pyarrow.array(edges.nodes_text(), pyarrow.string())
    for name in ENDS:
        arrays[name] = texts.take(arrays[name])
    metadata = {name: str(value) for name, value in edges.window().items()}
    return pyarrow.table(arrays, metadata=metadata)


def _array(pyarrow: Any, column: Column) -> Any:
    values = _widened(pyarrow, _primitive(pyarrow, column.code, column.values()))
    if column.offsets is None:
        return values
    offsets = _primitive(pyarrow, OFFSET, unpacked(OFFSET, column.offsets)).cast(pyarrow.int32())
    return pyarrow.ListArray.from_arrays(offsets, values)


def _primitive(pyarrow: Any, code: str, values: Numbers) -> Any:
    kind = getattr(pyarrow, f"{_ARROW_TYPES[code[1]]}{8 * int(code[2])}")()
    return pyarrow.Array.from_buffers(kind, len(values), [None, pyarrow.py_buffer(values)])


def _widened(pyarrow: Any, values: Any) -> Any:
    """Integers of 64 bits: signed, but for those that only unsigned ones hold."""
    if not pyarrow.types.is_integer(values.type):
        return values
    try:
        return values.cast(pyarrow.int64())
    except pyarrow.ArrowInvalid:
        return values
