"""What a command says on standard error: a line a message, as text or JSON."""

import sys
import time
from contextlib import suppress
from typing import Any

import click


class Messages:
    """log_format is "text" or "json"; quiet leaves errors alone; verbose adds details."""

    def __init__(self, *, log_format: str = "text", quiet: bool = False, verbose: bool = False) -> None:
        self._json = log_format == "json"
        self.quiet = quiet
        self.verbose = verbose and not quiet

    @property
    def draws(self) -> bool:
        """Whether somebody looks on who would like a progress bar."""
        return sys.stderr.isatty() and not (self.quiet or self._json)

    def say(self, level: str, text: str) -> None:
        """An error, a warning or an info, by its name."""
        {"error": self.error, "warning": self.warning, "info": self.info}[level](text)

    def error(self, text: str) -> None:
        self._write("error", text, {})

    def warning(self, text: str) -> None:
        if not self.quiet:
            self._write("warning", text, {})

    def info(self, text: str, **facts: Any) -> None:
        """`facts` are the numbers of the text, for programs: they are in JSON alone."""
        if not self.quiet:
            self._write("info", text, facts)

    def detail(self, text: str) -> None:
        if self.verbose:
            self._write("debug", text, {})

    def _write(self, level: str, text: str, facts: dict[str, Any]) -> None:
        if self._json:
            import json

            moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            line = json.dumps({"time": moment, "level": level, "message": text, **facts})
        else:
            line = f"flowedge: warning: {text}" if level == "warning" else f"flowedge: {text}"
        with suppress(OSError, ValueError):  # nobody reads it: that must stop nothing
            click.echo(line, err=True)
