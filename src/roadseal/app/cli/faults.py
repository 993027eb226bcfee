"""What a command says, and how it exits, when something went wrong outside its own checks.

A fault never looks like a finding: exit code 1 means that something does not hold, so an error of
the machine exits with 2, like any that the user can mend, and an error of ours with 70.
Source for 70: sysexits(3), EX_SOFTWARE.
"""

from __future__ import annotations

import errno
import sys
import traceback
from pathlib import Path
from typing import Final

from roadseal.errors import RoadsealError

USAGE: Final = 2
INTERNAL: Final = 70
BROKEN_PIPE: Final = 141  # 128 + SIGPIPE, as a shell says it of others

_ADVICE: Final = {
    errno.ENOENT: "Check the path.",
    errno.EISDIR: "Name a file, not a folder.",
    errno.ENOTDIR: "Check the path: a part of it is a file.",
    errno.EACCES: "Ask for the right, or choose another place.",
    errno.EPERM: "Ask for the right, or choose another place.",
    errno.EROFS: "Choose a place that can be written.",
    errno.ENOSPC: "Make room there, then run it again.",
    errno.EDQUOT: "Make room there, then run it again.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.EADDRINUSE: "Stop what listens there, or take another port.",
    errno.EADDRNOTAVAIL: "Listen on an address of this machine.",
    errno.ECONNREFUSED: "Check that the server runs, and its address.",
}


def described(fault: Exception) -> tuple[RoadsealError, int]:
    """One sentence and one advice for `fault`, and the exit code."""
    if isinstance(fault, RoadsealError):
        return fault, USAGE
    if isinstance(fault, OSError):
        return _of_machine(fault), USAGE
    if isinstance(fault, MemoryError):
        text = "There is not enough memory for this."
        return RoadsealError("memory", text, advice="Free some, or give a smaller input."), USAGE
    if found := _of_database(fault):
        return found, USAGE
    return _of_ours(fault), INTERNAL


def _of_machine(fault: OSError) -> RoadsealError:
    what = fault.strerror or type(fault).__name__
    where = f"{fault.filename}: " if fault.filename is not None else ""
    advice = _ADVICE.get(fault.errno or 0, "See to it that this can work, then run it again.")
    return RoadsealError("system", f"{where}{what}.", advice=advice)


def _of_database(fault: Exception) -> RoadsealError | None:
    loaded = sys.modules.get("sqlalchemy.exc")  # without it there was no database
    if not loaded or not isinstance(fault, loaded.OperationalError):
        return None
    reason = str(fault.orig).splitlines()[0]
    return RoadsealError(
        "database",
        f"The database does not do it: {reason}.",
        advice="Check that it is reachable, has room and is not held by another program.",
    )


def _of_ours(fault: Exception) -> RoadsealError:
    """Names the kind and the place only: the text of a foreign exception may hold a secret."""
    last = traceback.extract_tb(fault.__traceback__)[-1]
    place = f"{Path(last.filename).name}:{last.lineno}"
    return RoadsealError(
        "internal",
        f"Roadseal has a fault here: {type(fault).__name__} in {place}.",
        advice="Please report it with the command; ROADSEAL_TRACEBACK=1 shows where it came from.",
    )
