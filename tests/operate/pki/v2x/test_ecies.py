"""ECIES and AES-CCM of IEEE 1609.2 on numbers and messages that others published.

Wrapping: ecies.txt and ecies_tests.py of github.com/conz27/crypto-test-vectors (Infineon). The
encrypted enrolment request is that of Bouncy Castle's ETSIEncryptedDataTest: keys and octets are
theirs.
"""

from __future__ import annotations

import os
import random

import pytest
from pycrate_asn1dir import ITS_IEEE1609_2

from roadseal.operate.pki.v2x.dot2 import DATA
from roadseal.operate.pki.v2x.ecies import (
    Opened,
    encrypt_to_certificate,
    encrypt_to_key,
    encrypt_with_key,
    open_with_certificate,
    open_with_key,
    open_with_scalar,
    unwrap,
    wrap,
)
from roadseal.operate.pki.v2x.etsi_types import ETSI_DATA, INNER_EC_REQUEST
from roadseal.operate.pki.v2x.hierarchy import make_authority
from roadseal.operate.pki.v2x.points import generate_scalar, public_point
from roadseal.operate.pki.v2x.secured import Key, judge_key, read_signed
from roadseal.v2x import Reason

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "400"))
WRAPPED = [
    (
        "1384C31D6982D52BCA3BED8A7E60F52FECDAB44E5C0EA166815A8159E09FFB42",
        "9169155B08B07674CBADF75FB46A7B0D",
        "060E41440A4E35154CA0EFCB52412145836AD032833E6BC781E533BF14851085",
        "A6342013D623AD6C5F6882469673AE33",
        "80e1d85d30f1bae4ecf1a534a89a0786",
    ),
    (
        "D418760F0CB2DCB856BC3C7217AD3AA36DB6742AE1DB655A3D28DF88CBBF84E1",
        "9169155B08B07674CBADF75FB46A7B0D",
        "060E41440A4E35154CA0EFCB52412145836AD032833E6BC781E533BF14851085",
        "DD530BE3BCD149E881E09F06E160F5A0",
        "06c1f0f5eaed453caf78e01a3d16a001",
    ),
    (
        "1384C31D6982D52BCA3BED8A7E60F52FECDAB44E5C0EA166815A8159E09FFB42",
        "687E9757DEBFD87B0C267330C183C7B6",
        "DA5E1D853FCC5D0C162A245B9F29D38EB6059F0DB172FB7FDA6663B925E8C744",
        "1F6346EDAEAF57561FC9604FEBEFF44E",
        "373c0fa7c52a0798ec36eadfe387c3ef",
    ),
    (
        "4624A6F9F6BC6BD088A71ED97B3AEE983B5CC2F574F64E96A531D2464137049F",
        "687E9757DEBFD87B0C267330C183C7B6",
        "DA5E1D853FCC5D0C162A245B9F29D38EB6059F0DB172FB7FDA6663B925E8C744",
        "6CFD13B76436CD0DB70244FAE380CBA1",
        "c8bf18ac796b0b1d3a1256d3a91676c8",
    ),
]
PARAMETERS = {  # the text file prints the key in their place; its test program has them
    "9169155B08B07674CBADF75FB46A7B0D": (
        "A6B7B52554B4203F7E3ACFDB3A3ED8674EE086CE5906A7CAC2F8A398306D3BE9"
    ),
    "687E9757DEBFD87B0C267330C183C7B6": (
        "05BED5F867B89F30FE5552DF414B65B9DD4073FC385D14921C641A145AA12051"
    ),
}
REQUEST = bytes.fromhex(
    "03820101826cc2023b5115003e8083996da81b76fbdcaae0289abddfaf2b7198"
    "456dbe5495e58c7c61e32a2c2610ca49a6e39470e44e37f302da99da444426f3"
    "68211d919a06c57b574647b97ccc5180eaf3a6736b866446b150131382011c1e"
    "56af1083537123946957844cc5906698a777dddc317966a3920e16cfad39c697"
    "7f28156bd849b57e33b2a9abd1caa8a08520084214b865a355f6d274c3a64694"
    "b81b605b729c2a6fbe88c561e591a055713698d40cabe196b1c96fefccc05f97"
    "7beef6ce3528950c0e05f1c43749fd06114641c0442d0c952eb2eb0fa6b6f0b3"
    "142c6a7e170c2520edf79076c0b6000d4216af50a72955a28e48b0d5ba14b05e"
    "3ed4e5220c8bcc207070f6738b3b6ecabe056584b971df2a515bccd129bb614d"
    "2666a461542fa4c4d25a67a91bacda14fba0310cb937fa9d5d3351f17272eef2"
    "b6e492c3d7a02df81befed05139ce58a9c7f5d2f24f8acd99c4f8a8adbdd6a53"
    "5f89a8a406430d3a335caa563b35bbb0733379d58f9056d017fdd7"
)
RECIPIENT = bytes.fromhex("843BA5DC059A5DD3A6BF81842991608C4CB980456B9DA26F6CC2023B5115003E")
SCALAR = bytes.fromhex("06EB0D8314ADC4C3564A8E721DF1372FF54B5C725D09E2E353F2D0A46003AB86")


