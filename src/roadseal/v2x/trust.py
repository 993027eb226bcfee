"""Whom to trust: directories of certificates, roots, and keys of signers.

What a file is, its content tells: a certificate, or hexadecimal text of one. Keys, certificates of
other kinds and everything else in a directory are counted and left alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadseal import _core
from roadseal.errors import RoadsealError
from roadseal.v2x.policy import VERIFIABLE, Policy
from roadseal.v2x.reason import Reason
from roadseal.v2x.recording import octets_of
from roadseal.v2x.verifier import Verifier

MAX_CERTIFICATE_BYTES: Final = 1 << 16
"""Larger files are no certificates."""

SELF: Final = "self"
"""Names the signer of messages that say "self" in a file of signer keys."""


@dataclass(frozen=True, slots=True)
class CertificateFile:
    """A certificate and where it lies."""

    path: Path
    certificate: bytes

    @property
    def is_self_signed(self) -> bool:
        """Whether it names itself as its issuer."""
        return SELF in _core.describe_certificate(self.certificate)["issuer"]


@dataclass(frozen=True, slots=True)
class TrustStore:
    """Certificates to judge by.

    Args:
        roots: self-signed ones: what they sign is trusted.
        certificates: the others: they need a chain to a root.
        others: files that are none: keys, lists, whatever else lies there.
    """

    roots: tuple[CertificateFile, ...] = ()
    certificates: tuple[CertificateFile, ...] = ()
    others: tuple[Path, ...] = ()

    @property
    def ignored(self) -> int:
        """How many files are no certificates."""
        return len(self.others)

    def __add__(self, other: TrustStore) -> TrustStore:
        """Both together."""
        return TrustStore(
            self.roots + other.roots,
            self.certificates + other.certificates,
            self.others + other.others,
        )

    def enter(self, verifier: Verifier) -> list[tuple[Path, Reason]]:
        """Put the certificates into a verifier.

        Returns:
            Those that do not hold, and why.
        """
        files = [*self.roots, *self.certificates]
        reasons = [verifier.add_root(file.certificate) for file in self.roots]
        reasons += verifier.add_certificates([file.certificate for file in self.certificates])
        judged = ((file.path, Reason(reason)) for file, reason in zip(files, reasons, strict=True))
        return [(path, reason) for path, reason in judged if reason is not Reason.OK]


@dataclass(frozen=True, slots=True)
class SignerKey:
    """A key that is taken for a signer's, whoever issued its certificate.

    Args:
        signer: the HashedId8 of the certificate; `None` is the signer "self".
        algorithm: of the key.
        public_key: SEC 1, FIPS 204 or FIPS 206 octets.
    """

    signer: bytes | None
    algorithm: str
    public_key: bytes


def load_trust(directory: Path) -> TrustStore:
    """Read every certificate below a directory.

    Raises:
        RoadsealError: there is no such directory, or no certificate in it.
    """
    if not directory.is_dir():
        raise RoadsealError(
            "no-trust-directory",
            f"There is no directory {str(directory)!r}.",
            advice="Give the directory that holds the certificates.",
        )
    return trust_of(_files_below(directory), name=str(directory))


def trust_of(paths: Iterable[Path], *, name: str = "") -> TrustStore:
    """Read those of these files that are certificates.

    Args:
        paths: the files.
        name: what to call them together where none is a certificate; empty if that may be.

    Raises:
        RoadsealError: none is a certificate.
    """
    roots: list[CertificateFile] = []
    certificates: list[CertificateFile] = []
    others: list[Path] = []
    for path in paths:
        certificate = _certificate_in(path)
        if certificate is None:
            others.append(path)
            continue
        file = CertificateFile(path, certificate)
        (roots if file.is_self_signed else certificates).append(file)
    if name and not roots and not certificates:
        raise RoadsealError(
            "no-certificate",
            f"{name!r} holds no certificate: {len(others)} other files.",
            advice="Give a directory of IEEE 1609.2 certificates in COER or hexadecimal.",
        )
    return TrustStore(tuple(roots), tuple(certificates), tuple(others))


def load_root(path: Path) -> TrustStore:
    """Read a root.

    Raises:
        RoadsealError: it is not a self-signed certificate whose signature holds.
    """
    store = trust_of([path])
    wrong = "is not self-signed" if store.certificates else "is no certificate"
    if not store.certificates and store.roots:
        reason = Verifier(Policy(), 1).add_root(store.roots[0].certificate)
        if reason == Reason.OK:
            return store
        wrong = f"does not hold as a root ({reason})"
    raise RoadsealError(
        "not-a-root",
        f"{str(path)!r} {wrong}.",
        advice="Give a self-signed certificate; those of other issuers go with the directory.",
    )


def load_signer_keys(path: Path) -> tuple[SignerKey, ...]:
    """Read keys of signers whose authorities' certificates are not at hand.

    The file is a JSON object: `{"<HashedId8>": {"public_key": "<point>"}}`, all in hexadecimal, or
    `{"<HashedId8>": "<point>"}`. Besides `public_key` there may be an `algorithm`, without which
    the octets tell; of a compressed point that lies on several curves the NIST curve is taken.
    `"self"` is a signer too.

    Raises:
        RoadsealError: the file or one of its keys is wrong; it says which.
    """
    try:
        rows = json.loads(path.read_bytes())
    except OSError:
        raise _wrong_keys(path, "cannot be read", "Give the path of a JSON file.") from None
    except (ValueError, RecursionError):
        raise _wrong_keys(path, "is not JSON", _KEYS_ADVICE) from None
    if not isinstance(rows, dict) or not rows:
        raise _wrong_keys(path, "is not a JSON object with keys in it", _KEYS_ADVICE)
    return tuple(_signer_key(path, name, row) for name, row in rows.items())


def pin(verifier: Verifier, keys: Sequence[SignerKey]) -> None:
    """Let the verifier take these keys for their signers'."""
    for key in keys:
        verifier.pin(key.signer, key.algorithm, key.public_key)


