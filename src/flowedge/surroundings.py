"""What a capture is given by whoever runs it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from uuid import uuid4

from flowedge.notices import Notify


@dataclass(frozen=True)
class Surroundings:
    """Made by a program for itself, or by the agent."""

    notify: Notify
    owner: tuple[int, int] | None = None
    """user and group who get what is made; None: who makes it"""
    sockets: Callable[[], AbstractContextManager[None]] = nullcontext
    """is entered wherever a packet socket is opened"""
    stopping: Event = field(default_factory=Event)
    """the end has been asked for: nothing waits any longer than it must"""
    boot: str = field(default_factory=lambda: str(uuid4()))
    """identity of this run"""

    def warn(self, text: str) -> None:
        self.notify("warning", text)
