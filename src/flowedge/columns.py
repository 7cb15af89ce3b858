"""The columns of flows: names in every scheme, types, units and meanings, all from the engine's one list."""

from typing import NamedTuple

from flowedge._core import column_list

__all__ = ["COLUMNS", "Column"]


class Column(NamedTuple):
    """One column of the list."""

    name: str
    """flowedge's (and netflower's) name"""
    numpy_format: str | tuple[str, tuple[int, ...]]
    """type in a FlowBatch's buffer"""
    unit: str
    """such as "bytes" or "packets"; "duration" is seconds, or microseconds in the modes cicflowmeter and engelen"""
    group: str
    """"feature": in every mode; "engelen": in that mode alone; "extra": on request"""
    position: int
    """place in CICFlowMeter's order, counted from 1; -1: it has none"""
    names: dict[str, str | None]
    """header by name scheme; None: not in that scheme"""
    meaning: str
    offset: int
    """bytes from the start of a FlowBatch's record"""


COLUMNS: tuple[Column, ...] = tuple(Column(*fields) for fields in column_list())
