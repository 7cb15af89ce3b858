"""Writes docs/columns.md from the engine's list of columns."""

from collections.abc import Sequence
from pathlib import Path

from flowedge.columns import COLUMNS, Column

PAGE = Path(__file__).with_name("columns.md")
SCHEMES = ("cicflowmeter", "cicids2017", "cse-cic-ids2018")
NAME = {"u": "unsigned", "i": "signed", "f": "float"}
GROUPS = {
    "feature": "The 82 columns\n\nEvery mode has them.",
    "engelen": "Mode `engelen` alone\n\nThe fork's rows have ten columns more.",
    "extra": "On request\n\n`--extra` appends them, under the same name in every scheme.",
}
HEAD = """# Columns

Made by `make docs` from the engine's list; [features.md](features.md) says what each mode puts into them. A *duration*
is in seconds under the names `netflower`, in microseconds under the others; in the records of a FlowBatch
(`to_numpy()`) it is in the mode's own unit: microseconds in the modes `cicflowmeter` and `engelen`, else seconds.

Published names are given letter for letter: most of CICIDS2017's begin with a space.
"""


def type_text(numpy_format: str | tuple[str, tuple[int, ...]]) -> str:
    """Such as "unsigned 32" for "=u4"."""
    if isinstance(numpy_format, tuple):
        return "16 octets"
    kind, octets = numpy_format[-2], int(numpy_format[-1])
    return f"{NAME[kind]} {8 * octets}"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def code(name: str | None) -> str:
    return f"`{name}`" if name else ""


def definitions(columns: Sequence[Column]) -> str:
    rows = [(code(c.name), type_text(c.numpy_format), c.unit.replace("_", " "), c.meaning) for c in columns]
    return table(("column", "type", "unit", "meaning"), rows)


def published_names(columns: Sequence[Column]) -> str:
    rows = [(code(c.name), *(code(c.names[scheme]) for scheme in SCHEMES)) for c in columns]
    return table(("column", *SCHEMES), rows)


def page() -> str:
    parts = [HEAD]
    for group, title in GROUPS.items():
        parts.append(f"\n## {title}\n\n" + definitions([c for c in COLUMNS if c.group == group]))
    named = [c for c in COLUMNS if c.group != "extra"]
    return "".join([*parts, "\n## Names in other places\n\n", published_names(named)])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
