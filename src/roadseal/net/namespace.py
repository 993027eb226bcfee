"""A network stack of one's own that leaves nothing behind: a network namespace of Linux.

It has no name and no file. When its last holder is gone, which a killed process is too, the kernel
removes it with every device in it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Final

_NEW_NETWORK: Final = 0x4000_0000  # CLONE_NEWNET of linux/sched.h


class NetworkNamespace:
    """A network stack of its own; `with namespace:` moves the calling thread into it.

    A socket stays in the namespace that it was made in, and what a server accepts in the server's:
    one event loop can hold both ends of a link between two namespaces.

    Attributes:
        descriptor: an open file that stands for it; a child process needs it to name it.

    Raises:
        OSError: the kernel has no namespaces; or this process may not make one, which takes the
            capability CAP_SYS_ADMIN (``PermissionError``).
    """

    def __init__(self) -> None:
        home = _here()
        try:
            _call("unshare", _NEW_NETWORK)
            self.descriptor = _here()
            _call("setns", home, _NEW_NETWORK)
        finally:
            os.close(home)
        self._outside: list[int] = []

    def __enter__(self) -> None:
        self._outside.append(_here())
        _call("setns", self.descriptor, _NEW_NETWORK)

    def __exit__(self, *_: object) -> None:
        outside = self._outside.pop()
        _call("setns", outside, _NEW_NETWORK)
        os.close(outside)

    def close(self) -> None:
        """Let go of it; its sockets hold it until they are closed as well."""
        os.close(self.descriptor)


def _here() -> int:
    """A handle on the namespace that this thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _call(name: str, *arguments: int) -> None:
    """Call the C library; `os.unshare` and `os.setns` come with Python 3.12 only."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
