"""The collector of certificates and keys: by content first, by name where content does not tell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from roadseal.assess.inventory.certificates import bouncy_castle, ieee1609, openpgp, ssh
from roadseal.assess.inventory.certificates.der_file import der_file
from roadseal.assess.inventory.certificates.keybox import MAGIC, MAGIC_AT, is_keybox, keybox
from roadseal.assess.inventory.certificates.keystore import JCEKS_MAGIC, JKS_MAGIC, keystore
from roadseal.assess.inventory.certificates.openpgp_start import STARTS, is_openpgp
from roadseal.assess.inventory.certificates.pem_file import BEGIN, pem_blocks
from roadseal.assess.inventory.certificates.texts import is_wrapped
from roadseal.assess.inventory.collector import Context, Output, Signature, Source
from roadseal.assess.inventory.finding import Cause, Gap, Location

_DER_STARTS: Final = (b"\x30\x80", b"\x30\x81", b"\x30\x82", b"\x30\x83", b"\x30\x84")
# a short SEQUENCE that begins with another or with a version, such as a key of Ed25519
_SMALL_DER_STARTS: Final = tuple(
    bytes((0x30, length, first)) for length in range(0x10, 0x80) for first in (0x02, 0x30)
)
_GNUPG_KEYS: Final = (b"private-key (", b"private-key(")  # GnuPG, agent/keyformat.txt
_GNUPG_HEADS: Final = (
    b"Created:",
    b"Key:",
    b"Token:",
    b"(11:private",
    b"(21:protected",
    b"(20:shad",
)
_DER_NAMES: Final = {
    "der",
    "cer",
    "crt",
    "p12",
    "pfx",
    "bcfks",
    "p7b",
    "p7c",
    "p7m",
    "p7s",
    "ors",
    "tsr",
}
_KEYSTORE_NAMES: Final = frozenset({"jks", "jceks", "keystore", "truststore", "kbx"})
_BUNDLE: Final = 1_000_000
_HEAD_BYTES: Final = 4096


@dataclass(frozen=True)
class CertificateCollector:
    """Reads certificates, requests, revocation lists, keys and keystores."""

    name: str = "certificate"
    signatures: Sequence[Signature] = (
        Signature(BEGIN),
        *(Signature(kind + b" AAAA") for kind in ssh.KEY_TYPES),
        Signature(ssh.RFC4716_BEGIN),
        *map(Signature, _GNUPG_KEYS),
        Signature(JKS_MAGIC, 0),
        Signature(JCEKS_MAGIC, 0),
        Signature(MAGIC, MAGIC_AT),
        *(Signature(start, 0) for start in STARTS),
        *(Signature(start, 0) for start in _DER_STARTS + _SMALL_DER_STARTS),
        *(Signature(start, 0) for start in ieee1609.STARTS + ieee1609.MESSAGE_STARTS),
    )
    names: Sequence[str] = (
        "*.der", "*.cer", "*.crt", "*.p12", "*.pfx", "*.p7b", "*.p7c", "*.p7m", "*.p7s",
        "*.ors", "*.tsr", "*.gpg", "*.pgp", "*.kbx", "*.oer", "*.coer", "*.ctl", "*.tlm",
        "*.jks", "*.jceks", "*.keystore", "*.truststore", "*.bcfks",
    )  # fmt: skip

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        """Yield what is in `source`."""
        if BEGIN in source.hits:
            yield from pem_blocks(source, context)
        if any(kind + b" AAAA" in source.hits for kind in ssh.KEY_TYPES):
            yield from ssh.public_lines(source.uri, source.data[:])
        if ssh.RFC4716_BEGIN in source.hits:
            yield from ssh.rfc4716(source)
        head = source.data[:64]
        if head.startswith(_GNUPG_HEADS) and any(mark in source.hits for mark in _GNUPG_KEYS):
            detail = "A private key of gpg-agent: gpg --export tells what it is."
            yield Gap(Location(source.uri), Cause.NOT_SUPPORTED, detail)
        suffix = source.name.rsplit(".", 1)[-1].lower()
        if head.startswith((JKS_MAGIC, JCEKS_MAGIC)):
            yield from keystore(source.uri, source.data[:])
        elif head.startswith(b"\x30"):
            yield from der_file(source, context, by_name=suffix in _DER_NAMES)
        elif suffix in {"oer", "coer", "ctl", "tlm"} or (
            head.startswith(ieee1609.STARTS)
            and ieee1609.looks_like_certificate(source.data[:_BUNDLE])
        ):
            yield from ieee1609.certificates(source.uri, source.data[:])
        elif head.startswith(ieee1609.MESSAGE_STARTS):
            if ieee1609.looks_like_message(source.data[: ieee1609.MAX_BYTES]):
                yield from ieee1609.certificates(source.uri, source.data[:])
        elif BEGIN not in source.hits and (
            suffix in {"gpg", "pgp"}
            or (head.startswith(STARTS) and is_openpgp(source.data[:_HEAD_BYTES]))
        ):
            yield from openpgp.keys(Location(source.uri), source.data[:], context, base=0)
        elif is_keybox(source.data):
            yield from keybox(source, context)
        elif BEGIN not in source.hits and not is_wrapped(source.data[:_HEAD_BYTES]):
            yield from _only_named(source, suffix, head)


def _only_named(source: Source, suffix: str, head: bytes) -> Iterator[Gap]:
    """A file that is called what nothing in it confirms."""
    if suffix in _DER_NAMES:
        yield Gap(Location(source.uri), Cause.UNREADABLE, "Neither DER nor PEM.")
    elif suffix in _KEYSTORE_NAMES and head and not head.startswith(bouncy_castle.STARTS):
        yield Gap(Location(source.uri), Cause.UNREADABLE, "A keystore of no known kind.")


COLLECTOR: Final = CertificateCollector()
"""Reads certificates and keys."""
