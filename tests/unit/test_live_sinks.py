"""The contract of every output that runs for months, and what is particular to files, pipes and callbacks."""

import errno
import fcntl
import os
import pwd
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import pytest

from flowedge import FlowBatch, FlowEngine, SinkError, UsageError
from flowedge._core import NAME_SCHEMES
from flowedge.sinks import LiveSettings, LiveSink, open_live_sink
from flowedge.sinks.access import Owner, open_for_owner
from flowedge.sinks.callback import BatchCallback, Flow, FlowCallback
from flowedge.sinks.parts import COMPLETE_NAMES
from flowedge.sinks.retention import Retention
from flowedge.sinks.rows import are_rows, row_format
from flowedge.sinks.saved import make_folder

from .conftest import udp_flows
from .live_rows import (
    BATCHES,
    HEAD,
    NOBODY,
    ONE,
    SELECTION,
    as_nobody,
    files_end_at,
    needs_root,
    ports_in,
    ports_in_folder,
    ports_of,
)

# --- the contract -----------------------------------------------------------------------------------------------------


class Case:
    """A LiveSink under test, and what has come out of it once it is closed."""

    sink: LiveSink

    def ports(self) -> list[int]:
        raise NotImplementedError


class FileCase(Case):
    def __init__(self, folder: Path, form: str) -> None:
        self._path, self._form = folder / f"flows.{form}", form
        self.sink = opened(self._path, form)

    def ports(self) -> list[int]:
        return ports_in(self._path.read_bytes(), self._form)


class FolderCase(Case):
    def __init__(self, folder: Path, form: str) -> None:
        self._path = folder / "flows"
        self.sink = opened(f"{self._path}/", form)

    def ports(self) -> list[int]:
        return ports_in_folder(self._path)


class PipeCase(Case):
    def __init__(self, folder: Path, form: str) -> None:
        path, self._form, self._octets = folder / "pipe", form, b""
        pipe = reading_end(path)
        self.sink = opened(path, form)
        os.set_blocking(pipe.fileno(), True)
        self._reader = threading.Thread(target=self._read, args=[pipe], daemon=True)
        self._reader.start()

    def _read(self, pipe: FileIO) -> None:
        with pipe:
            self._octets = pipe.readall()

    def ports(self) -> list[int]:
        self._reader.join()
        return ports_in(self._octets, self._form)


def reading_end(path: Path) -> FileIO:
    """Makes a named pipe. What is read does not wait for who writes."""
    os.mkfifo(path)
    return FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")


class FlowCase(Case):
    def __init__(self, *_: object) -> None:
        self._flows: list[Flow] = []
        self.sink = FlowCallback(self._flows.append, pytest.fail)

    def ports(self) -> list[int]:
        return [int(flow["src_port"]) for flow in self._flows]


class BatchCase(Case):
    def __init__(self, *_: object) -> None:
        self._batches: list[FlowBatch] = []
        self.sink = BatchCallback(self._take, pytest.fail)

    def _take(self, source: str, batch: FlowBatch) -> None:
        assert source == "eth0"
        self._batches.append(batch)

    def ports(self) -> list[int]:
        return ports_of(*self._batches)


CASES: dict[str, tuple[Callable[[Path, str], Case], str]] = {
    "file.csv": (FileCase, "csv"),
    "file.jsonl": (FileCase, "jsonl"),
    "folder.csv": (FolderCase, "csv"),
    "folder.csv.gz": (FolderCase, "csv.gz"),
    "folder.jsonl": (FolderCase, "jsonl"),
    "folder.jsonl.gz": (FolderCase, "jsonl.gz"),
    "pipe.csv": (PipeCase, "csv"),
    "pipe.jsonl": (PipeCase, "jsonl"),
    "on_flow": (FlowCase, ""),
    "on_batch": (BatchCase, ""),
}
FILES = [name for name in CASES if name.startswith(("file", "folder"))]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    kind, form = CASES[request.param]
    return kind(tmp_path, form)


@pytest.fixture(params=FILES)
def file_case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    kind, form = CASES[request.param]
    return kind(tmp_path, form)


