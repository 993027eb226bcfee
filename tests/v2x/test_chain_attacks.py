"""What an adversary could try with certificates: strip, weaken, twin, smuggle, bend."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from v2x_material import HEARD, NOW, SENT, authority, message

from roadseal import _core
from roadseal.v2x import (
    CertificateContents,
    Circle,
    Credential,
    Duration,
    GroupPermissions,
    Header,
    Identification,
    Permission,
    PermissionRange,
    Policy,
    SigningKey,
    Verifier,
    issue,
    self_signed,
    service,
    sign,
)
from roadseal.v2x.certificate import DUAL
from roadseal.v2x.testing import VEHICLE

WITH = Identification.CERTIFICATE
P256, FN_DSA = "ecdsa-p256", "fn-dsa-512/pre1"
DUAL_PROFILE = "dual-p256-fn-dsa-512/pre1"
CONTENTS = CertificateContents(start=NOW, duration=Duration.hours(168), app_permissions=VEHICLE)
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def certify(
    issuer: Credential,
    key: SigningKey,
    outer: str,
    *,
    alt: bool = False,
    bend: Callable[[bytes], bytes] = lambda octets: octets,
    contents: CertificateContents = CONTENTS,
) -> Credential:
    """A certificate with any combination of the issuer's signatures."""
    encode = _core.encode_to_be_signed_certificate
    arguments = (contents, key.algorithm, key.public_key, False)
    if alt:
        digest = _core.signing_digest(FN_DSA, bend(encode(*arguments, bytes(666))), issuer.digest)
        to_be_signed = bend(encode(*arguments, issuer.signer.sign(digest, FN_DSA)))
    else:
        to_be_signed = bend(encode(*arguments))
    algorithm = issuer.signer.algorithm
    digest = _core.signing_digest(algorithm, to_be_signed, issuer.digest)
    signature = issuer.signer.sign(digest, outer)
    octets = _core.encode_certificate(to_be_signed, algorithm, issuer.hashed_id8, outer, signature)
    return Credential(octets, key)


def overall(octets: bytes, verifier: Verifier) -> str:
    return verifier.verify(octets, at=HEARD).overall


# Dual keys: both halves or nothing.


@pytest.mark.parametrize("half", [P256, FN_DSA])
def test_half_a_signature_under_a_dual_certificate_is_a_downgrade(half: str) -> None:
    dual = authority(DUAL_PROFILE)
    header = Header(psid=service.CAM, generation_time=SENT)
    octets = sign(b"stripped", header, dual.vehicle(), WITH, algorithm=half)
    found = dual.verifier().verify(octets, at=HEARD)
    assert (found.signature, found.overall) == ("ok", "policy_downgrade")


@pytest.mark.parametrize("at", [-1, -600, -700])
def test_both_halves_are_verified(at: int) -> None:
    dual = authority(DUAL_PROFILE)
    octets = bytearray(message(dual.vehicle(), WITH))
    octets[at] ^= 1  # in the FN-DSA signature twice, then in s
    assert overall(bytes(octets), dual.verifier()) == "bad_signature"


@pytest.mark.parametrize(
    ("outer", "alt", "chain", "signed_with"),
    [
        (P256, True, "ok", DUAL),
        (DUAL, False, "ok", DUAL),
        (P256, False, "policy_downgrade", P256),
        (FN_DSA, False, "policy_downgrade", FN_DSA),
        # Two signatures of one kind are one signature.
        (FN_DSA, True, "policy_downgrade", FN_DSA),
    ],
)
def test_a_dual_authority_signs_twice_or_not_at_all(
    outer: str, alt: bool, chain: str, signed_with: str
) -> None:
    dual = authority(DUAL_PROFILE)
    made = certify(dual.authorisation, SigningKey.generate(P256), outer, alt=alt)
    found = dual.verifier().look_into(made.certificate)
    assert (found.signature, found.chain, found.signed_with) == ("ok", chain, signed_with)
    assert overall(message(made, WITH), dual.verifier()) == chain


