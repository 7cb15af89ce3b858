"""Messages: edge lists and what an agent tells of itself, as octets and back. docs/asyncapi.yaml describes them."""

from flowedge.codec.decoding import decode
from flowedge.codec.encoding import CONTENT_TYPES, Encoder, encode_part, split
from flowedge.codec.limits import MAX_MESSAGE_OCTETS, MAX_PARTS, MAX_PAYLOAD, SCHEMA
from flowedge.codec.messages import ColumnInfo, MetaMessage, StatsMessage, StatusMessage

__all__ = [
    "CONTENT_TYPES",
    "MAX_MESSAGE_OCTETS",
    "MAX_PARTS",
    "MAX_PAYLOAD",
    "SCHEMA",
    "ColumnInfo",
    "Encoder",
    "MetaMessage",
    "StatsMessage",
    "StatusMessage",
    "decode",
    "encode_part",
    "split",
]