def opened(target: str | Path, form: str = "csv", **settings: object) -> LiveSink:
    return open_live_sink(str(target), form, SELECTION, LiveSettings(**{"notice": pytest.fail, **settings}))  # type: ignore[arg-type]


def test_every_flow_comes_out_in_order(case: Case) -> None:
    for batch in BATCHES:
        case.sink.write("eth0", batch)
    case.sink.close()
    assert case.ports() == ports_of(*BATCHES)
    assert len(case.ports()) == 5000


def test_nothing_is_lost_between_ticks_and_reopenings(case: Case) -> None:
    for batch in BATCHES:
        case.sink.write("eth0", batch)
        case.sink.tick()
        case.sink.reopen()
    case.sink.close()
    assert case.ports() == ports_of(*BATCHES)


def test_an_empty_batch_is_none(case: Case) -> None:
    case.sink.write("eth0", FlowBatch(SELECTION))
    case.sink.write("eth0", ONE)
    case.sink.write("eth0", FlowBatch(SELECTION))
    case.sink.close()
    assert case.ports() == ports_of(ONE)


@pytest.mark.parametrize("more", [0, 1, 700])
def test_a_batch_that_does_not_fit_leaves_no_trace(file_case: Case, tmp_path: Path, more: int) -> None:
    file_case.sink.write("eth0", BATCHES[0])
    with (
        files_end_at(size_in(tmp_path) + more),
        pytest.raises(SinkError, match=r"^\S*flows\S*: cannot be written: File too"),
    ):
        file_case.sink.write("eth0", BATCHES[1])
    file_case.sink.write("eth0", BATCHES[2])
    file_case.sink.close()
    assert file_case.ports() == ports_of(BATCHES[0], BATCHES[2])


def test_a_first_batch_that_does_not_fit(file_case: Case) -> None:
    with files_end_at(30), pytest.raises(SinkError):
        file_case.sink.write("eth0", BATCHES[0])
    file_case.sink.write("eth0", BATCHES[1])
    file_case.sink.close()
    assert file_case.ports() == ports_of(BATCHES[1])


def test_what_could_not_be_taken_back_is_taken_back_later(
    file_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_case.sink.write("eth0", BATCHES[0])
    with files_end_at(size_in(tmp_path) + 100), monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", fails_with(errno.EIO))
        with pytest.raises(SinkError):
            file_case.sink.write("eth0", BATCHES[1])
    file_case.sink.write("eth0", BATCHES[2])
    file_case.sink.close()
    assert file_case.ports() == ports_of(BATCHES[0], BATCHES[2])


@pytest.mark.parametrize(
    ("target", "policy", "writing", "closing"),
    [
        ("flows.csv", "never", [], []),
        ("flows.csv", "close", [], ["flows.csv"]),
        ("flows.csv", "always", [".", "flows.csv", "flows.csv"], ["flows.csv"]),  # made, its head, its rows
        ("flows/", "never", [], []),
        ("flows/", "close", [], ["part", "flows"]),
        ("flows/", "always", ["flows", "part"], ["part", "flows"]),
    ],
)
def test_what_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, policy: str, writing: list[str], closing: list[str]
) -> None:
    synced: list[str] = []

    def sync(descriptor: int) -> None:
        path = os.path.relpath(os.readlink(f"/proc/self/fd/{descriptor}"), tmp_path)
        synced.append("part" if path.endswith(".part") else path)

    monkeypatch.setattr(os, "fsync", sync)
    sink = opened(f"{tmp_path}/{target}", fsync=policy)
    sink.write("eth0", ONE)
    assert synced == writing
    sink.close()
    assert synced == writing + closing


def test_what_cannot_be_synced_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = opened(tmp_path / "flows.csv", fsync="always")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fails_with(errno.EIO))
        with pytest.raises(SinkError, match="Input/output error"):
            sink.write("eth0", ONE)
    assert (tmp_path / "flows.csv").read_bytes() == HEAD
    sink.close()


