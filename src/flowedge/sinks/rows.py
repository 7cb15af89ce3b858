"""Flows as octets that can be appended to a file, so that one can tell where the last whole piece ends."""

import json
import os
import re
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from flowedge._core import FlowBatch, Selection
from flowedge.sinks.gzip import GZIP_WINDOW, gzip_member

BLOCK = 1 << 16  # octets read at a time

ROW_FORMATS = ("csv", "jsonl")
PACKED_ROW_FORMATS = ("csv.gz", "jsonl.gz")

_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*\\?"?|[^",{}\[\]]*')
"""Of a JSON line, perhaps broken off; a string, a number or null"""


@dataclass(frozen=True)
class RowFormat:
    suffix: str
    head: bytes
    """what a file begins with; empty where there is no head"""
    encode: Callable[[FlowBatch], bytes]
    members: tuple[str, ...] = ()
    """names in each JSON line, in their order; empty where they are not known"""


def row_format(form: str, selection: Selection) -> RowFormat:
    """`form` is one of ROW_FORMATS or PACKED_ROW_FORMATS; of the latter each batch becomes a gzip member."""
    is_csv = form.startswith("csv")
    head = selection.csv_header() if is_csv else b""
    encode = FlowBatch.csv if is_csv else FlowBatch.jsonl
    if form in ROW_FORMATS:
        return RowFormat(form, head, encode, () if is_csv else tuple(dict.fromkeys(selection.headers)))
    return RowFormat(form, head and gzip_member(head), lambda batch: gzip_member(encode(batch)))


def whole_octets(descriptor: int, form: str) -> int:
    """How many octets of a file of rows are left when what a crash broke off at its end is cut away. Raises OSError."""
    return _whole_lines(descriptor) if form in ROW_FORMATS else _whole_members(descriptor)


def are_rows(descriptor: int, rows: RowFormat) -> bool:
    """Whether a file of one of ROW_FORMATS begins as these rows do; a crash may have broken it off. Raises OSError."""
    begin = os.pread(descriptor, max(BLOCK, len(rows.head)), 0)
    if rows.head or not begin:
        return rows.head.startswith(begin[: len(rows.head)])
    if not rows.members:
        return begin.startswith(b"{") and _whole_lines(descriptor) > 0
    line, end, _ = begin.partition(b"\n")
    return _is_json_line(line, rows.members, whole=bool(end))


def _is_json_line(line: bytes, members: tuple[str, ...], *, whole: bool) -> bool:
    for place, name in enumerate(members):
        lead = f"{',' if place else '{'}{json.dumps(name, ensure_ascii=False)}:".encode()
        if not line.startswith(lead):
            return not whole and lead.startswith(line)
        value = _VALUE.match(line, len(lead))
        line = line[value.end() :] if value else line
    return line == b"}" or not (line or whole)


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
