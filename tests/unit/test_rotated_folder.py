"""A folder of files: when they end, what they are called, and what a killed process leaves."""

import errno
import fcntl
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from flowedge import FlowBatch, SinkError
from flowedge.sinks.gzip import gzip_member
from flowedge.sinks.parts import COMPLETE_NAMES, FileName
from flowedge.sinks.retention import Retention
from flowedge.sinks.rotated import RotatedFolder
from flowedge.sinks.rotation import Rotation
from flowedge.sinks.row_file import Fsync
from flowedge.sinks.rows import row_format

from .live_rows import BATCHES, HEAD, ONE, SELECTION, Clock, files_end_at, ports_in, ports_in_folder, ports_of

TEN_PAST_TEN = 1_700_043_000.0  # 2023-11-15 10:10:00 UTC


class Folder:
    """A RotatedFolder under test with clocks set by hand."""

    def __init__(
        self,
        path: Path,
        form: str = "csv",
        size: int | None = None,
        interval: float | None = 3600,
        fsync: Fsync = "close",
    ) -> None:
        self.path = path
        self.notices: list[str] = []
        self.clock = Clock(TEN_PAST_TEN)
        self._form = form
        self._fsync: Fsync = fsync
        self._rotation = Rotation(interval, size, lambda: self.clock.time, lambda: self.clock.steady)
        self.sink = self.open()

    def open(self, retention: Retention | None = None) -> RotatedFolder:
        rows = row_format(self._form, SELECTION)
        self.sink = RotatedFolder(
            f"{self.path}/",
            rows,
            self._rotation,
            notice=self.notices.append,
            fsync=self._fsync,
            retention=retention,
        )
        return self.sink

    @property
    def names(self) -> list[str]:
        """Of the complete files."""
        return sorted(path.name for path in self.path.iterdir() if not path.name.startswith("."))

    @property
    def parts(self) -> list[Path]:
        return sorted(path for path in self.path.iterdir() if path.name.startswith("."))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "flows")


# --- when a file ends -------------------------------------------------------------------------------------------------


