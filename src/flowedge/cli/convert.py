"""flowedge convert"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from flowedge._core import SKIP_REASONS
from flowedge.cli.messages import Messages
from flowedge.cli.options import as_flags, flow_options_of, flow_setting_options
from flowedge.cli.progress import TerminalProgress
from flowedge.conversion import ConvertResult, Progress, convert
from flowedge.errors import CaptureError, FlowedgeError, UsageError
from flowedge.sinks import FORMATS
from flowedge.sinks.output import open_output


@click.command("convert")
@click.argument("inputs", metavar="IN...", nargs=-1, required=True)
@click.option("-o", "--output", metavar="OUT", required=True, help="Where the flows go; '-' is standard output.")
@click.option("--format", type=click.Choice(FORMATS), help="Format, where OUT has no suffix that tells it.")
@flow_setting_options
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), default=1, show_default=True,
              help="Threads that share the work.")  # fmt: skip
@click.option("--stats", metavar="FILE", help="Write the closing counters to FILE as JSON.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.option("-v", "--verbose", is_flag=True, help="Say more.")
@click.option("--log-format", type=click.Choice(("text", "json")), default="text", show_default=True,
              help="Form of what is said on standard error.")  # fmt: skip
def convert_command(
    inputs: Sequence[str],
    output: str,
    stats: str | None,
    quiet: bool,
    verbose: bool,
    log_format: str,
    format: str | None,
    jobs: int,
    **flows: Any,
) -> int:
    """Turn captures into a table of flows.

    IN is a capture (pcap or pcapng, also .gz, .xz or .zst), a folder of captures, or '-' for standard input; several
    are read in turn. The suffix of OUT tells the format: .csv, .csv.gz, .jsonl, .jsonl.gz, .parquet or .arrow. If
    OUT is a folder, or ends in '/', each capture has its own output in it.
    """
    messages = Messages(log_format=log_format, quiet=quiet, verbose=verbose)
    try:
        with _stats_output(stats, [*inputs, output]) as write_stats:
            result = _convert(inputs, output, messages, {"format": format, "jobs": jobs, **flow_options_of(flows)})
            _report(result, messages)
            write_stats(result)
    except FlowedgeError as error:
        for problem in str(error).splitlines():
            messages.error(as_flags(problem))
        return error.exit_code
    except BrokenPipeError:
        return 0
    return CaptureError.exit_code if result.problems else 0


def _convert(inputs: Sequence[str], output: str, messages: Messages, settings: dict[str, Any]) -> ConvertResult:
    bar = TerminalProgress() if messages.draws else None
    shown: set[str] = set()

    def on_progress(progress: Progress) -> None:
        if progress.capture not in shown:
            shown.add(progress.capture)
            messages.detail(f"reading {progress.capture}")
        if bar is not None:
            bar(progress)

    try:
        return convert(inputs, output, on_progress=on_progress, **settings)
    finally:
        if bar is not None:
            bar.close()


def _report(result: ConvertResult, messages: Messages) -> None:
    for problem in result.problems:
        messages.error(str(problem))
    for warning in _warnings(result):
        messages.warning(warning)
    messages.info(_summary(result), **_counters(result))
    for reason, count in result.skipped.items():
        if count:
            messages.detail(f"{_number(count, 'packet')} skipped as {reason}: {SKIP_REASONS[reason]}")


def _warnings(result: ConvertResult) -> list[str]:
    warnings = list(result.warnings)
    if result.packets and not result.flows:
        warnings.append("no packet is in a flow")
    if result.evicted:
        warnings.append(f"{result.evicted:,} flows were closed early for lack of room; raise --max-flows")
    return warnings


def _summary(result: ConvertResult) -> str:
    skipped = [f"{count:,} {reason}" for reason, count in result.skipped.items() if count]
    reasons = f" ({', '.join(skipped)})" if skipped else ""
    rate = result.packets / max(result.seconds, 1e-9)
    return (
        f"{_number(result.packets, 'packet')} read, {result.in_flows:,} in {_number(result.flows, 'flow')}, "
        f"{sum(result.skipped.values()):,} skipped{reasons}; "
        f"{result.seconds:.2f} s, {rate:,.0f} packets/s"
    )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _counters(result: ConvertResult) -> dict[str, Any]:
    return {
        "packets": result.packets,
        "in_flows": result.in_flows,
        "skipped": result.skipped,
        "flows": result.flows,
        "evicted": result.evicted,
        "backward_time": result.backward_time,
        "seconds": round(result.seconds, 6),
    }


@contextmanager
def _stats_output(path: str | None, taken: Sequence[str]) -> Iterator[Callable[[ConvertResult], None]]:
    """Opens the file for the counters, so that what is wrong with it shows before the work. Gives what writes them."""
    if path is None:
        yield lambda _: None
        return
    if os.path.realpath(path) in map(os.path.realpath, taken):
        raise UsageError(f"{path}: is the input or the output; give another file for --stats")
    output = open_output(path)
    written = False

    def write(result: ConvertResult) -> None:
        import json

        nonlocal written
        output.write(json.dumps(_counters(result), indent=2).encode() + b"\n")
        written = True

    try:
        yield write
    finally:
        output.close(keep=written)
