"""Topics, as docs/asyncapi.yaml has them."""

from typing import NamedTuple

from flowedge.errors import UsageError

PREFIX = ("flowedge", "v1")
_LEVELS_AFTER_PREFIX = {"edges": 4, "status": 3, "meta": 3}
_MAX_OCTETS = 65_535


class Topic(NamedTuple):
    content: str
    """"edges", "status" or "meta\""""
    site: str
    node: str


def parse_topic(topic: str) -> Topic | None:
    """None for what is none of ours, or would steer a terminal. Bridged brokers may put levels before the prefix."""
    levels = topic.split("/")
    content = levels[-1]
    count = _LEVELS_AFTER_PREFIX.get(content)
    if count is None or tuple(levels[-count - 2 : -count]) != PREFIX or not topic.isprintable():
        return None
    return Topic(content, levels[-count], levels[-count + 1])


def check_filter(topic: str) -> None:
    """Raises UsageError for what is no topic filter (MQTT 5.0, section 4.7)."""
    levels = topic.split("/")
    if topic.startswith("$share/"):
        raise UsageError(f"topic: {topic!r} is a shared subscription; give its group apart")
    if not topic or "\0" in topic or len(topic.encode()) > _MAX_OCTETS:
        raise UsageError("topic: must have 1 to 65535 octets, none of them zero")
    if "#" in topic[:-1] or any(len(level) > 1 and ("+" in level or "#" in level) for level in levels):
        raise UsageError(f"topic: {topic!r} has a + or # that is no level of its own, or a # that is not at the end")


def shared(topic: str, group: str) -> str:
    """The subscription of a group's member. Raises UsageError."""
    if not group or any(letter in group for letter in "/+#\0"):
        raise UsageError(f"group: {group!r} is no name; it must not be empty nor have / + #")
    return f"$share/{group}/{topic}"
