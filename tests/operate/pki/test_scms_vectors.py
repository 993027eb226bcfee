"""Butterfly keys, linkage values and implicit certificates against numbers that others published.

CAMP SCP1, SCP2 and SEC 4: github.com/conz27/crypto-test-vectors (bfkeyexp.txt, lv.txt, glv.txt,
implicit.txt, lv_tests.py). KISA "01-07.KCAC.V2X.IMPCERTSCH" and certificates of a deployed US SCMS:
the tests of the dot2 library (dot2_ossl_ReconstructImplicitCert*). Only the numbers are taken.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from roadseal import _core
from roadseal.operate.pki.scms import (
    ORDER,
    EcqvRule,
    Layout,
    Purpose,
    add_base,
    butterfly_private,
    cocoon_private,
    cocoon_public,
    cocoons,
    compressed,
    ecqv_contribution,
    ecqv_hash_input,
    ecqv_reconstruct_private,
    ecqv_reconstruct_public,
    expansion,
    linkage_seed,
    linkage_value,
    prelinkage_value,
)
from roadseal.v2x import Policy

PERIOD, INDEX = 0x217D79E1, 0x11
BUTTERFLY: list[tuple[Purpose, str, str, str, str, str, str]] = [
    (
        "signing",
        "121D14216715E11D2D3787434A673B1B",
        "D418760F0CB2DCB856BC3C7217AD3AA36DB6742AE1DB655A3D28DF88CBBF84E1",
        "ee9cc7fbd9edecea41f7c8bd258e8d2e988e75bd069addca1e5a38e534ac6818"
        "5ae3c8d9fe0b1fc7438f29417c240f8bf81c358ec1a4d0c6e98d8edbcc714017",
        "79081DDD31EF9E5EA601250E584CD90FBA13EE7B518E72A2DB3AAAA158E12D5E",
        "4D2093ED3EA27B15FCBD61806FFA13B36AE367F88C52397824A9BF67283D8CEE",
        "2b18f3d93c4df3d9d1490e3a9ba5a0de9cfa73eddb95408bc1f2bf60cb3cf313"
        "1a2ce511e0da86356329a5c22a36a8a53088dcb11a5a94fa903ef0087421666a",
    ),
    (
        "encryption",
        "F9FCE2371B4523C0A75FC352BA7EBD8D",
        "4624A6F9F6BC6BD088A71ED97B3AEE983B5CC2F574F64E96A531D2464137049F",
        "121aa495c6b2c07a2b2daec36bd207d6620d7e6081050df5de3e9696868fcdca"
        "46c31a1abea0bddaaaaefbba3afdbff1ac8d196bc313fc130926810c05503950",
        "A1559B337D59834B32E364376C9915028E92D9392D89D4315BDA481ADD3BA317",
        "E77A422D7415EF1BBB8A8310E7D4039AC9EF9C2EA28022C8010C1A611E72A7B6",
        "b568fd55a7114254118e7463e85459bdd3c091342625b4a929541151bb8286be"
        "ed8dbe22200353d316cc5c3d8f1f281d8bfb34a9e6e1dbfe2043d928c64b430b",
    ),
]

# (certificate hash input, k_U, r, P_U, Q_CA, d_U, Q_U)
CAMP_QCA = (
    "043BB8FFD19B25EE1BB939CD4935FBFA8FBAADBA64843338A95595A70ED7479B70"
    "EB60DDC790E3CB05E85225F636D8A7C20DF3A8135C4B2AE5396367B4E86077F8"
)
CAMP_KU = "1384C31D6982D52BCA3BED8A7E60F52FECDAB44E5C0EA166815A8159E09FFB42"
ISSUER = (
    "80030080B7CBD0F79B969BD459811A7063612E70726570726F642E7632782E697373636D732E636F6DE30491000219D8"
    "D5DD86000A83010380007C8001E48003480101800123800385000101010081008082B0FF2F290F9E77FE940759C877B8"
    "F0516D411E44BC58F612615A26D726A0D79F808082FF9B00CE42B21AFFF2C1D3B12A387091E4D2C84B3AE253B11225F7"
    "725B89F59A808066CB66CDF3DDFBD285521E187DE229EA9161C8D24C676B7C837C9FBE12A9CD20B8E45B5E81D5A55737"
    "FA17439D2F1FD3D59ABBF24987F61ABE6F9FFB9F14CFB7"
)
ISSUER_KEY = (
    "04FF9B00CE42B21AFFF2C1D3B12A387091E4D2C84B3AE253B11225F7725B89F59A"
    "58A109D617F786BECEA4421759829E9C88A9E10146DD3E24ABCE9D984131341A"
)
CAMP_ECQV = [
    (
        "54686973206973206120746573742100024a1890e30a584208dad3838d0c5cecb1ed6b01d48893c684c59908f5b38e3d82",
        "1FA86893A1AABE8A79F63360F4B6D5617380B4D84B8C260DD8D3D64163C874FD",
        "024A1890E30A584208DAD3838D0C5CECB1ED6B01D48893C684C59908F5B38E3D82",
        "C8599ECA52B58D691B2BB609CDB53DDD9F49C0D635AB652EC79C546914590274",
        "046E89D7C0F910AAA4AD3137EBE01EF781C0BAB6748318D66FE714471F7F860EB2"
        "1EFE06E2ACC3A2343D2E4445F2083BFA4379672DFBFE0B2575002082407FFDDC",
    ),
    (
        "54686973206973206120746573742100036694d1f99a18cbe8035e053b2e56c12eecb94e9d5dba88e07e5b50cbe309103e",
        "001CF7456A157A90FCEA0634699E7A3644FEBFB86C119E6A9686928B8E3F7EF0",
        "036694D1F99A18CBE8035E053B2E56C12EECB94E9D5DBA88E07E5B50CBE309103E",
        "C9CCC8E83AB985C436A8BC09C0CAA8A5AC627DD7BC9336A5E8AB81B77D3A031D",
        "048ED40E9601BEEB146A4A0AB96D20EE0FE4CA1E389397F2B1CC67AD9F5B0F579E"
        "73E589E8A9A135306F4AA324F17B66906153BD333961F9BE530F20EB8D3339C7",
    ),
]
KISA_ECQV = [
    (
        "54686973206973206120746573742100024A1890E30A584208DAD3838D0C5CECB1ED6B01D48893C684C59908F5B38E3D82",
        "8A7966677B40674389118E269777451174564A3AD57FEC31F4EEFF07C641B4C8",
        "024A1890E30A584208DAD3838D0C5CECB1ED6B01D48893C684C59908F5B38E3D82",
        "EF6095F346D8DA2B95B88102C7D50B39FBDC1BD75EB56D556020B1EE0B9FA5A7",
        "04E76F7751EEC099CCCF074927FB0C0E4BC9EF7434B70119B39A91D150A2CA69A9"
        "174C7CCA46F5D73439F79987CB613B229ABE3F1F8D163E3D677211A690A8EC31",
    ),
    (
        "5468697320697320612074657374210002237B2D6610DA5B67E18AAEC0F09C99EE08D4F00852C7ED27C12963120F76A147",
        "06A8D6FCDC18AC05F6D9D88AB2C31B462E72C58C60555A3D9DF83DB6F2E3142B",
        "02237B2D6610DA5B67E18AAEC0F09C99EE08D4F00852C7ED27C12963120F76A147",
        "49FC4F116692225FEB26CC6366BB6D60CA6D6082DDFA980BD12FF7415AFD8439",
        "046442A1639E68ACF735E3F30BDC02AC4A6AB4F8D7B497D03BE1B95F0F563424A0"
        "C5871A8F84A728DCD52835635CD53F47017B7FC6BE3CAF4052AE6D11D7F3D37C",
    ),
]
FIELD_ECQV = [
    (
        "000301802480E44BAB156FDA5083E30491000319E8D56F8400A983010180034801010001878182DA96FF5838A904158D"
        "726A1EA87D2BB5C019B8417E3785619D4F108897043544",
        "9E31CD518CD86BA8A0E4F8DD9BF35FCBE9E6820332AEA19DFA0355878036FC2F",
        "8693C4342127B52AC2B07AF6A219A2C3EF067A07E12FFD35543266736ADDBA65",
        "58E274349E0D4CED5E4E80E65EB7E9F907BF6A9CD6ADEC5DAB4584BF27CA3538",
        "04AF67E87DD9099F988EE514AC0FE836A18C5349DCAC4A1DF18EDD7D39ACFEA979"
        "0C55FDF725663E60645C8994D3963B3036825518B4FE2CB6EAFA8E94D484F1C7",
    ),
    (
        "000301802480E44BAB156FDA5083E30491000319F20FF48400A9830101800348010100018781824079976DF871E5D06D"
        "E6453236060DC49E009C59DC14E539084135F5DB97E7C7",
        "5F95391CF69468FB91A1F16D435E4531782239385E7E03EDE4B0A6A3D82AFCFF",
        "44AC54EE38A3F2F5B100A92448C5285FAE29CA00A5A144DB0511379001A3ABDD",
        "D47291ACE0CA5D337317F38914CFE11FF7753A1E3BF2097A7BD462EF11066417",
        "0464759C5A9947D82BCA983C52F296117C352276E62D880DBD04864039D1E149CB"
        "8E1B85B142C7FDE16B77EC52380233A7BE71C7C0F8A67AD68F43F84717DB3249",
    ),
]


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def public_of(private: int) -> bytes:
    numbers = ec.derive_private_key(private, ec.SECP256R1()).public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32) + numbers.y.to_bytes(32)


@pytest.mark.parametrize("vector", BUTTERFLY, ids=lambda vector: vector[0])
def test_camp_butterfly(vector: tuple[Purpose, str, str, str, str, str, str]) -> None:
    purpose, key, seed, seed_public, value, private, public = vector
    caterpillar = octets("04" + seed_public)
    assert expansion(octets(key), PERIOD, INDEX, purpose) == int(value, 16)
    assert cocoon_private(int(seed, 16), octets(key), PERIOD, INDEX, purpose) == int(private, 16)
    assert cocoon_public(caterpillar, octets(key), PERIOD, INDEX, purpose) == octets("04" + public)
    assert cocoon_public(compressed(caterpillar), octets(key), PERIOD, INDEX, purpose)[
        1:
    ] == octets(public)


def test_cocoons_are_those_of_the_private_keys() -> None:
    seed, key = secrets.randbelow(ORDER - 1) + 1, secrets.token_bytes(16)
    indices = [(i, j) for i in (0, 1, 2**32 - 1) for j in range(5)]
    points = cocoons(public_of(seed), key, indices, "encryption")
    for (i, j), point in zip(indices, points, strict=True):
        assert point == public_of(cocoon_private(seed, key, i, j, "encryption"))
    contribution = secrets.token_bytes(32)
    private = cocoon_private(seed, key, 0, 0, "encryption")
    assert add_base(points[0], int.from_bytes(contribution) % ORDER) == public_of(
        butterfly_private(private, contribution)
    )


def test_camp_linkage() -> None:
    la1, la2 = octets("8E09"), octets("59CE")
    first1 = octets("4840ED221502D9AB6786BF68FBA9F210")
    first2 = octets("6B71A7EB5755F16E89981D2189A6DAEA")
    assert prelinkage_value(la1, first1, 8) == octets("61F391B5D930E103ED")
    assert prelinkage_value(la2, first2, 8) == octets("09795EC53B6E211CDF")
    assert linkage_value(
        prelinkage_value(la1, first1, 8), prelinkage_value(la2, first2, 8)
    ) == octets("688ACF70E25EC01F32")
    second1, second2 = linkage_seed(la1, first1), linkage_seed(la2, first2)
    assert second1 == octets("bd8f57949b4b60800cc97dbc6cd73edf")
    assert second2 == octets("228c371780f1e0ec424659bbaebc54a1")
    assert linkage_value(
        prelinkage_value(la1, second1, 6), prelinkage_value(la2, second2, 6)
    ) == octets("38479FDA0B161A5357")


def test_camp_linkage_of_its_own_tests() -> None:
    """The second set: what lv_tests.py asserts, as numbers."""
    la1, la2 = octets("8E09"), octets("59CE")
    seed1 = octets("1502D9AB6786BF68FBA9F210373BF221")
    seed2 = octets("5755F16E89981D2189A6DAEA4840ED22")
    rows = (
        (4473001393966194589182, 245336622344210819588, 4707948203137323915258),
        (3264427119751052742155, 1638125225100523861718, 4283863095717697075421),
    )
    for first, second, both in rows:
        plv1, plv2 = prelinkage_value(la1, seed1, 12), prelinkage_value(la2, seed2, 12)
        assert (plv1, plv2) == (first.to_bytes(9), second.to_bytes(9))
        assert linkage_value(plv1, plv2) == both.to_bytes(9)
        seed1, seed2 = linkage_seed(la1, seed1), linkage_seed(la2, seed2)
    assert linkage_seed(la1, octets("1502D9AB6786BF68FBA9F210373BF221")) == octets(
        "828097e29341a95c19cf31bd0a38e028"
    )
    assert linkage_seed(la2, octets("5755F16E89981D2189A6DAEA4840ED22")) == octets(
        "7d81f686b52529845e16a58d18915dc2"
    )


def test_camp_group_linkage_is_the_same_functions_with_a_j_of_32_bits() -> None:
    la1, la2 = octets("8E09"), octets("59CE")
    seed1 = octets("6B71A7EB5755F16E89981D2189A6DAEA")
    seed2 = octets("CC4DB977F595AD233F0F4E65408D9A9C")
    rows = (
        (0x4840ED22, "396E1FD39B379697E6", "5FB9E2BA0A6DAA09EA", "66D7FD69915A3C9E0C"),
        (0x548F7017, "A8DB5A8CA0E4E2E486", "6CDE7577AA02F84BB1", "C4052FFB0AE61AAF37"),
    )
    for j, first, second, both in rows:
        plv1, plv2 = prelinkage_value(la1, seed1, j), prelinkage_value(la2, seed2, j)
        assert (plv1, plv2) == (octets(first), octets(second))
        assert linkage_value(plv1, plv2) == octets(both)
        seed1, seed2 = linkage_seed(la1, seed1), linkage_seed(la2, seed2)


def test_the_other_linkage_layout() -> None:
    """As a public tool reports IEEE 1609.2-2022: low-order octets; no vectors are public."""
    layout: Layout = "ieee1609.2-2022"
    la, seed = octets("8E09"), octets("4840ED221502D9AB6786BF68FBA9F210")
    assert linkage_seed(la, seed, layout) == octets("4e9030c415080553a8859fe9d1fef740")
    value = prelinkage_value(la, seed, 8, layout)
    assert len(value) == 9
    assert value != prelinkage_value(la, seed, 8)


def test_wrong_lengths_are_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="expected 2 bytes for la_id, not 1"):
        linkage_seed(b"\x00", bytes(16))
    with pytest.raises(ValueError, match="expected 16 bytes for a linkage seed"):
        prelinkage_value(bytes(2), bytes(15), 0)
    with pytest.raises(ValueError, match="expected 9 bytes for a pre-linkage value"):
        linkage_value(bytes(9), bytes(8))
    with pytest.raises(ValueError, match="expected 16 bytes for the expansion key, not 32"):
        expansion(bytes(32), 0, 0, "signing")
    with pytest.raises(TypeError):
        linkage_seed(2, bytes(16))  # type: ignore[arg-type]  # not two zeros


@pytest.mark.parametrize("index", [-1, 1 << 32])
def test_indices_out_of_32_bits_are_the_callers_mistake(index: int) -> None:
    for wrong in ((index, 0), (0, index)):
        with pytest.raises(ValueError, match="32 bits"):
            expansion(bytes(16), *wrong, "signing")
        with pytest.raises(ValueError, match="32 bits"):
            cocoon_public(public_of(7), bytes(16), *wrong, "signing")
    with pytest.raises(ValueError, match="32 bits"):
        prelinkage_value(bytes(2), bytes(16), index)


def test_a_word_that_is_none_of_the_choice_does_not_mean_the_other_one() -> None:
    unknown: Any = "Encryption"
    with pytest.raises(ValueError, match="purpose is one of signing, encryption"):
        expansion(bytes(16), 0, 0, unknown)
    with pytest.raises(ValueError, match="layout is one of camp"):
        linkage_seed(bytes(2), bytes(16), unknown)
    with pytest.raises(ValueError, match="layout is one of camp"):
        prelinkage_value(bytes(2), bytes(16), 0, unknown)
    with pytest.raises(ValueError, match="rule is one of sec4"):
        ecqv_reconstruct_public(b"", public_of(1), public_of(2), unknown)


def test_octets_of_any_kind_and_numbers_give_the_same() -> None:
    key, point = bytes(range(16)), public_of(7)
    expected = cocoon_public(point, key, 1, 2, "signing")
    assert cocoon_public(bytearray(point), memoryview(key), 1, 2, "signing") == expected
    assert cocoon_private((7).to_bytes(32), key, 1, 2, "signing") == cocoon_private(
        7, bytearray(key), 1, 2, "signing"
    )
    assert butterfly_private((5).to_bytes(32), 6) == butterfly_private(5, (6).to_bytes(32)) == 11
    assert linkage_seed(bytearray(2), memoryview(key)) == linkage_seed(bytes(2), key)
    value = public_of(9)
    assert ecqv_reconstruct_public(
        bytearray(b"x"), bytearray(value), memoryview(point)
    ) == ecqv_reconstruct_public(b"x", value, point)
    assert add_base(point, ORDER + 1) == add_base(point, 1)


def test_scalars_out_of_range_and_a_key_of_zero_are_refused() -> None:
    for wrong in (-1, 1 << 256, b"\1" * 33):
        with pytest.raises(ValueError, match="32 bytes"):
            add_base(public_of(7), wrong)
    with pytest.raises(ValueError, match="would be zero"):
        ecqv_reconstruct_private(b"x", 0, ORDER)


def test_the_point_at_infinity_is_nobodys_key() -> None:
    """Cocoon keys of it would be f_k·G, whose private keys the RA knows."""
    with pytest.raises(ValueError, match="not a point"):
        cocoon_public(b"\0", bytes(16), 0, 0, "signing")
    for points in ((b"\0", public_of(7)), (public_of(7), b"\0")):
        with pytest.raises(ValueError, match="not a point"):
            ecqv_reconstruct_public(b"x", *points)


@pytest.mark.parametrize(
    ("rule", "vector"),
    [*(("sec4", row) for row in CAMP_ECQV), *(("ieee1609.2", row) for row in KISA_ECQV)],
    ids=["camp-1", "camp-2", "kisa-1", "kisa-2"],
)
def test_implicit_certificates(rule: EcqvRule, vector: tuple[str, str, str, str, str]) -> None:
    certificate, contribution, value, private, public = vector
    made = ecqv_reconstruct_private(
        octets(certificate), octets(CAMP_KU), octets(contribution), rule
    )
    assert made == octets(private)
    found = ecqv_reconstruct_public(octets(certificate), octets(value), octets(CAMP_QCA), rule)
    assert found == octets(public) == public_of(int.from_bytes(made))


@pytest.mark.parametrize("vector", FIELD_ECQV, ids=["1", "2"])
def test_certificates_of_a_deployed_scms(vector: tuple[str, str, str, str, str]) -> None:
    """Implicit enrolment certificates with their issuer's: H(CertU) as IEEE 1609.2 composes it."""
    text, request, contribution, private, public = vector
    certificate, issuer = octets(text), octets(ISSUER)
    issuer_hash = _core.certificate_digest(issuer)[0]
    assert issuer_hash[-8:] == certificate[4:12]
    hash_input = ecqv_hash_input(certificate[12:], issuer_hash)
    value = bytes([certificate[-33] & 0x7F]) + certificate[-32:]
    rule: EcqvRule = "ieee1609.2"
    assert ecqv_reconstruct_public(hash_input, value, octets(ISSUER_KEY), rule) == octets(public)
    made = ecqv_reconstruct_private(hash_input, octets(request), octets(contribution), rule)
    assert made == octets(private)
    verifier = _core.Verifier(Policy(), 1)
    verifier.add_certificates([issuer])
    assert verifier.look_into(certificate).public_point == octets(public)


@pytest.mark.parametrize("rule", ["sec4", "ieee1609.2"])
def test_issuing_and_reconstructing_agree(rule: EcqvRule) -> None:
    request, ephemeral, issuer = (secrets.randbelow(ORDER - 1) + 1 for _ in range(3))
    value = add_base(public_of(request), ephemeral)
    hash_input = ecqv_hash_input(b"to be signed", hashlib.sha256(b"issuer").digest())
    contribution = ecqv_contribution(hash_input, ephemeral, issuer, rule)
    private = ecqv_reconstruct_private(hash_input, request, contribution, rule)
    assert ecqv_reconstruct_public(hash_input, value, public_of(issuer), rule) == public_of(
        int.from_bytes(private)
    )


def test_points_off_the_curve_are_refused() -> None:
    point = bytearray(public_of(7))
    point[-1] ^= 1
    with pytest.raises(ValueError, match="not a point"):
        cocoon_public(bytes(point), bytes(16), 0, 0, "signing")
    with pytest.raises(ValueError, match="not a point"):
        ecqv_reconstruct_public(b"x", bytes(point), bytes(point))