@pytest.mark.parametrize("row", WRAPPED)
def test_a_key_is_wrapped_as_others_wrap_it(row: tuple[str, ...]) -> None:
    ephemeral, key, private, encrypted, tag = map(bytes.fromhex, row)
    recipient, parameter = public_point(0, private), bytes.fromhex(PARAMETERS[row[1]])
    v, c, t = wrap(key, recipient, parameter, ephemeral)
    assert (v, c, t) == (public_point(0, ephemeral), encrypted, tag)
    assert unwrap(private, v, c, t, parameter) == key
    assert unwrap(private, v, c, bytes(16), parameter) is None
    assert unwrap(private, v, c, t, bytes(32)) is None
    assert unwrap(private, b"\x02" + bytes(32), c, t, parameter) is None


def test_an_enrolment_request_of_bouncy_castle_opens_and_holds() -> None:
    opened = open_with_certificate(REQUEST, RECIPIENT, SCALAR)
    assert isinstance(opened, Opened)
    assert opened.key.hex() == "d311371e8373bea1027e6ae573d6f1dd"
    outer = read_signed(opened.plaintext)
    assert outer is not None
    kind, inner = ETSI_DATA.decode(outer.payload)["content"]
    assert kind == "enrolmentRequest"
    assert ETSI_DATA.encode({"version": 1, "content": (kind, inner)}) == outer.payload
    proof = read_signed(inner)
    request = INNER_EC_REQUEST.decode(proof.payload)
    assert request["itsId"] == b"ETSI-ITS-001"
    assert INNER_EC_REQUEST.encode(request) == proof.payload
    form, x = request["publicKeys"]["verificationKey"][1]
    key = Key("ecdsa-p256", bytes([2 + (form == "compressed-y-1")]) + x)
    # The proof of possession is signed by the key that is asked for, two years before it is 2022.
    assert judge_key(proof, key, 623, proof.generation_time) is Reason.OK
    assert judge_key(proof, key, 623, proof.generation_time + 10**9) is Reason.STALE
    assert judge_key(outer, key, 623, outer.generation_time) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize("curve", [0, 1])
def test_what_is_encrypted_to_a_key_opens_with_it_alone(curve: int) -> None:
    scalar, other = generate_scalar(curve), generate_scalar(curve)
    sealed = encrypt_to_key(b"seed", public_point(curve, scalar), os.urandom, curve)
    assert open_with_scalar(sealed, scalar, curve).plaintext == b"seed"
    assert open_with_scalar(sealed, other, curve) == "not_for_us"


def test_pycrate_reads_what_is_encrypted_here() -> None:
    root = make_authority("root", "root", "ecdsa-p256", 700_000_000_000_000)
    ea = make_authority("ea", "EA", "ml-dsa-44", 700_000_000_000_000, root=root.credential)
    sealed = encrypt_to_certificate(b"hello", ea.certificate, os.urandom)
    foreign = ITS_IEEE1609_2.Ieee1609Dot2.Ieee1609Dot2Data
    for octets in (sealed.octets, encrypt_with_key(b"hello", sealed.key, os.urandom)):
        foreign.from_coer(octets)
        assert foreign.get_val()["content"][0] == "encryptedData"
        assert foreign.to_coer() == octets
    digest = ea.credential.digest
    assert open_with_certificate(sealed.octets, digest, ea.decrypting).plaintext == b"hello"
    assert open_with_certificate(sealed.octets, digest, generate_scalar(0)) == "not_authentic"
    assert open_with_certificate(sealed.octets, bytes(32), ea.decrypting) == "not_for_us"


def form_of_ephemeral(octets: bytes) -> int:
    """Where the sign of the ephemeral point stands.

    The agreed secret is an x coordinate, which P and -P share: ECIES authenticates the ciphertext,
    and not how the point was written.
    """
    ((_, recipient),) = DATA.decode(octets)["content"][1]["recipients"]
    _, x = recipient["encKey"][1]["v"]
    return octets.index(x) - 1


def test_no_mutant_of_an_encrypted_message_opens_or_raises() -> None:
    draw = random.Random(5)
    key = bytes(16)
    answer = encrypt_with_key(b"x" * 40, key, os.urandom)
    sign = form_of_ephemeral(REQUEST)
    for _ in range(MUTANTS):
        octets = bytearray(draw.choice((REQUEST, answer)))
        original = bytes(octets)
        for _ in range(draw.randint(1, 3)):
            octets[draw.randrange(len(octets))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.3:
            del octets[draw.randrange(len(octets)) :]
        if bytes(octets) == original:
            continue
        opened = open_with_certificate(bytes(octets), RECIPIENT, SCALAR)
        undone = bytes(octets[:sign]) + original[sign : sign + 1] + bytes(octets[sign + 1 :])
        if original == REQUEST == undone and octets[sign] in (0x82, 0x83):
            assert opened == open_with_certificate(REQUEST, RECIPIENT, SCALAR)
        else:
            assert isinstance(opened, str)
        assert isinstance(open_with_key(bytes(octets), key), str)