def size_in(folder: Path) -> int:
    """Of the largest file."""
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def fails_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# --- real disks and rights --------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@needs_root
@pytest.mark.parametrize("target", ["flows.csv", "flows/"])
def test_a_full_disk_that_is_emptied_again(small_disk: Path, target: str) -> None:
    sink = opened(f"{small_disk}/{target}")
    (small_disk / "other").write_bytes(bytes(24 << 10))
    written = []
    with pytest.raises(SinkError, match="cannot be written: No space left on device"):  # noqa: PT012
        for batch in BATCHES:
            sink.write("eth0", batch)
            written.append(batch)
    os.unlink(small_disk / "other")
    sink.write("eth0", ONE)
    sink.close()
    ports = ports_in_folder(small_disk / "flows") if target == "flows/" else ports_in_file(small_disk / target)
    assert ports == ports_of(*written, ONE)


def ports_in_file(path: Path) -> list[int]:
    return ports_in(path.read_bytes(), path.suffix[1:])


@needs_root
@pytest.mark.parametrize("target", ["flows.csv", "flows/"])
def test_who_gets_what_is_made(open_folder: Path, target: str) -> None:
    sink = opened(f"{open_folder}/{target}", owner=(NOBODY, NOBODY))
    sink.write("eth0", ONE)
    with as_nobody():
        sink.reopen()
        sink.write("eth0", ONE)
        sink.close()
    made = [path for path in open_folder.rglob("*") if path.name != "."]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {(NOBODY, NOBODY)}


@needs_root
def test_what_is_the_owners_already_keeps_its_group(open_folder: Path) -> None:
    open_folder.chmod(0o777)
    with as_nobody():
        opened(open_folder / "flows.csv", owner=(NOBODY, 4)).close()
    assert (open_folder / "flows.csv").stat().st_gid == NOBODY


@needs_root
@pytest.mark.parametrize("target", ["flows.csv", "flows/"])
def test_an_output_that_is_not_the_users(open_folder: Path, target: str) -> None:
    notices: list[str] = []
    sink = opened(f"{open_folder}/{target}", notice=notices.append)
    sink.write("eth0", ONE)
    remedy = f"{target}: user {pwd.getpwuid(NOBODY).pw_name} may not write there; chown it, or give --user"
    with as_nobody():
        for call in (sink.reopen, lambda: sink.write("eth0", ONE)):
            with pytest.raises(SinkError, match=remedy):
                call()
    sink.write("eth0", ONE)
    sink.close()


