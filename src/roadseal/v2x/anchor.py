"""Post-quantum anchors: a signed batch that vouches for certificates out of band.

An authority hashes the certificates that it stands for into a Merkle tree and signs the root with
ML-DSA-65. Stations fetch the batch over the backhaul, or a single certificate's proof at a
roadside unit; messages stay as they are, at their classical size, and their verdict says
`anchored`. What this protects is the certificate: nobody with a quantum computer can add one. The
key inside remains ECDSA.

    batch = make_batch(certificates, authority, number=7, not_before=start, not_after=end)
    anchors = Anchors([authority.certificate])
    anchors.admit_list(verifier, batch.list_bytes(), now)  # all at once

    anchors.admit_head(batch.head, now)  # or one by one, as stations are met
    anchors.admit_proof(verifier, batch.proof(certificate), certificate, now)

A batch replaces the ones before it, so the authority puts in every certificate that it still
stands for. Layout: docs/wire-format.md, "Merkle batch".
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from hashlib import sha256

from roadseal import _core
from roadseal.clock import Time64
from roadseal.errors import RoadsealError
from roadseal.v2x import merkle
from roadseal.v2x.certificate import Credential
from roadseal.v2x.verifier import Verifier

ALGORITHM = "ml-dsa-65"
"""What signs batches: category 3, because an anchor outlives the messages under it."""

MAX_CERTIFICATES = 65_536
"""Most certificates of one batch."""

_LIST_MAGIC, _PROOF_MAGIC, _VERSION = b"RSMB", b"RSMP", 1
_HEAD = struct.Struct(
    ">4sBB8sIIQQ32s"
)  # magic, version, algorithm, authority, number, size, times, root
_PROOF = struct.Struct(">4sB8sIIB")  # magic, version, authority, number, index, path length
_ALGORITHM_CODE = 7  # the choice index of ML-DSA-65 in PublicVerificationKey
_SIGNATURE_BYTES = 3_309
_MAX_PATH = 16  # log2 of MAX_CERTIFICATES

HEAD_BYTES = _HEAD.size + _SIGNATURE_BYTES
"""Length of a signed head."""


class AnchorReason(StrEnum):
    """What came of a batch or a proof; the list is closed."""

    OK = "ok"
    MALFORMED = "malformed"
    TOO_LARGE = "too_large"
    UNSUPPORTED_VERSION = "unsupported_version"
    UNKNOWN_AUTHORITY = "unknown_authority"
    BAD_SIGNATURE = "bad_signature"
    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    CONTRADICTORY = "contradictory"
    ROOT_MISMATCH = "root_mismatch"
    UNKNOWN_BATCH = "unknown_batch"
    NOT_INCLUDED = "not_included"


@dataclass(frozen=True)
class Batch:
    """A signed batch, on the side that made it.

    Args:
        head: what is signed, and the signature.
        entries: SHA-256 of each certificate, in their order.
    """

    head: bytes
    entries: tuple[bytes, ...]

    def list_bytes(self) -> bytes:
        """The whole batch: its head and 32 bytes a certificate."""
        return self.head + b"".join(self.entries)

    def proof(self, certificate: bytes) -> bytes:
        """That one certificate is in the batch: 22 bytes and 32·log₂ n.

        Raises:
            RoadsealError: it is not.
        """
        entry = sha256(certificate).digest()
        if entry not in self._places:
            raise RoadsealError(
                "certificate-not-in-batch",
                "The certificate is not in this batch.",
                advice="Make a batch that includes it, byte for byte as stations send it.",
            )
        index = self._places[entry]
        fields = _HEAD.unpack_from(self.head)
        path = self._proofs[index]
        head = _PROOF.pack(_PROOF_MAGIC, _VERSION, fields[3], fields[4], index, len(path))
        return head + b"".join(path)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {entry: index for index, entry in enumerate(self.entries)}

    @cached_property
    def _proofs(self) -> list[tuple[bytes, ...]]:
        return merkle.inclusion_proofs([merkle.leaf_hash(entry) for entry in self.entries])


def make_batch(
    certificates: Sequence[bytes],
    authority: Credential,
    *,
    number: int,
    not_before: Time64,
    not_after: Time64,
) -> Batch:
    """Sign a batch.

    Args:
        certificates: as stations send them, byte for byte.
        authority: a certificate and its ML-DSA-65 key.
        number: larger than that of any batch before.
        not_before: when the batch begins to hold.
        not_after: when it ends, and with it the anchors.

    Raises:
        RoadsealError: the authority has another kind of key, or the batch is empty, too large, ends
            before it begins, or has no number of 32 bits.
    """
    if authority.signer.algorithm != ALGORITHM:
        raise _refused(
            f"{authority.signer.algorithm} cannot sign batches", f"Use an {ALGORITHM} key."
        )
    if not 1 <= len(certificates) <= MAX_CERTIFICATES:
        raise _refused(
            f"a batch of {len(certificates)} certificates is not possible",
            f"Put 1 to {MAX_CERTIFICATES} certificates into a batch.",
        )
    if not 0 <= not_before < not_after < 1 << 64 or not 0 < number < 1 << 32:
        raise _refused("its number or its times are out of range", "Number batches from 1.")
    entries = tuple(dict.fromkeys(sha256(certificate).digest() for certificate in certificates))
    body = _HEAD.pack(
        _LIST_MAGIC,
        _VERSION,
        _ALGORITHM_CODE,
        authority.hashed_id8,
        number,
        len(entries),
        not_before,
        not_after,
        merkle.root([merkle.leaf_hash(entry) for entry in entries]),
    )
    digest = _core.signing_digest(ALGORITHM, body, authority.digest)
    return Batch(body + authority.signer.sign(digest), entries)


@dataclass(frozen=True, slots=True)
class BatchHead:
    """What the head of a batch says."""

    authority: bytes
    number: int
    size: int
    not_before: Time64
    not_after: Time64
    root: bytes

    def untimely(self, now: Time64) -> AnchorReason | None:
        """Why the batch does not hold now; `None` if it does."""
        if now < self.not_before:
            return AnchorReason.NOT_YET_VALID
        return AnchorReason.EXPIRED if now >= self.not_after else None


class Anchors:
    """Admits batches of certain authorities; remembers the newest of each.

    Args:
        authorities: certificates with ML-DSA-65 keys, whom the operator trusts to vouch.
        newest: the number of the newest batch seen of each authority, by its HashedId8: what
        `newest`
            gave before a restart, so that no older batch comes back.

    Raises:
        RoadsealError: an authority's certificate has no ML-DSA-65 key.
    """

    def __init__(
        self, authorities: Iterable[bytes], newest: Mapping[bytes, int] | None = None
    ) -> None:
        self._authorities = dict(map(_authority, authorities))
        self._heads: dict[bytes, BatchHead] = {}
        self._newest = dict(newest or {})

    @property
    def newest(self) -> dict[bytes, int]:
        """The number of the newest batch seen of each authority: to be kept over restarts."""
        return dict(self._newest)

    def admit_head(self, data: bytes, now: Time64) -> AnchorReason:
        """Check a signed head and remember it for proofs to come."""
        if len(data) != HEAD_BYTES:
            return AnchorReason.MALFORMED
        head = self._check_head(data, now)
        if isinstance(head, AnchorReason):
            return head
        self._remember(head)
        return AnchorReason.OK

    def admit_list(self, verifier: Verifier, data: bytes, now: Time64) -> AnchorReason:
        """Check a whole batch and anchor every certificate in it."""
        if len(data) > HEAD_BYTES + MAX_CERTIFICATES * merkle.HASH_BYTES:
            return AnchorReason.TOO_LARGE
        head = self._check_head(data[:HEAD_BYTES], now)
        if isinstance(head, AnchorReason):
            return head
        entries = _hashes(data[HEAD_BYTES:])
        if entries is None or len(entries) != head.size:
            return AnchorReason.MALFORMED
        if merkle.root([merkle.leaf_hash(entry) for entry in entries]) != head.root:
            return AnchorReason.ROOT_MISMATCH
        self._remember(head)
        for entry in entries:
            verifier.anchor(entry, head.not_after)
        return AnchorReason.OK

    def admit_proof(
        self, verifier: Verifier, proof: bytes, certificate: bytes, now: Time64
    ) -> AnchorReason:
        """Check that a certificate is in the newest batch of its authority and anchor it."""
        if len(proof) > _PROOF.size + _MAX_PATH * merkle.HASH_BYTES:
            return AnchorReason.TOO_LARGE
        if len(proof) < _PROOF.size or proof[:4] != _PROOF_MAGIC:
            return AnchorReason.MALFORMED
        _, version, authority, number, index, length = _PROOF.unpack_from(proof)
        if version != _VERSION:
            return AnchorReason.UNSUPPORTED_VERSION
        path = _hashes(proof[_PROOF.size :])
        if path is None or len(path) != length:
            return AnchorReason.MALFORMED
        if authority not in self._authorities:
            return AnchorReason.UNKNOWN_AUTHORITY
        if number < self._newest.get(authority, 0):
            return AnchorReason.SUPERSEDED
        head = self._heads.get(authority)
        if head is None or number != head.number:
            return AnchorReason.UNKNOWN_BATCH
        if (untimely := head.untimely(now)) is not None:
            return untimely
        entry = sha256(certificate).digest()
        leaf = merkle.leaf_hash(entry)
        if merkle.root_of_inclusion(leaf, index, head.size, path) != head.root:
            return AnchorReason.NOT_INCLUDED
        verifier.anchor(entry, head.not_after)
        return AnchorReason.OK

    def _check_head(self, data: bytes, now: Time64) -> BatchHead | AnchorReason:
        head = _read_head(data)
        if isinstance(head, AnchorReason):
            return head
        authority = self._authorities.get(head.authority)
        if authority is None:
            return AnchorReason.UNKNOWN_AUTHORITY
        if not authority.signed(data[: _HEAD.size], data[_HEAD.size :]):
            return AnchorReason.BAD_SIGNATURE
        # No batch outlives the certificate of who signed it.
        head = replace(
            head,
            not_before=Time64(max(head.not_before, authority.start)),
            not_after=Time64(min(head.not_after, authority.end)),
        )
        if (untimely := head.untimely(now)) is not None:
            return untimely
        newest = self._newest.get(head.authority, 0)
        if head.number < newest:
            return AnchorReason.SUPERSEDED
        known = self._heads.get(head.authority)
        if head.number == newest and known is not None and known != head:
            return AnchorReason.CONTRADICTORY
        return head

    def _remember(self, head: BatchHead) -> None:
        self._newest[head.authority] = head.number
        self._heads[head.authority] = head


@dataclass(frozen=True, slots=True)
class _Authority:
    key: _core.VerifyingKey
    digest: bytes
    start: int
    end: int

    def signed(self, body: bytes, signature: bytes) -> bool:
        digest = _core.signing_digest(ALGORITHM, body, self.digest)
        return self.key.count_valid([digest], [signature]) == 1


def _authority(certificate: bytes) -> tuple[bytes, _Authority]:
    tree = _core.describe_certificate(certificate)
    key = tree.get("verificationKey", {})
    if key.get("algorithm") != ALGORITHM:
        raise _refused(
            "an authority's certificate has no ML-DSA-65 key", f"Use an {ALGORITHM} key."
        )
    digest, _ = _core.certificate_digest(certificate)
    verifying = _core.VerifyingKey(ALGORITHM, bytes.fromhex(key["key"]))
    return digest[-8:], _Authority(verifying, digest, tree["validFrom"], tree["validUntil"])


def _read_head(data: bytes) -> BatchHead | AnchorReason:
    if len(data) < HEAD_BYTES or data[:4] != _LIST_MAGIC:
        return AnchorReason.MALFORMED
    _, version, algorithm, authority, number, size, start, end, root = _HEAD.unpack_from(data)
    if version != _VERSION or algorithm != _ALGORITHM_CODE:
        return AnchorReason.UNSUPPORTED_VERSION
    if not number or not 1 <= size <= MAX_CERTIFICATES or start >= end:
        return AnchorReason.MALFORMED
    return BatchHead(authority, number, size, Time64(start), Time64(end), root)


def _hashes(data: bytes) -> list[bytes] | None:
    if len(data) % merkle.HASH_BYTES:
        return None
    return [data[at : at + merkle.HASH_BYTES] for at in range(0, len(data), merkle.HASH_BYTES)]


def _refused(what: str, advice: str) -> RoadsealError:
    return RoadsealError("anchor-batch-refused", f"No batch: {what}.", advice=advice)
