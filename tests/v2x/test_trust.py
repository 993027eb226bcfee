"""Trust directories, roots and keys of signers."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from roadseal.errors import RoadsealError
from roadseal.v2x import Header, Identification, Policy, Reason, SigningKey, Verifier, service, sign
from roadseal.v2x.policy import VERIFIABLE
from roadseal.v2x.testing import Authority
from roadseal.v2x.trust import (
    TrustStore,
    load_root,
    load_signer_keys,
    load_trust,
    pin,
    trust_of,
)

ROOT = Path(__file__).parents[2]
V2X = Path(os.environ.get("ROADSEAL_TESTDATA", ROOT.parent / "shared/data")) / "v2x"
NOW = 700_000_000_000_000
AUTHORITY = Authority("ecdsa-p256", now=NOW)
VEHICLE = AUTHORITY.vehicle()
HEADER = Header(psid=service.CAM, generation_time=NOW)

material = pytest.mark.skipif(not V2X.is_dir(), reason=f"no test material in {V2X}")


def verifier() -> Verifier:
    return Verifier(Policy(), 1)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    deep = tmp_path / "a/b"
    deep.mkdir(parents=True)
    (deep / "root").write_bytes(AUTHORITY.root.certificate)
    (tmp_path / "aa.txt").write_text(AUTHORITY.authorisation.certificate.hex() + "\n")
    (tmp_path / "key").write_bytes(bytes(32))
    (tmp_path / "README").write_text("not a certificate")
    return tmp_path


def test_directory_by_content(directory: Path) -> None:
    store = load_trust(directory)
    assert [file.path.name for file in store.roots] == ["root"]
    assert [file.path.name for file in store.certificates] == ["aa.txt"]
    assert store.ignored == 2
    judge = verifier()
    assert store.enter(judge) == []
    message = sign(b"", HEADER, VEHICLE, Identification.CERTIFICATE)
    assert judge.verify(message, NOW).ok


def test_what_does_not_hold_is_told(directory: Path) -> None:
    stranger = Authority("ecdsa-p256", now=NOW)
    (directory / "stranger").write_bytes(stranger.authorisation.certificate)
    forged = bytearray(AUTHORITY.root.certificate)
    forged[-1] ^= 1
    (directory / "forged").write_bytes(forged)
    told = {path.name: reason for path, reason in load_trust(directory).enter(verifier())}
    assert told == {"stranger": Reason.UNKNOWN_ISSUER, "forged": Reason.BAD_SIGNATURE}


def test_directories_without_certificates(tmp_path: Path) -> None:
    with pytest.raises(RoadsealError, match="holds no certificate") as empty:
        load_trust(tmp_path)
    assert empty.value.code == "no-certificate"
    with pytest.raises(RoadsealError) as absent:
        load_trust(tmp_path / "nowhere")
    assert absent.value.code == "no-trust-directory"
    absent_file = tmp_path / "nothing"
    assert trust_of([absent_file]) == TrustStore(others=(absent_file,))


def test_root(tmp_path: Path) -> None:
    file = tmp_path / "root.oer"
    file.write_bytes(AUTHORITY.root.certificate)
    assert [root.path for root in load_root(file).roots] == [file]
    file.write_bytes(AUTHORITY.authorisation.certificate)
    with pytest.raises(RoadsealError, match="is not self-signed"):
        load_root(file)
    file.write_bytes(b"nothing")
    with pytest.raises(RoadsealError, match="is no certificate"):
        load_root(file)
    file.write_bytes(AUTHORITY.root.certificate[:-1] + b"\x00")
    with pytest.raises(RoadsealError, match="bad_signature"):
        load_root(file)


def test_stores_add_up(directory: Path, tmp_path: Path) -> None:
    whole = load_trust(directory) + load_root(directory / "a/b/root")
    assert (len(whole.roots), len(whole.certificates), whole.ignored) == (2, 1, 2)


@material
def test_the_etsi_suite() -> None:
    store = load_trust(V2X / "etsi-ts-its")
    assert len(store.roots) == 2
    assert len(store.roots) + len(store.certificates) == 105
    assert store.ignored == 508
    told = store.enter(verifier())
    assert len(told) == 22
    assert Reason.BAD_SIGNATURE not in {reason for _, reason in told}


def keys_file(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def signer_name() -> str:
    return VEHICLE.hashed_id8.hex()


@pytest.mark.parametrize("algorithm", VERIFIABLE)
def test_the_octets_tell_the_algorithm(tmp_path: Path, algorithm: str) -> None:
    for number in range(6):  # half of all points have an odd y
        public_key = SigningKey.generate(algorithm).public_key
        file = keys_file(tmp_path / f"{number}", {signer_name(): {"public_key": public_key.hex()}})
        (key,) = load_signer_keys(file)
        assert key.public_key == public_key
        named = {"public_key": public_key.hex(), "algorithm": algorithm}
        (key,) = load_signer_keys(keys_file(file, {signer_name(): named}))
        assert (key.algorithm, key.signer) == (algorithm, VEHICLE.hashed_id8)


def test_an_uncompressed_point_has_one_curve(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    for curve, algorithm in (
        (ec.SECP256R1(), "ecdsa-p256"),
        (ec.BrainpoolP256R1(), "ecdsa-brainpoolp256r1"),
        (ec.SECP384R1(), "ecdsa-p384"),
        (ec.BrainpoolP384R1(), "ecdsa-brainpoolp384r1"),
    ):
        public = ec.generate_private_key(curve).public_key()
        point = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        (key,) = load_signer_keys(
            keys_file(tmp_path / "keys", {"self": "0x" + point.hex().upper()})
        )
        assert (key.signer, key.algorithm) == (None, algorithm)


def test_a_pinned_key_verifies(tmp_path: Path) -> None:
    message = sign(b"", HEADER, VEHICLE, Identification.CERTIFICATE)
    judge = verifier()
    assert judge.verify(message).overall == Reason.UNKNOWN_ISSUER
    keys = keys_file(tmp_path / "keys", {signer_name(): VEHICLE.signer.public_key.hex()})
    pin(judge, load_signer_keys(keys))
    assert judge.verify(message).ok


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("{", "is not JSON"),
        ("[" * 50_000, "is not JSON"),
        ([], "not a JSON object"),
        ({}, "not a JSON object"),
        ({"12": "00"}, "'12', which is no HashedId8"),
        ({"zz" * 8: "00"}, "which is no HashedId8"),
        ({"00" * 8: {"key": "00"}}, "no 'public_key'"),
        ({"00" * 8: 7}, "no 'public_key'"),
        ({"00" * 8: {"public_key": "0g"}}, "no 'public_key'"),
        ({"00" * 8: "04" + "11" * 64}, "are no public key"),
        ({"00" * 8: {"public_key": "02" + "11" * 32, "algorithm": "rsa"}}, "are no public key"),
        ({"00" * 8: {"public_key": "02" + "11" * 32, "algorithm": ["x"]}}, "are no public key"),
    ],
)
def test_wrong_keys_name_file_and_remedy(tmp_path: Path, value: Any, told: str) -> None:
    file = keys_file(tmp_path / "keys.json", value)
    with pytest.raises(RoadsealError) as error:
        load_signer_keys(file)
    assert told in error.value.message
    assert str(file) in error.value.message
    assert error.value.code == "signer-keys"
    assert error.value.advice


def test_keys_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RoadsealError, match="cannot be read"):
        load_signer_keys(tmp_path / "nowhere.json")
