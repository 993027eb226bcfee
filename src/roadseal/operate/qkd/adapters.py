"""QKD keys as files for what is in the field already: WireGuard and IKEv2.

Each of them mixes the key into its own key exchange; none of them is replaced.

Sources: WireGuard whitepaper section 5.2 (pre-shared key, 32 bytes, `wg set … preshared-key`);
RFC 8784 (PPK) with strongSwan's `swanctl.conf` section `secrets.ppk`.
"""

from __future__ import annotations

import base64
import os
import re
import tempfile
from pathlib import Path
from typing import Final

from roadseal.errors import RoadsealError

WIREGUARD_BYTES: Final = 32
_PPK_BYTES: Final = 32


def write_wireguard_psk(path: Path, key: bytes | bytearray) -> None:
    """Write a pre-shared key for `wg set INTERFACE peer PEER preshared-key PATH`.

    Raises:
        RoadsealError: ``qkd-adapter-size``.
    """
    _check_size(key, WIREGUARD_BYTES, "A WireGuard pre-shared key")
    _write_secret(path, base64.b64encode(key) + b"\n")


def write_ikev2_ppk(path: Path, identity: str, key: bytes | bytearray) -> None:
    """Write a post-quantum pre-shared key as a file that `swanctl.conf` includes.

    Args:
        path: the file.
        identity: the PPK_ID, alike at both ends: the key's ID serves.
        key: 32 bytes.

    Raises:
        RoadsealError: ``qkd-adapter-size``, ``qkd-adapter-identity``.
    """
    _check_size(key, _PPK_BYTES, "A PPK")
    if not re.fullmatch(r"[A-Za-z0-9._@:-]{1,128}", identity):
        raise RoadsealError(
            "qkd-adapter-identity",
            "The PPK identity has characters that a configuration file does not take.",
            advice="Use letters, digits and . _ @ : - only.",
        )
    name = re.sub(r"[^A-Za-z0-9-]", "-", identity)
    text = f'secrets {{\n    ppk-{name} {{\n        id = "{identity}"\n        secret = 0x'
    _write_secret(path, text.encode() + bytes(key).hex().encode() + b"\n    }\n}\n")


def _check_size(key: bytes | bytearray, size: int, what: str) -> None:
    if len(key) != size:
        raise RoadsealError(
            "qkd-adapter-size",
            f"{what} has {size} bytes, not {len(key)}.",
            advice=f"Ask the KME for keys of {8 * size} bits.",
        )


def _write_secret(path: Path, octets: bytes) -> None:
    """Replace the file as a whole, readable by its owner alone (`mkstemp` makes it 0600)."""
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
