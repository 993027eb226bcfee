"""What a scan found, where, how sure it is, and what it did not look at.

A collector yields `Finding` and `Gap`; nothing else leaves it. Identifiers are hashes of content:
the same estate gives the same identifiers, and two scans can be compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from roadseal.events import Fact


class Basis(StrEnum):
    """How a fact is known, firmest first."""

    OBSERVED = "observed"  # seen on the wire, or read off the key or certificate itself
    CONFIGURED = "configured"  # what a configuration asks for: intent, not negotiation
    DECLARED = "declared"  # what a document, a template or a supplier says
    INFERRED = "inferred"  # concluded from something else


class Role(StrEnum):
    """What the cryptography is used for: it decides which quantum threat applies."""

    KEY_EXCHANGE = "key-exchange"
    LIVE_AUTHENTICATION = "live-authentication"
    MESSAGE_SIGNATURE = "message-signature"
    FIRMWARE_SIGNATURE = "firmware-signature"
    TRUST_ANCHOR = "trust-anchor"
    ENCRYPTION = "encryption"  # data under a public key: ECIES, CMS, OpenPGP
    STORAGE = "storage"
    INTEGRITY = "integrity"  # MAC, hash
    PLAINTEXT = "plaintext"  # no cryptography where some belongs
    UNKNOWN = "unknown"


class AssetType(StrEnum):
    """The four kinds of cryptographic asset of CycloneDX 1.6 and later."""

    ALGORITHM = "algorithm"
    CERTIFICATE = "certificate"
    PROTOCOL = "protocol"
    MATERIAL = "related-crypto-material"


@dataclass(frozen=True, slots=True)
class Location:
    """Where something was found.

    Args:
        uri: path relative to the scanned root with ``/``, or ``host:port``; a member of an archive
            or image follows after ``!/``.
        offset: byte offset in it.
        line: line in it, from 1.
        frame: frame of a capture, from 1.
    """

    uri: str
    offset: int | None = None
    line: int | None = None
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class AlgorithmUse:
    """One algorithm in one role.

    Args:
        name: the canonical name of `roadseal.assess.inventory.classifier`, such as ``rsa-2048``,
            ``ecdsa-p256``, ``x25519mlkem768``; what is not known keeps its own spelling.
        role: what it is used for here.
        preferred: whether it is what is really used, rather than one of those allowed.
    """

    name: str
    role: Role
    preferred: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """Something cryptographic, seen at one place.

    Args:
        collector: which collector and rule saw it: ``certificate/x509``, ``config/nginx``.
        location: where.
        asset_type: what kind of thing it is.
        title: one line for people: a subject, a host, a protocol with its version.
        algorithms: what it uses.
        basis: how this is known.
        confidence: 0 to 1.
        excerpt: the evidence in words, with every secret removed.
        facts: details by stable names: ``not_after``, ``serial``, ``cipher_suite``, ``sha256``.
    """

    collector: str
    location: Location
    asset_type: AssetType
    title: str
    algorithms: tuple[AlgorithmUse, ...]
    basis: Basis
    confidence: float = 1.0
    excerpt: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def __reduce__(self) -> tuple[type[Finding], tuple[object, ...]]:
        # Findings cross processes, and a read-only view cannot be pickled.
        return Finding, (
            self.collector,
            self.location,
            self.asset_type,
            self.title,
            self.algorithms,
            self.basis,
            self.confidence,
            self.excerpt,
            dict(self.facts),
        )

    @property
    def id(self) -> str:
        """16 hex digits over everything that is stated, stable across runs and machines."""
        stated = [
            self.collector,
            [self.location.uri, self.location.offset, self.location.line, self.location.frame],
            self.asset_type,
            self.title,
            [[use.name, use.role, use.preferred] for use in self.algorithms],
            self.basis,
            sorted(self.facts.items()),
        ]
        text = json.dumps(stated, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class Cause(StrEnum):
    """Why something was not looked at, or not to its end."""

    UNREADABLE = "unreadable"  # permission, vanished, malformed beyond reading
    NOT_SUPPORTED = "not-supported"  # a format we know and do not read
    TRUNCATED = "truncated"  # cut at a limit of size, depth, time or memory
    CRASHED = "crashed"  # its parser died; it cost this input only
    OUTSIDE = "outside"  # a link that leaves the scanned root; not followed


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was not looked at, and why: never silence."""

    location: Location
    cause: Cause
    detail: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a scan read and what it did not.

    Args:
        scope: the targets as they were named.
        read: inputs read to their end.
        read_bytes: their bytes.
        gaps: what was not, in the order of their locations.
    """

    scope: tuple[str, ...]
    read: int
    read_bytes: int
    gaps: tuple[Gap, ...]

    @property
    def complete(self) -> bool:
        """Whether everything was read, and something was: an empty scan proves nothing."""
        return self.read > 0 and not self.gaps
