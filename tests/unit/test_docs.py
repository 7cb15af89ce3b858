"""What the pages say of the code is so."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click

from flowedge._core import SKIP_REASONS
from flowedge.cli import commands

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def module_at(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_columns_is_fresh() -> None:
    page = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    assert page == module_at(ROOT / "docs" / "write_columns.py").page(), "run: make docs"


def test_the_readme_explains_every_skip_reason() -> None:
    assert set(SKIP_REASONS) <= set(re.findall(r"`(\w+)`", README))


def test_the_readme_names_only_options_that_exist() -> None:
    convert = commands.get_command(click.Context(commands), "convert")
    assert convert is not None
    known = {option for parameter in convert.params for option in parameter.opts}
    table = README.split("## Options of `flowedge convert`")[1].split("\n## ")[0]
    named = set(re.findall(r"`(-[\w-]+)", table)) | {"--help"}
    assert named - known <= {"--help"}
