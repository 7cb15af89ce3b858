"""Options of commands, made from the settings of the configuration."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from flowedge.config import (
    SECTIONS,
    SETTINGS,
    Configuration,
    Setting,
    contradictions,
    flow_options,
    read_configuration,
    with_settings,
)
from flowedge.config.kinds import Boolean
from flowedge.errors import ConfigurationError
from flowedge.options import FlowOptions

Command = TypeVar("Command", bound=Callable[..., Any])

_BY_NAME = {setting.name: setting for setting in SETTINGS}
CONFIGURATION_FLAG = "config"


class SectionedCommand(click.Command):
    """Its help shows the options of each section of the configuration under a heading."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        all_options = [each for each in self.get_params(context) if isinstance(each, click.Option)]
        for section in ("", *SECTIONS):
            options = [each for each in all_options if getattr(each, "section", "") == section]
            records = [record for each in options if (record := each.get_help_record(context)) is not None]
            if records:
                with formatter.section(f"Options, [{section}]" if section else "Options"):
                    formatter.write_dl(records)


class SettingOption(click.Option):
    """A flag of a setting. What it is given is read later, with all the others; it is None if it is not."""

    def __init__(self, declarations: list[str], section: str, **attributes: Any) -> None:
        super().__init__(declarations, default=None, show_default=False, **attributes)
        self.section = section


def configuration_options(command: Command) -> Command:
    """Adds IFACE..., -c and a flag for each setting; configuration_of() takes what they are given."""
    for setting in reversed(SETTINGS):
        command = setting_option(setting)(command)
    option = click.option("-c", f"--{CONFIGURATION_FLAG}", metavar="FILE", help="Read the configuration from FILE.")
    return option(click.argument("interfaces", metavar="[IFACE]...", nargs=-1)(command))


def flow_setting_options(command: Command) -> Command:
    """Adds the flags that decide which flows a capture file has; flow_options_of() takes what they are given."""
    for setting in reversed(SETTINGS):
        if setting.section == "flows" or setting.name == "filter":
            command = setting_option(setting, default=setting.name != "max_flows")(command)
    return command


def setting_option(setting: Setting, *, default: bool = True) -> Callable[[Command], Command]:
    """Adds the flags of one setting; `default`: whether the help tells the setting's default."""

    def add(command: Command) -> Command:
        for switch in reversed(setting.switches):
            command = _option(setting, *switch.flags, flag_value=switch.value, help=switch.meaning)(command)
        if not setting.flag:
            return command
        told = f"  [default: {setting.default_text}]" if default and setting.default_text else ""
        text = setting.meaning + told
        if isinstance(setting.kind, Boolean):
            return _option(setting, f"{setting.flag}/--no-{setting.flag.removeprefix('--')}", help=text)(command)
        return _option(setting, setting.flag, metavar=setting.kind.metavar, help=text)(command)

    return add


def _option(setting: Setting, *flags: str, **attributes: Any) -> Callable[[Command], Command]:
    return click.option(*flags, setting.name, cls=SettingOption, section=setting.section, **attributes)


def configuration_of(parameters: Mapping[str, Any]) -> Configuration:
    """The configuration that a command with configuration_options() was given: flags override the file.

    Raises ConfigurationError.
    """
    path = parameters[CONFIGURATION_FLAG]
    configuration = Configuration() if path is None else read_configuration(path)
    configuration = _with_flags(configuration, parameters)
    problems = contradictions(configuration)
    if problems:
        raise ConfigurationError(*problems)
    return configuration


def flow_options_of(parameters: Mapping[str, Any]) -> FlowOptions:
    """What a command with flow_setting_options() was given. Raises ConfigurationError."""
    configuration = _with_flags(Configuration(), parameters)
    options = flow_options(configuration.flows)
    options["filter"] = configuration.capture.filter or None
    if parameters["max_flows"] is None:
        options["max_flows"] = None
    return options


def _with_flags(configuration: Configuration, parameters: Mapping[str, Any]) -> Configuration:
    given = {name: parameters[name] for name in _BY_NAME if parameters.get(name) not in (None, ())}
    try:
        return with_settings(configuration, given)
    except ConfigurationError as error:
        raise ConfigurationError(*map(as_flags, error.problems)) from error


def as_flags(message: str) -> str:
    """A message that begins with a setting's name ("idle_timeout: ..."), with its flag instead."""
    return _renamed(message, lambda setting: setting.flag or setting.key)


def as_paths(message: str) -> str:
    """A message that begins with a setting's name, with its section and key instead ("flows.idle_timeout: ...")."""
    return _renamed(message, lambda setting: setting.path)


def _renamed(message: str, name_of: Callable[[Setting], str]) -> str:
    match = re.match(r"(\w+)(?=: )", message)
    if match is None or match[1] not in _BY_NAME:
        return message
    return name_of(_BY_NAME[match[1]]) + message[match.end() :]