def test_the_second_signature_cannot_be_cut_out() -> None:
    dual = authority(DUAL_PROFILE)
    whole = dual.vehicle(algorithm=P256).certificate
    tree = _core.describe_certificate(whole)
    addition = bytes.fromhex(tree["altSignatureValue"]["signature"])
    start = whole.index(addition) - 7  # two lengths and its choice
    bitmap = whole.index(bytes.fromhex("020204"), 0, start)
    stripped = whole[:bitmap] + whole[start + 7 + 666 :]
    stripped = stripped[:12] + bytes([stripped[12] & 0x7F]) + stripped[13:]
    assert "altSignatureValue" not in _core.describe_certificate(stripped)
    assert dual.verifier().look_into(stripped).chain == "bad_signature"


def test_a_bent_second_signature_does_not_hold() -> None:
    dual = authority(DUAL_PROFILE)

    def bend(octets: bytes) -> bytes:
        if octets.endswith(bytes(666)):
            return octets  # what is signed stays as it is
        return octets[:-300] + bytes([octets[-300] ^ 1]) + octets[-299:]

    made = certify(dual.authorisation, SigningKey.generate(P256), P256, alt=True, bend=bend)
    assert dual.verifier().look_into(made.certificate).chain == "bad_signature"


def test_a_dual_authority_below_a_classical_root_is_no_stronger_than_the_root() -> None:
    classical, dual_key = authority(P256), SigningKey.generate(DUAL)
    middle = middle_authority(classical.root, dual_key)
    vehicle = certify(middle, SigningKey.generate(P256), P256, alt=True)
    for certificates, expected in (((P256, DUAL), "ok"), ((DUAL,), "policy_downgrade")):
        verifier = classical.verifier(Policy(certificates=certificates))
        verifier.add_certificates([middle.certificate])
        assert overall(message(vehicle, WITH), verifier) == expected


def middle_authority(root: Credential, key: SigningKey) -> Credential:
    contents = CertificateContents(
        start=NOW,
        duration=Duration.hours(1_000),
        name="middle",
        issue_permissions=authority_groups(root),
    )
    return Credential(issue(contents, key.algorithm, key.public_key, root), key)


def authority_groups(root: Credential) -> tuple[GroupPermissions, ...]:
    """What the throw-away root lets its authorities give."""
    tree = _core.describe_certificate(root.certificate)
    subjects = tree["certIssuePermissions"][0]["subjectPermissions"]

    def pattern(subject: dict[str, str]) -> tuple[bytes, bytes] | None:
        if "sspValue" not in subject:
            return None
        return bytes.fromhex(subject["sspValue"]), bytes.fromhex(subject["sspBitmask"])

    ranges = [PermissionRange(subject["psid"], pattern(subject)) for subject in subjects]
    return (GroupPermissions(ranges),)


# Chains are as strong as their weakest signature.


def test_a_forged_authority_with_a_strong_key_does_not_make_a_chain_strong() -> None:
    """Q-day: who can forge the root's ECDSA makes an authority with an ML-DSA key of its own."""
    classical = authority(P256)
    forged = middle_authority(classical.root, SigningKey.generate("ml-dsa-44"))
    vehicle = certify(forged, SigningKey.generate("ml-dsa-44"), "ml-dsa-44")
    octets = message(vehicle, WITH)
    for certificates, expected in (
        ((P256, "ml-dsa-44"), "ok"),
        (("ml-dsa-44",), "policy_downgrade"),
    ):
        verifier = classical.verifier(Policy(certificates=certificates))
        verifier.add_certificates([forged.certificate])
        assert overall(octets, verifier) == expected


def test_a_receiver_cannot_believe_a_chain_that_it_cannot_compute() -> None:
    partly = authority("ph-fn-dsa-512/pre1")
    octets = message(partly.vehicle(), WITH)
    found = partly.verifier(Policy(supported=(P256,))).verify(octets, at=HEARD)
    assert (found.signature, found.chain) == ("ok", "unsupported_algorithm")


# A certificate's twin (r, n − s) says the same under another name.


def twin(octets: bytes) -> bytes:
    s = ORDER - int.from_bytes(octets[-32:], "big")
    return octets[:-32] + s.to_bytes(32, "big")


