"""What the agent may do: everything while it opens its sockets, hardly anything afterwards (capabilities(7)).

An interface that comes back needs a new socket, so CAP_NET_RAW stays *permitted*, and is *effective* for that moment
alone. Capabilities are each thread's own: drop() is to be called before there is a second one.
"""

import ctypes
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flowedge.errors import PermissionDeniedError, UsageError

CAP_NET_RAW = 13
LAST_CAPABILITY = 63

# linux/prctl.h and linux/capability.h
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True)
class Account:
    """Whom the agent becomes."""

    name: str
    uid: int
    gid: int

    @property
    def owner(self) -> tuple[int, int]:
        return self.uid, self.gid


def account(name: str) -> Account | None:
    """Whom to become once the sockets are open; None if that is who we are, or nobody may choose.

    Raises UsageError if there is no such user.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"user: there is no user {name!r}; give another with --user") from None
    return None if entry.pw_uid == 0 else Account(name, entry.pw_uid, entry.pw_gid)


def drop(to: Account | None) -> None:
    """Becomes that user, and gives up every capability but the permission to open packet sockets again.

    Raises PermissionDeniedError if something is left that should not be.
    """
    if os.geteuid() == 0:
        _empty_bounding_set()
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if to is not None:
        _become(to)
    _, permitted = _capabilities()
    _set_capabilities(effective=0, permitted=permitted & _bit(CAP_NET_RAW))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    if _capabilities()[0] != 0 or (to is not None and os.getresuid() != (to.uid,) * 3):
        raise PermissionDeniedError("privileges could not be given up; the agent does not run with them")


def may_open_packet_sockets() -> bool:
    """Whether packet_sockets() will be of any use."""
    return bool(_capabilities()[1] & _bit(CAP_NET_RAW))


def _become(account: Account) -> None:
    _prctl(PR_SET_KEEPCAPS, 1)
    try:
        os.setgroups([])
        os.setresgid(account.gid, account.gid, account.gid)
        os.setresuid(account.uid, account.uid, account.uid)
    except PermissionError:  # root of a container that may not
        raise PermissionDeniedError(f"this process may not become user {account.name}; give --user root") from None


@contextmanager
def packet_sockets() -> Iterator[None]:
    """Whatever opens a packet socket does so in here; works before drop() and after it, in any thread."""
    effective, permitted = _capabilities()
    if effective & _bit(CAP_NET_RAW) or not permitted & _bit(CAP_NET_RAW):
        yield
        return
    _set_capabilities(effective=effective | _bit(CAP_NET_RAW), permitted=permitted)
    try:
        yield
    finally:
        _set_capabilities(effective=effective, permitted=permitted)


def _bit(capability: int) -> int:
    return 1 << capability


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """32 capabilities; the kernel wants two of these."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


_libc = ctypes.CDLL(None, use_errno=True)


def _capabilities() -> tuple[int, int]:
    """This thread's effective and permitted sets, a bit a capability."""
    sets = (_Sets * 2)()
    _check(_libc.capget(ctypes.byref(_this_thread()), sets))
    low, high = sets
    return low.effective | high.effective << 32, low.permitted | high.permitted << 32


def _set_capabilities(*, effective: int, permitted: int) -> None:
    sets = (_Sets * 2)()
    for half, shift in zip(sets, (0, 32), strict=True):
        half.effective = effective >> shift & 0xFFFFFFFF
        half.permitted = permitted >> shift & 0xFFFFFFFF
    _check(_libc.capset(ctypes.byref(_this_thread()), sets))


def _this_thread() -> _Header:
    return _Header(CAPABILITY_VERSION_3, 0)


def _empty_bounding_set() -> None:
    for capability in range(LAST_CAPABILITY + 1):
        try:
            _prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # this kernel has no such capability, or we may not: then it is not ours to gain either
            return


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, *(ctypes.c_ulong(each) for each in (value, 0, 0, 0))))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
