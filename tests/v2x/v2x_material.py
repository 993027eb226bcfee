"""Real material for the tests of this room, and what several of them need."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from roadseal.clock import Time64
from roadseal.v2x import Header, Identification, Policy, Verifier, message_profiles, service, sign
from roadseal.v2x.certificate import Credential
from roadseal.v2x.testing import Authority

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("ROADSEAL_TESTDATA", ROOT.parent / "shared" / "data"))

NOW = Time64(700_000_000_000_000)
SENT = Time64(NOW + 10_000_000)
HEARD = Time64(SENT + 50_000)
PAYLOAD = bytes(range(85))

PROFILES = tuple(name for name, profile in message_profiles().items() if not profile.anchor)
EXPERIMENTAL = tuple(
    name for name, profile in message_profiles().items() if profile.status != "standard"
)


def material(*parts: str) -> Path:
    """A path in the shared data; the test is skipped where it is not there."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared test data absent: {'/'.join(parts)} (set ROADSEAL_TESTDATA)")
    return path


@cache
def authority(profile: str) -> Authority:
    return Authority(profile, now=NOW)


def message(
    credential: Credential,
    identification: Identification = Identification.DIGEST,
    *,
    at: int = SENT,
    psid: int = service.CAM,
    payload: bytes = PAYLOAD,
    **header: Any,
) -> bytes:
    fields = Header(psid=psid, generation_time=Time64(at), **header)
    return sign(payload, fields, credential, identification)


@cache
def field_rows() -> tuple[dict[str, Any], ...]:
    lines = material("v2x", "us-field", "spdus.jsonl").read_text("ascii").splitlines()
    return tuple(json.loads(line) for line in lines)


@cache
def field_certificates() -> dict[str, bytes]:
    document = json.loads(material("v2x", "us-field", "certificates.json").read_bytes())
    return {name: bytes.fromhex(octets) for name, octets in document["certificates"].items()}


def field_verifier(*, replay: bool = True, threads: int = 1) -> Verifier:
    """A verifier that holds the recovered keys of the two field stations."""
    verifier = Verifier(Policy(replay=replay), threads)
    verifier.add_certificates(list(field_certificates().values()))
    for row in field_rows():
        key = bytes.fromhex(row["pubkey_uncompressed"])
        verifier.pin(bytes.fromhex(row["cert_hashedid8"]), "ecdsa-p256", key)
    return verifier


@cache
def etsi_certificates() -> dict[str, bytes]:
    folder = material("v2x", "etsi-ts-its", "certificates")
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.oer"))}
