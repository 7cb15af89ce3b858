"""A network, where there can be one, and a folder for an agent."""

import functools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.network import Network, why_none


@pytest.fixture
def network() -> Iterator[Network]:
    """Two namespaces and a wire; the test is skipped where they cannot be made."""
    reason = _why_no_network()
    if reason:
        pytest.skip(reason)
    with Network() as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where an agent may write that has given up its privileges; pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory(prefix="flowedge-") as made:
        Path(made).chmod(0o777)
        yield Path(made)


_why_no_network = functools.cache(why_none)
