"""Topics, and the names in them."""

import re
from dataclasses import dataclass

from flowedge.errors import ConfigurationError

ROOT = "flowedge/v1"
_MOST_OCTETS = 255
_UNFIT = re.compile("[/+#\0-\x1f\x7f-\x9f\ud800-\udfff]")
"""What divides topics, wildcards, controls, and what is no text."""


@dataclass(frozen=True)
class Topics:
    """The topics of one agent."""

    site: str
    node: str

    @property
    def status(self) -> str:
        return f"{self._prefix}/status"

    @property
    def meta(self) -> str:
        return f"{self._prefix}/meta"

    def edges(self, iface: str) -> str:
        return f"{self._prefix}/{iface}/edges"

    def stats(self, iface: str) -> str:
        return f"{self._prefix}/{iface}/stats"

    @property
    def _prefix(self) -> str:
        return f"{ROOT}/{self.site}/{self.node}"


def checked_name(setting: str, name: str) -> str:
    """A site or node as it is. Raises ConfigurationError if it cannot stand in a topic."""
    if _UNFIT.search(name) or not 0 < len(name.encode()) <= _MOST_OCTETS:
        raise ConfigurationError(f"{setting}: give 1 to {_MOST_OCTETS} octets without / + # and control characters")
    return name


def safe_name(name: str) -> str:
    """An interface or a capture file as it stands in topics and messages: "_" for each character that cannot."""
    fit = _UNFIT.sub("_", name) or "_"
    return fit.encode()[:_MOST_OCTETS].decode(errors="ignore")
