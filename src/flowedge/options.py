"""The options that decide which flows there are and what is told of them: one list for every way in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, TypedDict

if TYPE_CHECKING:
    from decimal import Decimal
    from fractions import Fraction

Seconds: TypeAlias = "int | float | str | Decimal | Fraction"
"""A time-out; taken exactly to the nanosecond."""


class FlowOptions(TypedDict, total=False):
    """Keywords of convert() and read_flows(); what is left out has FlowEngine's default."""

    mode: str
    """whose definitions the values follow: netflower (default), cicflowmeter, engelen, corrected"""
    idle_timeout: Seconds
    """a flow is closed after this many seconds without a packet; default 120"""
    max_duration: "Seconds | None"
    """a flow is closed after this many seconds; None (default): never"""
    protocols: str
    """"tcp,udp" (default), or "all" for every IP protocol"""
    decapsulate: bool
    """follow tunnels inwards; default: a tunnel counts as its outer flow"""
    max_flows: int | None
    """bound on open flows: beyond it the least recently used is closed; None (default): no bound"""
    filter: str | None
    """capture filter (pcap-filter(7))"""
    names: str | None
    """name scheme: netflower, cicflowmeter, cicids2017, cse-cic-ids2018; None (default): the mode's own"""
    columns: Sequence[str] | None
    """columns to give, in this order; None (default): all that mode and scheme have"""
    extra: Sequence[str]
    """columns to add: first_ns, last_ns, end_reason, closed_ns, vlan, ip_version, label"""
    label: str | None
    """text of the label column"""
