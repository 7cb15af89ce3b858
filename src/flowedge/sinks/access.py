"""Whose files they are: an agent that has given up root's rights must be able to go on with what it made as root."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

from flowedge.errors import SinkError
from flowedge.sinks.output import reporting

Owner: TypeAlias = tuple[int, int]
"""User and group, as numbers."""


def hand_over(descriptor: int, owner: Owner | None) -> None:
    """Gives a file or folder that was just made to its owner; None: it stays with who made it."""
    if owner is not None and os.fstat(descriptor).st_uid != owner[0]:
        os.fchown(descriptor, *owner)


@contextmanager
def reporting_access(name: str) -> Iterator[None]:
    """Turns an OSError into a SinkError with the output's name, and the remedy where rights are missing."""
    with reporting(name):
        try:
            yield
        except PermissionError as error:
            remedy = "chown it, or give --user"
            raise SinkError(f"{name}: user {_user()} may not write there; {remedy}") from error


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
