"""What numbers of the wire are called, beside Wireshark's tables."""

from __future__ import annotations

import shutil
import subprocess
from collections import defaultdict
from contextlib import suppress
from functools import cache

import pytest

from roadseal.assess.inventory import cipher_suite, identifiers
from roadseal.assess.inventory.finding import Role
from roadseal.assess.inventory.wire.ike import ike

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="needs tshark")

Values = dict[int, str]


@cache
def tables() -> dict[str, Values]:
    """Wireshark's tables of names, by the field that each belongs to."""
    said = subprocess.run(["tshark", "-G", "values"], capture_output=True, check=True)
    found: dict[str, Values] = defaultdict(dict)
    ours = (b"V\ttls.handshake.", b"V\tisakmp.ike.attr.")
    for line in said.stdout.splitlines():
        if not line.startswith(ours):
            continue
        match line.decode(errors="replace").split("\t"):
            case ["V", field, code, name]:
                with suppress(ValueError):  # names of letters
                    found[field][int(code, 0)] = name
    return found


def is_grease(code: int) -> bool:
    return code & 0x0F0F == 0x0A0A and code >> 8 == code & 0xFF


NOT_NAMED = {  # secret ciphers, and what only drafts of TLCP had
    *(0x001C, 0x001D),  # Fortezza
    *(0xE001, 0xE003, 0xE005, 0xE007, 0xE009, 0xE00A, 0xE01A),
}


def test_cipher_suites_have_the_names_that_wireshark_gives_them() -> None:
    theirs = tables()["tls.handshake.ciphersuite"]
    other = {
        code: (name, ours)
        for code, name in theirs.items()
        if not is_grease(code)
        and code not in NOT_NAMED
        and (ours := cipher_suite.from_code(code).name) != name
    }
    assert other == {}
    assert len(theirs) > 380


def test_curves_and_fields_have_the_names_that_wireshark_gives_them() -> None:
    """Beyond these, numbers were for private use and meant different things over the years."""
    theirs = tables()["tls.handshake.extensions_supported_group"]
    registered = {code: name for code, name in theirs.items() if code < 0x200}
    ours = {code: identifiers.tls_group_spelling(code) for code in registered}
    assert ours == registered
    assert len(registered) > 30


IKE_V1_METHODS = (  # the end of Wireshark's name = ours
    ("PreShared", "psk"),
    ("DSS", "dsa"),
    ("RSAEncryption", "rsa-pkcs1"),
    ("RSARevisedEncryption", "rsa-pkcs1"),
    ("RSA", "rsa"),
)


def test_extended_and_hybrid_authentication_of_ike_version_1_stands_on_a_method() -> None:
    theirs = tables()["isakmp.ike.attr.authentication_method"]
    compared = 0
    for number, name in theirs.items():
        if not name.startswith(("XAUTH", "Hybrid")):
            continue
        wanted = next(ours for end, ours in IKE_V1_METHODS if name.endswith(end))
        (use,) = ike_v1(kind=3, number=number)
        assert use == (wanted, Role.LIVE_AUTHENTICATION), name
        compared += 1
    assert compared == 14


@pytest.mark.parametrize(
    ("number", "bits", "name"),
    [(7, 256, "aes-256-cbc"), (7, None, "aes-128-cbc"), (8, 192, "camellia-192-cbc")],
)
def test_ciphers_of_ike_version_1_with_a_length_of_their_key(
    number: int, bits: int | None, name: str
) -> None:
    assert ike_v1(kind=1, number=number, bits=bits) == [(name, Role.ENCRYPTION)]


def ike_v1(*, kind: int, number: int, bits: int | None = None) -> list[tuple[str, Role]]:
    """Names of what a responder chose."""
    session = {
        "version": 1,
        "proposed": [],
        "chosen": [{"kind": kind, "id": number, "key_bits": bits}],
        "responder_group": None,
        "notifies": [],
    }
    return [(use.name, use.role) for use in ike(session).algorithms]
