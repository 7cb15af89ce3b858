"""A spool whose disk fails, whose file is damaged, or whose process is killed: what it held is there, or counted."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowedge.spool import Spool, SpoolError, WindowKey
from flowedge.spool.disk import DiskStore

from .spools import Clock, Notes, octets, topics, window

RETRY = 11.0  # seconds after which a disk that has failed is tried again


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def open_spool(path: Path, notes: Notes, clock: Clock, **bounds: int) -> Spool:
    return Spool(path, boot="now", notify=notes, clock=clock, **bounds)


class FaultyDisk:
    """Makes the disk's next writes, or reads, fail with an error of SQLite's."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.code: int | None = None
        for name in ("add", "remove", "row"):
            patch.setattr(DiskStore, name, self._failing(getattr(DiskStore, name), name))
        self.methods = {"add", "remove"}

    def _failing(self, method: object, name: str) -> object:
        def called(*arguments: object) -> object:
            if self.code is not None and name in self.methods:
                error = sqlite3.OperationalError("the disk is at fault")
                error.sqlite_errorcode = self.code
                raise error
            return method(*arguments)  # type: ignore[operator]

        return called


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FaultyDisk:
    return FaultyDisk(monkeypatch)


class TestFailingDisk:
    @pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_READONLY])
    def test_windows_go_to_memory_and_come_back(
        self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk, code: int
    ) -> None:
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0))
        disk.code = code
        spool.add_window(*window(1))
        assert not spool.counters().on_disk
        assert "kept in memory" in notes.texts("error")[0]
        disk.code = None
        spool.add_window(*window(2))  # too early to try
        assert not spool.counters().on_disk
        clock.now += RETRY
        spool.add_window(*window(3))
        assert spool.counters().on_disk
        assert "works again" in notes.texts("info")[0]
        spool.close()
        again = open_spool(path, notes, clock)
        assert topics(again.next_messages(9)) == ["0/0", "1/0", "2/0", "3/0"]
        again.close()

    def test_a_full_disk_is_read_from(self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk) -> None:
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0, parts=2))
        disk.code = sqlite3.SQLITE_FULL
        spool.add_window(*window(1))
        messages = spool.next_messages(9)
        assert topics(messages) == ["0/0", "0/1", "1/0"]
        for message in messages:
            spool.acknowledge(message.id)
        spool.release_all()
        assert spool.next_messages(9) == []
        assert (spool.counters().messages, spool.counters().dropped_windows) == (2, 0)
        disk.code = None
        clock.now += RETRY
        assert (spool.counters().messages, spool.counters().on_disk) == (0, True)
        spool.close()

    def test_what_is_in_flight_may_move_from_memory_to_disk(
        self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk
    ) -> None:
        spool = open_spool(path, notes, clock)
        disk.code = sqlite3.SQLITE_FULL
        spool.add_window(*window(0, parts=2))
        (first,) = spool.next_messages(1)
        disk.code = None
        clock.now += RETRY
        spool.add_window(*window(1))
        spool.acknowledge(first.id)
        assert topics(spool.next_messages(9)) == ["0/1", "1/0"]
        assert spool.counters().messages == 2
        spool.close()

    def test_memory_is_bounded(self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk) -> None:
        spool = open_spool(path, notes, clock, memory_octets=2 * octets(100))
        spool.add_window(*window(0, size=100))
        disk.code = sqlite3.SQLITE_FULL
        for seq in range(1, 5):
            spool.add_window(*window(seq, size=100))
        spool.add_window(*window(5, parts=3, size=100))
        assert (spool.counters().dropped_windows, spool.counters().dropped_messages) == (3, 5)
        assert topics(spool.next_messages(9)) == ["0/0", "3/0", "4/0"]
        spool.close()

    def test_it_is_told_once_a_minute(self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk) -> None:
        spool = open_spool(path, notes, clock)
        disk.code = sqlite3.SQLITE_FULL
        for seq in range(150):
            spool.add_window(*window(seq))
            clock.now += 1
        assert len(notes.texts("error")) == 3
        assert not notes.texts("info")
        spool.close()

    def test_what_was_in_memory_alone_at_the_end_is_counted(
        self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk
    ) -> None:
        spool = open_spool(path, notes, clock)
        disk.code = sqlite3.SQLITE_FULL
        spool.add_window(*window(0))
        spool.close()
        assert "1 windows in memory are lost" in notes.texts("error")[1]

    def test_closing_tries_the_disk_once_more(self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk) -> None:
        spool = open_spool(path, notes, clock)
        disk.code = sqlite3.SQLITE_FULL
        spool.add_window(*window(0))
        disk.code = None
        spool.close()
        again = open_spool(path, notes, clock)
        assert topics(again.next_messages(9)) == ["0/0"]
        again.close()

    def test_a_commit_that_failed_but_reached_the_disk(
        self, path: Path, notes: Notes, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add = DiskStore.add

        def fail_after(*arguments: object) -> None:
            add(*arguments)  # type: ignore[arg-type]
            error = sqlite3.OperationalError("fsync failed")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error

        spool = open_spool(path, notes, clock)
        with monkeypatch.context() as patch:
            patch.setattr(DiskStore, "add", fail_after)
            spool.add_window(*window(0))
        clock.now += RETRY
        spool.add_window(*window(1))
        assert topics(spool.next_messages(9)) == ["0/0", "1/0"]
        assert spool.counters().messages == 2
        spool.close()

    def test_a_disk_that_cannot_be_read_is_opened_anew(
        self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk
    ) -> None:
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0))
        disk.code, disk.methods = sqlite3.SQLITE_IOERR, {"row"}
        assert spool.next_messages(9) == []
        assert (spool.counters().on_disk, spool.counters().windows) == (False, 1)
        disk.code = None
        clock.now += RETRY
        spool.add_window(*window(1))
        assert topics(spool.next_messages(9)) == ["0/0", "1/0"]
        assert spool.counters().damaged_messages == 0
        spool.close()

    def test_a_file_that_was_deleted_is_missed_when_it_is_opened_anew(
        self, path: Path, notes: Notes, clock: Clock, disk: FaultyDisk
    ) -> None:
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0, parts=3))
        disk.code = sqlite3.SQLITE_IOERR
        spool.add_window(*window(1))
        for name in path.parent.iterdir():
            name.unlink()
        disk.code = None
        clock.now += RETRY
        spool.add_window(*window(2))
        assert topics(spool.next_messages(9)) == ["1/0", "2/0"]
        assert spool.counters().damaged_messages == 3
        spool.close()

    def test_a_value_that_cannot_be_stored_is_the_callers_fault(self, path: Path, notes: Notes, clock: Clock) -> None:
        spool = open_spool(path, notes, clock)
        with pytest.raises(sqlite3.Error):
            spool.add_window(WindowKey("eth0", object(), 0), window(0)[1])  # type: ignore[arg-type]
        spool.add_window(*window(1))
        assert topics(spool.next_messages(9)) == ["1/0"]
        assert spool.counters().on_disk
        spool.close()


