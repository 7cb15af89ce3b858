"""Keeps encoded messages from the closing of their window until the broker has acknowledged them.

    sink thread                                      publishing thread
    add_window ──▶ disk: one transaction a window ──▶ next_messages ──▶ acknowledge, release, reject
                └▶ memory, while the disk fails  ──▶

A window for which add_window() has returned survives kill -9 and loss of power, unless the disk has failed, which is
said and counted. A message may be handed out twice; none is lost without a counter.
"""

from flowedge.spool.message import SpooledMessage, WindowKey
from flowedge.spool.spool import Spool, SpoolCounters
from flowedge.spool.store import SpoolError

__all__ = ["Spool", "SpoolCounters", "SpoolError", "SpooledMessage", "WindowKey"]
