"""Keys of SSH: public lines, authorized_keys, known_hosts, RFC 4716, private key files.

Source: RFC 4253 §6.6, RFC 4716, RFC 5656 §3.1, RFC 8709 §4; OpenSSH PROTOCOL.key and
PROTOCOL.certkeys.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material, private_key
from roadseal.assess.inventory.collector import Context, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.identifiers import ssh_cipher, ssh_key

PRIVATE_MAGIC: Final = b"openssh-key-v1\x00"
KEY_TYPES: Final = (
    b"ssh-rsa", b"ssh-dss", b"ssh-ed25519", b"ssh-ed448", b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384", b"ecdsa-sha2-nistp521", b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"sk-ssh-ed25519@openssh.com", b"ssh-rsa-cert-v01@openssh.com",
    b"ssh-dss-cert-v01@openssh.com", b"ssh-ed25519-cert-v01@openssh.com",
    b"ecdsa-sha2-nistp256-cert-v01@openssh.com", b"ecdsa-sha2-nistp384-cert-v01@openssh.com",
    b"ecdsa-sha2-nistp521-cert-v01@openssh.com", b"sk-ssh-ed25519-cert-v01@openssh.com",
    b"sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
)  # fmt: skip
_LINE: Final = re.compile(
    rb"(?:^|(?<=[ \t\",]))("
    + b"|".join(map(re.escape, sorted(KEY_TYPES, key=len, reverse=True)))
    + rb")[ \t]+(AAAA[A-Za-z0-9+/]{16,65536}={0,2})(?=\s|$)"
)
_MAX_LINE: Final = 1 << 17
RFC4716_BEGIN: Final = b"---- BEGIN SSH2 PUBLIC KEY ----"
RFC4716_END: Final = b"---- END SSH2 PUBLIC KEY ----"
_RFC4716_HEADER: Final = re.compile(rb"^[^\s:]+:(?:[^\r\n]*\\\r?\n)*[^\r\n]*", re.MULTILINE)


def public_lines(uri: str, data: bytes, first_line: int = 1) -> Iterator[Finding | Gap]:
    """Describe the keys of lines such as ``ssh-ed25519 AAAA… comment``, comments left aside."""
    for number, line in enumerate(data.split(b"\n"), first_line):
        if b"AAAA" not in line or line.lstrip().startswith(b"#"):
            continue
        location = Location(uri, line=number)
        if match := _LINE.search(line[:_MAX_LINE]):
            try:
                blob = base64.b64decode(match[2], validate=True)
            except binascii.Error:
                yield Gap(location, Cause.UNREADABLE, "A key's base64 is malformed.")
                continue
            yield from _public(location, match[1].decode(), blob)


def rfc4716(source: Source) -> Iterator[Finding | Gap]:
    """Describe the keys of ``---- BEGIN SSH2 PUBLIC KEY ----`` blocks (RFC 4716)."""
    for offset in source.hits[RFC4716_BEGIN]:
        start = offset + len(RFC4716_BEGIN)
        if source.data[start : start + 1] not in (b"\r", b"\n"):
            continue  # the words alone, as a program has them
        end = source.data.find(RFC4716_END, start, start + _MAX_LINE)
        body = _RFC4716_HEADER.sub(b"", source.data[start : max(end, start)])
        location = Location(source.uri, offset=offset)
        try:
            blob = base64.b64decode(b"".join(body.split()), validate=True)
        except binascii.Error:
            blob = b""
        kind = (_Strings(blob, 0).string() or b"unknown")[:64].decode("ascii", "replace")
        yield from _public(location, kind, blob)


def _public(location: Location, kind: str, blob: bytes) -> Iterator[Finding | Gap]:
    name = _name(kind, blob)
    if name is None:
        yield Gap(location, Cause.UNREADABLE, f"A key of type {kind} is malformed.")
        return
    rule = "ssh-certificate" if "-cert-v01" in kind else "ssh-public-key"
    fingerprint = base64.b64encode(hashlib.sha256(blob).digest()).rstrip(b"=").decode()
    yield material(
        location,
        rule,
        f"SSH {'certificate' if 'cert' in rule else 'public key'} {name}",
        [AlgorithmUse(name, Role.LIVE_AUTHENTICATION)],
        {"key_type": kind, "fingerprint": f"SHA256:{fingerprint}"},
    )


def private(location: Location, blob: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe what stands in an ``OPENSSH PRIVATE KEY`` block."""
    fields = _Strings(blob, len(PRIVATE_MAGIC))
    cipher, kdf, _, count = fields.string(), fields.string(), fields.string(), fields.number()
    public = fields.string()
    if not blob.startswith(PRIVATE_MAGIC) or None in (cipher, kdf, public) or count != 1:
        yield Gap(location, Cause.UNREADABLE, "An OpenSSH private key is malformed.")
        return
    assert cipher is not None and public is not None  # noqa: S101, PT018 - seen just above
    kind = _Strings(public, 0).string() or b""
    name = _name(kind.decode("ascii", "replace"), public) or f"ssh:{kind[:64]!r}"
    if cipher == b"none":
        yield private_key(location, name, blob, context, "ssh-private-key")
    else:
        ciphers = [ssh_cipher(cipher.decode("ascii", "replace"))]
        if kdf == b"bcrypt":
            ciphers.append("bcrypt")
        found = encrypted_key(location, "ssh-private-key", ciphers)
        use = AlgorithmUse(name, Role.LIVE_AUTHENTICATION)
        yield material(location, "ssh-private-key", found.title, [use, *found.algorithms],
                       dict(found.facts))  # fmt: skip


def _name(kind: str, blob: bytes) -> str | None:
    """Name the algorithm of a public key blob whose type must be `kind`."""
    fields = _Strings(blob, 0)
    if fields.string() != kind.encode("ascii", "replace"):
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


class _Strings:
    """The length-prefixed strings of SSH (RFC 4251 §5)."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def number(self) -> int | None:
        end = self._at + 4
        if end > len(self._data):
            return None
        value = int.from_bytes(self._data[self._at : end])
        self._at = end
        return value

    def string(self) -> bytes | None:
        length = self.number()
        if length is None or self._at + length > len(self._data):
            return None
        start, self._at = self._at, self._at + length
        return self._data[start : self._at]
