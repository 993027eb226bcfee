"""Certificates in files: read, and given a verdict each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from roadseal.errors import RoadsealError
from roadseal.operate.pki.encodings import read_certificates
from roadseal.operate.pki.path.validation import PathReason, PathRules, PathVerdict, validate_path
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.signature import signature_name, subject_key_info
from roadseal.operate.pki.standing import StatusKeeper, Taken

_MAX_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """The answer about one file.

    Args:
        file: where it is.
        parsed: whether it is a certificate.
        algorithm: its signature algorithm.
        checked: ``chain``, ``self-signature``, or ``-`` for what is no certificate.
        verdict: the answer.
    """

    file: Path
    parsed: bool
    algorithm: str | None
    checked: str
    verdict: PathVerdict


def verify_file(
    file: Path,
    pool: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate] | None,
    rules: PathRules,
) -> FileVerdict:
    """Check the first certificate of `file`; others in it help to build the chain.

    Without `anchors` the certificate must be signed by itself.

    Raises:
        RoadsealError: ``pki-file``: the file cannot be opened.
    """
    try:
        leaf, *rest = read_certificates(_read(file))
        algorithm = signature_name(leaf)
    except ValueError:
        verdict = PathVerdict(PathReason.MALFORMED, "the file holds no certificate")
        return FileVerdict(file, False, None, "-", verdict)
    trusted = [leaf] if anchors is None else anchors
    verdict = validate_path(leaf, [*rest, *pool], trusted, rules)
    if anchors is None and _is_signed_by_another(leaf):
        verdict = PathVerdict(PathReason.NO_ISSUER, "not self-signed; give --trust", (leaf,))
    checked = "self-signature" if leaf in trusted else "chain"
    return FileVerdict(file, True, algorithm, checked, verdict)


def _is_signed_by_another(certificate: x509.Certificate) -> bool:
    try:
        return certificate.issuer != certificate.subject
    except ValueError:  # its names cannot be read, which its verdict says
        return False


def read_pool(files: Iterable[Path]) -> list[x509.Certificate]:
    """Read every certificate of `files`.

    Raises:
        RoadsealError: ``pki-file``.
    """
    found: list[x509.Certificate] = []
    for file in files:
        try:
            found += read_certificates(_read(file))
        except ValueError:
            raise _unusable(file, "holds no certificate") from None
    return found


def read_crls(files: Iterable[Path]) -> list[x509.CertificateRevocationList]:
    """Read one revocation list a file, PEM or DER.

    Raises:
        RoadsealError: ``pki-file``.
    """
    found = []
    for file in files:
        encoded = _read(file)
        load = x509.load_pem_x509_crl if b"-----BEGIN" in encoded else x509.load_der_x509_crl
        try:
            found.append(load(encoded))
        except Exception:  # whatever the library stumbles on, it is no list
            raise _unusable(file, "holds no revocation list") from None
    return found


def read_status(files: Iterable[Path], authorities: Iterable[x509.Certificate]) -> StatusKeeper:
    """Read status lists, each signed by one of `authorities`.

    Raises:
        RoadsealError: ``pki-file``: no list, or of nobody among them.
    """
    keys = {}
    for one in authorities:
        for name in one.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME):
            with suppress(ValueError):
                keys[str(name.value)] = PublicKey.read(subject_key_info(one))
    keeper = StatusKeeper(keys)
    for file in files:
        encoded = _read(file)
        if not any(keeper.take(name, encoded) is Taken.NEWER for name in keys):
            raise _unusable(file, "is no status list of an authority given")
    return keeper


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(_MAX_BYTES)
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from None


def _unusable(file: Path, what: str) -> RoadsealError:
    return RoadsealError("pki-file", f"{file} {what}.", advice="Check the path and its format.")
