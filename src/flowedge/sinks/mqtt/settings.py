"""What the MQTT sink is told."""

from dataclasses import dataclass

from flowedge.codec import MAX_PAYLOAD
from flowedge.codec.encoding import EncodingName, Precision
from flowedge.mqtt_connection import MqttVersion
from flowedge.spool.spool import MAX_OCTETS


@dataclass(frozen=True)
class MqttSettings:
    """Where edge lists are published, and how. Times in seconds, sizes in octets; empty texts stand for "none".

    There is no password among them: see flowedge.mqtt_connection.
    """

    url: str
    site: str = "default"
    node: str = ""
    """empty: the host's name"""
    version: MqttVersion = "5"
    encoding: EncodingName = "msgpack"
    compress: bool = False
    precision: Precision = "f8"
    max_payload: int = MAX_PAYLOAD
    inflight: int = 20
    expiry: float = 0
    keepalive: float = 30
    user: str = ""
    password_file: str = ""
    ca: str = ""
    certificate: str = ""
    key: str = ""
    insecure: bool = False
    spool: str = ""
    """empty: in memory"""
    spool_size: int = MAX_OCTETS