def test_an_hourly_file_ends_on_the_hour(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.clock.go(3000 - 0.25)
    folder.sink.tick()
    folder.sink.write("eth0", BATCHES[1])
    assert folder.names == []
    folder.clock.go(0.25)
    folder.sink.tick()
    assert folder.names == ["eth0-20231115T101000Z.csv"]
    assert ports_in_folder(folder.path) == ports_of(*BATCHES[:2])


def test_a_file_that_is_begun_late_ends_no_later(folder: Folder) -> None:
    folder.clock.go(3000 - 20)
    folder.sink.write("eth0", ONE)
    folder.clock.go(20)
    folder.sink.tick()
    assert folder.names == ["eth0-20231115T105940Z.csv"]


def test_rows_that_come_before_the_tick_are_in_the_next_file(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.clock.go(3000)
    folder.sink.write("eth0", BATCHES[1])
    assert ports_in_folder(folder.path) == ports_of(BATCHES[0])
    folder.sink.close()
    assert folder.names == ["eth0-20231115T101000Z.csv", "eth0-20231115T110000Z.csv"]
    assert ports_in_folder(folder.path) == ports_of(*BATCHES[:2])


def test_an_interval_without_rows_makes_no_file(folder: Folder) -> None:
    for _ in range(3 * 3600):
        folder.sink.tick()
        folder.sink.write("eth0", FlowBatch(SELECTION))
        assert folder.parts == []
        folder.clock.go(1)
    folder.sink.close()
    assert [*folder.names, *folder.parts] == []


def test_each_source_has_its_files(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.clock.go(60)
    folder.sink.write("eth1", BATCHES[1])
    folder.sink.close()
    assert folder.names == ["eth0-20231115T101000Z.csv", "eth1-20231115T101100Z.csv"]
    assert ports_in_folder(folder.path, "eth0") == ports_of(BATCHES[0])
    assert ports_in_folder(folder.path, "eth1") == ports_of(BATCHES[1])


def test_a_file_that_is_full_ends(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "flows", size=len(HEAD + BATCHES[0].csv()) + 1, interval=None)
    for batch in BATCHES[:5]:
        folder.sink.write("eth0", batch)
    assert folder.names == ["eth0-20231115T101000Z-2.csv", "eth0-20231115T101000Z.csv"]
    folder.sink.tick()
    folder.clock.go(10**9)
    folder.sink.tick()
    folder.sink.close()
    assert ports_in_folder(folder.path) == ports_of(*BATCHES[:5])


def files_of_a_day(folder: Folder, set_clock: dict[int, float]) -> int:
    """Rows every ten seconds for a day; `set_clock`: after that many seconds, the clock is moved by so many."""
    for second in range(0, 86_400, 10):
        folder.clock.go(10)
        folder.clock.time += set_clock.get(second, 0)
        folder.sink.write("eth0", ONE)
        folder.sink.tick()
    return len(folder.names)


@pytest.mark.parametrize("moved", [-(10**9), -7200, -1800, -1, 1, 1800, 7200, 10**9])
def test_a_clock_that_is_set_neither_freezes_nor_floods(tmp_path: Path, moved: float) -> None:
    assert files_of_a_day(Folder(tmp_path / "once", fsync="never"), {7000: moved}) in (24, 25)


def test_a_clock_that_is_always_set_back_does_not_freeze(tmp_path: Path) -> None:
    assert (
        23 <= files_of_a_day(Folder(tmp_path / "back", fsync="never"), dict.fromkeys(range(0, 86_400, 10), -10.0)) <= 30
    )


def test_two_who_fight_for_the_clock_do_not_flood(tmp_path: Path) -> None:
    fight = {second: 10**5 * (-1.0) ** (second // 10) for second in range(0, 86_400, 10)}
    assert files_of_a_day(Folder(tmp_path / "fight", fsync="never"), fight) <= 86_400 / 60


def test_a_clock_that_is_right_at_last_ends_the_file(folder: Folder) -> None:
    folder.clock.time = 100.0
    folder.sink.write("eth0", BATCHES[0])
    folder.clock.go(60)
    folder.clock.time = TEN_PAST_TEN
    folder.sink.write("eth0", BATCHES[1])
    folder.sink.close()
    assert folder.names == ["eth0-19700101T000140Z.csv", "eth0-20231115T101000Z.csv"]


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("eth0", "eth0"),
        ("eth0.100", "eth0.100"),
        ("br-lan_2", "br-lan_2"),
        ("../etc/passwd", "_._etc_passwd"),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("a\0b/c\nd é", "a_b_c_d__"),
        ("", "_"),
        ("x" * 300, "x" * 128),
    ],
)
def test_a_source_is_made_safe_for_a_name(folder: Folder, source: str, name: str) -> None:
    folder.sink.write(source, ONE)
    folder.sink.close()
    assert folder.names == [f"{name}-20231115T101000Z.csv"]
    assert COMPLETE_NAMES.fullmatch(folder.names[0])


def test_sources_that_become_the_same_name_share_no_file(folder: Folder) -> None:
    folder.sink.write("a/b", BATCHES[0])
    folder.sink.write("a:b", BATCHES[1])
    folder.sink.close()
    assert ports_in_folder(folder.path, "a_b") == ports_of(*BATCHES[:2])
    assert len(folder.names) == 2


@pytest.mark.parametrize("links", [True, False])
def test_an_existing_file_is_never_replaced(folder: Folder, monkeypatch: pytest.MonkeyPatch, links: bool) -> None:
    if not links:
        monkeypatch.setattr(os, "link", refused)
    taken = ["eth0-20231115T101000Z.csv", "eth0-20231115T101000Z-2.csv"]
    for name in taken:
        (folder.path / name).write_text(name)
    folder.sink.write("eth0", ONE)
    folder.sink.close()
    assert [(folder.path / name).read_text() for name in taken] == taken
    assert ports_in((folder.path / "eth0-20231115T101000Z-3.csv").read_bytes(), "csv") == ports_of(ONE)
    assert folder.parts == []


def refused(*_: object, **__: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


# --- somebody else in the folder --------------------------------------------------------------------------------------


def test_a_reopened_folder_is_the_one_of_that_name(folder: Folder, tmp_path: Path) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.path.rename(tmp_path / "moved")
    folder.sink.reopen()
    folder.sink.write("eth0", BATCHES[1])
    folder.sink.close()
    assert ports_in_folder(tmp_path / "moved") == ports_of(BATCHES[0])
    assert ports_in_folder(folder.path) == ports_of(BATCHES[1])
    assert folder.notices == []


def test_a_folder_that_is_removed_is_made_again(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    (lost,) = folder.parts
    lost.unlink()
    folder.path.rmdir()
    folder.sink.write("eth1", BATCHES[1])
    with pytest.raises(
        SinkError, match=f"{re.escape(str(lost))}: was removed before it was complete; its rows are lost"
    ):
        folder.sink.tick()
    folder.sink.tick()
    folder.sink.write("eth0", BATCHES[2])
    folder.sink.close()
    assert folder.notices == []
    assert ports_in_folder(folder.path, "eth1") == ports_of(BATCHES[1])
    assert ports_in_folder(folder.path, "eth0") == ports_of(BATCHES[2])


def test_a_removed_file_takes_no_more_rows(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.parts[0].unlink()
    folder.sink.write("eth0", BATCHES[1])
    with pytest.raises(SinkError, match="its rows are lost"):
        folder.sink.tick()
    folder.sink.tick()
    folder.sink.close()
    assert ports_in_folder(folder.path) == ports_of(BATCHES[1])


def test_a_file_that_has_lost_its_name_is_given_up(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.parts[0].rename(folder.path / "mine.csv")
    folder.clock.go(3600)
    with pytest.raises(SinkError, match="its rows are lost"):
        folder.sink.tick()
    folder.sink.tick()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "flows").write_text("a file")
    with pytest.raises(SinkError, match="flows/: cannot be written: Not a directory"):
        Folder(tmp_path / "flows")


def test_a_file_that_cannot_be_completed_goes_on_growing(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.sink.write("eth1", BATCHES[0])
    folder.clock.go(3600)
    with monkeypatch.context() as broken:
        broken.setattr(os, "link", refused)
        broken.setattr(os, "rename", refused)
        folder.sink.write("eth0", BATCHES[1])
        for _ in range(2):
            with pytest.raises(SinkError, match=r"flows/: user .* may not write there"):
                folder.sink.tick()
    folder.sink.tick()
    assert ports_in_folder(folder.path, "eth0") == ports_of(*BATCHES[:2])
    assert ports_in_folder(folder.path, "eth1") == ports_of(BATCHES[0])


def test_what_went_wrong_in_write_is_told_by_tick(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.clock.go(3600)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refused)
        folder.sink.write("eth0", BATCHES[1])
    folder.sink.write("eth0", BATCHES[2])
    with pytest.raises(SinkError):
        folder.sink.tick()
    folder.sink.tick()
    folder.sink.close()
    assert ports_in_folder(folder.path) == ports_of(*BATCHES[:3])


def test_what_cannot_be_completed_at_the_end_is_recovered(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.sink.write("eth0", BATCHES[0])
    folder.sink.write("eth1", BATCHES[1])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", refused)
        with pytest.raises(SinkError):
            folder.sink.close()
    assert folder.names == []
    folder.open()
    assert ports_in_folder(folder.path, "eth0") == ports_of(BATCHES[0])
    assert ports_in_folder(folder.path, "eth1") == ports_of(BATCHES[1])


def test_a_file_that_never_got_a_row_is_removed(folder: Folder) -> None:
    with files_end_at(1), pytest.raises(SinkError):
        folder.sink.write("eth0", ONE)
    assert len(folder.parts) == 1
    folder.clock.go(3600)
    folder.sink.tick()
    assert [*folder.names, *folder.parts] == []


def test_a_file_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(tmp_path / "flows", fsync="always")
    monkeypatch.setattr(os, "fsync", refused)
    with pytest.raises(SinkError):
        folder.sink.write("eth0", ONE)
    assert folder.parts == []


def test_a_folder_that_cannot_be_used_is_not_kept_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SinkError, match="may not write there"):
        Folder(tmp_path / "flows")
    assert len(os.listdir("/proc/self/fd")) == before


# --- what a dead process has left -------------------------------------------------------------------------------------


def leave_part(folder: Folder, form: str, content: bytes, pid: int = 1) -> Path:
    part = folder.path / f".flowedge-{pid}-0-eth0-20231114T000000Z.{form}.part"
    part.write_bytes(content)
    return part


@pytest.mark.parametrize("form", ["csv", "csv.gz", "jsonl", "jsonl.gz"])
@pytest.mark.parametrize("rest", [0, 1, 200])
@pytest.mark.parametrize("pid", [1, os.getpid()])
def test_a_leftover_is_cut_to_whole_rows_and_completed(folder: Folder, form: str, rest: int, pid: int) -> None:
    rows = row_format(form, SELECTION)
    whole = rows.head + b"".join(rows.encode(batch) for batch in BATCHES)
    part = leave_part(folder, form, whole + rows.encode(ONE)[: min(rest, len(ONE.csv().splitlines()[0]))], pid)
    folder.open()
    path = folder.path / f"eth0-20231114T000000Z.{form}"
    assert folder.notices == [f"{path}: was left incomplete; recovered up to its last whole row"]
    assert ports_in(path.read_bytes(), form) == ports_of(*BATCHES)
    assert not part.exists()


@pytest.mark.parametrize("content", [b"", b"src_po"])
def test_a_leftover_without_a_whole_line_is_removed(folder: Folder, content: bytes) -> None:
    leave_part(folder, "csv", content)
    folder.open()
    assert [*folder.names, *folder.parts, *folder.notices] == []


def test_damage_after_the_last_whole_member_is_cut_off(folder: Folder) -> None:
    whole = gzip_member(ONE.jsonl() * 100) + gzip_member(BATCHES[1].jsonl())
    leave_part(folder, "jsonl.gz", whole + bytes(100_000))
    folder.open()
    assert ports_in_folder(folder.path) == ports_of(ONE) * 100 + ports_of(BATCHES[1])


def test_a_leftover_takes_no_name_that_is_taken(folder: Folder) -> None:
    (folder.path / "eth0-20231114T000000Z.csv").write_bytes(HEAD + BATCHES[1].csv())
    leave_part(folder, "csv", HEAD + BATCHES[0].csv())
    folder.open()
    assert ports_in_folder(folder.path) == ports_of(BATCHES[1], BATCHES[0])
    assert folder.names == ["eth0-20231114T000000Z-2.csv", "eth0-20231114T000000Z.csv"]


def test_a_file_that_had_its_name_already_does_not_get_another(folder: Folder) -> None:
    part = leave_part(folder, "csv", HEAD + ONE.csv())
    os.link(part, folder.path / "eth0-20231114T000000Z.csv")
    folder.open()
    assert folder.names == ["eth0-20231114T000000Z.csv"]
    assert [*folder.parts, *folder.notices] == []


@pytest.mark.parametrize("fsync", ["never", "close"])
def test_a_recovered_file_is_synced_as_others_are(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, fsync: Fsync
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    leave_part(folder, "csv", HEAD + ONE.csv())
    Folder(folder.path, fsync=fsync)
    assert bool(synced) == (fsync == "close")


def test_what_a_living_process_writes_is_left_alone(folder: Folder) -> None:
    folder.sink.write("eth0", BATCHES[0])
    other = Folder(folder.path)
    other.sink.write("eth0", BATCHES[1])
    assert len(folder.parts) == 2
    folder.sink.close()
    other.sink.close()
    assert ports_in_folder(folder.path) == ports_of(*BATCHES[:2])
    assert folder.notices == other.notices == []


def test_what_is_no_leftover_of_ours_is_left_alone(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("half a line")
    part = leave_part(folder, "csv", b"")
    part.unlink()
    part.symlink_to(tmp_path / "secret")
    os.mkfifo(f"{folder.path}/.flowedge-2-0-eth0-20231114T000000Z.csv.part")
    (folder.path / ".flowedge-3-0.part").write_text("of another kind")
    folder.open()
    assert len(folder.parts) == 3
    assert (tmp_path / "secret").read_text() == "half a line"
    assert folder.notices == [f"{part}: cannot be recovered: Too many levels of symbolic links"]


def test_a_leftover_that_is_completed_by_its_living_process(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    part = leave_part(folder, "csv", HEAD + ONE.csv())
    monkeypatch.setattr(fcntl, "flock", lambda *_: part.unlink(missing_ok=True))
    folder.open()
    assert folder.names == folder.notices == []


def test_a_new_file_that_another_process_takes_for_a_leftover_is_begun_again(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    thefts = iter([True])

    def steal(*_: object) -> None:
        if next(thefts, False):
            folder.parts[0].unlink()

    monkeypatch.setattr(fcntl, "flock", steal)
    folder.sink.write("eth0", ONE)
    folder.sink.close()
    assert ports_in_folder(folder.path) == ports_of(ONE)


WRITER = """
import sys, flowedge
from flowedge.sinks.rotated import RotatedFolder
from flowedge.sinks.rotation import Rotation
from flowedge.sinks.rows import row_format
folder, form, capture = sys.argv[1:]
batches = list(flowedge.read_flows(capture, columns=["src_port", "dst_port"]))
rows = row_format(form, batches[0].selection)
sink = RotatedFolder(folder, rows, Rotation(3600, 25_000), notice=print)
while True:
    for batch in batches:
        sink.write("eth0", batch)
        sys.stdout.write(".")
        sys.stdout.flush()
"""


@pytest.mark.parametrize("form", ["csv", "jsonl.gz"])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_that_was_written_is_lost_by_kill(tmp_path: Path, large: Path, form: str, seed: int) -> None:
    path = tmp_path / "flows"
    command: list[str | Path] = [sys.executable, "-c", WRITER, path, form, large]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        written = killed_after(writer, writer.stdout, random.Random(seed).randrange(1, 80))
    before = {name: (path / name).read_bytes() for name in os.listdir(path) if not name.startswith(".")}
    assert all(ports_in(octets, form) for octets in before.values())
    folder = Folder(path, form)
    folder.sink.close()
    assert folder.parts == []
    assert len(folder.notices) == len(folder.names) - len(before) <= 1
    ports = ports_in_folder(path)
    assert len(ports) >= min(written * 1024, written // 5 * 5000)
    assert ports == [1000 + number % 5000 for number in range(len(ports))]


def killed_after(writer: subprocess.Popen[bytes], acknowledged: IO[bytes], batches: int) -> int:
    """How many batches it has written in all."""
    written = len(acknowledged.read(batches))
    writer.send_signal(signal.SIGKILL)
    return written + len(acknowledged.read())


# --- with a retention -------------------------------------------------------------------------------------------------


def test_the_folder_stays_within_its_size(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "flows", size=1)
    size = len(HEAD + ONE.csv())
    retention = Retention(str(folder.path), COMPLETE_NAMES, notice=folder.notices.append, max_octets=5 * size)
    folder.open(retention)
    for number in range(40):
        folder.sink.write("eth0", ONE)
        folder.sink.tick()
        folder.clock.go(1)
        assert len(folder.names) == min(number + 1, 5) or 4 <= len(folder.names) <= 6
    folder.sink.close()
    assert max(folder.names) == f"eth0-{FileName.of('', folder.clock.time - 1, '').stem[2:]}.csv"
