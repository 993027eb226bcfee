"""The fields of SSH's binary formats (RFC 4251 §5), and what a public key in them is."""

from __future__ import annotations

import base64
import hashlib

from roadseal.assess.inventory.identifiers import ssh_key


class Fields:
    """Reads fields one after the other; one that is not there is None."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self.at = at

    def number(self, octets: int = 4) -> int | None:
        """An unsigned integer."""
        end = self.at + octets
        if end > len(self._data):
            return None
        value = int.from_bytes(self._data[self.at : end])
        self.at = end
        return value

    def string(self) -> bytes | None:
        """A string with its length before it."""
        length = self.number()
        if length is None or self.at + length > len(self._data):
            return None
        start, self.at = self.at, self.at + length
        return self._data[start : self.at]

    @property
    def more(self) -> bool:
        """Whether anything is left."""
        return self.at < len(self._data)


def kind_of(blob: bytes) -> str:
    """Return the type that a public key or signature says it is, bounded; empty if it says none."""
    return (Fields(blob).string() or b"")[:64].decode("ascii", "replace")


def name_of(blob: bytes) -> str | None:
    """Name the algorithm of a public key; None where the key cannot be read."""
    kind = kind_of(blob)
    fields = Fields(blob)
    if not kind or fields.string() is None:
        return None
    if "-cert-v01@" in kind:
        fields.string()  # nonce
    if kind.startswith("ssh-rsa"):
        fields.string()  # exponent
        modulus = fields.string()
        return f"rsa-{int.from_bytes(modulus).bit_length()}" if modulus else None
    if kind.startswith("ssh-dss"):
        prime = fields.string()
        return f"dsa-{int.from_bytes(prime).bit_length()}" if prime else None
    return ssh_key(kind) if fields.string() else None


def fingerprint(blob: bytes) -> str:
    """The fingerprint as ssh-keygen shows it."""
    digest = base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()
    return f"SHA256:{digest}"