class TestMissingFolder:
    def test_the_disk_turns_up_later(self, tmp_path: Path, notes: Notes, clock: Clock) -> None:
        before = open_spool(tmp_path / "spool", notes, clock)
        before.add_window(*window(0, parts=2))
        before.close()
        spool = open_spool(tmp_path / "mount" / "spool", notes, clock)
        assert "unable to open" in notes.texts("error")[0] or "No such file" in notes.texts("error")[0]
        spool.add_window(*window(1))
        (tmp_path / "mount").mkdir()
        (tmp_path / "spool").rename(tmp_path / "mount" / "spool")
        clock.now += RETRY
        spool.add_window(*window(2))
        assert topics(spool.next_messages(9)) == ["0/0", "1/0", "0/1", "2/0"]
        spool.close()

    def test_ids_that_would_meet_are_shifted(self, tmp_path: Path, notes: Notes, clock: Clock) -> None:
        mount = tmp_path / "mount"
        for turn in range(5):
            spool = open_spool(mount / "spool", notes, clock)
            spool.add_window(*window(turn, parts=3))
            (tmp_path / "away").rename(mount) if turn else mount.mkdir()
            spool.close()
            mount.rename(tmp_path / "away")
        last = open_spool(tmp_path / "away" / "spool", notes, clock)
        assert topics(last.next_messages(99)) == [f"{turn}/{part}" for turn in range(5) for part in range(3)]
        assert (last.counters().windows, last.counters().dropped_windows) == (5, 0)
        last.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


