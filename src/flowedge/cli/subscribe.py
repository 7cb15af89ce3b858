"""flowedge subscribe"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import click

from flowedge.cli.edge_rows import FORMATS, WindowOutput, format_of, open_windows
from flowedge.cli.messages import Messages
from flowedge.cli.options import as_flags, setting_option
from flowedge.config import SETTINGS, Configuration, MqttSettings, with_settings
from flowedge.config.kinds import Duration, Octets
from flowedge.edges import EdgeList, Gap
from flowedge.errors import FlowedgeError, MalformedMessageError, UsageError
from flowedge.sinks.output import STANDARD_OUTPUT
from flowedge.subscriber import Limits, Subscription, subscribe

Command = TypeVar("Command", bound=Callable[..., Any])

CONNECTION = ("version", "user", "password_file", "ca", "certificate", "key", "insecure")
LOOK_SECONDS = 0.2  # between two looks at whether it is time to end
LOSSES = {
    "missing": "windows missing",
    "malformed": "messages malformed",
    "given_up": "windows given up: parts were missing, or --memory was too little",
}


def connection_options(command: Command) -> Command:
    """Adds those settings of the agent's [mqtt] that a subscriber has too."""
    for setting in reversed(SETTINGS):
        if setting.section == "mqtt" and setting.key in CONNECTION:
            command = setting_option(setting)(command)
    return command


@click.command("subscribe")
@click.argument("url", metavar="URL")
@click.option("-o", "--output", metavar="OUT", help="A file (appended to), a folder (ending in /), or '-'.")
@click.option("--format", type=click.Choice(FORMATS), help="Format, where OUT has no suffix that tells it.")
@click.option("--topic", metavar="FILTER", default="flowedge/v1/#", show_default=True, help="Which topics to read.")
@click.option(
    "--group", metavar="NAME", help="Share the messages with all who give this group; gives parts of windows."
)
@click.option("--client-id", metavar="NAME",
              help="Have the broker keep for this name what comes while nobody reads, and go on there.")  # fmt: skip
@click.option("--memory", metavar="SIZE", default="256MiB", show_default=True,
              help="For windows of which parts are still to come; a larger one is given up.")  # fmt: skip
@click.option("--windows", metavar="N", type=click.IntRange(min=1), help="End after so many windows.")
@click.option("--duration", metavar="TIME", help="End after this long.")
@connection_options
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("--log-format", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="Form of what is said on standard error.")  # fmt: skip
def subscribe_command(
    url: str, windows: int | None, duration: str | None, quiet: bool, verbose: bool, log_format: str, **others: Any
) -> int:
    """Read the edge lists that agents publish: on a terminal as a live table, else as JSON lines, one a window.

    The suffix of OUT tells what its rows are: .csv, .jsonl or .parquet, an edge a row. A folder gets a file a window.
    SIGINT (Ctrl-C) and SIGTERM end it well.
    """
    messages = Messages(log_format=log_format, quiet=quiet, verbose=verbose)
    try:
        with _stop_signals() as stop, ExitStack() as opened:
            end = _End(windows, duration, stop)
            subscription = opened.enter_context(_subscribed(url, others, messages))
            output = _open_output(others["output"], others["format"], messages)
            with _closing(output):
                _read(subscription, output, messages, end)
        return _report(subscription.counters, messages)
    except FlowedgeError as error:
        for problem in str(error).splitlines():
            messages.error(as_flags(problem))
        return error.exit_code
    except BrokenPipeError:
        return 0


class _End:
    """When to end."""

    def __init__(self, windows: int | None, duration: str | None, stop: "_Stop") -> None:
        self._left = windows
        self._stop = stop
        try:
            seconds = float("inf") if duration is None else float(Duration("1ms", "36500d").read(duration))
        except ValueError as error:
            raise UsageError(f"--duration: {error}") from None
        self._deadline = time.monotonic() + seconds

    def count_window(self) -> None:
        if self._left is not None:
            self._left -= 1

    @property
    def has_come(self) -> bool:
        return self._left == 0 or self._stop.asked or time.monotonic() >= self._deadline


class _Stop:
    """Handles signals: the first asks for the end, so that no row is broken off; the second ends it at once."""

    asked = False

    def __call__(self, number: int, _: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _stop_signals() -> Iterator[_Stop]:
    stop = _Stop()
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _subscribed(url: str, others: dict[str, Any], messages: Messages) -> Subscription:
    return subscribe(
        url,
        others["topic"],
        client_id=others["client_id"],
        clean_start=others["client_id"] is None,
        group=others["group"],
        parts=others["group"] is not None,
        limits=Limits(octets=_memory(others["memory"])),
        on_notice=messages.say,
        **_connection(others),
    )


def _memory(size: str) -> int:
    try:
        return Octets("1MiB", "1TiB").parse(size)
    except ValueError as error:
        raise UsageError(f"--memory: {error}") from None


def _connection(parameters: dict[str, Any]) -> dict[str, Any]:
    """The options of connection_options() as subscribe() takes them."""
    ours = [setting for setting in SETTINGS if setting.section == "mqtt" and setting.key in CONNECTION]
    given = {each.name: parameters[each.name] for each in ours if parameters[each.name] is not None}
    mqtt: MqttSettings = with_settings(Configuration(), given).mqtt
    return {key: getattr(mqtt, key) for key in CONNECTION}


def _open_output(target: str | None, form: str | None, messages: Messages) -> WindowOutput:
    if target is None and form is None and sys.stdout.isatty():
        from flowedge.cli.window_table import WindowTable

        return WindowTable()
    target = target or STANDARD_OUTPUT
    return open_windows(target, format_of(target, form), messages.warning)


@contextmanager
def _closing(output: WindowOutput) -> Iterator[None]:
    """Whatever ends it, what has been put out stays."""
    try:
        yield
    finally:
        output.close()


def _read(subscription: Subscription, output: WindowOutput, messages: Messages, end: _End) -> None:
    while not end.has_come:
        item = subscription.take(LOOK_SECONDS)
        if isinstance(item, Gap):
            messages.warning(_told(item))
        elif isinstance(item, EdgeList):
            output.put(item)
            end.count_window()


def _told(gap: Gap) -> str:
    which = f"window {gap.first} is" if gap.first == gap.last else f"windows {gap.first} to {gap.last} are"
    return f"{which} missing: {gap.node}, {gap.iface}, run {gap.boot}"


def _report(counters: dict[str, int], messages: Messages) -> int:
    lost = ", ".join(f"{counters[name]:,} {text}" for name, text in LOSSES.items() if counters[name])
    come = f"{counters['parts'] or counters['windows']:,} {'parts' if counters['parts'] else 'windows'}"
    messages.info(f"{come}, {counters['edges']:,} edges; lost: {lost or 'nothing'}", **counters)
    return MalformedMessageError.exit_code if lost else 0
