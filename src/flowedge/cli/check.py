"""flowedge check"""

from typing import Any

import click

from flowedge.cli.messages import Messages
from flowedge.cli.options import SectionedCommand, configuration_of, configuration_options
from flowedge.config import Configuration, as_toml, sample
from flowedge.errors import ConfigurationError


@click.command("check", cls=SectionedCommand)
@configuration_options
@click.option("--sample", "wants_sample", is_flag=True, help="Print a configuration file to begin with.")
def check_command(wants_sample: bool, **parameters: Any) -> int:
    """Look over a configuration without starting a capture.

    Takes the interfaces and options of `flowedge capture`. The configuration that comes of them is printed as TOML,
    and on standard error what is wrong or missing on this system. The exit code is 0 if a capture could start, 2 if
    the configuration is wrong, 3 if permission or an interface is missing, and 4 if an output cannot be written.
    """
    if wants_sample:
        click.echo(sample(), nl=False)
        return 0
    messages = Messages()
    try:
        configuration = configuration_of(parameters)
    except ConfigurationError as error:
        for problem in error.problems:
            messages.error(problem)
        return error.exit_code
    click.echo(as_toml(configuration), nl=False)
    return _check(configuration, messages)


def _check(configuration: Configuration, messages: Messages) -> int:
    """Says what is found; the exit code is that of what a capture would come upon first."""
    from flowedge.cli.readiness import capture_path, findings

    found = findings(configuration)
    for code, text in found:
        if code:
            messages.error(text)
        else:
            messages.warning(text)
    codes = [code for code, _ in found if code]
    if codes:
        return codes[0]
    messages.info(f"ready to capture {', '.join(configuration.capture.interfaces)} with {capture_path()}")
    return 0
