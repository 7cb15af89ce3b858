"""What agents tell of themselves in retained messages."""

from collections import OrderedDict
from typing import Generic, TypeVar

from flowedge.codec import MetaMessage, StatusMessage

MAX_AGENTS = 4096

Told = TypeVar("Told")


class _Latest(Generic[Told]):
    """The last message of each agent; of more than MAX_AGENTS, those that spoke last."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, str], Told] = OrderedDict()

    def put(self, site: str, node: str, told: Told) -> Told | None:
        """Gives the one before."""
        before = self._told.pop((site, node), None)
        self._told[site, node] = told
        if len(self._told) > MAX_AGENTS:
            self._told.popitem(last=False)
        return before

    def get(self, site: str, node: str) -> Told | None:
        return self._told.get((site, node))


class Agents:
    """State and shape of every agent that was heard of."""

    def __init__(self) -> None:
        self.statuses: _Latest[StatusMessage] = _Latest()
        self.metas: _Latest[MetaMessage] = _Latest()

    def hear(self, content: str, site: str, node: str, payload: bytes) -> str:
        """Reads a message "status" or "meta"; a sentence, if it tells something new. Raises MalformedMessageError.

        An empty payload is how a broker is made to forget a retained message.
        """
        if not payload:
            return ""
        if content == "status":
            status = StatusMessage.from_json(payload)
            before = self.statuses.put(site, node, status)
            changed = before is None or before.state != status.state
            return f"{site}/{node} is {status.state}" if changed else ""
        meta = MetaMessage.from_json(payload)
        known = self.metas.put(site, node, meta)
        return f"{site}/{node} has changed what its edge lists hold" if known not in (None, meta) else ""
