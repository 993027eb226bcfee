"""What a US request wants certified: the key, and the contents of the certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from roadseal.operate.pki.v2x.attributes import (
    contents_of,
    read_encryption_key,
    read_verification_key,
)
from roadseal.operate.pki.v2x.coer import CoerError
from roadseal.operate.pki.v2x.ecies import Random
from roadseal.operate.pki.v2x.hierarchy import AuthorityKeys
from roadseal.operate.pki.v2x.outcome import RefusedError
from roadseal.operate.pki.v2x.points import read_point
from roadseal.operate.pki.v2x.us_certify import Certified, Kind, certify
from roadseal.v2x.certificate import CertificateContents


def key_wanted(kind: Kind, form: str, value: Any) -> tuple[str, bytes]:
    """The key to certify: implicit certificates are asked for with a reconstruction value.

    Raises:
        RefusedError: ``bad_key``.
    """
    if kind == "implicit" and form == "reconstructionValue":
        point = read_point(value)
        key = read_verification_key(("ecdsaNistP256", value)) if point else None
    else:
        key = read_verification_key(value) if form == "verificationKey" else None
    if key is None or (form == "reconstructionValue") is not (kind == "implicit"):
        raise RefusedError("bad_key")
    return key


def certified(
    contents: CertificateContents,
    algorithm: str,
    key: bytes,
    issuer: AuthorityKeys,
    kind: Kind,
    random: Random,
    *,
    butterfly: bool = False,
) -> Certified:
    """Certify, or refuse what no certificate can say.

    Raises:
        RefusedError: ``bad_contents``.
    """
    try:
        return certify(contents, algorithm, key, issuer, kind, random, butterfly=butterfly)
    except (ValueError, OverflowError):
        raise RefusedError("bad_contents") from None


def contents_wanted(wanted: dict[str, Any]) -> CertificateContents:
    """What a `ToBeSignedCertificate` asks for, but for its linkage value.

    Raises:
        RefusedError: ``bad_contents``, ``bad_key``.
    """
    plain = {name: value for name, value in wanted.items() if name != "id"}
    kind, name = wanted["id"]
    if kind in ("name", "none"):
        plain["id"] = (kind, name)
    elif kind != "linkageData":
        raise RefusedError("bad_contents")
    try:
        contents = contents_of(plain)
    except CoerError:
        raise RefusedError("bad_contents") from None
    if "encryptionKey" in wanted:
        key = read_encryption_key(wanted["encryptionKey"])
        if key is None:
            raise RefusedError("bad_key")
        contents = replace(contents, encryption_key=key)
    return contents