class TestSmallDisk:
    def test_a_disk_that_is_full_and_has_room_again(self, small_disk: Path, notes: Notes, clock: Clock) -> None:
        spool = open_spool(small_disk / "spool", notes, clock)
        (small_disk / "others").write_bytes(bytes(1 << 20))
        for seq in range(9):
            spool.add_window(*window(seq, parts=2, size=100_000))
        assert not spool.counters().on_disk
        assert "full" in notes.texts("error")[0]
        seen = [message for _ in range(9) for message in spool.next_messages(1)]
        (small_disk / "others").unlink()
        for message in seen:
            spool.acknowledge(message.id)
        clock.now += RETRY
        spool.add_window(*window(9))
        seen += spool.next_messages(99)
        assert topics(seen) == [*(f"{seq}/{part}" for seq in range(9) for part in range(2)), "9/0"]
        assert spool.counters().dropped_windows == 0
        spool.close()

    def test_a_disk_that_was_full_at_the_beginning(self, small_disk: Path, notes: Notes, clock: Clock) -> None:
        others = small_disk / "others"
        with pytest.raises(OSError, match="No space"):
            others.write_bytes(bytes(3 << 20))
        spool = open_spool(small_disk / "spool", notes, clock)
        spool.add_window(*window(0))
        assert topics(spool.next_messages(9)) == ["0/0"]
        others.unlink()
        clock.now += RETRY
        spool.add_window(*window(1))
        assert spool.counters().on_disk
        spool.close()

    def test_a_damaged_file_without_room_for_what_can_be_saved(
        self, small_disk: Path, notes: Notes, clock: Clock
    ) -> None:
        path = small_disk / "spool"
        fill(path, notes, clock, windows=10, size=50_000, bound=2 << 20)
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(b"\xff" * 100_000)
        (small_disk / "others").write_bytes(bytes(300_000))
        spool = open_spool(path, notes, clock)
        found = spool.next_messages(99)
        for seq in range(10, 40):
            spool.add_window(*window(seq, size=50_000))
        assert "full" in " ".join(notes.texts("error"))
        assert topics(spool.next_messages(99)) == [f"{seq}/0" for seq in range(10, 40)]
        assert len(found) < 19
        spool.close()

    def test_a_disk_that_became_read_only(self, small_disk: Path, notes: Notes, clock: Clock) -> None:
        open_spool(small_disk / "spool", notes, clock).close()
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        spool = open_spool(small_disk / "spool", notes, clock)
        spool.add_window(*window(0))
        assert not spool.counters().on_disk
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
        clock.now += RETRY
        spool.add_window(*window(1))
        assert (spool.counters().on_disk, spool.counters().windows) == (True, 2)
        spool.close()


def fill(
    path: Path, notes: Notes, clock: Clock, *, windows: int = 40, size: int = 5000, bound: int = 1 << 28
) -> dict[str, bytes]:
    """A spool with so many windows of two messages; returns payloads by topic."""
    spool = open_spool(path, notes, clock, max_octets=bound)
    contents = {}
    for seq in range(windows):
        key, messages = window(seq, parts=2, size=size)
        contents.update({topic: payload for topic, payload, _ in messages})
        spool.add_window(key, messages)
    spool.close()
    return contents


def asides(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.glob("spool.damaged-*") if not found.name.endswith("-wal"))


