"""Capture filters by way of pcapy-ng, for builds without libpcap."""

from collections.abc import Callable
from importlib.util import find_spec

from flowedge.errors import MissingPackageError

SNAPLEN = 0x40000  # octets to keep of a frame that passes; any positive number says "it passes"
NETMASK_UNKNOWN = 0xFFFFFFFF
# LINKTYPE_ numbers are fixed, DLT_ numbers differ between systems for a few types; pcapy wants the latter.
RAW_IP_LINK_TYPE = 101


def filter_compiler() -> Callable[[str, int], list[tuple[int, int, int, int]]]:
    """compile_filter, where pcapy-ng is installed. Raises MissingPackageError where it is not."""
    if find_spec("pcapy") is None:
        raise MissingPackageError(
            "filter: this build has no libpcap to compile a filter with; pip install 'flowedge[pcapy]'"
        )
    return compile_filter


def compile_filter(expression: str, link_type: int) -> list[tuple[int, int, int, int]]:
    """The classic BPF program of a filter expression: (code, jump if true, jump if false, k) an instruction.

    Raises pcapy's PcapError, with libpcap's sentence, for an expression that is wrong for this link type.
    """
    import pcapy

    dlt = pcapy.DLT_RAW if link_type == RAW_IP_LINK_TYPE else link_type
    program = pcapy.compile(dlt, SNAPLEN, expression, 1, NETMASK_UNKNOWN)
    return list(program.get_bpf())
