"""Packages that only some conversions need."""

from importlib import import_module
from typing import Any

from flowedge.errors import MissingPackageError


def required(package: str, use: str, install: str) -> Any:
    """The package, or MissingPackageError with the remedy."""
    try:
        return import_module(package)
    except ImportError:
        raise MissingPackageError(f"{use} needs the package {package}: pip install '{install}'") from None
