"""What stands between a configuration and a capture, as far as it shows without starting one."""

import difflib
import getpass
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from flowedge._core import libpcap_version
from flowedge.agent import privileges
from flowedge.cli.options import as_paths
from flowedge.config import CaptureSettings, Configuration, flow_options, outputs_of
from flowedge.edge_outputs import check_edges
from flowedge.errors import CaptureError, FlowedgeError, PermissionDeniedError, SinkError, UsageError
from flowedge.metrics import parse_address
from flowedge.pipeline.engines import make_engine
from flowedge.sources.interfaces import Interface, list_interfaces

WARNING = 0
FOLDERS = ("packets.save_pcap", "edges.files")
NO_CAPTURE = PermissionDeniedError.exit_code


class Finding(NamedTuple):
    """Something that is wrong or missing: a sentence with the remedy."""

    exit_code: int
    """of whoever needs it right; WARNING: a capture would go on"""
    text: str


def findings(configuration: Configuration) -> list[Finding]:
    """Everything that shows, in the order in which a capture would come upon it."""
    return [
        *options_refused(configuration),
        *capture_path_missing(),
        *interfaces_unfit(configuration.capture.interfaces),
        *permission_missing(),
        *user_missing(configuration.capture),
        *outputs_unfit(configuration),
    ]


def capture_path() -> str:
    """What captures here, with its version; empty if nothing does."""
    version = libpcap_version()
    if version or find_spec("pcapy") is None:
        return version
    from importlib.metadata import version as version_of

    return f"pcapy-ng version {version_of('pcapy-ng')}"


def options_refused(configuration: Configuration) -> Iterator[Finding]:
    options = flow_options(configuration.flows)
    options["filter"] = configuration.capture.filter or None
    try:
        make_engine(options, batch_size=1)
        check_edges(configuration)
        if configuration.metrics.listen:
            parse_address(configuration.metrics.listen)
    except FlowedgeError as error:
        yield Finding(error.exit_code, as_paths(str(error)))


def capture_path_missing() -> Iterator[Finding]:
    if not capture_path():
        remedy = "pip install 'flowedge[pcapy]', or build flowedge where libpcap-dev is installed"
        yield Finding(UsageError.exit_code, f"this build has no libpcap to capture with; {remedy}")


def interfaces_unfit(names: Sequence[str]) -> Iterator[Finding]:
    if not names:
        hint = "give one or more (flowedge interfaces lists them)"
        yield Finding(UsageError.exit_code, f"capture.interfaces: none is given; {hint}")
        return
    try:
        known = {interface.name: interface for interface in list_interfaces()}
    except CaptureError as error:
        yield Finding(NO_CAPTURE, str(error))
        return
    for name in names:
        yield from _interface_unfit(name, known)


def _interface_unfit(name: str, known: Mapping[str, Interface]) -> Iterator[Finding]:
    interface = known.get(name)
    if interface is None:
        near = difflib.get_close_matches(name, known, n=1)
        others = f"the nearest is {near[0]}" if near else f"there are {', '.join(known) or 'none at all'}"
        yield Finding(NO_CAPTURE, f"capture.interfaces: there is no interface {name}; {others}")
    elif not interface.up:
        yield Finding(NO_CAPTURE, f"capture.interfaces: {name} is down; sudo ip link set {name} up")
    elif not interface.running:
        yield Finding(WARNING, f"capture.interfaces: {name} has no link; look at its cable or its network")


def permission_missing() -> Iterator[Finding]:
    if not privileges.may_open_packet_sockets():
        program = os.path.realpath(sys.executable)
        remedy = f"use sudo, or allow it for good with sudo setcap cap_net_raw=ep {program}"
        yield Finding(NO_CAPTURE, f"this process may not capture; {remedy}")


def user_missing(capture: CaptureSettings) -> Iterator[Finding]:
    """Only root becomes somebody else; but who checks may not be who captures."""
    if _entry(capture.user) is None:
        text = f"capture.user: there is no user {capture.user!r}; give another, or make it with sudo useradd --system"
        yield Finding(UsageError.exit_code if os.geteuid() == 0 else WARNING, text)


def outputs_unfit(configuration: Configuration) -> Iterator[Finding]:
    """Outputs that are not there are made before privileges are given up, those that are there must suit the user."""
    writer = _entry(configuration.capture.user) if os.geteuid() == 0 else None
    outputs = outputs_of(configuration)
    if not outputs:
        text = "rows.csv: no output is given, so that CSV goes to standard output; give one to keep flows"
        yield Finding(WARNING, text)
    for path, place in {**outputs, "log.stats": configuration.log.stats}.items():
        if place not in ("", "-") and path != "mqtt.url":
            yield from _output_unfit(path, place, path in FOLDERS or place.endswith(os.sep), writer)


def _output_unfit(path: str, place: str, is_folder: bool, writer: pwd.struct_passwd | None) -> Iterator[Finding]:
    name = writer.pw_name if writer is not None else getpass.getuser()
    if is_folder and os.path.exists(place) and not os.path.isdir(place):
        yield Finding(SinkError.exit_code, f"{path}: {place} is no folder; give another")
    elif os.path.exists(place):
        if not _may_write(place, writer):
            remedy = f"sudo chown {name} {place}, or give another"
            yield Finding(SinkError.exit_code, f"{path}: {place} cannot be written by user {name}; {remedy}")
    elif not _may_make(_folder_above(place, is_folder), writer):
        remedy = f"make the folder that it is to be in, one that user {name} may enter, or give another"
        yield Finding(SinkError.exit_code, f"{path}: {place} cannot be made; {remedy}")


def _folder_above(place: str, is_folder: bool) -> str:
    """Where it will be made: missing folders above a folder are made too, those above a file are not."""
    above = os.path.dirname(os.path.abspath(place))
    while is_folder and not os.path.exists(above):
        above = os.path.dirname(above)
    return above


def _may_make(folder: str, writer: pwd.struct_passwd | None) -> bool:
    """Whether something can be made there, by who starts, that this user can go on with."""
    return os.access(folder, os.W_OK | os.X_OK) and (writer is None or _may(writer, 'test -x "$1"', folder))


def _may_write(place: str, writer: pwd.struct_passwd | None) -> bool:
    """Whether that user may; None: whether we may."""
    if writer is None:
        return os.access(place, os.W_OK | os.X_OK if os.path.isdir(place) else os.W_OK)
    return _may(writer, 'test -w "$1" && { test -x "$1" || ! test -d "$1"; }', place)


def _may(writer: pwd.struct_passwd, test: str, place: str) -> bool:
    """What the user's own shell finds: only the kernel knows, with all its lists and mounts."""
    done = subprocess.run(
        ["/bin/sh", "-c", test, "sh", place],
        user=writer.pw_uid,
        group=writer.pw_gid,
        extra_groups=[],  # as the agent has none
        check=False,
    )
    return done.returncode == 0


def _entry(user: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(user)
    except KeyError:
        return None
