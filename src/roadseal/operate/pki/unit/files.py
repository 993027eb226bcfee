"""What a unit keeps on its disk: its state, and its keys in files that only it reads.

A file is replaced as a whole and is on the disk when the call returns. A key that the state no
longer names is deleted.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from roadseal.errors import RoadsealError
from roadseal.operate.pki.keys import SigningKey, generate_key
from roadseal.operate.pki.unit.device import DeviceState

_STATE: Final = "state.json"
_KEYS: Final = "keys"


class UnitFiles:
    """The folder of one unit, held by one process; a `KeyRing`.

    Args:
        folder: made if it is not there.
        passphrase: seals the keys; None: the files' mode is all that protects them.

    Raises:
        RoadsealError: ``unit-running``: another process has it; ``unit-folder``.
    """

    def __init__(self, folder: Path, passphrase: bytes | None = None) -> None:
        self._folder = folder
        self._passphrase = passphrase
        try:
            (folder / _KEYS).mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RoadsealError(
                "unit-running",
                f"Another agent runs on {folder}.",
                advice="Stop it first, or give this one a folder of its own.",
            ) from None
        except OSError as error:
            raise RoadsealError(
                "unit-folder",
                f"{folder} cannot be used: {error.strerror}.",
                advice="Give the agent a folder that it may write.",
            ) from None

    def load(self) -> DeviceState | None:
        """What was saved; None: nothing yet.

        Raises:
            RoadsealError: ``unit-state``.
        """
        try:
            return DeviceState.from_json((self._folder / _STATE).read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            raise RoadsealError(
                "unit-state",
                f"The state in {self._folder} cannot be read.",
                advice="Restore it, or empty the folder and enrol the unit anew.",
            ) from None

    def save(self, state: DeviceState) -> None:
        """Replace the state, then delete the keys it does not name."""
        _write(self._folder / _STATE, state.to_json().encode())
        holders = (state.preferred, state.beside, state.pending)
        named = {one.key.decode() for one in holders if one is not None}
        for file in (self._folder / _KEYS).iterdir():
            if file.name not in named:
                file.unlink()

    def generate(self, algorithm: str) -> bytes:
        """Make a key; of ML-DSA the seed is kept. On the disk when the reference is returned."""
        key, name = generate_key(algorithm), secrets.token_hex(8)
        seal: KeySerializationEncryption = NoEncryption()
        if self._passphrase:
            seal = BestAvailableEncryption(self._passphrase)
        encoded = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, seal)
        _write(self._folder / _KEYS / name, encoded)
        return name.encode()

    def open(self, reference: bytes) -> SigningKey:
        """Return the key.

        Raises:
            RoadsealError: ``unit-key``.
        """
        try:
            encoded = (self._folder / _KEYS / reference.decode()).read_bytes()
            key = load_pem_private_key(encoded, self._passphrase)
        except (OSError, ValueError, TypeError):
            key = None
        if not isinstance(key, SigningKey):
            raise RoadsealError(
                "unit-key",
                f"The key {reference.decode(errors='replace')} cannot be opened.",
                advice="Check the passphrase; if the key is lost, enrol the unit anew.",
            )
        return key


def _write(path: Path, content: bytes) -> None:
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