_KEYS_ADVICE = 'Write {"<HashedId8>": {"public_key": "<point>"}}, both in hexadecimal.'


def _signer_key(path: Path, name: str, row: object) -> SignerKey:
    signer = None if name == SELF else _octets(name)
    if name != SELF and (signer is None or len(signer) != 8):
        message = f"has a key for {name!r}, which is no HashedId8"
        raise _wrong_keys(path, message, 'Write its 8 bytes as 16 hexadecimal digits, or "self".')
    fields = row if isinstance(row, dict) else {"public_key": row}
    public_key = _octets(fields.get("public_key"))
    if public_key is None:
        raise _wrong_keys(path, f"has no 'public_key' in hexadecimal for {name}", _KEYS_ADVICE)
    algorithm = _algorithm_of(public_key, fields.get("algorithm"))
    if algorithm is None:
        message = f"has {len(public_key)} bytes as 'public_key' for {name} that are no public key"
        known = ", ".join(VERIFIABLE)
        advice = (
            f"Write a point on its curve or an encoded key of its 'algorithm', one of: {known}."
        )
        raise _wrong_keys(path, message, advice)
    return SignerKey(signer, algorithm, public_key)


def _algorithm_of(public_key: bytes, named: object) -> str | None:
    """The first algorithm of which these octets are a key."""
    for algorithm in VERIFIABLE if named is None else [a for a in VERIFIABLE if a == named]:
        try:
            _core.VerifyingKey(algorithm, public_key)
        except ValueError:
            continue
        return algorithm
    return None


def _octets(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return bytes.fromhex(text.replace(":", "").removeprefix("0x"))
    except ValueError:
        return None


def _wrong_keys(path: Path, what: str, advice: str) -> RoadsealError:
    return RoadsealError("signer-keys", f"{str(path)!r} {what}.", advice=advice)


def _files_below(directory: Path) -> list[Path]:
    found = (Path(folder, name) for folder, _, names in os.walk(directory) for name in names)
    return sorted(found)


def _certificate_in(path: Path) -> bytes | None:
    try:
        if not path.is_file() or path.stat().st_size > MAX_CERTIFICATE_BYTES:
            return None
        octets = octets_of(path.read_bytes())
    except OSError:
        return None
    return None if "error" in _core.describe_certificate(octets) else octets