@needs_root
def test_a_user_without_a_name(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    with as_nobody(), pytest.raises(SinkError, match=f"user {NOBODY} may not make it"):
        opened(open_folder / "flows.csv")


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of root to which everybody has a way."""
    root = tmp_path_factory.mktemp("open")
    closed = [
        folder for folder in root.parents if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 1
    ]
    modes = {folder: folder.stat().st_mode for folder in [*closed, root]}
    for folder, mode in modes.items():
        folder.chmod(mode | 0o011)
    yield root
    for folder, mode in modes.items():
        folder.chmod(mode)


# --- whose rights -----------------------------------------------------------------------------------------------------

USER: Owner = (NOBODY, NOBODY)
SECRET = b'{"secret": 1}'


@pytest.fixture
def users_folder(open_folder: Path) -> Path:
    """A folder of nobody's, beside root's `secret` and `private/`."""
    (open_folder / "secret").write_bytes(SECRET)
    (open_folder / "secret").chmod(0o600)
    (open_folder / "private").mkdir(mode=0o755)
    folder = open_folder / "users"
    folder.mkdir()
    os.chown(folder, *USER)
    return folder


def keep_of_root(folder: Path) -> list[tuple[str, int, bytes]]:
    """Whatever there is of root's beside the user's folder."""
    return sorted(
        (path.name, path.stat().st_uid, path.read_bytes() if path.is_file() else b"")
        for path in folder.parent.rglob("*")
        if folder not in (path, *path.parents)
    )


def open_as_root(path: Path) -> None:
    os.close(open_for_owner(str(path), USER))


OPENING: list[Callable[[Path], object]] = [
    lambda path: opened(path, owner=USER),
    lambda path: opened(path, "jsonl", owner=USER),
    lambda path: opened(f"{path}/", owner=USER),
    lambda path: make_folder(str(path), USER),
    open_as_root,
]
opening = pytest.mark.parametrize("open_it", OPENING, ids=["csv", "jsonl", "folder", "saved", "stats"])


@needs_root
@opening
@pytest.mark.parametrize("target", ["../secret", "../private", "../private/new", "../new"])
def test_root_follows_no_link_of_the_users(users_folder: Path, open_it: Callable[[Path], object], target: str) -> None:
    (users_folder / "flows").symlink_to(target)
    before = keep_of_root(users_folder)
    with pytest.raises(SinkError, match=r"flows\S*: "):
        open_it(users_folder / "flows")
    assert keep_of_root(users_folder) == before


@needs_root
@opening
def test_root_makes_nothing_behind_a_link_of_the_users(users_folder: Path, open_it: Callable[[Path], object]) -> None:
    (users_folder / "way").symlink_to("../private")
    before = keep_of_root(users_folder)
    with pytest.raises(SinkError, match=r"flows/?: is not there, and user \w+ may not make it; make it and chown it"):
        open_it(users_folder / "way" / "flows")
    assert keep_of_root(users_folder) == before


@needs_root
@opening
def test_root_does_not_overrule_the_user(users_folder: Path, open_it: Callable[[Path], object]) -> None:
    users_folder.chmod(0o555)
    with pytest.raises(SinkError, match="may not make it"):
        open_it(users_folder / "flows")
    assert list(users_folder.iterdir()) == []


@needs_root
@opening
def test_a_link_to_what_is_the_users_is_followed(users_folder: Path, open_it: Callable[[Path], object]) -> None:
    (users_folder / "inner").mkdir()
    os.chown(users_folder / "inner", *USER)
    (users_folder / "way").symlink_to("inner")
    open_it(users_folder / "way" / "flows")
    (made,) = (users_folder / "inner").iterdir()
    assert (made.stat().st_uid, made.stat().st_gid) == USER


@needs_root
@opening
def test_root_makes_what_the_user_may_not(open_folder: Path, open_it: Callable[[Path], object]) -> None:
    (open_folder / "var").symlink_to(open_folder / "mnt")
    (open_folder / "mnt").mkdir()
    open_it(open_folder / "var" / "flows")
    made = open_folder / "mnt" / "flows"
    assert (made.stat().st_uid, made.stat().st_gid) == USER
    assert (open_folder / "mnt").stat().st_uid == 0


@needs_root
def test_folders_on_the_way_stay_with_root(open_folder: Path) -> None:
    sink = opened(f"{open_folder}/a/b/flows/", owner=USER)
    sink.close()
    assert [(open_folder / path).stat().st_uid for path in ("a", "a/b", "a/b/flows")] == [0, 0, NOBODY]


@needs_root
def test_links_in_a_circle(open_folder: Path) -> None:
    (open_folder / "locked").mkdir(mode=0o700)  # the user does not get as far as the circle
    for path in (open_folder / "circle", open_folder / "locked" / "circle"):
        path.symlink_to("circle")
        with pytest.raises(SinkError, match="Too many levels of symbolic links"):
            opened(path / "flows.csv", owner=USER)


@pytest.fixture
def groups() -> Iterator[list[int]]:
    """What root is in, besides its own."""
    before = os.getgroups()
    os.setgroups([4, 5])
    yield [4, 5]
    os.setgroups(before)


@needs_root
def test_the_user_is_in_none_of_roots_groups(users_folder: Path, groups: list[int]) -> None:
    (users_folder / "flows.csv").touch()
    (users_folder / "flows.csv").chmod(0o660)
    os.chown(users_folder / "flows.csv", 0, groups[0])
    with pytest.raises(SinkError, match="may not write there"):
        opened(users_folder / "flows.csv", owner=USER)


@needs_root
def test_a_folder_that_is_not_as_it_was_made_is_not_given_away(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_and_fill(name: str, mode: int = 0o777, *, dir_fd: int | None = None, mkdir=os.mkdir) -> None:  # type: ignore[no-untyped-def]
        mkdir(name, mode, dir_fd=dir_fd)
        (open_folder / "flows" / "file").touch()

    monkeypatch.setattr(os, "mkdir", make_and_fill)
    with pytest.raises(SinkError):
        opened(f"{open_folder}/flows/", owner=USER)
    assert (open_folder / "flows").stat().st_uid == 0


@needs_root
@opening
@pytest.mark.usefixtures("groups")
def test_the_rights_of_who_opens_come_back(users_folder: Path, open_it: Callable[[Path], object]) -> None:
    before = os.getresuid(), os.getresgid(), os.getgroups()
    open_it(users_folder / "flows")
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before
    users_folder.chmod(0)
    with pytest.raises(SinkError):
        open_it(users_folder / "flows")
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


@needs_root
def test_what_a_dead_process_left_is_completed_with_the_users_rights(users_folder: Path) -> None:
    part = users_folder / ".flowedge-1-0-eth0-20231114T000000Z.csv.part"
    os.link(users_folder.parent / "secret", part)
    notices: list[str] = []
    opened(f"{users_folder}/", owner=USER, notice=notices.append)
    assert notices == [f"{part}: cannot be recovered: Permission denied"]
    assert (users_folder.parent / "secret").read_bytes() == SECRET


@needs_root
def test_nothing_is_deleted_before_the_rights_are_given_up(users_folder: Path) -> None:
    (users_folder / "eth0-20231114T000000Z.csv").write_bytes(HEAD)
    retention = Retention(str(users_folder), COMPLETE_NAMES, notice=pytest.fail, max_octets=1)
    sink = opened(f"{users_folder}/", owner=USER, retention=retention)
    assert len(list(users_folder.iterdir())) == 1
    sink.tick()
    assert list(users_folder.iterdir()) == []


@needs_root
@pytest.mark.parametrize("open_it", [lambda path: opened(path, owner=USER).close(), open_as_root])
def test_a_pipe_of_roots_may_be_written_by_the_user(open_folder: Path, open_it: Callable[[Path], object]) -> None:
    with reading_end(open_folder / "pipe"):
        open_it(open_folder / "pipe")


@needs_root
def test_a_descriptor_that_was_handed_over_is_nobody_elses(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    sink = opened(f"/dev/fd/{writer}", owner=USER)
    os.close(writer)
    sink.close()
    with open(reader, "rb") as pipe:
        assert pipe.read() == HEAD


@needs_root
def test_a_file_is_emptied_for_the_user(users_folder: Path) -> None:
    (users_folder / "stats").write_bytes(b"old")
    os.chown(users_folder / "stats", *USER)
    open_as_root(users_folder / "stats")
    assert (users_folder / "stats").read_bytes() == b""


@needs_root
@pytest.mark.parametrize("target", ["flows.csv", "flows/"])
def test_what_is_gone_is_said_to_be(open_folder: Path, target: str) -> None:
    sink = opened(f"{open_folder}/{target}", owner=USER)
    for path in sorted(open_folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    user = pwd.getpwuid(NOBODY).pw_name
    with as_nobody():
        for call in (sink.reopen, lambda: sink.write("eth0", ONE)):
            with pytest.raises(
                SinkError, match=f"{target}: is not there, and user {user} may not make it; make it and"
            ):
                call()


@needs_root
def test_a_file_that_is_there_is_opened_without_making_it(users_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fs.protected_regular refuses O_CREAT for the file of somebody else in a folder like /tmp."""
    flags: list[int] = []
    opened(users_folder / "flows.csv", owner=USER).close()
    monkeypatch.setattr(os, "open", recording(flags, os.open))
    opened(users_folder / "flows.csv").close()
    assert flags
    assert not any(each & os.O_CREAT for each in flags)


def recording(flags: list[int], open_it: Callable[..., int]) -> Callable[..., int]:
    def open_and_note(path: str, flag: int, *rest: int, **place: int) -> int:
        flags.append(flag)
        return open_it(path, flag, *rest, **place)

    return open_and_note


# --- one file ---------------------------------------------------------------------------------------------------------


def test_a_new_file_has_its_head_at_once(tmp_path: Path) -> None:
    opened(tmp_path / "flows.csv")
    assert (tmp_path / "flows.csv").read_bytes() == HEAD


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_file_is_gone_on_with(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"flows.{form}"
    for batch in BATCHES:
        sink = opened(path, form)
        sink.write("eth0", batch)
        sink.close()
    assert ports_in_file(path) == ports_of(*BATCHES)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("rest", [b"1", b"x" * 200_000])
def test_half_a_row_is_cut_off(tmp_path: Path, form: str, rest: bytes) -> None:
    path, notices = tmp_path / f"flows.{form}", list[str]()
    for batch in BATCHES[:2]:
        sink = opened(path, form, notice=notices.append)
        sink.write("eth0", batch)
        sink.close()
        with path.open("ab") as file:
            file.write(rest)
    opened(path, form, notice=notices.append)
    assert ports_in_file(path) == ports_of(*BATCHES[:2])
    assert notices == [f"{path}: its last row was cut off in the middle; the half row is removed"] * 2


def test_the_first_row_may_be_half_wherever_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "flows.jsonl"
    row = ONE.jsonl().splitlines()[0]
    for octets in range(1, len(row) + 1):
        path.write_bytes(row[:octets])
        sink = opened(path, "jsonl", notice=list[str]().append)
        assert path.read_bytes() == b""
        sink.close()


@pytest.mark.parametrize("names", NAME_SCHEMES)
def test_rows_of_every_column_are_known_again(tmp_path: Path, names: str) -> None:
    extra = ("label",) if names == "netflower" else ()  # the others have it
    engine = FlowEngine(names=names, extra=extra, label='a "b" \\, {c}: "d":1')
    engine.feed(udp_flows(1))
    (batch,) = engine.flush()
    rows = batch.jsonl()
    for octets in range(len(rows) + 1):
        (tmp_path / "flows.jsonl").write_bytes(rows[:octets])
        with (tmp_path / "flows.jsonl").open("rb") as file:
            assert are_rows(file.fileno(), row_format("jsonl", batch.selection)), rows[:octets]


def test_half_a_head_is_none(tmp_path: Path) -> None:
    path, notices = tmp_path / "flows.csv", list[str]()
    path.write_bytes(HEAD[:5])
    sink = opened(path, notice=notices.append)
    sink.write("eth0", ONE)
    assert ports_in_file(path) == ports_of(ONE)
    assert len(notices) == 1


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("csv", b"dst_port,src_port\n1,2\n"),
        ("csv", b"something else, without an end"),
        ("jsonl", b"src_port,dst_port\n"),
        ("jsonl", b'{"important": 1}'),
        ("jsonl", b'{"important": 1}\n{"important": 2}'),
        ("jsonl", b'{"src_port":1,"dst_port":2,"more":3}\n'),
        ("jsonl", b'{"src_port":1}\n'),
        ("jsonl", b'{"src_port":1,"dst_port":2\n'),
        ("jsonl", b'{"dst_port":1,"src_p'),
        ("jsonl", b'{"src_port":[1'),
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, form: str, content: bytes) -> None:
    path = tmp_path / f"flows.{form}"
    path.write_bytes(content)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(
        SinkError, match=f"flows.{form}: has other columns than these; give another file or move it away"
    ):
        opened(path, form)
    assert path.read_bytes() == content
    assert os.listdir("/proc/self/fd") == before


def test_two_do_not_write_to_one_file(tmp_path: Path) -> None:
    sink = opened(tmp_path / "flows.csv")
    with pytest.raises(SinkError, match=r"flows\.csv: is being written to already; give another file"):
        opened(tmp_path / "flows.csv")
    sink.close()
    opened(tmp_path / "flows.csv")


def test_where_there_are_no_locks_it_works_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", fails_with(errno.ENOLCK))
    opened(tmp_path / "flows.csv").write("eth0", ONE)
    assert ports_in_file(tmp_path / "flows.csv") == ports_of(ONE)


def test_a_file_that_was_moved_is_written_until_it_is_reopened(tmp_path: Path) -> None:
    path, moved = tmp_path / "flows.csv", tmp_path / "flows.csv.1"
    sink = opened(path)
    path.rename(moved)
    sink.write("eth0", BATCHES[0])
    sink.reopen()
    sink.write("eth0", BATCHES[1])
    assert ports_in(moved.read_bytes(), "csv") == ports_of(BATCHES[0])
    assert ports_in_file(path) == ports_of(BATCHES[1])


def test_a_file_that_was_removed_begins_anew_and_is_told_of_once(tmp_path: Path) -> None:
    path = tmp_path / "flows.csv"
    sink = opened(path)
    for batch in BATCHES[:2]:
        path.unlink()
        sink.write("eth0", batch)
        with pytest.raises(SinkError, match=r"flows\.csv: was removed, and its rows are lost; it is begun anew"):
            sink.tick()
        sink.tick()
        assert ports_in_file(path) == ports_of(batch)


def test_a_file_that_was_removed_is_missed_without_rows(tmp_path: Path) -> None:
    sink = opened(tmp_path / "flows.csv")
    (tmp_path / "flows.csv").unlink()
    with pytest.raises(SinkError, match="was removed"):
        sink.tick()
    assert (tmp_path / "flows.csv").read_bytes() == HEAD


def test_a_file_that_was_emptied_begins_anew(tmp_path: Path) -> None:
    sink = opened(tmp_path / "flows.csv")
    sink.write("eth0", BATCHES[0])
    os.truncate(tmp_path / "flows.csv", 0)
    sink.write("eth0", BATCHES[1])
    assert ports_in_file(tmp_path / "flows.csv") == ports_of(BATCHES[1])


def test_a_file_that_was_emptied_with_half_a_row_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = opened(tmp_path / "flows.csv")
    sink.write("eth0", BATCHES[0])
    with files_end_at(size_in(tmp_path) + 100), monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", fails_with(errno.EIO))
        with pytest.raises(SinkError):
            sink.write("eth0", BATCHES[1])
    os.truncate(tmp_path / "flows.csv", 0)
    sink.write("eth0", BATCHES[2])
    assert ports_in_file(tmp_path / "flows.csv") == ports_of(BATCHES[2])


def test_after_a_reopening_that_failed_the_next_batch_tries_again(tmp_path: Path) -> None:
    folder, moved = tmp_path / "logs", tmp_path / "moved"
    folder.mkdir()
    sink = opened(folder / "flows.csv")
    folder.rename(moved)
    for call in (sink.reopen, lambda: sink.write("eth0", ONE)):
        with pytest.raises(SinkError, match=r"flows\.csv: cannot be written: No such file or directory"):
            call()
    folder.mkdir()
    sink.write("eth0", ONE)
    sink.close()
    assert ports_in_file(folder / "flows.csv") == ports_of(ONE)
    assert (moved / "flows.csv").read_bytes() == HEAD


def test_closing_twice_is_closing(tmp_path: Path) -> None:
    for target in (f"{tmp_path}/flows.csv", f"{tmp_path}/flows/", os.devnull):
        sink = opened(target)
        sink.close()
        sink.close()


# --- streams ----------------------------------------------------------------------------------------------------------


@contextmanager
def standard_output(file: int) -> Iterator[None]:
    """While this file is standard output; closes it."""
    saved = os.dup(1)
    os.dup2(file, 1)
    os.close(file)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


@pytest.mark.parametrize("open_it", [opened, lambda path: open_for_owner(str(path), None)])
def test_a_pipe_without_a_reader_is_not_waited_for(tmp_path: Path, open_it: Callable[[Path], object]) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SinkError, match="pipe: has no reader; start it first"):
        open_it(tmp_path / "pipe")


