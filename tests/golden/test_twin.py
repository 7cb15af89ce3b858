"""Every row of every capture, in every mode, against the slow twin."""

from pathlib import Path

import pytest
from conversion import convert
from reference import MODES, rows
from reference.comparison import compare
from shared_captures import corpus_captures, each_capture, golden_captures

CAPTURES = golden_captures() + golden_captures("pcap_us") + corpus_captures()


@pytest.mark.parametrize("mode", MODES)
@each_capture(CAPTURES)
def test_rows_are_the_twins(capture: Path, mode: str) -> None:
    result = compare(convert(capture, mode=mode).rows, rows(capture, mode))
    assert not result, str(result)
