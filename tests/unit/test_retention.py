"""Deletes the oldest files of a folder, and nothing else."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from flowedge.sinks import retention
from flowedge.sinks.retention import Retention

from .live_rows import Clock

NAMES = re.compile(r"\d+\.pcap")


class Kept:
    """A folder with a Retention under test; looks are counted."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.clock = Clock()
        self.notices: list[str] = []
        self.looks = 0
        monkeypatch.setattr(os, "scandir", self._counted)

    def _counted(self, path: str, scandir=os.scandir) -> Iterator[os.DirEntry[str]]:  # type: ignore[no-untyped-def]
        self.looks += 1
        return scandir(path)  # type: ignore[no-any-return]

    def retention(self, max_octets: int | None = None, max_age: float | None = None) -> Retention:
        return Retention(
            str(self.path),
            NAMES,
            notice=self.notices.append,
            max_octets=max_octets,
            max_age=max_age,
            clock=lambda: self.clock.time,
            steady=lambda: self.clock.steady,
        )

    def add(self, name: str, octets: int = 100, age: float = 0) -> None:
        (self.path / name).write_bytes(bytes(octets))
        os.utime(self.path / name, (0, self.clock.time - age))

    @property
    def names(self) -> list[str]:
        return sorted(os.listdir(self.path))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    return Kept(tmp_path, monkeypatch)


def test_the_oldest_go_first_until_it_fits(kept: Kept) -> None:
    for number in range(20):
        kept.add(f"{number:02}.pcap", age=100 - number)
    deleting = kept.retention(max_octets=1000)
    deleting.apply()
    assert kept.names == [f"{number:02}.pcap" for number in range(11, 20)]  # 95 % of it at most
    assert deleting.problem == ""


def test_what_is_too_old_goes(kept: Kept) -> None:
    for days in range(5):
        kept.add(f"{days}.pcap", age=days * 86_400)
    deleting = kept.retention(max_age=2 * 86_400)
    deleting.apply()
    assert kept.names == ["0.pcap", "1.pcap", "2.pcap"]


def test_only_its_own_complete_files_count_and_go(kept: Kept) -> None:
    kept.add(".1.pcap", 5000)
    kept.add("notes.txt", 5000)
    kept.add("1.pcap.bak", 5000)
    (kept.path / "2.pcap").mkdir()
    (kept.path / "3.pcap").symlink_to("notes.txt")
    names = kept.names
    kept.add("4.pcap", 10, age=10)
    deleting = kept.retention(max_octets=100, max_age=5)
    deleting.apply()
    assert kept.names == names


def test_hidden_files_stay_even_if_their_names_match(kept: Kept) -> None:
    kept.add(".flowedge-1.pcap", age=100)
    deleting = Retention(str(kept.path), re.compile(".*"), notice=pytest.fail, max_octets=1, max_age=1)
    deleting.apply()
    assert kept.names == [".flowedge-1.pcap"]


def test_it_looks_only_when_the_folder_may_be_too_large(kept: Kept) -> None:
    deleting = kept.retention(max_octets=100_000)
    for number in range(1000):
        kept.add(f"{number}.pcap", 1000, age=-number)
        deleting.added(1000)
        deleting.apply()
        assert len(kept.names) <= 100
    assert len(kept.names) >= 95
    assert kept.looks <= 1 + 905 / 5


def test_it_looks_for_old_files_from_time_to_time(kept: Kept) -> None:
    deleting = kept.retention(max_age=10 * 86_400)
    kept.add("0.pcap")
    for _ in range(11 * 24 * 60):
        deleting.apply()
        kept.clock.go(60)
    assert kept.names == []
    assert kept.looks == 11 * 24


def test_a_clock_that_is_set_back_does_not_stop_it(kept: Kept) -> None:
    deleting = kept.retention(max_age=100)
    deleting.apply()
    kept.clock.time -= 10**6
    kept.add("0.pcap")
    kept.clock.go(101)
    deleting.apply()
    assert kept.names == []


def test_without_bounds_nothing_goes(kept: Kept) -> None:
    kept.add("0.pcap", age=10**9)
    deleting = kept.retention()
    for _ in range(3):
        deleting.added(10**12)
        deleting.apply()
    assert kept.names == ["0.pcap"]
    assert kept.looks == 1


def test_more_files_than_it_remembers(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 7)
    for number in range(100):
        kept.add(f"{number:02}.pcap", age=100 - number)
    deleting = kept.retention(max_octets=2000)
    deleting.apply()
    assert kept.names[0] > "79.pcap"
    assert 18 <= len(kept.names) <= 20


def test_a_file_that_vanishes_is_no_problem(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_late(path: str, unlink=os.unlink) -> None:  # type: ignore[no-untyped-def]
        unlink(path)
        unlink(path)

    for number in range(5):
        kept.add(f"{number}.pcap", age=5 - number)
    monkeypatch.setattr(os, "unlink", too_late)
    deleting = kept.retention(max_octets=300)
    deleting.apply()
    assert (kept.names, deleting.problem) == (["3.pcap", "4.pcap"], "")


def test_a_file_that_vanishes_before_it_is_looked_at(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def emptied(path: str, scandir=os.scandir) -> AbstractContextManager[list[os.DirEntry[str]]]:  # type: ignore[no-untyped-def]
        entries = list(scandir(path))
        os.unlink(kept.path / "0.pcap")
        return nullcontext(entries)

    kept.add("0.pcap", age=10)
    monkeypatch.setattr(os, "scandir", emptied)
    deleting = kept.retention(max_age=1)
    deleting.apply()
    assert deleting.problem == ""


def test_what_cannot_be_deleted_is_told_once_and_not_looked_for_all_the_time(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    kept.add("0.pcap", 1000)
    deleting = kept.retention(max_octets=100)
    with monkeypatch.context() as broken:
        broken.setattr(os, "unlink", refuse)
        for _ in range(100):
            deleting.apply()
            deleting.added(1)
    problem = f"{kept.path}: old files cannot be deleted: Operation not permitted"
    assert kept.notices == [problem]
    assert deleting.problem == problem
    assert kept.looks < 20
    deleting.added(100)
    deleting.apply()
    assert (kept.names, deleting.problem) == ([], "")


def test_a_folder_that_is_not_there(kept: Kept) -> None:
    kept.path.rmdir()
    deleting = kept.retention(max_octets=100)
    deleting.apply()
    assert kept.notices == [f"{kept.path}: old files cannot be deleted: No such file or directory"]
