"""Chains and messages that pycrate wrote and OpenSSL signed, by the rules of IEEE 1609.2, hold."""

from __future__ import annotations

import copy
import hashlib
import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from pycrate_asn1dir import ITS_IEEE1609_2

from roadseal._core import describe_message
from roadseal.clock import Time64
from roadseal.v2x import Policy, Verdict, Verifier

MODULE = ITS_IEEE1609_2.Ieee1609Dot2
MADE = 700_000_000_000_000
START_S = 600_000_000
CURVES: dict[str, tuple[ec.EllipticCurve, int]] = {
    "ecdsaNistP256": (ec.SECP256R1(), 32),
    "ecdsaBrainpoolP256r1": (ec.BrainpoolP256R1(), 32),
    "ecdsaBrainpoolP384r1": (ec.BrainpoolP384R1(), 48),
}
CAM_BITS = {"sspValue": b"\x01\xff\xfc", "sspBitmask": b"\xff\x00\x03"}
EVERYTHING = {"subjectPermissions": ("all", 0), "minChainLength": 2, "chainLengthRange": -1}
CAM_ONLY = {
    "subjectPermissions": ("explicit", [{"psid": 36, "sspRange": ("bitmapSspRange", CAM_BITS)}])
}
CAM = {"psid": 36, "ssp": ("bitmapSsp", b"\x01\x00\x00")}


def written(kind: Any, value: dict[str, Any]) -> bytes:
    kind.set_val(copy.deepcopy(value))
    return bytes(kind.to_coer())


