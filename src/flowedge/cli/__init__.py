"""The command `flowedge`: one module a command, each thin."""

import signal
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from flowedge.cli.messages import Messages

COMMANDS = ("convert", "capture", "subscribe", "interfaces", "check")
ENDED_BY_SIGNAL = 128  # shells add the signal's number


class Stopped(KeyboardInterrupt):
    """A signal that ends the command as Ctrl-C does: nothing half written stays behind."""

    def __init__(self, number: int) -> None:
        self.number = number


def _stop(number: int, _: object) -> None:
    raise Stopped(number)


class CommandGroup(click.Group):
    """Imports a command when it is asked for, so that each loads only what it needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"flowedge.cli.{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="flowedge", message="%(prog)s %(version)s")
@click.pass_context
def commands(context: click.Context) -> None:
    """Turns packets into bidirectional flows with the 82 CICFlowMeter features."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit code.

    0 done, 1 input partly unusable, 2 usage or configuration, 3 capture or permission, 4 a sink gave up.
    """
    try:
        return commands.main(list(arguments), prog_name="flowedge", standalone_mode=False) or 0
    except click.ClickException as error:
        Messages().error(_one_sentence(error))
        return error.exit_code
    except click.Abort as error:
        cause = error.__cause__
        return ENDED_BY_SIGNAL + (cause.number if isinstance(cause, Stopped) else signal.SIGINT)


def _one_sentence(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    return error.format_message().rstrip(".") + hint


def main() -> None:
    """The entry point of the command."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    sys.exit(run(sys.argv[1:]))
