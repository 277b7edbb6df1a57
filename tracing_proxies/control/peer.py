"""Who is at the other end of a unix socket."""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Final

_LINUX: Final = struct.Struct("3i")  # ucred: pid, uid, gid
_MACOS: Final = struct.Struct("2I68x")  # xucred: version, uid, then the groups
_SYSTEM: Final[str] = str(sys.platform)  # so that the type checker reads the branches of other systems as well
_SOL_LOCAL: Final = 0
_LOCAL_PEERCRED: Final = 1
ROOT: Final = 0


def uid_of_peer(connection: socket.socket) -> int | None:
    """Return the user that opened a connection, as the kernel knows it; None where the system does not tell."""
    if _SYSTEM == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX.size)
        return int(_LINUX.unpack(credentials)[1])
    if _SYSTEM == "darwin":
        credentials = connection.getsockopt(_SOL_LOCAL, _LOCAL_PEERCRED, _MACOS.size)
        return int(_MACOS.unpack(credentials)[1])
    return None


def pid_of_peer(connection: socket.socket) -> int | None:
    """Return the process at the other end, 0 for one that has no id here, None where the system does not tell."""
    if _SYSTEM != "linux":
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _LINUX.size)
    return int(_LINUX.unpack(credentials)[0])


def is_welcome(uid: int | None) -> bool:
    """Tell whether a user may give orders to this process: its own, and root.

    Where the system does not tell who it is, the modes of the folder and the socket have judged already.
    """
    return uid is None or uid in (os.geteuid(), ROOT)
