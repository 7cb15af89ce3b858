"""From what users write to a Configuration; what is wrong with it is told all at once."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from flowedge.config.kinds import Float, shown
from flowedge.config.tree import SECTIONS, SETTINGS, Configuration, Setting
from flowedge.errors import ConfigurationError

LONGEST_FILE = 1 << 20  # octets
LONGEST_NAME = 40  # characters worth comparing or showing
MOST_PROBLEMS = 20  # told at once: a wrong kind of file has thousands

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_BY_PATH = {setting.path: setting for setting in SETTINGS}


def read_configuration(path: str | os.PathLike[str]) -> Configuration:
    """The configuration that a TOML file describes. Raises ConfigurationError with everything that is wrong with it."""
    name = os.fspath(path)
    values: dict[Setting, object] = {}
    try:
        problems = list(islice(_fill(values, _parsed(_octets(name))), MOST_PROBLEMS))
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from error
    if problems:
        raise ConfigurationError(*(f"{name}: {problem}" for problem in problems))
    return Configuration().replaced(values)


def with_settings(configuration: Configuration, values: Mapping[str, object]) -> Configuration:
    """The configuration with other values, by the settings' names (`idle_timeout`, `log_format`).

    A text is read as on the command line ("src_ip,dst_ip", "90s"), anything else as in a file; None changes nothing.
    Raises ConfigurationError with everything that is wrong.
    """
    read: dict[Setting, object] = {}
    problems = []
    for name, value in values.items():
        try:
            setting = _setting_named(name)
            if value is not None:
                read[setting] = setting.kind.parse(value) if isinstance(value, str) else setting.kind.read(value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ConfigurationError(*problems)
    return configuration.replaced(read)


def contradictions(configuration: Configuration) -> list[str]:
    """What is wrong with settings that are each right: one sentence each."""
    return [*_repeated_interfaces(configuration), *_shared_outputs(configuration), *_too_little_kept(configuration)]


def _octets(name: str) -> bytes:
    try:
        with open(name, "rb") as file:
            octets = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(octets) > LONGEST_FILE:
        raise ValueError("is larger than 1 MiB; give a TOML file")
    return octets


def _parsed(octets: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(octets.decode(), parse_float=lambda text: Float(text.replace("_", "")))
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line} is not UTF-8; save the file in that encoding") from error
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError is one; a decimal number may be too long for Python to read
        raise ValueError(f"is not TOML: {error}") from error


def _fill(values: dict[Setting, object], tables: Mapping[str, Any]) -> Iterator[str]:
    """Adds the values that can be read, and says what is wrong with the others."""
    for section, table in tables.items():
        if section not in SECTIONS:
            yield _unknown_section(section)
        elif not isinstance(table, dict):
            yield f"{section}: {shown(table)} is not a section; write [{section}] on a line of its own"
        else:
            yield from _fill_section(values, section, table)


def _fill_section(values: dict[Setting, object], section: str, table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        try:
            setting = _setting_at(section, key)
            values[setting] = setting.kind.read(value)
        except ValueError as error:
            yield f"{section}.{_short(key)}: {error}"


def _setting_at(section: str, key: str) -> Setting:
    setting = _BY_PATH.get(f"{section}.{key}")
    if setting is None:
        here = [each.key for each in SETTINGS if each.section == section]
        raise ValueError(f"there is no such key{_suggestion(_paths_near(key) or here)}")
    return setting


def _setting_named(name: str) -> Setting:
    setting = _BY_NAME.get(name)
    if setting is None:
        raise ValueError(f"there is no such setting{_suggestion(_near(name, _BY_NAME))}")
    return setting


def _unknown_section(name: str) -> str:
    near = [f"[{section}]" for section in _near(name, SECTIONS)] or _paths_near(name)
    known = [f"[{section}]" for section in SECTIONS]
    return f"{_short(name)}: there is no such section{_suggestion(near or known)}"


def _paths_near(key: str) -> list[str]:
    """The setting whose key is most like this one, in whatever section it is."""
    near = _near(key, [setting.key for setting in SETTINGS])
    return [setting.path for setting in SETTINGS if setting.key in near]


def _near(name: str, known: Iterable[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(name, known, n=1) if len(name) <= LONGEST_NAME else []


def _suggestion(names: list[str]) -> str:
    if not names:
        return ""
    return f"; the nearest is {names[0]}" if len(names) == 1 else f"; there are {', '.join(names)}"


def _short(name: str) -> str:
    """A name that a file gives, fit for a message of one line."""
    plain = name if name.isprintable() and name else repr(name)
    return plain if len(plain) <= LONGEST_NAME else f"{plain[:LONGEST_NAME]}..."


def _repeated_interfaces(configuration: Configuration) -> list[str]:
    counts = Counter(configuration.capture.interfaces)
    twice = [name for name, count in counts.items() if count > 1]
    return [f"capture.interfaces: {name} is given twice; its flows would be too" for name in twice[:MOST_PROBLEMS]]


def _shared_outputs(configuration: Configuration) -> list[str]:
    """Two outputs in one place would overwrite each other."""
    first: dict[str, str] = {}
    problems = []
    for path in ("rows.csv", "rows.jsonl", "log.stats"):
        place = configuration[_BY_PATH[path]]
        if not place or place.endswith(os.sep) or os.path.isdir(place):
            continue
        taken_by = first.setdefault(place if place == "-" else os.path.realpath(place), path)
        if taken_by != path:
            problems.append(f"{path}: {place} is that of {taken_by} already; give another")
    return problems


def _too_little_kept(configuration: Configuration) -> list[str]:
    rows = configuration.rows
    if 0 < rows.keep_size < rows.rotate_size:
        return ["rows.keep_size: is less than rows.rotate_size, so that no file would stay; give more, or 0"]
    return []
