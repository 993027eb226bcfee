"""Keys of SSH: public lines, authorized_keys, known_hosts, RFC 4716, private key files.

Source: RFC 4253 §6.6, RFC 4716, RFC 5656 §3.1, RFC 8709 §4; OpenSSH PROTOCOL.key and
PROTOCOL.certkeys and PROTOCOL.sshsig.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material, private_key
from roadseal.assess.inventory.certificates.ssh_wire import Fields, fingerprint, kind_of, name_of
from roadseal.assess.inventory.collector import Context, Source
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role
from roadseal.assess.inventory.identifiers import ssh_cipher, ssh_key
from roadseal.events import Fact

PRIVATE_MAGIC: Final = b"openssh-key-v1\x00"
SIGNATURE_MAGIC: Final = b"SSHSIG"
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
        yield from _public(location, kind_of(blob) or "unknown", blob)


def _public(location: Location, kind: str, blob: bytes) -> Iterator[Finding | Gap]:
    name = name_of(blob) if kind_of(blob) == kind else None
    if name is None:
        yield Gap(location, Cause.UNREADABLE, f"A key of type {kind} is malformed.")
        return
    facts: dict[str, Fact] = {"key_type": kind, "fingerprint": fingerprint(blob)}
    if "-cert-v01" not in kind:
        use = AlgorithmUse(name, Role.LIVE_AUTHENTICATION)
        yield material(location, "ssh-public-key", f"SSH public key {name}", [use], facts)
        return
    uses, said = _certified(kind, blob)
    uses.insert(0, AlgorithmUse(name, Role.LIVE_AUTHENTICATION))
    yield material(location, "ssh-certificate", f"SSH certificate {name}", uses, {**facts, **said})


_KEY_FIELDS: Final = {"ssh-rsa": 2, "ssh-dss": 4, "ecdsa-sha2": 2, "ssh-ed25519": 1,
                      "sk-ecdsa": 3, "sk-ssh": 2}  # fmt: skip


def _certified(kind: str, blob: bytes) -> tuple[list[AlgorithmUse], dict[str, Fact]]:
    """Who signed a certificate and for how long, as far as it can be read (PROTOCOL.certkeys)."""
    fields = Fields(blob)
    skipped = next((count for start, count in _KEY_FIELDS.items() if kind.startswith(start)), 0)
    for _ in range(2 + skipped):  # type and nonce, then the key
        fields.string()
    serial, use = fields.number(8), fields.number()
    fields.string()  # key id: a person's name, as often as not
    fields.string()  # principals
    after, before = fields.number(8), fields.number(8)
    for _ in range(3):  # critical options, extensions, reserved
        fields.string()
    authority, signature = fields.string(), fields.string()
    if not skipped or authority is None or signature is None:
        return [], {"defects": "its authority cannot be read"}
    key = name_of(authority) or f"ssh:{kind_of(authority)}"
    # a signature of RSA says its hash, as rsa-sha2-256
    uses = [
        AlgorithmUse(key, Role.TRUST_ANCHOR),
        AlgorithmUse(ssh_key(kind_of(signature)), Role.TRUST_ANCHOR),
    ]
    stated = {
        "serial": str(serial),
        "certificate_type": {1: "user", 2: "host"}.get(use or 0),
        "authority": fingerprint(authority),
        "not_before": _instant(after),
        "not_after": _instant(before),
    }
    return list(dict.fromkeys(uses)), {key: value for key, value in stated.items() if value}


def _instant(moment_s: int | None) -> str | None:
    """Seconds since 1970; nothing for the two ends that stand for always."""
    if not moment_s or moment_s >= 253_402_300_800:  # the year 10000
        return None
    return datetime.fromtimestamp(moment_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def signature(location: Location, blob: bytes) -> Finding | Gap:
    """Describe what ``ssh-keygen -Y sign`` makes (OpenSSH PROTOCOL.sshsig)."""
    fields = Fields(blob, len(SIGNATURE_MAGIC))
    fields.number()  # version
    key = fields.string()
    for _ in range(2):  # namespace, reserved
        fields.string()
    hash_, signed = fields.string(), fields.string()
    if not blob.startswith(SIGNATURE_MAGIC) or key is None or hash_ is None or signed is None:
        return Gap(location, Cause.UNREADABLE, "An SSH signature is malformed.")
    uses = [
        AlgorithmUse(name_of(key) or f"ssh:{kind_of(key)}", Role.MESSAGE_SIGNATURE),
        AlgorithmUse(ssh_key(kind_of(signed)), Role.MESSAGE_SIGNATURE),
        AlgorithmUse(_HASHES.get(hash_, f"ssh:{hash_[:40]!r}"), Role.INTEGRITY),
    ]
    facts: dict[str, Fact] = {"fingerprint": fingerprint(key)}
    return material(location, "ssh-signature", "SSH signature", list(dict.fromkeys(uses)), facts)


_HASHES: Final = {b"sha256": "sha-256", b"sha512": "sha-512"}


def private(location: Location, blob: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe what stands in an ``OPENSSH PRIVATE KEY`` block."""
    fields = Fields(blob, len(PRIVATE_MAGIC))
    cipher, kdf, _, count = fields.string(), fields.string(), fields.string(), fields.number()
    public = fields.string()
    if not blob.startswith(PRIVATE_MAGIC) or None in (cipher, kdf, public) or count != 1:
        yield Gap(location, Cause.UNREADABLE, "An OpenSSH private key is malformed.")
        return
    assert cipher is not None and public is not None  # noqa: S101, PT018 - seen just above
    name = name_of(public) or f"ssh:{kind_of(public)}"
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
