"""The folder of the captures that are saved a flow each: kept within its bounds while the agent runs."""

import os
import re
from collections.abc import Sequence

from flowedge._core import FlowBatch, FlowSaver
from flowedge.errors import SinkError
from flowedge.sinks.access import Owner, open_folder, reporting_access
from flowedge.sinks.retention import Retention

SAVED_NAMES = re.compile(r"[0-9a-f._]+-\d+-[0-9a-f._]+-\d+-\d+-\d+(-\d+)?\.pcap")
"""SRC-SPORT-DST-DPORT-PROTOCOL-MICROSECONDS.pcap, as FlowSaver names them"""


class SavedPackets:
    """Applies the folder's retention as files are completed, and says what goes wrong; a LiveSink.

    Packets do not pass through here: the savers write them as they come.
    """

    def __init__(self, folder: str, savers: Sequence[FlowSaver], retention: Retention) -> None:
        self._folder = folder
        self._savers = savers
        self._retention = retention
        self._told_octets = 0
        self._told_unsaved = 0

    @property
    def unsaved(self) -> int:
        """Packets of flows that are in no file."""
        return sum(saver.counters["unsaved"] for saver in self._savers)

    def write(self, source: str, batch: FlowBatch) -> None:
        """Nothing to do: the flows' packets have been saved already."""

    def tick(self) -> None:
        """Deletes what is beyond the bounds. Raises SinkError, if packets could not be saved since the last time."""
        octets = sum(saver.counters["octets"] for saver in self._savers)
        self._retention.added(octets - self._told_octets)
        self._told_octets = octets
        self._retention.apply()
        problems = [saver.problem for saver in self._savers if saver.problem]
        unsaved, before = self.unsaved, self._told_unsaved
        self._told_unsaved = unsaved
        if problems and unsaved > before:
            raise SinkError(f"{self._folder}: packets cannot be saved: {problems[0]}")

    def reopen(self) -> None:
        """Raises SinkError if this user may not write there."""
        make_folder(self._folder, None)

    def close(self) -> None:
        self.tick()


def make_folder(folder: str, owner: Owner | None) -> None:
    """Makes the folder, if there is none, for its owner. Raises SinkError, also if he may not write there."""
    with reporting_access(folder, owner):
        os.close(open_folder(folder, owner))
