"""flowedge capture"""

from collections.abc import Mapping
from typing import Any

import click

from flowedge.agent import privileges
from flowedge.agent.service import Agent
from flowedge.capture import ConfiguredCapture
from flowedge.cli.messages import Messages
from flowedge.cli.options import SectionedCommand, as_flags, configuration_of, configuration_options
from flowedge.config import Configuration, outputs_of, with_settings
from flowedge.errors import ConfigurationError, FlowedgeError, UsageError
from flowedge.inputs import Replay
from flowedge.surroundings import Surroundings


@click.command("capture", cls=SectionedCommand)
@configuration_options
@click.option("-r", "--replay", metavar="FILE", help="Play a capture file in place of interfaces; needs no root.")
@click.option("--speed", metavar="X", type=click.FloatRange(min=0, min_open=True),
              help="Play it X times as fast as it was captured; without it, as fast as possible.")  # fmt: skip
def capture_command(replay: str | None, speed: float | None, **parameters: Any) -> int:
    """Capture interfaces until told to stop, and put out their flows.

    Without any output, CSV goes to standard output. SIGINT (Ctrl-C) and SIGTERM end a capture well: what was
    received is put out. SIGHUP reopens files and reads the configuration anew, SIGUSR1 says the counters.
    """
    messages = Messages()
    try:
        played = _replay(parameters, replay, speed)
        configuration = _configuration(parameters, played)
        level = configuration.log.level
        messages = Messages(log_format=configuration.log.format, quiet=level == "quiet", verbose=level == "verbose")
        return _run(configuration, messages, played, parameters)
    except ConfigurationError as error:
        for problem in error.problems:
            messages.error(problem)
        return error.exit_code
    except FlowedgeError as error:
        messages.error(as_flags(str(error)))
        return error.exit_code


def _replay(parameters: Mapping[str, Any], path: str | None, speed: float | None) -> Replay | None:
    if path is None:
        if speed is not None:
            raise UsageError("speed: is that of a replay; give -r as well")
        return None
    if parameters["interfaces"]:
        raise UsageError(f"{path}: is played in place of interfaces; give none, or leave out -r")
    return Replay(path, speed)


def _run(configuration: Configuration, messages: Messages, replay: Replay | None, parameters: Mapping[str, Any]) -> int:
    def capture(account: privileges.Account | None) -> ConfiguredCapture:
        surroundings = Surroundings(
            notify=messages.say,
            owner=account.owner if account else None,
            sockets=privileges.packet_sockets,
        )
        return ConfiguredCapture(configuration, surroundings, replay=replay)

    agent = Agent(configuration, messages, capture=capture, read_anew=lambda: _configuration(parameters, replay))
    return agent.run()


def _configuration(parameters: Mapping[str, Any], replay: Replay | None) -> Configuration:
    configuration = configuration_of(parameters)
    changes: dict[str, object] = {} if replay is None else {"interfaces": ()}
    if not outputs_of(configuration):
        changes["csv"] = "-"
    return with_settings(configuration, changes)
