"""Certificates and keys in another guise: messages, mail, UTF-16, base64 in values."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from assess_scanning import READER, algorithms, mutants, read

from roadseal.assess.inventory.finding import Cause, Finding, Gap, Role

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))


def openssl(*command: str, cwd: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    subprocess.run(["openssl", *command], cwd=cwd, capture_output=True, check=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An RSA and an EC certificate of OpenSSL with their keys, and a text."""
    path = tmp_path_factory.mktemp("wrapped")
    kinds = {"rsa": ["rsa:3072"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}
    for name, options in kinds.items():
        openssl("req", "-x509", "-newkey", *options, "-nodes", "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.pem", cwd=path)  # fmt: skip
    (path / "text").write_text("the text\n")
    return path


MESSAGES = [
    ("cms -sign -signer rsa.pem -inkey rsa.key -md sha384",
     {"rsa-3072", "rsa-pkcs1-sha-384", "sha-384"}),
    ("cms -sign -signer ec.pem -inkey ec.key", {"ecdsa-p384", "ecdsa-sha-256", "sha-256"}),
    ("cms -sign -nocerts -signer ec.pem -inkey ec.key", {"ecdsa-sha-256", "sha-256"}),
    ("cms -sign -signer rsa.pem -inkey rsa.key -keyopt rsa_padding_mode:pss",
     {"rsa-3072", "rsa-pss-sha-256", "sha-256"}),
    ("smime -sign -signer rsa.pem -inkey rsa.key", {"rsa-3072", "rsa-pkcs1-sha-256", "sha-256"}),
    ("cms -encrypt -aes-128-cbc rsa.pem", {"rsa-pkcs1", "aes-128-cbc"}),
    ("cms -encrypt -aes-256-gcm -recip rsa.pem -keyopt rsa_padding_mode:oaep",
     {"rsa-oaep", "aes-256-gcm"}),
    ("cms -encrypt -aes-256-cbc ec.pem", {"ecdh", "aes-256-wrap", "aes-256-cbc"}),
    ("cms -encrypt -des3 -pwri_password k7Verkehr", {"3des-cbc"}),
    ("cms -EncryptedData_encrypt -secretkey 000102030405060708090a0b0c0d0e0f -aes-128-cbc",
     {"aes-128-cbc"}),
]  # fmt: skip
# the signature over the certificate itself, and what a password is made into a key with
BESIDE = {"rsa-pkcs1-sha-256", "ecdsa-sha-256", "sha-256", "pbkdf2-sha-1"}


def message(command: str, form: str, folder: Path) -> bytes:
    words = command.split()
    if form == "DER" and "-sign" in words:
        words.append("-nodetach")
    recipients = [words.pop()] if "-encrypt" in words and words[-1].endswith(".pem") else []
    openssl(*words, "-in", "text", "-outform", form, "-out", "out", *recipients, cwd=folder)
    return (folder / "out").read_bytes()


@pytest.mark.parametrize("form", ["DER", "PEM", "SMIME"])
@pytest.mark.parametrize(("command", "expected"), MESSAGES)
def test_messages_of_openssl(command: str, expected: set[str], form: str, folder: Path) -> None:
    name = {"DER": "smime.p7m", "PEM": "message.pem", "SMIME": "message.eml"}[form]
    found, gaps = read(name, message(command, form, folder))
    assert not gaps
    assert expected <= set(algorithms(found)) <= expected | BESIDE
    signed = "-sign" in command
    (one,) = [one for one in found if one.collector == "certificate/cms"]
    roles = {use.role for use in one.algorithms}
    assert (Role.MESSAGE_SIGNATURE in roles) is signed
    assert (Role.ENCRYPTION in roles) is not signed


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_pem_in_another_encoding(codec: str, folder: Path) -> None:
    text = "of: Zürich\n" + (folder / "rsa.pem").read_text() + (folder / "ec.pem").read_text()
    found, gaps = read("both.pem", text.encode(codec))
    assert not gaps
    assert {"rsa-3072", "ecdsa-p384"} <= set(algorithms(found))
    first, second = (one.location.line or 0 for one in found)
    assert second - first == (folder / "rsa.pem").read_text().count("\n")


@pytest.mark.parametrize("codec", ["utf-16", "utf-8-sig"])
def test_a_configuration_in_another_encoding(codec: str) -> None:
    text = "MACs hmac-md5\nKexAlgorithms curve25519-sha256\nPermitRootLogin no\n"
    found, gaps = read("sshd_config", text.encode(codec))
    assert not gaps
    assert algorithms(found) == ["hmac-md5", "x25519"]


def wrapped(folder: Path) -> dict[str, str]:
    pem = (folder / "rsa.pem").read_bytes()
    der, value = base64.b64encode(der_of(pem)).decode(), base64.b64encode(pem).decode()
    lines = [value[at : at + 76] for at in range(0, len(value), 76)]
    der_lines = [der[at : at + 64] for at in range(0, len(der), 64)]
    return {
        "kubeconfig": f"- cluster:\n    certificate-authority-data: {value}\n    server: x\n",
        "secret.yaml": f"data:\n  tls.crt: {value}\n  other: eHl6\n",
        "folded.yaml": "data:\n  tls.crt: >-\n    " + "\n    ".join(lines) + "\n  other: eHl6\n",
        "secret.json": json.dumps({"data": {"tls.crt": value, "other": "eHl6"}}, indent=1),
        "one-line.json": json.dumps({"data": {"other": "eHl6", "tls.crt": value}}),
        "wrapped.json": json.dumps({"tls.crt": "\n".join(lines) + "\n"}),
        "jwks.json": json.dumps({"keys": [{"kty": "RSA", "x5c": [der]}]}),
        "pretty-jwks.json": json.dumps({"keys": [{"kty": "RSA", "x5c": [der]}]}, indent=2),
        "der.yaml": f"ca: {der}\nport: 3\n",
        "metadata.xml": "<X509Certificate>\n" + "\n".join(der_lines) + "\n</X509Certificate>",
        "uri.html": f"<a href='data:application/x-x509-ca-cert;base64,{der}'>",
        "env": f"CA={der}\n",
    }


def der_of(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(pem.splitlines()[1:-1]))


def test_base64_in_values_of_yaml_json_and_xml(folder: Path) -> None:
    encoded = der_of((folder / "rsa.pem").read_bytes())
    for name, text in wrapped(folder).items():
        found, gaps = read(name, text.encode())
        assert not gaps, name
        assert [one.facts["sha256"] for one in found] == [hashlib.sha256(encoded).hexdigest()], name
        assert found[0].location.uri.startswith(f"{name}!/"), name
    found, _ = read("kubeconfig", wrapped(folder)["kubeconfig"].encode())
    assert found[0].location.uri.startswith("kubeconfig!/certificate-authority-data@")


def test_a_key_in_a_value_is_found_beside_its_certificate(folder: Path) -> None:
    both = (folder / "rsa.pem").read_bytes() + (folder / "ec.key").read_bytes()
    text = json.dumps({"tls.pem": base64.b64encode(both).decode(), "x5c": ["MIIxyz"]})
    found, gaps = read("x.json", text.encode())
    assert not gaps
    assert {one.collector for one in found} == {"certificate/x509", "certificate/private-key"}


@pytest.mark.fuzz
def test_mutants_of_wrapped_texts(folder: Path) -> None:
    seeds = [text.encode() for text in wrapped(folder).values()]
    seeds += [message(each, form, folder) for each, _ in MESSAGES for form in ("DER", "SMIME")]
    seeds.append((folder / "rsa.pem").read_text().encode("utf-16"))
    for data in mutants(seeds, MUTANTS):
        for output in READER.read("smime.p7m", data, READER.matcher.scan(data)):
            assert isinstance(output, (Finding, Gap))
            assert not (isinstance(output, Gap) and output.cause is Cause.CRASHED), (output, data)
