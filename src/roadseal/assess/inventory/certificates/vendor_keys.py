"""Private keys in formats of their makers: PuTTY, Microsoft, ssh.com, SSH 1.

Sources: PuTTY's manual, appendix "PPK file format"; [MS-RSVP] does not tell PVK, whose layout
is that of OpenSSL's PVK(5) reader; Windows PUBLICKEYSTRUC and RSAPUBKEY; OpenSSH's authfile.c of
SSH 1; the SSH2 format of ssh.com as PuTTY's import.c reads it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Final

from roadseal.assess.inventory.certificates.keys import encrypted_key, material, private_key
from roadseal.assess.inventory.certificates.ssh_wire import Fields, fingerprint, kind_of, name_of
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.finding import AlgorithmUse, Cause, Finding, Gap, Location, Role

PUTTY: Final = b"PuTTY-User-Key-File-"
PVK: Final = bytes.fromhex("1ef1b5b0")
SSH_1: Final = b"SSH PRIVATE KEY FILE FORMAT 1.1\n\0"
SSH_COM: Final = b"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----"
_SSH_COM_MAGIC: Final = bytes.fromhex("3f6ff9eb")
_MAX_BYTES: Final = 1 << 20
BLOBS: Final = tuple(
    bytes((kind, 2, 0, 0)) + algorithm.to_bytes(4, "little")
    for kind in (6, 7)  # PUBLICKEYBLOB, PRIVATEKEYBLOB
    for algorithm in (0x2400, 0xA400, 0x2200)  # CALG_RSA_SIGN, CALG_RSA_KEYX, CALG_DSS_SIGN
)
_PUTTY_CIPHERS: Final = {"aes256-cbc": "aes-256-cbc"}


def putty(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a PuTTY key file of version 2 or 3."""
    here = Location(uri, offset=0)
    lines = data[:_MAX_BYTES].decode("latin-1").splitlines()
    fields, blocks = _putty_fields(lines)
    version = lines[0].removeprefix(PUTTY.decode())[:1] if lines else ""
    try:
        public = base64.b64decode(blocks.get("Public-Lines", ""), validate=True)
        secret = base64.b64decode(blocks.get("Private-Lines", ""), validate=True)
    except ValueError:  # base64 or its characters
        public = secret = b""
    name = name_of(public)
    if version not in {"1", "2", "3"} or name is None:
        yield Gap(here, Cause.UNREADABLE, "A PuTTY key file is malformed or of unknown version.")
        return
    facts = {"key_type": kind_of(public), "fingerprint": fingerprint(public)}
    use = AlgorithmUse(name, Role.LIVE_AUTHENTICATION)
    mac = AlgorithmUse("hmac-sha-256" if version == "3" else "hmac-sha-1", Role.INTEGRITY)
    cipher = fields.get("Encryption", "")
    if cipher == "none":
        found = private_key(here, name, public + secret, context, "putty-key")
        uses = [use, mac]
    else:
        derived = "argon2" if fields.get("Key-Derivation", "").startswith("Argon2") else None
        derivation = derived or "pbkdf1-sha-1"  # two rounds of SHA-1 over the passphrase
        ciphers = [_PUTTY_CIPHERS.get(cipher, f"putty:{cipher[:40]}"), derivation]
        found = encrypted_key(here, "putty-key", ciphers)
        uses = [use, *found.algorithms, mac]
    yield material(here, "putty-key", found.title, uses, {**found.facts, **facts})


def _putty_fields(lines: list[str]) -> tuple[dict[str, str], dict[str, str]]:
    fields: dict[str, str] = {}
    blocks: dict[str, str] = {}
    at = 0
    while at < len(lines):
        name, _, value = lines[at].partition(":")
        at += 1
        value = value.strip()
        if name.endswith("-Lines") and value.isascii() and value.isdecimal():
            count = min(int(value), len(lines))
            blocks[name] = "".join(lines[at : at + count])
            at += count
        else:
            fields.setdefault(name, value)
    return fields, blocks


