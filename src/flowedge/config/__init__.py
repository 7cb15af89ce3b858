"""What an agent is told to do: one typed tree of settings, read from TOML and overridden by flags."""

from flowedge.config.reading import contradictions, read_configuration, with_settings
from flowedge.config.tree import (
    SECTIONS,
    SETTINGS,
    CaptureSettings,
    Configuration,
    EdgeSettings,
    FlowSettings,
    LogSettings,
    MetricsSettings,
    MqttSettings,
    PacketSettings,
    RowSettings,
    Setting,
    changed_settings,
    flow_options,
    outputs_of,
)
from flowedge.config.writing import as_toml, sample

__all__ = [
    "SECTIONS",
    "SETTINGS",
    "CaptureSettings",
    "Configuration",
    "EdgeSettings",
    "FlowSettings",
    "LogSettings",
    "MetricsSettings",
    "MqttSettings",
    "PacketSettings",
    "RowSettings",
    "Setting",
    "as_toml",
    "changed_settings",
    "contradictions",
    "flow_options",
    "outputs_of",
    "read_configuration",
    "sample",
    "with_settings",
]
