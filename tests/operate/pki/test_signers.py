"""Keys where they live: software, SoftHSM, composites with a half in each; and external mu."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import mldsa, mlkem
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from roadseal.clock import ManualClock, parse_instant
from roadseal.crypto import load_profile
from roadseal.errors import RoadsealError
from roadseal.events import EventLog
from roadseal.operate.pki import SCHEMA, Authority, IssueRequest
from roadseal.operate.pki.der import sequence, tlv
from roadseal.operate.pki.key_store import KeyStore
from roadseal.operate.pki.keys import generate_key
from roadseal.operate.pki.path.validation import PathReason, PathRules, validate_path
from roadseal.operate.pki.pkcs11_token import Pkcs11Token
from roadseal.operate.pki.public_key import PublicKey, composite_of
from roadseal.operate.pki.request import KemChallenge, answer_challenge
from roadseal.operate.pki.revocation import refuse_blocked
from roadseal.operate.pki.signer import CompositeSigner, ExternalMuSigner, SoftwareSigner
from roadseal.operate.pki.tables import AUTHORITY
from roadseal.operate.pki.template import common_name, signed
from roadseal.operate.pki.tls_identity import certification_request
from roadseal.store import open_store

NOW = parse_instant("2026-11-26T09:00:00")
LIBRARY = Path("/usr/lib/softhsm/libsofthsm2.so")
COMPOSITE = "composite-mldsa65-ecdsa-p256-sha512/draft-19"
ROAD_SET = [
    COMPOSITE,
    "composite-mldsa44-ecdsa-p256-sha256/draft-19",
    "composite-mldsa44-ed25519-sha512/draft-19",
    "composite-mldsa87-ecdsa-p384-sha512/draft-19",
]
_labels = itertools.count()


@pytest.fixture(scope="module")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Label of a new SoftHSM token with the PIN 4321."""
    if not LIBRARY.exists() or not shutil.which("softhsm2-util"):
        pytest.skip("softhsm2 is not installed")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    label = f"road-{next(_labels)}"
    command = ["softhsm2-util", "--init-token", "--free", "--label", label]
    subprocess.run([*command, "--so-pin", "1234", "--pin", "4321"], check=True, capture_output=True)
    yield label
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


@pytest.fixture(scope="module")
def token(softhsm: str) -> Iterator[Pkcs11Token]:
    opened = Pkcs11Token(LIBRARY, softhsm, "4321")
    yield opened
    opened.close()


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ml-dsa-44", "ml-dsa-87"])
def test_a_reference_opens_the_same_key_and_holds_none(algorithm: str) -> None:
    store = KeyStore(b"correct horse")
    signer, reference = store.generate(algorithm)
    assert store.open(reference).public_key == signer.public_key
    assert signer.public_key.verify(b"message", store.open(reference).sign(b"message"))
    with pytest.raises(RoadsealError) as caught:
        KeyStore(b"wrong").open(reference)
    assert caught.value.code == "pki-passphrase"


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384"])
def test_a_key_in_softhsm_signs_and_does_not_leave(token: Pkcs11Token, algorithm: str) -> None:
    signer, reference = KeyStore(b"x", token).generate(algorithm, ("pkcs11",))
    signature = KeyStore(b"x", token).open(reference).sign(b"message")
    assert signer.public_key.verify(b"message", signature)
    assert not signer.public_key.verify(b"massage", signature)
    with pytest.raises(RoadsealError) as caught:
        KeyStore(b"x").open(reference)
    assert caught.value.code == "pki-module"
    with pytest.raises(RoadsealError) as caught:
        token.generate("ml-dsa-65", "post-quantum")
    assert caught.value.code == "pki-algorithm"
    with pytest.raises(RoadsealError) as caught:
        token.open("nobody")
    assert caught.value.code == "pki-module"


def test_a_wrong_pin_and_a_missing_library_say_what_to_do(token: Pkcs11Token) -> None:
    del token
    with pytest.raises(RoadsealError, match="plugged in, unlocked"):
        Pkcs11Token(Path("/nowhere.so"), "road", "4321")
    with pytest.raises(RoadsealError, match="plugged in, unlocked"):
        Pkcs11Token(LIBRARY, "another token", "4321")


def test_an_authority_with_a_half_in_each_module(token: Pkcs11Token, tmp_path: Path) -> None:
    store = open_store(tmp_path / "pki.db", SCHEMA)
    rest = {
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": ManualClock(NOW),
        "emit": EventLog(),
        "token": token,
    }
    Authority.create(store, "root", algorithm=COMPOSITE, places=("software", "pkcs11"), **rest)
    authority = Authority.open(store, "root", **rest)
    csr = certification_request(generate_key("ml-dsa-65"))
    issued = authority.issue(IssueRequest(csr, "rsu-1.example", "1"))
    leaf = x509.load_der_x509_certificate(issued.certificate)
    assert validate_path(leaf, [], authority.chain, PathRules(NOW)).reason is PathReason.OK
    with store.reading() as connection:
        stored = connection.execute(AUTHORITY.select()).one().key
    assert b'"pkcs11"' in stored
    assert b'"sealed"' in stored