def pvk(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a Microsoft PVK file: a key blob, clear or under RC4."""
    here = Location(uri, offset=0)
    if len(data) < 24:
        yield Gap(here, Cause.UNREADABLE, "A PVK file ends in its header.")
        return
    encrypted, salt, length = (int.from_bytes(data[at : at + 4], "little") for at in (12, 16, 20))
    blob = data[24 + salt : 24 + salt + length]
    if len(blob) < min(length, 16) or not blob.startswith(BLOBS):
        yield Gap(here, Cause.UNREADABLE, "A PVK file without a key of a known kind.")
        return
    if not encrypted:
        name = _blob_name(blob)
        yield private_key(here, name, blob, context, "pvk")
        return
    name = "dsa" if blob[4:8] == BLOBS[2][4:] else _rsa_of_length(length)
    # 128 bits, or 40 of them with the rest zero: the file does not say
    found = encrypted_key(here, "pvk", ["rc4-128", "pbkdf1-sha-1"])
    use = AlgorithmUse(name, Role.UNKNOWN)
    yield material(here, "pvk", found.title, [use, *found.algorithms], dict(found.facts))


def _rsa_of_length(octets: int) -> str:
    """A private blob holds its modulus four and a half times, after 20 octets."""
    bits, rest = divmod((octets - 20) * 16, 9)
    return f"rsa-{bits}" if not rest and bits >= 384 else "rsa"


def blob(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a key blob of Microsoft's CryptoAPI that stands alone."""
    here = Location(uri, offset=0)
    if data[8:12] not in {b"RSA1", b"RSA2", b"DSS1", b"DSS2", b"DSS3", b"DSS4"}:
        return
    name = _blob_name(data)
    if data[0] == 7:
        yield private_key(here, name, data[:_MAX_BYTES], context, "msblob")
    else:
        use = AlgorithmUse(name, Role.UNKNOWN)
        yield material(here, "msblob", f"public key {name}", [use])


def _blob_name(blob: bytes) -> str:
    family = "rsa" if blob[8:11] == b"RSA" else "dsa"
    bits = int.from_bytes(blob[12:16], "little")
    return f"{family}-{bits}" if 256 <= bits <= 65_536 else family


def ssh_1(uri: str, data: bytes, context: Context) -> Iterator[Finding | Gap]:
    """Describe a private key of SSH 1: a cipher number, four octets, the bits, the modulus."""
    here = Location(uri, offset=0)
    head = data[len(SSH_1) : len(SSH_1) + 9]
    if len(head) < 9:
        yield Gap(here, Cause.UNREADABLE, "A key of SSH 1 ends in its header.")
        return
    name = f"rsa-{int.from_bytes(head[5:9])}"
    if head[0] == 0:
        yield private_key(here, name, data[:_MAX_BYTES], context, "ssh-1-key")
        return
    cipher = {1: "idea-cfb", 2: "des-cbc", 3: "3des-cbc", 6: "blowfish-cbc"}.get(head[0])
    found = encrypted_key(here, "ssh-1-key", [cipher or f"ssh-1:{head[0]}", "pbkdf1-md5"])
    use = AlgorithmUse(name, Role.LIVE_AUTHENTICATION)
    yield material(here, "ssh-1-key", found.title, [use, *found.algorithms], dict(found.facts))


def ssh_com(uri: str, data: bytes, offset: int, context: Context) -> Iterator[Finding | Gap]:
    """Describe a private key of ssh.com, as PuTTYgen exports it."""
    here = Location(uri, offset=offset)
    text = data[offset + len(SSH_COM) : offset + _MAX_BYTES].partition(b"---- END SSH2")[0]
    body = re.sub(rb"^[^\s:]+:(?:[^\r\n]*\\\r?\n)*[^\r\n]*", b"", text, flags=re.MULTILINE)
    try:
        octets = base64.b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        octets = b""
    fields = Fields(octets, 8)  # a magic number and the length
    kind, cipher = fields.string(), fields.string()
    if not octets.startswith(_SSH_COM_MAGIC) or kind is None or cipher is None:
        yield Gap(here, Cause.UNREADABLE, "A private key of ssh.com is malformed.")
        return
    name = "rsa" if kind.startswith(b"if-modn") else "dsa" if kind.startswith(b"dl-modp") else None
    use = AlgorithmUse(
        name or f"ssh:{kind[:40].decode('ascii', 'replace')}", Role.LIVE_AUTHENTICATION
    )
    if cipher == b"none":
        yield private_key(here, use.name, octets, context, "ssh-com-key")
        return
    ciphers = ["3des-cbc" if cipher == b"3des-cbc" else f"ssh:{cipher[:40]!r}", "pbkdf1-md5"]
    found = encrypted_key(here, "ssh-com-key", ciphers)
    yield material(here, "ssh-com-key", found.title, [use, *found.algorithms], dict(found.facts))