def test_revocation_knows_the_twin() -> None:
    classical = authority(P256)
    vehicle = classical.vehicle()
    other = Credential(twin(vehicle.certificate), vehicle.signer)
    assert other.hashed_id8 != vehicle.hashed_id8
    verifier = classical.verifier()
    assert overall(message(other, WITH), verifier) == "ok"
    verifier.revoke(vehicle.digest[-10:])
    assert overall(message(vehicle, WITH, at=SENT + 1), verifier) == "revoked"
    assert overall(message(other, WITH, at=SENT + 2), verifier) == "revoked"
    assert overall(message(other, at=SENT + 3), verifier) == "revoked"


def test_a_revoked_authority_takes_its_stations_along() -> None:
    classical = authority(P256)
    verifier = classical.verifier()
    octets = message(classical.vehicle(), WITH)
    verifier.revoke(classical.authorisation.digest)
    assert overall(octets, verifier) == "revoked"


def test_revocations_that_end_alike_are_all_kept() -> None:
    classical = authority(P256)
    vehicle, verifier = classical.vehicle(), classical.verifier()
    verifier.revoke(vehicle.hashed_id8)
    verifier.revoke(b"\x00\x00" + vehicle.hashed_id8)
    assert overall(message(vehicle, WITH), verifier) == "revoked"


# Certificates that come along with the signer's.


def with_companion(octets: bytes, certificate: bytes, companion: bytes) -> bytes:
    at = octets.index(b"\x81\x01\x01" + certificate)
    end = at + 3 + len(certificate)
    return octets[:at] + b"\x81\x01\x02" + certificate + companion + octets[end:]


def test_companions_complete_a_chain() -> None:
    classical = authority(P256)
    vehicle = classical.vehicle()
    octets = with_companion(
        message(vehicle, WITH), vehicle.certificate, classical.authorisation.certificate
    )
    verifier = Verifier(Policy(), 1)
    verifier.add_root(classical.root.certificate)
    assert overall(message(vehicle, WITH, at=SENT + 1), verifier) == "unknown_issuer"
    assert overall(octets, verifier) == "ok"


