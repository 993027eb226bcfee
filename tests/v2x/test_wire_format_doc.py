"""The tables of docs/wire-format.md are what the code does today."""

from __future__ import annotations

import pytest
import wire_format_tables
from v2x_material import ROOT, authority, etsi_certificates, message

from roadseal import _core
from roadseal.v2x import Identification
from roadseal.v2x.anchor import HEAD_BYTES
from roadseal.v2x.fragment import HEADER_BYTES

DOCUMENT = (ROOT / "docs" / "wire-format.md").read_text("utf-8")


def compact(table: str) -> list[list[str]]:
    return [[cell.strip(" -:") for cell in line.split("|")] for line in table.splitlines()]


def document_holds(table: str) -> bool:
    wanted = compact(table)
    lines = compact(DOCUMENT)
    return any(lines[at : at + len(wanted)] == wanted for at in range(len(lines)))


@pytest.mark.parametrize("name", ["sizes", "batches"])
def test_the_table_is_true(name: str) -> None:
    made = getattr(wire_format_tables, name)()
    assert document_holds(made), f"docs/wire-format.md should hold this table:\n{made}"


@pytest.mark.skipif(not wire_format_tables.has_tshark(), reason="tshark is not installed")
def test_legacy_decoders_do_what_the_table_says() -> None:
    made = wire_format_tables.legacy()
    assert document_holds(made), f"docs/wire-format.md should hold this table:\n{made}"


def test_nobody_misreads_what_it_does_not_know() -> None:
    """Whatever pycrate can read of a post-quantum message is what we read."""
    for name in wire_format_tables.names():
        octets = message(wire_format_tables.station(name), Identification.CERTIFICATE)
        assert "reads" in wire_format_tables.by_pycrate("Ieee1609Dot2Data", octets)
        assert "reads" in wire_format_tables.by_asn1tools("Ieee1609Dot2Data", octets)


def test_the_legacy_module_reads_the_whole_etsi_suite() -> None:
    """So what it cannot read of ours is not the module's fault."""
    module = wire_format_tables.legacy_module()
    for name, octets in etsi_certificates().items():
        assert module.encode("Certificate", module.decode("Certificate", octets)) == octets, name


def test_the_document_names_every_choice_index() -> None:
    for index, algorithm in enumerate(
        (
            "ecdsa-p256",
            "ecdsa-brainpoolp256r1",
            "ecdsa-brainpoolp384r1",
            "ecdsa-p384",
            "sm2",
            "fn-dsa-512/pre1",
            "ml-dsa-44",
            "ml-dsa-65",
            "ecdsa-p256+fn-dsa-512/pre1",
        )
    ):
        assert f"| {index} | `{algorithm}` |" in DOCUMENT
        if algorithm != "sm2":
            assert f"| {_core.hash_of(algorithm).upper()} |" in DOCUMENT


def test_the_layouts_add_up() -> None:
    assert HEAD_BYTES == 70 + 3_309
    assert HEADER_BYTES == 1 + 8 + 1 + 1 + 3


@pytest.mark.parametrize(
    ("profile", "signature", "tail"),
    [
        ("fn-dsa-512/pre1", "8582029a", 666),
        ("ml-dsa-44/rs1", "86820974", 2_420),
        ("ml-dsa-65/rs1", "87820ced", 3_309),
        ("dual-p256-fn-dsa-512/pre1", "888202dc0080", 730),
    ],
)
def test_signatures_begin_as_documented(profile: str, signature: str, tail: int) -> None:
    octets = message(authority(profile).vehicle())
    start = len(octets) - tail - len(signature) // 2
    assert octets[start:].hex().startswith(signature)
    assert f"`{' '.join(signature[i : i + 2] for i in range(0, len(signature), 2))}`" in DOCUMENT
