"""Sinks from the settings of a configuration."""

from contextlib import ExitStack

from flowedge._core import FlowSaver, Selection
from flowedge.config import Configuration, RowSettings
from flowedge.sinks import LiveSettings, LiveSink, open_live_sink
from flowedge.sinks.access import acting_as
from flowedge.sinks.parts import COMPLETE_NAMES
from flowedge.sinks.retention import Retention
from flowedge.sinks.saved import SAVED_NAMES, SavedPackets, make_folder
from flowedge.surroundings import Surroundings


def open_rows(rows: RowSettings, selection: Selection, surroundings: Surroundings) -> list[LiveSink]:
    """Raises SinkError, and then none stays open."""
    with ExitStack() as opened:
        sinks = []
        for form, target in (("csv", rows.csv), ("jsonl", rows.jsonl)):
            if target:
                sinks.append(open_live_sink(target, form, selection, _live_settings(target, rows, surroundings)))
                opened.callback(sinks[-1].close)
        opened.pop_all()
    return sinks


def _live_settings(target: str, rows: RowSettings, surroundings: Surroundings) -> LiveSettings:
    return LiveSettings(
        notice=surroundings.warn,
        fsync=rows.fsync,
        owner=surroundings.owner,
        rotate_interval=float(rows.rotate_interval) or None,
        rotate_size=rows.rotate_size or None,
        retention=Retention(
            target,
            COMPLETE_NAMES,
            notice=surroundings.warn,
            max_octets=rows.keep_size or None,
            max_age=float(rows.keep_age) or None,
        ),
    )


class SavingFolder:
    """The folder for the packets of each flow; made when it is first needed."""

    def __init__(self, configuration: Configuration, surroundings: Surroundings) -> None:
        self._packets = configuration.packets
        self._surroundings = surroundings
        self._savers: list[FlowSaver] = []

    def saver(self, snaplen: int) -> FlowSaver | None:
        """One for a worker; None if packets are not saved. Raises SinkError."""
        folder = self._packets.save_pcap
        if not folder:
            return None
        make_folder(folder, self._surroundings.owner)
        with acting_as(self._surroundings.owner):  # it removes what dead processes have left
            self._savers.append(FlowSaver(folder, snaplen=snaplen))
        return self._savers[-1]

    def sink(self) -> SavedPackets | None:
        """What keeps the folder within its bounds."""
        if not self._savers:
            return None
        retention = Retention(
            self._packets.save_pcap,
            SAVED_NAMES,
            notice=self._surroundings.warn,
            max_octets=self._packets.save_pcap_size or None,
            max_age=float(self._packets.save_pcap_age) or None,
        )
        return SavedPackets(self._packets.save_pcap, self._savers, retention)
