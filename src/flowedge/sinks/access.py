"""Whose rights an output is opened with: those of the user that is to go on with it, its `owner`.

An agent opens its outputs while it is root and writes them as somebody else. Folders on the way may belong to anybody,
and who owns a folder is not trusted: between two system calls he can put a symbolic link, or another folder, where
something else was. So everything that is there already is opened with the owner's rights, who gets to nothing that is
not his (acting_as).

Root's rights are for what they are needed for: to make what the owner may not, and give it to him, and to open pipes
and devices of root's own. Both only in a folder to which nobody but root can have led us: each folder and link on the
way is root's, and the owner cannot put anything in its place. What root makes did not exist before.
"""

import errno
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from flowedge.errors import SinkError
from flowedge.sinks.output import reporting

Owner: TypeAlias = tuple[int, int]
"""User and group, as numbers."""

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
MODE = 0o666
MOST_STEPS = 256  # on the way to a folder: links may lead in a circle

_INHERITED = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
_STANDARD = {"/dev/stdout": 1, "/dev/stderr": 2}


@contextmanager
def acting_as(owner: Owner | None) -> Iterator[None]:
    """What root does in here, it does with the owner's user, group and rights, and without groups of its own.

    No effect without an owner, and for who is not root. Concerns every thread of the process.
    """
    if owner is None or os.geteuid() != 0:
        yield
        return
    user, group = owner
    own_group, own_groups = os.getegid(), os.getgroups()
    try:
        os.setgroups([])
        os.setegid(group)
        os.seteuid(user)
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_group)
        os.setgroups(own_groups)


@contextmanager
def reporting_access(name: str, owner: Owner | None = None) -> Iterator[None]:
    """Turns an OSError into a SinkError with the output's name, and the remedy where the owner has not the right."""
    with reporting(name):
        try:
            yield
        except PermissionError as error:
            user = _user_name(owner)
            if _is_missing(name):
                what = f"is not there, and user {user} may not make it; make it and chown it, or give --user"
            else:
                what = f"user {user} may not write there; chown it, or give --user"
            raise SinkError(f"{name}: {what}") from error


def open_for_owner(path: str, owner: Owner | None) -> int:
    """Opens something to write into from its begin: a file, which is emptied or made, or a pipe or a device.

    The descriptor is the caller's. Does not wait for the reader of a named pipe: it has to be there. A descriptor that
    was handed to us (/dev/stdout, /dev/fd/N) is used as it is. Raises SinkError.
    """
    with reporting_access(path, owner):
        inherited = _inherited(path)
        if inherited is not None:
            return os.dup(inherited)
        try:
            descriptor = open_file(path, os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK, owner)
        except OSError as error:
            if error.errno == errno.ENXIO:
                raise SinkError(f"{path}: has no reader; start it first") from error
            raise
        os.set_blocking(descriptor, True)
        return descriptor


def open_file(path: str, flags: int, owner: Owner | None) -> int:
    """Opens a file, or makes it, which is then the owner's; the descriptor is the caller's. Raises OSError."""
    flags |= os.O_CLOEXEC
    try:
        with acting_as(owner):
            try:
                return os.open(path, flags)  # without O_CREAT, which fs.protected_regular keeps from others' files
            except FileNotFoundError:
                return os.open(path, flags | os.O_CREAT, MODE)
    except PermissionError:
        if owner is None or os.geteuid() != 0:
            raise
        with suppress(FileExistsError):
            return _open_as_root(path, flags, owner)
        raise


