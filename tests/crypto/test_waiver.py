"""Waivers: what was signed holds for exactly what it says, and nothing else ever raises."""

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from roadseal.clock import Time64, parse_instant
from roadseal.crypto import Purpose, Waiver, WaiverStatus, WaiverVerdict, check_waiver, sign_waiver
from roadseal.crypto.waiver import CONTEXT, EVERYONE, MAX_WAIVER_BYTES, open_waiver
from roadseal.errors import RoadsealError

KEY = MLDSA65PrivateKey.from_seed_bytes(bytes(range(32)))
OTHER_KEY = MLDSA65PrivateKey.from_seed_bytes(bytes(32))
ISSUERS = {"city": KEY.public_key(), "county": OTHER_KEY.public_key()}
START, END = parse_instant("2026-12-01"), parse_instant("2027-03-01")
WAIVER = Waiver(
    issuer="city",
    subject="rsu-0042",
    purpose=Purpose.MESSAGE,
    algorithm="ecdsa-p256",
    not_before=START,
    not_after=END,
    reason="Der Austausch des Geräts ist für Februar bestellt.",
)
SIGNED = sign_waiver(WAIVER, KEY)


def check(
    data: bytes,
    *,
    subject: str = "rsu-0042",
    purpose: Purpose = Purpose.MESSAGE,
    algorithm: str = "ecdsa-p256",
    now: Time64 = START,
) -> WaiverVerdict:
    return check_waiver(
        data, ISSUERS, subject=subject, purpose=purpose, algorithm=algorithm, now=now
    )


def sign_line(line: bytes) -> bytes:
    """Sign any line, also one that `sign_waiver` would refuse."""
    return line + b"\n" + base64.b64encode(KEY.sign(line, CONTEXT)) + b"\n"


def test_a_waiver_holds_for_what_it_says() -> None:
    verdict = check(SIGNED)
    assert verdict.ok
    assert verdict.waiver == WAIVER


def test_it_holds_for_nothing_else() -> None:
    second = 1_000_000
    assert check(SIGNED, subject="rsu-0043").status is WaiverStatus.WRONG_SUBJECT
    assert check(SIGNED, purpose=Purpose.CERTIFICATE).status is WaiverStatus.WRONG_PURPOSE
    assert check(SIGNED, algorithm="ecdsa-p384").status is WaiverStatus.WRONG_ALGORITHM
    assert check(SIGNED, now=Time64(START - 1)).status is WaiverStatus.NOT_YET_VALID
    assert check(SIGNED, now=Time64(END - 1)).ok
    assert check(SIGNED, now=END).status is WaiverStatus.EXPIRED
    assert check(SIGNED, now=Time64(END + 1000 * second)).status is WaiverStatus.EXPIRED


def test_one_for_everyone() -> None:
    signed = sign_waiver(replace(WAIVER, subject=EVERYONE), KEY)
    assert check(signed).ok
    assert check(signed, subject="anyone").ok


def test_only_the_named_issuers_key_counts() -> None:
    assert check(sign_waiver(WAIVER, OTHER_KEY)).status is WaiverStatus.BAD_SIGNATURE
    stranger = sign_waiver(replace(WAIVER, issuer="stranger"), KEY)
    assert check(stranger).status is WaiverStatus.UNKNOWN_ISSUER
    assert check(stranger).waiver is None
    assert open_waiver(SIGNED, {}).status is WaiverStatus.UNKNOWN_ISSUER


def test_a_signature_for_another_use_of_the_key_is_no_waiver() -> None:
    line = SIGNED.split(b"\n")[0]
    for signature in (KEY.sign(line), KEY.sign(line, b"roadseal-waiver/2")):
        forged = line + b"\n" + base64.b64encode(signature) + b"\n"
        assert check(forged).status is WaiverStatus.BAD_SIGNATURE


def test_no_single_bit_can_be_flipped() -> None:
    accepted = []
    for at in range(len(SIGNED)):
        mutant = bytearray(SIGNED)
        mutant[at] ^= 1 << (at % 8)
        if check(bytes(mutant)).ok:
            accepted.append(at)
    assert accepted == []


