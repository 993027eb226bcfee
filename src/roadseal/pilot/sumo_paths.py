"""Values as the options of SUMO write them: names of files, and what is true.

Several files are told apart by commas, white space around a name does not count, `%20` is a space,
`${NAME}` a variable of the environment and `~` the home. A name cannot hold a comma.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

TRUE = frozenset({"1", "yes", "true", "on", "x", "t"})
"""Words of SUMO for it, in small letters."""

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_PLAIN = "/ "  # and what `quote` never touches: letters, digits, `_.-~`


def file_names(value: str, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The names in the value of an option, as the system knows them."""
    spread = _VARIABLE.sub(lambda found: environment.get(found[1], ""), value)
    names = (unquote(part.strip()) for part in spread.split(","))
    return [str(Path(name).expanduser()) for name in names if name]


def beside(file: Path, name: str) -> Path:
    """The file that a name within `file` means."""
    (meant,) = file_names(name.replace(",", "%2C")) or ("",)
    return Path(os.path.normpath(file.parent / meant))


def as_option(*files: Path) -> str:
    """The value of an option that names these files."""
    return ",".join(quote(str(file), safe=_PLAIN) for file in files)
