"""Recorded sessions of implementations that are not ours say what the peers were told to use."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from roadseal.assess.inventory.finding import AlgorithmUse, Finding, Gap, Role
from roadseal.assess.inventory.wire import collect_capture

RECORDED = Path(__file__).parent / "recorded"
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000"))


def findings(name: str) -> dict[str, Finding]:
    """Findings by the server's port; there is no gap."""
    seen = list(collect_capture(RECORDED / name, name))
    assert not [one for one in seen if isinstance(one, Gap)]
    return {
        str(one.facts["endpoint"]).rpartition(":")[2]: one
        for one in seen
        if isinstance(one, Finding)
    }


def used(finding: Finding) -> list[str]:
    return [use.name for use in finding.algorithms if use.preferred]


def test_dtls_1_3_with_a_hybrid_group_whose_hello_comes_in_fragments() -> None:
    found = findings("dtls-1.3-wolfssl.pcap")
    assert {one.facts["version"] for one in found.values()} == {"1.3"}
    assert used(found["7002"]) == ["x25519mlkem768", "aes-256-gcm"]
    assert used(found["7004"]) == ["secp256r1mlkem768", "aes-256-gcm"]
    assert found["7002"].facts["retry_group"] == "X25519MLKEM768"


def test_dtls_1_3_of_another_maker_in_small_records() -> None:
    found = findings("dtls-1.3-dimpl.pcap")
    assert used(found["6002"]) == ["p384", "aes-128-gcm"]
    assert found["6002"].facts["retry_group"] == "secp384r1"
    assert used(found["6003"]) == ["p256", "aes-128-gcm"]


def test_tlcp_with_two_certificates_a_client_and_a_refusal() -> None:
    found = findings("tlcp-gmsm.pcap")
    for port in ("5001", "5003"):
        assert found[port].facts["cipher_suite"] == "ECC_SM4_CBC_SM3"
        assert used(found[port]) == ["sm2", "sm2", "sm4-cbc", "hmac-sm3"]
    assert found["5003"].facts["client_certificates"] == 1
    assert found["5004"].facts["outcome"] == "refused by the server: handshake failure"
    certificates: dict[bytes, int] = {}
    list(collect_capture(RECORDED / "tlcp-gmsm.pcap", "x", certificates))
    assert len(certificates) == 3, "one to sign, one to encrypt, the client's"


@pytest.mark.parametrize(
    ("port", "hybrid"),
    [("10024", "hybrid(x25519+ml-kem-768)"), ("10034", "hybrid(x25519+ml-kem-768+ml-kem-1024)")],
)
def test_ike_with_additional_key_exchanges(port: str, hybrid: str) -> None:
    finding = findings("ike-strongswan.pcap")[port]
    assert finding.algorithms[0] == AlgorithmUse(hybrid, Role.KEY_EXCHANGE)
    assert finding.facts["intermediate_exchange"] is True


def test_ike_whose_responder_wanted_another_group_and_version_1() -> None:
    found = findings("ike-strongswan.pcap")
    assert used(found["10074"]) == ["p256", "aes-128-cbc", "aes-128-xcbc"]
    assert used(found["10114"]) == ["dh-4096", "aes-192-cbc", "hmac-sha-384", "psk"]


def test_tls_over_sctp() -> None:
    (finding,) = findings("tls-over-sctp-ncat.pcap").values()
    assert finding.facts["endpoint"] == "127.0.0.1:8001"
    assert used(finding) == ["x25519mlkem768", "aes-256-gcm"]


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("macsec-wpa_supplicant.pcap", "frames_encrypted"),
        ("macsec-integrity-wpa_supplicant.pcap", "frames_authenticated_only"),
    ],
)
def test_macsec_and_the_agreement_on_its_keys(name: str, frames: str) -> None:
    """The suite is the default one, which a distributed key does not name."""
    seen = list(collect_capture(RECORDED / name, name))
    found = [one for one in seen if isinstance(one, Finding)]
    assert len(found) == len(seen), "no gap"
    agreed = [one for one in found if used(one) == ["aes-128-gcm"]]
    assert len(agreed) == 1
    assert any(one.facts.get(frames) for one in found)


@pytest.mark.fuzz
def test_mutants_of_recorded_sessions_cost_a_gap_at_most() -> None:
    numbers = random.Random(5)
    files = [path.read_bytes() for path in sorted(RECORDED.glob("*.pcap"))]
    for turn in range(MUTANTS):
        data = bytearray(files[turn % len(files)])
        for _ in range(numbers.randrange(1, 8)):
            data[numbers.randrange(24, len(data))] = numbers.randrange(256)
        for one in collect_capture(bytes(data[: numbers.randrange(24, len(data))]), "mutant"):
            assert isinstance(one, Finding | Gap)
