"""Certificates in files: read, and given a verdict each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from roadseal.errors import RoadsealError
from roadseal.operate.pki.encodings import read_certificates, read_lists
from roadseal.operate.pki.path.validation import PathReason, PathRules, PathVerdict, validate_path
from roadseal.operate.pki.public_key import PublicKey
from roadseal.operate.pki.signature import signature_name, subject_key_info
from roadseal.operate.pki.standing import StatusKeeper, Taken
from roadseal.operate.pki.trust_settings import distrusted_in

_MAX_BYTES: Final = 64 << 20  # the largest revocation lists of the web have half of that


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """The answer about one file.

    Args:
        file: where it is.
        parsed: whether it is a certificate.
        subject: whom the certificate names that was checked.
        algorithm: its signature algorithm.
        certificates: how many are in the file.
        checked: ``chain``, ``self-signature``, or ``-`` for what is no certificate.
        verdict: the answer.
    """

    file: Path
    parsed: bool
    subject: str | None
    algorithm: str | None
    certificates: int
    checked: str
    verdict: PathVerdict


def verify_file(
    file: Path,
    pool: Sequence[x509.Certificate],
    anchors: Sequence[x509.Certificate] | None,
    rules: PathRules,
) -> FileVerdict:
    """Check the first certificate of `file`; others in it help to build the chain.

    If others come out of that one and one of them is the end of all, the chain lies in the wrong
    order, and the end is checked. Without `anchors` the certificate must be signed by itself.

    Raises:
        RoadsealError: ``pki-file``: the file cannot be opened.
    """
    try:
        found = read_certificates(_read(file))
        leaf = _end_of(found)
        algorithm = signature_name(leaf)
    except ValueError as error:
        detail = str(error)[:200] or "its signature algorithm cannot be read"
        verdict = PathVerdict(PathReason.MALFORMED, detail)
        return FileVerdict(file, False, None, None, 0, "-", verdict)
    trusted = [leaf] if anchors is None else anchors
    verdict = validate_path(leaf, [*found, *pool], trusted, rules)
    if anchors is None and _is_signed_by_another(leaf):
        verdict = PathVerdict(PathReason.NO_ISSUER, "not self-signed; give --trust", (leaf,))
    checked = "self-signature" if leaf in trusted else "chain"
    return FileVerdict(file, True, _subject(leaf), algorithm, len(found), checked, verdict)


def _subject(certificate: x509.Certificate) -> str | None:
    try:
        return certificate.subject.rfc4514_string()
    except ValueError:  # as below
        return None


def files_in(paths: Iterable[Path]) -> list[Path]:
    """The files themselves, and those in folders, however deep, in order."""
    return [file for path in paths for file in (_within(path) if path.is_dir() else [path])]


def _within(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


def _end_of(found: Sequence[x509.Certificate]) -> x509.Certificate:
    """The first, unless it issued another and one alone issued none."""
    try:
        ends = [one for one in found if not any(_issued(one, other) for other in found)]
    except ValueError:  # names that cannot be read, which the verdict says
        return found[0]
    return ends[0] if len(ends) == 1 else found[0]


def _issued(one: x509.Certificate, other: x509.Certificate) -> bool:
    return one != other and other.issuer == one.subject != other.subject


def _is_signed_by_another(certificate: x509.Certificate) -> bool:
    try:
        return certificate.issuer != certificate.subject
    except ValueError:  # its names cannot be read, which its verdict says
        return False


def read_pool(paths: Iterable[Path]) -> list[x509.Certificate]:
    """Read every certificate of files, once; of folders, of those files that hold any.

    Raises:
        RoadsealError: ``pki-file``: a file, or a whole folder, holds none.
    """
    found: list[x509.Certificate] = []
    for path in paths:
        before = len(found)
        for file in files_in([path]):
            with suppress(ValueError):
                found += read_certificates(_read(file))
        if len(found) == before:
            raise _unusable(path, "holds no certificate")
    return list(dict.fromkeys(found))


def read_distrusted(paths: Iterable[Path], purpose: str | None) -> list[x509.Certificate]:
    """Read OpenSSL's trusted certificates whose settings do not allow `purpose`, dotted.

    Raises:
        RoadsealError: ``pki-file``.
    """
    found: list[x509.Certificate] = []
    for file in files_in(paths):
        try:
            found += distrusted_in(_read(file), purpose)
        except ValueError:
            raise _unusable(file, "has trust settings that cannot be read") from None
    return found


def read_crls(files: Iterable[Path]) -> list[x509.CertificateRevocationList]:
    """Read every revocation list of `files`, PEM or DER.

    Raises:
        RoadsealError: ``pki-file``.
    """
    found: list[x509.CertificateRevocationList] = []
    for file in files:
        try:
            found += read_lists(_read(file))
        except ValueError:
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
            encoded = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from None
    if len(encoded) > _MAX_BYTES:
        raise _unusable(file, f"has more than {_MAX_BYTES >> 20} MiB")
    return encoded


def _unusable(file: Path, what: str) -> RoadsealError:
    return RoadsealError("pki-file", f"{file} {what}.", advice="Check the path and its format.")
