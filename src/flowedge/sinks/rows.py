"""Flows as octets that can be appended to a file, so that one can tell where the last whole piece ends."""

import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from flowedge._core import FlowBatch, Selection
from flowedge.sinks.gzip import GZIP_WINDOW, gzip_member

BLOCK = 1 << 16  # octets read at a time

ROW_FORMATS = ("csv", "jsonl")
PACKED_ROW_FORMATS = ("csv.gz", "jsonl.gz")


@dataclass(frozen=True)
class RowFormat:
    suffix: str
    head: bytes
    """what a file begins with; empty where there is no head"""
    encode: Callable[[FlowBatch], bytes]


def row_format(form: str, selection: Selection) -> RowFormat:
    """`form` is one of ROW_FORMATS or PACKED_ROW_FORMATS; of the latter each batch becomes a gzip member."""
    is_csv = form.startswith("csv")
    head = selection.csv_header() if is_csv else b""
    encode = FlowBatch.csv if is_csv else FlowBatch.jsonl
    if form in ROW_FORMATS:
        return RowFormat(form, head, encode)
    return RowFormat(form, head and gzip_member(head), lambda batch: gzip_member(encode(batch)))


def whole_octets(descriptor: int, form: str) -> int:
    """How many octets of a file of rows are left when what a crash broke off at its end is cut away. Raises OSError."""
    return _whole_lines(descriptor) if form in ROW_FORMATS else _whole_members(descriptor)


def _whole_lines(descriptor: int) -> int:
    end = os.fstat(descriptor).st_size
    while end > 0:
        begin = max(0, end - BLOCK)
        last = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if last >= 0:
            return begin + last + 1
        end = begin
    return 0


def _whole_members(descriptor: int) -> int:
    whole = at = 0
    member = zlib.decompressobj(wbits=GZIP_WINDOW)
    with suppress(zlib.error):
        while octets := os.pread(descriptor, BLOCK, at):
            member.decompress(octets, BLOCK)
            at += len(octets) - len(member.unused_data if member.eof else member.unconsumed_tail)
            if member.eof:
                whole = at
                member = zlib.decompressobj(wbits=GZIP_WINDOW)
    return whole