class TestDamagedFile:
    @pytest.mark.parametrize("seed", [*range(40), 202, 253, 1240, 1509])
    def test_octets_flipped_at_many_places(self, path: Path, notes: Notes, clock: Clock, seed: int) -> None:
        contents = fill(path, notes, clock)
        chance = random.Random(seed)
        octets_of_file = bytearray(path.read_bytes())
        for _ in range(chance.choice([1, 5, 50, 500])):
            octets_of_file[chance.randrange(100, len(octets_of_file))] ^= 1 << chance.randrange(8)
        path.write_bytes(octets_of_file)
        spool = open_spool(path, notes, clock)
        before = spool.counters().messages
        messages = spool.next_messages(999)
        assert len({message.id for message in messages}) == len(messages)
        assert all(contents[message.topic] == message.payload for message in messages)
        assert len(messages) + spool.counters().damaged_messages >= before
        for message in messages:
            spool.acknowledge(message.id)
        seen = {message.topic for message in messages}
        spool.add_window(*window(99))
        more = topics(spool.next_messages(999))  # of what had been out of reach some may be saved later
        assert "99/0" in more
        assert not seen.intersection(more)
        assert (spool.counters().on_disk, spool.counters().messages) == (True, len(more))
        spool.close()

    def test_a_changed_payload_is_not_sent_but_counted(self, path: Path, notes: Notes, clock: Clock) -> None:
        fill(path, notes, clock, windows=5)
        octets_of_file = path.read_bytes()
        path.write_bytes(octets_of_file.replace(bytes([3]) * 5000, bytes([3]) * 4000 + b"x" + bytes([3]) * 999, 1))
        spool = open_spool(path, notes, clock)
        assert len(spool.next_messages(99)) == 9
        assert (spool.counters().damaged_messages, spool.counters().messages) == (1, 9)
        assert not asides(path)
        spool.close()

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_truncated(self, path: Path, notes: Notes, clock: Clock, share: float) -> None:
        contents = fill(path, notes, clock)
        os.truncate(path, int(path.stat().st_size * share))
        spool = open_spool(path, notes, clock)
        messages = spool.next_messages(999)
        assert all(contents[message.topic] == message.payload for message in messages)
        assert asides(path)
        assert "is damaged" in notes.texts("error")[0]
        spool.add_window(*window(99))
        assert spool.counters().on_disk
        spool.close()

    def test_rows_before_and_after_the_damage_are_saved(self, path: Path, notes: Notes, clock: Clock) -> None:
        fill(path, notes, clock, windows=100)
        spool = open_spool(path, notes, clock, max_octets=2 << 20)  # so that little of it is cached
        octets_of_file = bytearray(path.read_bytes())
        middle = octets_of_file.index(bytes([50]) * 5000) // 16384 * 16384
        octets_of_file[middle : middle + 16384] = b"\xff" * 16384
        with path.open("r+b") as file:  # while the spool has it open
            file.write(octets_of_file)
        assert len(spool.next_messages(999)) == 200 - spool.counters().damaged_messages
        assert 1 <= spool.counters().damaged_messages <= 3
        assert asides(path)
        spool.close()

    @pytest.mark.parametrize(
        "content", [b"remember the milk\n" * 99, bytes(50_000), b"xy"], ids=["text", "zeros", "tiny"]
    )
    def test_what_is_not_a_database_is_set_aside(self, path: Path, notes: Notes, clock: Clock, content: bytes) -> None:
        path.write_bytes(content)
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0))
        assert spool.counters().on_disk
        (aside,) = asides(path)
        assert path.with_name(aside).read_bytes() == content
        assert aside in notes.texts("error")[0]
        spool.close()

    @pytest.mark.parametrize(
        ("good", "bad"),
        [(b"topic TEXT", b"tupic TEXT"), (b"payload BLOB", b"payload REAL"), (b"id INTEGER PRI", b"id IN\xffEGER PRI")],
    )
    def test_a_damaged_schema(self, path: Path, notes: Notes, clock: Clock, good: bytes, bad: bytes) -> None:
        fill(path, notes, clock, windows=3)
        path.write_bytes(path.read_bytes().replace(good, bad))
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(9))
        assert spool.counters().on_disk
        assert len(asides(path)) == 1
        spool.close()

    def test_an_empty_file_is_a_new_spool(self, path: Path, notes: Notes, clock: Clock) -> None:
        path.write_bytes(b"")
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0))
        assert spool.counters().on_disk
        assert not notes.all
        spool.close()

    def test_no_more_than_two_are_kept(self, path: Path, notes: Notes, clock: Clock) -> None:
        for _ in range(4):
            path.write_bytes(b"text" * 999)
            clock.now += 100
            open_spool(path, notes, clock).close()
        kept = asides(path)
        assert len(kept) == 2
        assert kept[-1] == f"spool.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(clock.now))}"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowedge.spool.disk.BUSY_SECONDS", 0.1)


