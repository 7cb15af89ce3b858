"""Writes docs/flowedge.toml and docs/configuration.md from the settings."""

from pathlib import Path

from flowedge.config import SECTIONS, SETTINGS, Setting, sample
from flowedge.config.kinds import Boolean, Choice

SAMPLE = Path(__file__).with_name("flowedge.toml")
PAGE = Path(__file__).with_name("configuration.md")
HEAD = """# Configuration

Made by `make docs` from the settings in `src/flowedge/config/tree.py`.

`flowedge capture` does what its flags say; what a flag leaves open, a file says:

```toml
# edge.toml
[capture]
interfaces = ["eth0"]

[flows]
mode = "corrected"
idle_timeout = "60s"

[rows]
csv = "/var/lib/flowedge/"
keep_size = "2GB"
```

```
flowedge check -c edge.toml                      # what comes of it, and what is wrong with it on this system
flowedge capture -c edge.toml --idle-timeout 30s # a flag overrides its key
flowedge check --sample > edge.toml              # every key with its default: flowedge.toml beside this page
```

A key that does not exist is an error that names the nearest one, and so is a value out of range. All errors of a file
are told at once. `flowedge check` ends with 0 if a capture could start.

A **time** is a number of seconds or a text with a unit: `"500ms"`, `"90s"`, `"10m"`, `"1h"`, `"7d"`; it is kept to the
nanosecond. A **size** is a number of octets or a text with a unit: `"64KiB"`, `"128MiB"`, or decimal, `"1GB"`. On the
command line a list is written `a,b,c`, and interfaces are simply named: `flowedge capture eth0 eth1`.
"""


def row(setting: Setting) -> str:
    cells = (f"`{setting.key}`", flags(setting), default(setting), setting.meaning + words(setting))
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def flags(setting: Setting) -> str:
    if setting.switches:
        return ", ".join(f"`{flag}`" for switch in setting.switches for flag in switch.flags)
    if not setting.flag:
        return "`IFACE...`"
    negation = f", `--no-{setting.flag.removeprefix('--')}`" if isinstance(setting.kind, Boolean) else ""
    return f"`{setting.flag}`{negation}"


def default(setting: Setting) -> str:
    return f"`{setting.kind.write(setting.default)}`"


def words(setting: Setting) -> str:
    return f" {', '.join(f'`{word}`' for word in setting.kind.words)}" if isinstance(setting.kind, Choice) else ""


def page() -> str:
    parts = [HEAD]
    for section, about in SECTIONS.items():
        rows = "".join(row(setting) for setting in SETTINGS if setting.section == section)
        parts.append(f"\n## [{section}]\n\n{about}\n\n| key | flag | default | |\n| --- | --- | --- | --- |\n{rows}")
    return "".join(parts)


if __name__ == "__main__":
    SAMPLE.write_text(sample(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