class Key:
    """A private key and how IEEE 1609.2 writes what it has."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.curve, self.size = CURVES[algorithm]
        self.hash_name = "sha256" if self.size == 32 else "sha384"
        self.private = ec.generate_private_key(self.curve)

    def point(self, *, compressed: bool = True) -> tuple[str, Any]:
        numbers = self.private.public_key().public_numbers()
        x, y = (n.to_bytes(self.size, "big") for n in (numbers.x, numbers.y))
        if compressed:
            return f"compressed-y-{numbers.y & 1}", x
        return f"uncompressedP{8 * self.size}", {"x": x, "y": y}

    def hash(self, octets: bytes) -> bytes:
        return hashlib.new(self.hash_name, octets).digest()

    def sign(self, signed: bytes, certificate: bytes) -> tuple[str, Any]:
        digest = self.hash(self.hash(signed) + self.hash(certificate))
        method = Prehashed(hashes.SHA256() if self.size == 32 else hashes.SHA384())
        r, s = decode_dss_signature(self.private.sign(digest, ec.ECDSA(method)))
        octets = [number.to_bytes(self.size, "big") for number in (r, s)]
        return f"{self.algorithm}Signature", {"rSig": ("x-only", octets[0]), "sSig": octets[1]}


@dataclass
class Holder:
    """Who holds a certificate: as sent, and in the canonical form that is hashed."""

    key: Key
    value: dict[str, Any]
    sent: bytes
    canonical: bytes


def certified(key: Key, issuer: Holder | None, *, compressed: bool = True, **fields: Any) -> Holder:
    validity = {"start": START_S, "duration": ("years", 5)}
    common = {"id": ("none", 0), "cracaId": bytes(3), "crlSeries": 0, "validityPeriod": validity}

    def indicator(*, compressed: bool) -> dict[str, Any]:
        point = key.point(compressed=compressed)
        return {
            **common,
            "verifyKeyIndicator": ("verificationKey", (key.algorithm, point)),
            **fields,
        }

    signer = issuer.key if issuer else key
    named = signer.hash(issuer.canonical)[-8:] if issuer else b""
    head = {
        "version": 3,
        "type": "explicit",
        "issuer": (f"{signer.hash_name}AndDigest", named) if issuer else ("self", key.hash_name),
    }
    canonical = indicator(compressed=True)
    signed = written(MODULE.ToBeSignedCertificate, canonical)
    signature = signer.sign(signed, issuer.canonical if issuer else b"")
    sent = {**head, "toBeSigned": indicator(compressed=compressed), "signature": signature}
    hashed = {**head, "toBeSigned": canonical, "signature": signature}
    return Holder(key, sent, written(MODULE.Certificate, sent), written(MODULE.Certificate, hashed))


def chain(*algorithms: str, compressed: bool = True, **of_ticket: Any) -> list[Holder]:
    root_key, authority_key, ticket_key = map(Key, algorithms)
    root = certified(root_key, None, compressed=compressed, certIssuePermissions=[EVERYTHING])
    authority = certified(
        authority_key, root, compressed=compressed, certIssuePermissions=[CAM_ONLY]
    )
    fields = {"appPermissions": [CAM], **of_ticket}
    return [root, authority, certified(ticket_key, authority, compressed=compressed, **fields)]


def message(
    signer: Holder,
    sent_with: list[Holder] | None = None,
    payload: dict[str, Any] | None = None,
    canonical: dict[str, Any] | None = None,
    **header: Any,
) -> bytes:
    """`canonical` is what of the header is signed in another form than it is sent."""
    content = {"protocolVersion": 3, "content": ("unsecuredData", b"hello")}
    fields = {"psid": 36, "generationTime": MADE, **header}
    to_be_signed = {"payload": payload or {"data": content}, "headerInfo": fields}
    hashed = {**to_be_signed, "headerInfo": {**fields, **(canonical or {})}}
    signature = signer.key.sign(written(MODULE.ToBeSignedData, hashed), signer.canonical)
    holders = [each.value for each in sent_with or [signer]]
    signed = {
        "hashId": signer.key.hash_name,
        "tbsData": to_be_signed,
        "signer": ("certificate", holders),
        "signature": signature,
    }
    return written(
        MODULE.Ieee1609Dot2Data, {"protocolVersion": 3, "content": ("signedData", signed)}
    )


def judged(holders: list[Holder], octets: bytes, at: int | None = None) -> Verdict:
    root, authority, _ = holders
    verifier = Verifier(Policy(), 1)
    assert verifier.add_root(root.sent) == "ok"
    verifier.add_certificates([authority.sent])
    return verifier.verify(octets, None if at is None else Time64(at))


P256 = ("ecdsaNistP256",) * 3


@pytest.mark.parametrize("algorithms", list(itertools.product(CURVES, repeat=3)), ids="-".join)
@pytest.mark.parametrize("compressed", [True, False])
def test_chains_over_all_curves_and_forms_of_keys(
    algorithms: tuple[str, ...], compressed: bool
) -> None:
    holders = chain(*algorithms, compressed=compressed)
    assert judged(holders, message(holders[-1])).overall == "ok"


@pytest.mark.parametrize("with_root", [False, True])
def test_a_message_may_bring_its_chain(with_root: bool) -> None:
    root, authority, ticket = chain(*P256)
    verifier = Verifier(Policy(), 1)
    assert verifier.add_root(root.sent) == "ok"
    brought = [ticket, authority, *([root] if with_root else [])]
    assert verifier.verify(message(ticket, brought), None).overall == "ok"
    assert verifier.verify(message(ticket, brought[::-1]), None).overall == "malformed"


@pytest.mark.parametrize(
    "payload",
    [
        {"extDataHash": ("sha256HashedData", bytes(32))},
        {"extDataHash": ("sha384HashedData", bytes(48))},
        {
            "data": {"protocolVersion": 3, "content": ("unsecuredData", b"")},
            "extDataHash": ("sha256HashedData", bytes(32)),
        },
    ],
)
def test_what_is_signed_may_be_elsewhere(payload: dict[str, Any]) -> None:
    holders = chain(*P256)
    assert judged(holders, message(holders[-1], payload=payload)).overall == "ok"


def keys_in_header(curve: str, *, compressed: bool) -> dict[str, Any]:
    key = Key(curve)
    name = curve.replace("ecdsa", "ecies")

    def field(*, compressed: bool) -> dict[str, Any]:
        point = (name, key.point(compressed=compressed))
        return {"encryptionKey": ("public", {"supportedSymmAlg": "aes128Ccm", "publicKey": point})}

    return {**field(compressed=compressed), "canonical": field(compressed=True)}


@pytest.mark.parametrize("curve", ["ecdsaNistP256", "ecdsaBrainpoolP256r1"])
@pytest.mark.parametrize("compressed", [True, False])
def test_the_key_in_a_header_is_signed_in_its_compressed_form(curve: str, compressed: bool) -> None:
    holders = chain(*P256)
    octets = message(holders[-1], **keys_in_header(curve, compressed=compressed))
    verdict = judged(holders, octets)
    assert verdict.overall == "ok"
    # A sender that signs it as it writes it is believed too.
    fields = keys_in_header(curve, compressed=compressed)
    fields.pop("canonical")
    assert judged(holders, message(holders[-1], **fields)).overall == "ok"


def test_no_bit_of_an_uncompressed_key_in_a_header_is_free() -> None:
    holders = chain(*P256)
    octets = message(holders[-1], **keys_in_header("ecdsaNistP256", compressed=False))
    point = describe_message(octets)["headerInfo"]["encryptionKey"]["point"].split()[1]
    at = octets.index(bytes.fromhex(point))
    verdicts = set()
    for bit in range(64 * 8):
        mutant = bytearray(octets)
        mutant[at + bit // 8] ^= 0x80 >> bit % 8
        verdicts.add(judged(holders, bytes(mutant)).overall)
    assert verdicts == {"bad_signature"}


def test_another_form_of_the_key_in_a_header_is_a_replay() -> None:
    root, authority, ticket = chain(*P256)
    verifier = Verifier(Policy(), 1)
    verifier.add_root(root.sent)
    verifier.add_certificates([authority.sent])
    fields = keys_in_header("ecdsaNistP256", compressed=False)
    sent = message(ticket, **fields)
    signature = sent[-66:]
    twin = message(ticket, **{**fields, "encryptionKey": fields["canonical"]["encryptionKey"]})
    twin = twin[:-66] + signature  # the same signature over the same canonical bytes
    assert verifier.verify(twin, Time64(MADE)).overall == "ok"
    assert verifier.verify(sent, Time64(MADE)).overall == "replay"


@pytest.mark.parametrize(("ahead_us", "reason"), [(-1, "expired"), (0, "expired"), (1, "ok")])
def test_a_message_is_made_strictly_before_it_ends(ahead_us: int, reason: str) -> None:
    holders = chain(*P256)
    octets = message(holders[-1], expiryTime=MADE + ahead_us)
    assert judged(holders, octets).overall == reason
    assert judged(holders, octets, at=MADE).overall == reason


@pytest.mark.parametrize(
    ("since_start_us", "reason"),
    [
        (-1, "not_yet_valid"),
        (0, "ok"),
        (5 * 31_556_952_000_000 - 1, "ok"),
        (5 * 31_556_952_000_000, "expired"),
    ],
)
def test_certificates_hold_to_the_microsecond(since_start_us: int, reason: str) -> None:
    holders = chain(*P256)
    octets = message(holders[-1], generationTime=START_S * 1_000_000 + since_start_us)
    assert judged(holders, octets).overall == reason


def test_an_authority_for_chains_of_no_length_issues_nothing() -> None:
    root_key, authority_key, ticket_key = (Key("ecdsaNistP256") for _ in range(3))
    root = certified(root_key, None, certIssuePermissions=[EVERYTHING])
    none = {**CAM_ONLY, "minChainLength": 0, "chainLengthRange": 3}
    authority = certified(authority_key, root, certIssuePermissions=[none])
    ticket = certified(ticket_key, authority, appPermissions=[CAM])
    verdict = judged([root, authority, ticket], message(ticket))
    assert (verdict.overall, verdict.chain) == ("psid_not_permitted", "psid_not_permitted")