def test_a_full_pipe_is_waited_for(tmp_path: Path) -> None:
    with reading_end(tmp_path / "pipe"):
        descriptor = open_for_owner(str(tmp_path / "pipe"), None)
        assert os.get_blocking(descriptor)
        os.close(descriptor)


def test_standard_output_has_each_batch_at_once() -> None:
    reader, writer = os.pipe()
    with standard_output(writer), open(reader, "rb", buffering=0) as pipe:
        sink = opened("-")
        assert pipe.read(1000) == HEAD
        for batch in BATCHES:
            sink.write("eth0", batch)
            assert pipe.read(60_000) == batch.csv()
        sink.close()


def test_a_reader_that_has_gone_is_a_broken_pipe() -> None:
    reader, writer = os.pipe()
    with standard_output(writer):
        sink = opened("-", "jsonl")
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            sink.write("eth0", ONE)
        sink.close()
        with pytest.raises(BrokenPipeError):
            opened("-", "csv")


def test_a_pipe_that_must_not_wait_is_waited_for() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # less than a batch
    texts: list[bytes] = []
    path = Path(f"/proc/self/fd/{reader}")
    reading = threading.Thread(target=lambda: texts.append(path.read_bytes()), daemon=True)
    with standard_output(writer):
        sink = opened("-", "jsonl")
        reading.start()
        for batch in BATCHES:
            sink.write("eth0", batch)
        sink.close()
    reading.join()
    os.close(reader)
    assert ports_in(b"".join(texts), "jsonl") == ports_of(*BATCHES)