def open_folder(path: str, owner: Owner | None) -> int:
    """Opens a folder, or makes it, which is then the owner's; the descriptor is the caller's.

    Raises OSError, PermissionError also if the owner may not make files there.
    """
    descriptor = _open_folder(path, owner)
    try:
        with acting_as(owner):
            if not os.access(".", os.W_OK | os.X_OK, dir_fd=descriptor, effective_ids=True):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _open_folder(path: str, owner: Owner | None) -> int:
    try:
        with acting_as(owner):
            with suppress(FileNotFoundError):
                return os.open(path, FOLDER_FLAGS)
            with suppress(FileExistsError):
                os.makedirs(path)
            return os.open(path, FOLDER_FLAGS)
    except PermissionError:
        if owner is None or os.geteuid() != 0:
            raise
        with suppress(FileExistsError):
            return _make_folder_as_root(path, owner)
        raise


def _open_as_root(path: str, flags: int, owner: Owner) -> int:
    """Raises FileExistsError for what is no pipe or device of root's own."""
    parent, name = os.path.split(path)
    with _trusted_folder(parent, owner) as folder:
        if _is_roots_pipe(name, folder):
            return os.open(name, flags | os.O_NOFOLLOW, dir_fd=folder)
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, MODE, dir_fd=folder)
        try:
            os.fchown(descriptor, *owner)
        except BaseException:
            os.close(descriptor)
            os.unlink(name, dir_fd=folder)
            raise
        return descriptor


def _make_folder_as_root(path: str, owner: Owner) -> int:
    parent, name = os.path.split(path.rstrip(os.sep))
    with _trusted_folder(parent, owner, make=True) as folder:
        os.mkdir(name, dir_fd=folder)
        descriptor = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
        try:
            if os.fstat(descriptor).st_uid != 0 or os.listdir(descriptor):
                raise PermissionError(errno.EPERM, "is not the folder that was made", path)
            os.fchown(descriptor, *owner)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


@contextmanager
def _trusted_folder(path: str, owner: Owner, *, make: bool = False) -> Iterator[int]:
    """A folder to which nobody but root can have led us; with `make`, folders that are missing are made, for root."""
    folder = os.open(os.sep, FOLDER_FLAGS)
    try:
        ahead = _names(os.path.join(os.getcwd(), path))
        for _ in range(MOST_STEPS):
            if not ahead:
                break
            step, further = _next_step(ahead.pop(), folder, owner, make)
            ahead += further
            before, folder = folder, os.open(step, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
            os.close(before)
        else:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        yield folder
    finally:
        os.close(folder)


def _next_step(name: str, folder: int, owner: Owner, make: bool) -> tuple[str, list[str]]:
    """The folder to go to, and what is to be gone then because `name` is a link. Raises PermissionError."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
    facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not _is_roots_alone(facts, owner):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    if not stat.S_ISLNK(facts.st_mode):
        return name, []
    target = os.readlink(name, dir_fd=folder)
    return (os.sep if os.path.isabs(target) else "."), _names(target)


def _names(path: str) -> list[str]:
    """What a way leads through, the last first."""
    return [name for name in reversed(path.split(os.sep)) if name not in ("", ".")]


def _is_roots_alone(facts: os.stat_result, owner: Owner) -> bool:
    """Whether it is root's, and the owner cannot put something else in the place of what root has in it."""
    writable = facts.st_mode & stat.S_IWOTH or (facts.st_mode & stat.S_IWGRP and facts.st_gid == owner[1])
    return facts.st_uid == 0 and (stat.S_ISLNK(facts.st_mode) or not writable or bool(facts.st_mode & stat.S_ISVTX))


def _is_roots_pipe(name: str, folder: int) -> bool:
    """Or device."""
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return facts.st_uid == 0 and (stat.S_ISFIFO(facts.st_mode) or stat.S_ISCHR(facts.st_mode))


def _inherited(path: str) -> int | None:
    match = _INHERITED.fullmatch(path)
    return int(match[1]) if match else _STANDARD.get(path)


def _is_missing(path: str) -> bool:
    try:
        os.lstat(path)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def _user_name(owner: Owner | None) -> str:
    """Whose rights an output is opened with."""
    user = os.geteuid()
    if owner is not None and user == 0:
        user = owner[0]
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)