@pytest.mark.parametrize("algorithm", ROAD_SET)
def test_composite_authorities_certify_composite_keys(algorithm: str, tmp_path: Path) -> None:
    """Our own verification is held to the draft's vectors in `test_composite`."""
    store = open_store(tmp_path / "pki.db", SCHEMA)
    rest = {
        "algorithm": algorithm,
        "passphrase": b"correct horse",
        "profile": load_profile("hybrid-2026"),
        "clock": ManualClock(NOW),
        "emit": EventLog(),
    }
    root = Authority.create(store, "root", **rest)
    authority = Authority.create(store, "issuing", parent=root, **rest)
    composite = composite_of(algorithm)
    assert composite
    signer = CompositeSigner(composite, *map(SoftwareSigner.generate, composite.halves))
    request = IssueRequest(_composite_csr(signer), "signer.example", "1", template="firmware")
    if algorithm != COMPOSITE:  # the only one that the profile takes for firmware
        with pytest.raises(RoadsealError) as caught:
            authority.issue(request)
        assert caught.value.code == "pki-key-profile"
        return
    issued = authority.issue(request)
    leaf = x509.load_der_x509_certificate(issued.certificate)
    verdict = validate_path(leaf, authority.chain[:1], authority.chain[1:], PathRules(NOW))
    assert verdict.reason is PathReason.OK
    authority.revoke(issued.serial, x509.ReasonFlags.key_compromise, block_key=True)
    half = composite.halves[0], signer.public_key.raw[:1952]
    with store.reading() as connection, pytest.raises(RoadsealError) as caught:
        refuse_blocked(connection, PublicKey.of(*half).hashes)
    assert caught.value.code == "pki-key-blocked"


def test_a_composite_request_with_one_half_forged_is_refused(tmp_path: Path) -> None:
    composite = composite_of(COMPOSITE)
    assert composite
    signer = CompositeSigner(composite, *map(SoftwareSigner.generate, composite.halves))
    authority = Authority.create(
        open_store(tmp_path / "pki.db", SCHEMA),
        "root",
        algorithm="ml-dsa-65",
        passphrase=b"x",
        profile=load_profile("hybrid-2026"),
        clock=ManualClock(NOW),
        emit=EventLog(),
    )
    good = _composite_csr(signer)
    for at in (-1, -100, -3300):  # the ECDSA half, its start, the ML-DSA half
        forged = bytearray(good)
        forged[at] ^= 1
        with pytest.raises(RoadsealError) as caught:
            authority.issue(IssueRequest(bytes(forged), "x.example", "1", template="firmware"))
        assert caught.value.code == "pki-possession"


def test_external_mu_is_pure_ml_dsa() -> None:
    key = mldsa.MLDSA65PrivateKey.generate()
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signer = ExternalMuSigner(PublicKey.read(info), key.sign_mu)
    key.public_key().verify(signer.sign(b"message"), b"message")
    key.public_key().verify(signer.sign(b"message", b"context"), b"message", b"context")
    with pytest.raises(RoadsealError, match="wrong length"):
        ExternalMuSigner(PublicKey.read(info), lambda mu: mu).sign(b"message")


def test_a_signer_shows_no_secret() -> None:
    signer = SoftwareSigner.generate("ml-dsa-65")
    assert repr(signer) == "SoftwareSigner('ml-dsa-65')"


@pytest.mark.parametrize("kind", [mlkem.MLKEM768PrivateKey, mlkem.MLKEM1024PrivateKey])
def test_a_kem_key_is_certified_once_it_opens_a_challenge(
    kind: type[mlkem.MLKEM768PrivateKey | mlkem.MLKEM1024PrivateKey], tmp_path: Path
) -> None:
    store = open_store(tmp_path / "pki.db", SCHEMA)
    authority = Authority.create(
        store,
        "root",
        algorithm="ml-dsa-87",
        passphrase=b"x",
        profile=load_profile("pqc-2030"),
        clock=ManualClock(NOW),
        emit=EventLog(),
    )
    key = kind.generate()
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    challenge = KemChallenge(info)
    with pytest.raises(RoadsealError) as caught:
        challenge.prove(bytes(32))
    assert caught.value.code == "pki-possession"
    proven = challenge.prove(answer_challenge(key, challenge.ciphertext))
    issued = authority.issue(IssueRequest(proven, "rsu-1.example", "1", template="kem"))
    leaf = x509.load_der_x509_certificate(issued.certificate)
    assert leaf.public_key() == key.public_key()
    rules = PathRules(NOW)
    assert validate_path(leaf, [], authority.chain, rules).reason is PathReason.OK
    with pytest.raises(RoadsealError) as caught:
        authority.issue(IssueRequest(proven, "rsu-1.example", "2"))  # not for signing
    assert caught.value.code == "pki-key-profile"


def _composite_csr(signer: CompositeSigner) -> bytes:
    name = common_name("signer.example")
    body = sequence(b"\x02\x01\x00", name, signer.public_key.info, tlv(0xA0))
    return signed(body, signer.public_key.algorithm, signer.sign(body))