@pytest.mark.parametrize("octets", [0, 1, 8, 9, 700])
def test_a_stream_that_fails_goes_on_with_whole_rows(tmp_path: Path, octets: int) -> None:
    path = tmp_path / "output"
    with standard_output(os.open(path, os.O_WRONLY | os.O_CREAT)):
        sink = opened("-")
        for _ in range(2):  # the second time it fails before anything is out
            with files_end_at(len(HEAD) + octets), pytest.raises(SinkError, match="standard output: cannot be written"):
                sink.write("eth0", BATCHES[0])
        sink.write("eth0", BATCHES[1])
        sink.write("eth0", BATCHES[2])
        sink.close()
    rows = BATCHES[0].csv()
    whole = rows[: rows.find(b"\n", octets - 1) + 1] if octets else b""
    assert path.read_bytes() == HEAD + whole + BATCHES[1].csv() + BATCHES[2].csv()


def test_a_full_device(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="/dev/full: cannot be written: No space left on device"):
        opened("/dev/full")
    sink = opened("/dev/full", "jsonl")
    with pytest.raises(SinkError, match="/dev/full: cannot be written: No space left on device"):
        sink.write("eth0", ONE)
    sink.close()


# --- callbacks --------------------------------------------------------------------------------------------------------


def test_a_callback_that_raises_is_reported_once_and_stops_nothing() -> None:
    reports: list[str] = []
    flows: list[Flow] = []

    def on_flow(flow: Flow) -> None:
        flows.append(flow)
        raise ValueError(f"no. {len(flows)}")

    sink = FlowCallback(on_flow, reports.append)
    sink.write("eth0", ONE)
    assert len(flows) == sink.errors == len(ONE)
    assert len(reports) == 1
    assert reports[0].startswith("a callback has raised; further errors are only counted\nTraceback")
    assert "in on_flow" in reports[0]
    assert reports[0].endswith("ValueError: no. 1\n")


@pytest.mark.parametrize("signal", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_end_ends(signal: type[BaseException]) -> None:
    def on_batch(source: str, batch: FlowBatch) -> None:
        raise signal

    sink = BatchCallback(on_batch, pytest.fail)
    with pytest.raises(signal):
        sink.write("eth0", ONE)
    assert sink.errors == 0


# --- which it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "form"),
    [("flows.parquet", "parquet"), ("flows/", "arrow"), ("flows.csv.gz", "csv.gz"), ("-", "jsonl.gz")],
)
def test_formats_that_cannot_be_appended_to(target: str, form: str) -> None:
    with pytest.raises(UsageError, match=f"{target}: {form} cannot be appended to; give csv, jsonl, or a folder for"):
        opened(target, form)


def test_a_folder_that_is_there_needs_no_slash(tmp_path: Path) -> None:
    sink = opened(tmp_path)
    sink.write("eth0", ONE)
    sink.close()
    assert ports_in_folder(tmp_path) == ports_of(ONE)
