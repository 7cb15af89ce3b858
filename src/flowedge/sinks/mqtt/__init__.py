"""Edge lists to an MQTT broker: encoded, spooled, published at least once.

pipeline's thread                                       thread "mqtt"
MqttSink ── Encoder ──▶ UnfinishedWindow ──▶ Spool ──▶ Publisher ──▶ Connection (paho) ──▶ broker
                                               ▲          │ answers
                                               └──────────┘
"""

from flowedge.sinks.mqtt.publisher import PublisherCounters
from flowedge.sinks.mqtt.settings import MqttSettings
from flowedge.sinks.mqtt.sink import MqttCounters, MqttSink

__all__ = ["MqttCounters", "MqttSettings", "MqttSink", "PublisherCounters"]