@pytest.mark.parametrize("known", [False, True])
def test_no_bit_of_a_companion_is_free(known: bool) -> None:
    classical = authority(P256)
    vehicle = classical.vehicle()
    companion = classical.authorisation.certificate
    octets = with_companion(message(vehicle, WITH), vehicle.certificate, companion)
    verifier = classical.verifier()
    assert overall(octets, verifier) == "ok"
    if known:
        verifier.learn(vehicle.certificate)
    start = octets.index(companion)
    mutants = []
    for bit in range(start * 8, (start + len(companion)) * 8):
        mutant = bytearray(octets)
        mutant[bit // 8] ^= 1 << bit % 8
        mutants.append(bytes(mutant))
    verdicts = [v.overall for v in verifier.verify_batch(mutants, at=HEARD)]
    assert "ok" not in verdicts
    assert verdicts.count("replay") <= 1  # the other form of R


def test_a_stranger_cannot_ride_along() -> None:
    classical = authority(P256)
    vehicle, stranger = classical.vehicle(), classical.vehicle()
    octets = with_companion(message(vehicle, WITH), vehicle.certificate, stranger.certificate)
    assert overall(octets, classical.verifier()) == "malformed"


# What cannot be read, or lies off the curve.


def test_a_region_of_unknown_form_is_not_everywhere() -> None:
    classical = authority(P256)
    contents = replace(CONTENTS, region=Circle((450_000_000, 90_000_000), 1_000))

    def unknown_form(octets: bytes) -> bytes:
        at = octets.index(bytes.fromhex("80") + (450_000_000).to_bytes(4, "big"))
        return octets[:at] + b"\x85\x0a" + octets[at + 1 :]

    made = certify(
        classical.authorisation,
        SigningKey.generate(P256),
        P256,
        bend=unknown_form,
        contents=contents,
    )
    assert _core.describe_certificate(made.certificate)["region"] == {"unknown": True}
    found = classical.verifier().look_into(made.certificate)
    assert (found.signature, found.chain) == ("ok", "unsupported_algorithm")


def test_an_uncompressed_point_must_lie_on_its_curve() -> None:
    """Hashed are x and one bit of y: off the curve, the rest of y would be anybody's."""
    classical = authority(P256)
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    short = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    long = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    contents = replace(CONTENTS, encryption_key=(0, short))
    made = certify(classical.authorisation, SigningKey.generate(P256), P256, contents=contents)
    wire_short, wire_long = bytes([0x80 | short[0]]) + short[1:], b"\x84" + long[1:]
    assert made.certificate.count(wire_short) == 1
    unfolded = made.certificate.replace(wire_short, wire_long)
    verifier = classical.verifier()
    assert verifier.look_into(unfolded).chain == "ok"
    assert verifier.look_into(unfolded).digest == made.digest
    at = unfolded.index(wire_long) + 40  # within y
    bent = unfolded[:at] + bytes([unfolded[at] ^ 4]) + unfolded[at + 1 :]
    assert verifier.look_into(bent).digest == made.digest
    assert verifier.look_into(bent).chain == "malformed"


def test_certificates_may_come_before_their_issuers() -> None:
    classical = authority(P256)
    vehicle = classical.vehicle()
    verifier = Verifier(Policy(replay=False), 1)
    octets = message(vehicle)
    assert verifier.add_certificates([vehicle.certificate]) == ["unknown_issuer"]
    assert verifier.add_certificates([classical.authorisation.certificate]) == ["unknown_issuer"]
    assert overall(octets, verifier) == "unknown_issuer"
    assert verifier.add_root(classical.root.certificate) == "ok"
    assert overall(octets, verifier) == "ok"
    assert verifier.occupancy()[0] == 3


def test_a_root_that_only_claims_to_be_one_is_not_trusted() -> None:
    key = SigningKey.generate(P256)
    stranger = self_signed(
        CertificateContents(
            start=NOW,
            duration=Duration.hours(10),
            name="stranger",
            issue_permissions=(GroupPermissions(None),),
        ),
        key,
    )
    made = certify(stranger, SigningKey.generate(P256), P256)
    verifier = authority(P256).verifier()
    verifier.add_certificates([stranger.certificate])
    assert overall(message(made, WITH), verifier) == "untrusted_root"


@pytest.mark.parametrize("second", [b"\x01\xff\xfc", b"\x01\x00\x00"], ids=["more", "same"])
def test_two_entries_for_a_service_are_refused(second: bytes) -> None:
    """Clause 6.4.8: any particular Psid value in at most one entry."""
    classical = authority(P256)
    entries = (Permission(service.CAM, b"\x01\x00\x00"), Permission(service.CAM, second))
    for permissions, expected in ((entries[:1], "ok"), (entries, "malformed")):
        contents = replace(CONTENTS, app_permissions=permissions)
        made = certify(classical.authorisation, SigningKey.generate(P256), P256, contents=contents)
        found = classical.verifier().verify(message(made, WITH), at=HEARD)
        assert (found.signature, found.chain, found.overall) == ("ok", expected, expected)


@pytest.mark.parametrize("asks", [False, True], ids=["issues", "requests"])
def test_two_groups_of_all_services_are_refused(asks: bool) -> None:
    """Clause 6.4.8: no more than one entry indicates all, even if they differ in depth or kind."""
    once = GroupPermissions(None, chain_length_range=-1)
    deeper, enrolling = replace(once, min_chain_length=2), replace(once, enrol=True)
    named = GroupPermissions([PermissionRange(service.CRL, None)])
    for groups in ((once, named), (once, once), (once, deeper), (once, enrolling)):
        expected = ("ok", "ok") if named in groups else ("malformed", "unknown_issuer")
        contents = CertificateContents(
            start=NOW,
            duration=Duration.hours(1_000),
            name="root",
            issue_permissions=(once,) if asks else groups,
            request_permissions=groups if asks else (),
        )
        root = self_signed(contents, SigningKey.generate(P256))
        made = certify(root, SigningKey.generate(P256), P256)
        verifier = Verifier(Policy(replay=False), 1)
        added = verifier.add_root(root.certificate)
        assert (added, verifier.verify(message(made, WITH), at=HEARD).chain) == expected


def test_permissions_are_the_certificates_not_the_issuers() -> None:
    classical = authority(P256)
    contents = replace(CONTENTS, app_permissions=(Permission(service.CRL, b"\x01"),))
    made = certify(classical.authorisation, SigningKey.generate(P256), P256, contents=contents)
    found = classical.verifier().verify(message(made, WITH, psid=service.CRL), at=HEARD)
    assert (found.signature, found.chain) == ("ok", "psid_not_permitted")