def test_there_is_one_way_to_write_it() -> None:
    line = SIGNED.split(b"\n")[0]
    form = json.loads(line)
    variants = [
        json.dumps(form).encode(),  # spaces, and ä escaped
        json.dumps(form, separators=(",", ":"), sort_keys=True).encode(),  # ä escaped
        json.dumps(
            dict(reversed(form.items())), separators=(",", ":"), ensure_ascii=False
        ).encode(),
        line.replace(b'"issuer"', b'"issuer":"county","issuer"', 1),
        line.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + line,
        line + b" ",
        line.replace(b"2026-12-01T", b"2026-12-1T"),
    ]
    for variant in variants:
        assert variant != line
        assert check(sign_line(variant)).status is WaiverStatus.MALFORMED, variant
    assert check(sign_line(line)).ok
    padded = SIGNED[:-1] + b"=\n"  # the base64 decoder would let it pass
    for data in (SIGNED + b"\n", SIGNED[:-1], SIGNED + b"x", b"\n" + SIGNED, padded):
        assert check(data).status is WaiverStatus.MALFORMED


@pytest.mark.parametrize(
    "change",
    [
        {"not_after": "2026-12-01T00:00:00Z"},  # ends when it starts
        {"not_after": "2027-12-03T00:00:00Z"},  # 367 days
        {"not_after": "2027-02-30T00:00:00Z"},
        {"not_after": None},
        {"not_before": 0},
        {"purpose": "everything"},
        {"algorithm": "rot13"},
        {"algorithm": "aes-128-gcm"},
        {"algorithm": "sm2"},
        {"reason": ""},
        {"reason": "x" * 201},
        {"reason": "\x1b[31mred"},
        {"subject": "a\nb"},
        {"issuer": "\ud800"},
        {"format": "roadseal-waiver/2"},
        {"signature_algorithm": "ml-dsa-44"},
        {"only_on": "sundays"},  # an unknown field may be a restriction
    ],
)
def test_what_nobody_should_have_signed_is_malformed(change: dict[str, object]) -> None:
    form = json.loads(SIGNED.split(b"\n")[0]) | change
    text = json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert check(sign_line(text.encode("utf-8", "surrogatepass"))).status is WaiverStatus.MALFORMED


@pytest.mark.parametrize(
    "bad",
    [
        replace(WAIVER, not_after=START),
        replace(WAIVER, not_after=Time64(END + 1)),
        replace(WAIVER, not_after=parse_instant("2028-12-01")),
        replace(WAIVER, not_after=Time64(10**18)),
        replace(WAIVER, reason=""),
        replace(WAIVER, subject="\ud800"),
        replace(WAIVER, algorithm="aes-128-gcm"),
        replace(WAIVER, algorithm="rot13"),
    ],
)
def test_nobody_can_sign_it_either(bad: Waiver) -> None:
    with pytest.raises(RoadsealError) as caught:
        sign_waiver(bad, KEY)
    assert caught.value.code == "waiver-malformed"


def test_the_largest_waiver_fits() -> None:
    wide = "\N{GRINNING FACE}" * 200
    signed = sign_waiver(replace(WAIVER, subject=wide, reason=wide, issuer=wide), KEY)
    assert MAX_WAIVER_BYTES * 0.8 < len(signed) <= MAX_WAIVER_BYTES
    assert open_waiver(signed, {wide: KEY.public_key()}).ok


def test_size_and_depth_limits() -> None:
    assert check(b"x" * (MAX_WAIVER_BYTES + 1)).status is WaiverStatus.TOO_LARGE
    for line in (b"[" * 3000, b'{"a":' * 1000, b"9" * 5000, b'{"a":1e999}', b"NaN", b"null", b"{}"):
        assert check(sign_line(line)[:MAX_WAIVER_BYTES]).status is WaiverStatus.MALFORMED
    for signature in (b"", b"AAAA", b"====", b"A" * 4413):
        data = SIGNED.split(b"\n")[0] + b"\n" + signature + b"\n"
        assert not check(data).ok


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_hostile_bytes_get_a_verdict(data: st.DataObject) -> None:
    mutant = bytearray(SIGNED)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 400) | st.integers(0, len(mutant)))
        length = data.draw(st.integers(0, 20))
        mutant[at : at + length] = data.draw(st.binary(max_size=20))
    verdict = check(bytes(mutant))
    assert isinstance(verdict.status, WaiverStatus)
    assert verdict.ok == (bytes(mutant) == SIGNED)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=9000) | st.text(max_size=2000).map(str.encode))
def test_noise_gets_a_verdict(data: bytes) -> None:
    assert check(data).status in {WaiverStatus.MALFORMED, WaiverStatus.TOO_LARGE}


def test_neither_key_nor_signature_shows_in_the_verdict() -> None:
    assert bytes(range(32)).hex() not in repr(check(SIGNED))
    assert "signature=" not in repr(check(SIGNED))
