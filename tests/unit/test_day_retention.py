"""Deletes the oldest edge lists, a few at a time, and nothing else."""

import errno
import os
from pathlib import Path

import pytest

from flowedge.sinks import day_retention
from flowedge.sinks.day_retention import BLOCK, COUNT_SECONDS, DayRetention
from flowedge.sinks.edge_files import EDGE_NAMES

from .live_rows import Clock


class Kept:
    """A folder of days with a DayRetention under test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.notices: list[str] = []

    def retention(self, max_octets: int | None = None, max_age: float | None = None) -> DayRetention:
        return DayRetention(
            str(self.path),
            EDGE_NAMES,
            notice=self.notices.append,
            max_octets=max_octets,
            max_age=max_age,
            clock=lambda: self.clock.time,
            steady=lambda: self.clock.steady,
        )

    def add(self, day: int, second: int, interface: str = "eth0", octets: int = 100, age: float = 0) -> Path:
        folder = self.path / f"2026-11-{day:02}"
        folder.mkdir(exist_ok=True)
        path = folder / f"{interface}-202611{day:02}T0000{second:02}Z.csv"
        path.write_bytes(bytes(octets))
        os.utime(path, (0, self.clock.time - age))
        return path

    @property
    def names(self) -> list[str]:
        return sorted(str(path.relative_to(self.path)) for path in self.path.glob("*/*"))


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def apply(retention: DayRetention, times: int = 10) -> None:
    for _ in range(times):
        retention.apply()


def test_the_oldest_windows_go_first_until_it_fits(kept: Kept) -> None:
    paths = [kept.add(day, second, iface) for day in (1, 2) for second in (1, 2, 3) for iface in ("eth0", "eth1")]
    apply(kept.retention(max_octets=4 * BLOCK))
    assert kept.names == sorted(str(path.relative_to(kept.path)) for path in paths[-4:])
    assert not (kept.path / "2026-11-01").exists()


def test_what_fits_is_kept(kept: Kept) -> None:
    for second in range(5):
        kept.add(1, second, age=10**9)
    apply(kept.retention(max_octets=5 * BLOCK))
    apply(kept.retention())
    assert len(kept.names) == 5


def test_a_file_takes_whole_blocks(kept: Kept) -> None:
    for second, octets in enumerate([BLOCK + 1, BLOCK, 1]):
        kept.add(1, second, octets=octets)
    apply(kept.retention(max_octets=4 * BLOCK))
    assert len(kept.names) == 3
    apply(kept.retention(max_octets=4 * BLOCK - 1))
    assert len(kept.names) == 2


def test_what_is_too_old_goes(kept: Kept) -> None:
    retention = kept.retention(max_age=60)
    for second in range(3):
        kept.add(1, second, age=59)
    kept.add(2, 0, age=0)
    apply(retention)
    assert len(kept.names) == 4
    kept.clock.go(2)
    apply(retention)
    assert kept.names == ["2026-11-02/eth0-20261102T000000Z.csv"]


def test_a_window_of_long_ago_that_was_written_just_now_is_kept(kept: Kept) -> None:
    replayed = kept.path / "1999-01-01" / "old.pcap-19990101T000000Z.csv"
    replayed.parent.mkdir()
    replayed.touch()
    os.utime(replayed, (0, kept.clock.time))
    apply(kept.retention(max_age=60))
    assert replayed.exists()


def test_what_comes_while_it_runs_counts(kept: Kept) -> None:
    retention = kept.retention(max_octets=3 * BLOCK)
    apply(retention)
    for second in range(10):
        kept.add(1, second)
        retention.added("2026-11-01", 100)
        retention.apply()
        assert len(kept.names) == min(second + 1, 3)
    assert kept.names[-1] == "2026-11-01/eth0-20261101T000009Z.csv"


def test_a_call_does_a_part_of_the_work(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_retention, "MOST_AT_ONCE", 4)
    for day in (1, 2, 3):
        for second in range(5):
            kept.add(day, second)
    retention = kept.retention(max_octets=0)
    left = []
    for _ in range(9):
        retention.apply()
        left.append(len(kept.names))
    assert left == [15, 15, 15, 15, 11, 7, 3, 0, 0]
    assert list(kept.path.iterdir()) == [kept.path / "2026-11-03"]


def test_what_somebody_else_removes_is_noticed_within_an_hour(kept: Kept) -> None:
    retention = kept.retention(max_octets=4 * BLOCK)
    paths = [kept.add(day, 0) for day in (1, 2, 3, 4)]
    apply(retention)
    paths[3].unlink()
    paths[2].unlink()
    kept.clock.go(COUNT_SECONDS)
    apply(retention)
    for day in (5, 6):
        kept.add(day, 0)
        retention.added(f"2026-11-{day:02}", 100)
    apply(retention)
    assert len(kept.names) == 4


def test_a_file_that_is_gone_already_is_no_problem(kept: Kept) -> None:
    retention = kept.retention(max_age=60)
    path = kept.add(1, 0)
    apply(retention)
    path.unlink()
    kept.clock.go(61)
    apply(retention)
    assert kept.notices == []
    assert list(kept.path.iterdir()) == []


def test_nothing_else_is_deleted(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = Kept(tmp_path_factory.mktemp("elsewhere"))
    elsewhere.add(1, 0)
    (kept.path / "2026-11-09").symlink_to(elsewhere.path / "2026-11-01")
    kept.add(1, 0).rename(kept.path / "eth0-20261101T000000Z.csv")
    others = [kept.path / "2026-11-01" / name for name in ("notes.txt", ".eth0-20261101T000000Z.csv", "eth0-2026.csv")]
    for path in others:
        path.touch()
    folder = kept.path / "2026-11-01" / "eth0-20261101T000001Z.csv"
    folder.mkdir()
    mine = kept.path / "mine"
    mine.mkdir()
    (mine / "eth0-20261101T000000Z.csv").touch()
    kept.add(1, 5)
    apply(kept.retention(max_octets=0, max_age=0))
    assert len(elsewhere.names) == 1
    assert sorted(kept.path.glob("2026-11-01/*")) == sorted([*others, folder])
    assert len(list(kept.path.glob("*/eth0-20261101T000000Z.csv"))) == 2
    assert (kept.path / "eth0-20261101T000000Z.csv").exists()
    assert kept.notices == []


def test_a_day_that_cannot_be_deleted_costs_no_other(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in (1, 2):
        for second in range(5):
            kept.add(day, second)
    unlink = os.unlink
    monkeypatch.setattr(os, "unlink", lambda path: refused() if "2026-11-01" in path else unlink(path))
    retention = kept.retention(max_octets=3 * BLOCK)
    for _ in range(3):
        apply(retention)
        kept.clock.go(COUNT_SECONDS)
    assert [name[:10] for name in kept.names] == ["2026-11-01"] * 5 + ["2026-11-02"] * 3
    assert kept.notices == [f"{kept.path}: old files cannot be deleted: Permission denied"]


def refused() -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_folder_that_is_gone_is_told_once(kept: Kept) -> None:
    retention = kept.retention(max_octets=0)
    kept.path.rmdir()
    for _ in range(3):
        kept.clock.go(COUNT_SECONDS)
        apply(retention)
    assert kept.notices == [f"{kept.path}: old files cannot be deleted: No such file or directory"]