@pytest.mark.usefixtures("_impatient")
class TestOwnership:
    def test_another_programs_database_is_left_alone(self, path: Path, notes: Notes, clock: Clock) -> None:
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
        before = path.read_bytes()
        with pytest.raises(SpoolError, match=r"spool is a database of another program; name another file"):
            open_spool(path, notes, clock)
        assert path.read_bytes() == before

    def test_a_newer_version_is_left_alone(self, path: Path, notes: Notes, clock: Clock) -> None:
        open_spool(path, notes, clock).close()
        with sqlite3.connect(path) as newer:
            newer.execute("PRAGMA user_version = 2")
        newer.close()
        with pytest.raises(SpoolError, match=r"a spool of version 2, this flowedge knows version 1"):
            open_spool(path, notes, clock)

    def test_only_the_owner_may_read_it(self, path: Path, notes: Notes, clock: Clock) -> None:
        spool = open_spool(path, notes, clock)
        spool.add_window(*window(0))
        assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
            "spool": 0o600,
            "spool-wal": 0o600,
        }
        spool.close()
        path.chmod(0o644)
        open_spool(path, notes, clock).close()
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_second_process_is_refused_until_the_first_is_dead(self, path: Path, notes: Notes, clock: Clock) -> None:
        with child(path, "add(0); print('ready', flush=True); time.sleep(60)") as first:
            assert first.stdout is not None
            assert first.stdout.readline() == b"ready\n"
            with pytest.raises(SpoolError, match=r"spool is in use by another process"):
                open_spool(path, notes, clock)
            first.send_signal(signal.SIGKILL)
        spool = open_spool(path, notes, clock)
        assert len(spool.next_messages(9)) == 5
        spool.close()

    def test_a_second_spool_in_the_same_process_too(self, path: Path, notes: Notes, clock: Clock) -> None:
        spool = open_spool(path, notes, clock)
        with pytest.raises(SpoolError, match="in use"):
            open_spool(path, notes, clock)
        spool.close()


CHILD = """
import itertools, sys, time
from flowedge.spool import Spool, WindowKey
spool = Spool(sys.argv[1], boot="child", notify=print, max_octets=64 << 20)
def add(seq):
    spool.add_window(WindowKey("eth0", seq, seq), [(f"{seq}/{part}", bytes(100_000), {}) for part in range(5)])
"""
ADD_ENDLESSLY = """
for seq in itertools.count():
    add(seq)
    print(seq, flush=True)
    for message in spool.next_messages(2):
        spool.acknowledge(message.id)
"""


def child(path: Path, code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", CHILD + code, str(path)], stdout=subprocess.PIPE)


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_process_loses_no_window(path: Path, notes: Notes, clock: Clock, seed: int) -> None:
    """Two of each window's five messages may be acknowledged; the rest is there, and no window in part."""
    with child(path, ADD_ENDLESSLY) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.3))
        killed.kill()
        printed = killed.stdout.read().split()
    added = int(printed[-1]) if printed else 0
    spool = open_spool(path, notes, clock, max_octets=64 << 20)
    found = topics(spool.next_messages(9999))
    assert not notes.all
    acknowledged_at_most = 2 * (added + 1)
    missing = {f"{seq}/{part}" for seq in range(added + 1) for part in range(5)}.difference(found)
    oldest_kept = int(found[0].split("/")[0])
    assert all(int(topic.split("/")[0]) <= oldest_kept for topic in missing)
    assert len(missing) <= acknowledged_at_most
    beyond = [topic for topic in found if int(topic.split("/")[0]) > added]
    assert len(beyond) in (0, 5)
    spool.close()


def test_a_window_is_synchronised_before_add_window_returns(path: Path) -> None:
    """Loss of power cannot be had in a test; the setting that SQLite documents for it can."""
    disk = DiskStore(str(path), 1 << 20)
    assert disk._pragma("synchronous") == (2,)  # FULL
    assert disk._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    disk.close()


def test_the_file_stays_near_the_bound_and_shrinks(path: Path, notes: Notes, clock: Clock) -> None:
    """Messages of little more than half a page take a page each: the worst there is."""
    bound = 4 << 20
    spool = open_spool(path, notes, clock, max_octets=bound)
    for seq in range(50):
        spool.add_window(WindowKey("eth0", seq, seq), [("t", bytes(8500), {})] * 20)
    assert spool.counters().octets <= bound
    spool.close()
    assert path.stat().st_size <= 1.3 * bound
    spool = open_spool(path, notes, clock, max_octets=bound)
    for message in spool.next_messages(9999):
        spool.acknowledge(message.id)
    assert spool.counters().messages == 0
    spool.close()
    assert path.stat().st_size < bound / 8


def test_a_lower_bound_drops_what_is_too_much(path: Path, notes: Notes, clock: Clock) -> None:
    fill(path, notes, clock, windows=10, size=100)
    spool = open_spool(path, notes, clock, max_octets=6 * octets(100))
    assert (spool.counters().windows, spool.counters().dropped_windows) == (3, 7)
    spool.close()
