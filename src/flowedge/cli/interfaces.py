"""flowedge interfaces"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from flowedge.cli.messages import Messages
from flowedge.errors import InterfaceError

if TYPE_CHECKING:
    from flowedge.sources.interfaces import Interface


@click.command("interfaces")
@click.option("--format", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="Form of the list.")  # fmt: skip
def interfaces_command(format: str) -> int:
    """List what can be captured: name, state, addresses and description of each interface."""
    from flowedge.cli.readiness import capture_path, permission_missing
    from flowedge.sources.interfaces import list_interfaces

    messages = Messages()
    try:
        found = list_interfaces()
    except InterfaceError as error:
        messages.error(str(error))
        return error.exit_code
    click.echo(_json(found) if format == "json" else _table(found), nl=False)
    messages.info(f"captured with {capture_path() or 'nothing that is installed here'}")
    for finding in permission_missing():
        messages.warning(finding.text)
    return 0


def _table(found: "Sequence[Interface]") -> str:
    rows = [(each.name, _state(each), ",".join(each.addresses) or "-", each.description) for each in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _state(interface: "Interface") -> str:
    if not interface.up:
        return "down"
    return "running" if interface.running else "up"


def _json(found: "Sequence[Interface]") -> str:
    import json

    keys = ("name", "description", "addresses", "up", "running", "loopback")
    return json.dumps([{key: getattr(each, key) for key in keys} for each in found], indent=2) + "\n"
