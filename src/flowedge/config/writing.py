"""From a Configuration to TOML, and the sample file."""

from flowedge.config.kinds import Choice
from flowedge.config.tree import SECTIONS, SETTINGS, Configuration, Setting

HEAD = """\
# Configuration of flowedge: flowedge capture -c FILE, looked over by flowedge check -c FILE.
# Every key may be left out; what is commented out here is the default. A flag of the command line overrides its key.
# Times are seconds, or texts such as "500ms", "90s", "10m", "1h", "7d"; sizes are octets, or texts such as "64KiB".
"""


def as_toml(configuration: Configuration) -> str:
    """The whole configuration; read_configuration() gives it back. What differs from the default says so."""
    return "\n".join(f"[{section}]\n{_values_in(section, configuration)}" for section in SECTIONS)


def sample() -> str:
    """A file to begin with: each key with its meaning, commented out, with the default as its value."""
    return "\n".join([HEAD, *(f"[{name}]\n# {about}\n\n{_keys_in(name)}" for name, about in SECTIONS.items())])


def _values_in(section: str, configuration: Configuration) -> str:
    return "".join(
        f"{_line(setting, configuration[setting])}{_mark(setting, configuration[setting])}\n"
        for setting in SETTINGS
        if setting.section == section
    )


def _keys_in(section: str) -> str:
    return "\n".join(
        f"# {setting.meaning}\n{_choices(setting)}#{_line(setting, setting.default)}\n"
        for setting in SETTINGS
        if setting.section == section
    )


def _line(setting: Setting, value: object) -> str:
    return f"{setting.key} = {setting.kind.write(value)}"


def _mark(setting: Setting, value: object) -> str:
    return "" if value == setting.default else f"  # default: {setting.kind.write(setting.default)}"


def _choices(setting: Setting) -> str:
    return f"# It is {setting.kind.allowed}.\n" if isinstance(setting.kind, Choice) else ""
