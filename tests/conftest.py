"""Fixtures of all tests."""

from pathlib import Path

import pytest
from shared_captures import ABSENT, find_shared


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of captures that are not ours; the test is skipped where it is absent."""
    folder = find_shared()
    if folder is None:
        pytest.skip(ABSENT)
    return folder
