"""What asks for certificates and what holds them elsewhere: CMP, SCEP, EST, TPM, NSS, the registry.

The keys of a TPM were made for these tests by tpm2-openssl 1.1 on swtpm 0.7.
"""

import base64
import hashlib
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from assess_scanning import READER, algorithms, mutants, read

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Cause, Finding

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000")) // 50

TPM_EC = b"""-----BEGIN TSS2 PRIVATE KEY-----
MIHwBgZngQUKAQOgAwEBAQIEQAAAAQRYAFYAIwALAAYAcgAAABAAEAADABAAIADY
ZwtT/Y9s/lx3eTQOc8KEijul7QvBu4yh0TlgnfsSACC4kehfw1MzYACbJHlL0Coo
oo7W1qFx4lJ2puiPr6ed7wSBgAB+ACC9n37B7d1pltEPINSv1rFOcdeyZkf4UBVd
Q3XtJqCdTAAQ6QA5ad67UPnJbenz9YIqa/K+dnuxLKzBYEfZpG4pnZOk9Hi3yWHI
UdVL6EvgLQ9GRvHjJzjn+xGNPs9+n80828MEn8nL7OAkpiOp6gCYPrY8shr+VGZZ
0w00
-----END TSS2 PRIVATE KEY-----
"""
TPM_RSA = b"""-----BEGIN TSS2 PRIVATE KEY-----
MIICEgYGZ4EFCgEDoAMBAQECBEAAAAEEggEYARYAAQALAAYAcgAAABAAEAgAAAAA
AAEAkROh+8bqP7CE+SqnSWnpdrWjglAd1er1dsLy9OilxniV0tPZswCquxqoGNLk
dBJC/CCtspGlsAilt2kpFHWYPUTPyBilHSmOem1xFkkGEPV1qEZdRhtxwu3ZMZbU
/ZSxsFixQUjuDv8RknUzX/wkhm17D/st1rdV9KTNcwjTNh1wbo/ShusWcBqxgsMS
0Q473pbaK6yueAUysetu4nYq37jVrSH9TWxCK6U+pS6CYCMYTUrHP0xklvwJkzOc
ymEISspMyZWF7x48XDOo9lFP40LgZpXyynLwDochG51FtH80TMGV5mNZHlRhb3bk
Tgjxgrm7Nv4NvcO3chPmrQlrAQSB4ADeACCeFo0cHpn6C7R9Q1PV63z0n6xy9/bv
Ov5NYd1X+cosvgAQ0KT4jQy441811LrGdO2VlkHr42scgfnEWlofaRNRbvfYGimt
5Ayo4LFVl98dD8yzZYFtquLaLHzIAlN/7qLf9lm38zJvUW0JNlmMjdZeaceWISw5
/xU8W8JQXfiT8ZWl1VmHTuNlFV8fmmPidGO1wQAo/4oA3jw1KHL8SR4XKDa7dJ2T
sluZo2iyb9eT6Y7Zxk5YocRH6N8g9Bjpt5IXGRaJQuwdtzYwj5JQvIX4kU7JWlJa
CpXkA5Kj
-----END TSS2 PRIVATE KEY-----
"""


def run(*command: str, cwd: Path, check: bool = True) -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, cwd=cwd, capture_output=True, check=check, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of P-256 with its key, and a new key of P-384."""
    path = tmp_path_factory.mktemp("enrolment")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem", cwd=path)  # fmt: skip
    run("openssl", "x509", "-in", "ca.pem", "-outform", "DER", "-out", "ca.der", cwd=path)
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384", "-out",
        "new.key", cwd=path)  # fmt: skip
    return path


# --- CMP, SCEP, EST -------------------------------------------------------------------------------

BY_PASSWORD = ("-srv_ref", "7", "-srv_secret", "pass:x", "-ref", "7", "-secret", "pass:x")
BY_SIGNATURE = ("-srv_cert", "ca.pem", "-srv_key", "ca.key", "-srv_trusted", "ca.pem", "-trusted",
                "ca.pem", "-cert", "ca.pem", "-key", "ca.key")  # fmt: skip


@pytest.mark.parametrize(
    ("command", "protection", "title", "expected"),
    [
        ("ir", BY_PASSWORD, "initialisation", ["sha-256", "hmac-sha-1"]),
        ("cr", BY_SIGNATURE, "certification", ["ecdsa-sha-256"]),
    ],
)
def test_messages_of_cmp_tell_their_protection_and_what_is_asked_for(
    folder: Path, command: str, protection: tuple[str, ...], title: str, expected: list[str]
) -> None:
    # the answer is a certificate that was made before: OpenSSL's client will not have it
    run("openssl", "cmp", "-cmd", command, "-use_mock_srv", *protection, "-rsp_cert", "ca.pem",
        "-newkey", "new.key", "-subject", "/CN=rsu-7", "-certout", "out.pem", "-reqout",
        "request", "-rspout", "response", cwd=folder, check=False)  # fmt: skip
    (message, key), gaps = read("request", (folder / "request").read_bytes())
    assert not gaps
    assert (message.title, algorithms([message])) == (f"CMP {title} request", expected)
    assert (key.collector, algorithms([key])) == ("certificate/requested-key", ["ec-p384"])
    found, gaps = read("response", (folder / "response").read_bytes())
    assert not gaps
    assert [each.title for each in found] == [f"CMP {title} response", "CN=ca"]


def test_a_message_of_cmp_without_protection_is_in_clear(folder: Path) -> None:
    run("openssl", "cmp", "-cmd", "genm", "-use_mock_srv", "-unprotected_requests", *BY_PASSWORD,
        "-reqout", "general", cwd=folder, check=False)  # fmt: skip
    (message,), _ = read("general", (folder / "general").read_bytes())
    assert message.title == "CMP general message, not protected"
    assert classify(algorithms([message])[0]).bearing is Bearing.BROKEN_TODAY


def test_what_a_message_of_scep_carries_is_told(folder: Path) -> None:
    """RFC 8894: a signed message whose content is an encrypted one."""
    (folder / "text").write_text("a request")
    run("openssl", "cms", "-encrypt", "-aes-128-cbc", "-in", "text", "-outform", "DER", "-out",
        "inner", "-recip", "ca.pem", cwd=folder)  # fmt: skip
    run("openssl", "cms", "-sign", "-binary", "-nodetach", "-in", "inner", "-outform", "DER",
        "-signer", "ca.pem", "-inkey", "ca.key", "-out", "pkiMessage", cwd=folder)  # fmt: skip
    found, gaps = read("pkiMessage", (folder / "pkiMessage").read_bytes())
    assert not gaps
    titles = [each.title for each in found]
    assert sorted(titles) == ["CN=ca", "encrypted message", "signed message"]
    assert {"aes-128-cbc", "ecdsa-sha-256"} <= set(algorithms(found))


def test_the_answer_of_est_is_read(folder: Path) -> None:
    """RFC 7030 §4.1.3: base64 of a message that only carries certificates."""
    run("openssl", "crl2pkcs7", "-nocrl", "-certfile", "ca.pem", "-outform", "DER", "-out", "p7",
        cwd=folder)  # fmt: skip
    text = base64.encodebytes((folder / "p7").read_bytes())
    found, gaps = read("cacerts", text)
    assert not gaps
    assert [each.title for each in found] == ["CN=ca"]


def test_der_that_nobody_knows_is_a_gap_under_any_name_and_its_certificates_are_read(
    folder: Path,
) -> None:
    encoded = (folder / "ca.der").read_bytes()
    inner = b"\x30\x0c\x06\x0a" + b"\x2b" * 10 + encoded
    whole = b"\x30\x82" + len(inner).to_bytes(2) + inner
    found, gaps = read("noname", whole)
    assert [each.title for each in found] == ["CN=ca"]
    assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]
    assert read("noname", b"0,1,2\n" * 20) == ([], [])


# --- TPM, NSS, Windows, macOS ---------------------------------------------------------------------


@pytest.mark.parametrize(("data", "name"), [(TPM_EC, "ec-p256"), (TPM_RSA, "rsa-2048")])
def test_a_key_of_a_tpm_is_named_and_closed(data: bytes, name: str) -> None:
    (found,), gaps = read("device.key", data)
    assert not gaps
    assert (found.title, algorithms([found])) == (f"private key {name} of a TPM", [name])
    assert found.facts["encrypted"] is True


def test_databases_of_nss_give_certificates_and_tell_what_keeps_the_keys(folder: Path) -> None:
    run("openssl", "pkcs12", "-export", "-in", "ca.pem", "-inkey", "ca.key", "-passout", "pass:x",
        "-out", "both.p12", "-name", "ca", cwd=folder)  # fmt: skip
    (folder / "nss").mkdir()
    run("certutil", "-N", "-d", "sql:nss", "--empty-password", cwd=folder)
    run("pk12util", "-i", "both.p12", "-d", "sql:nss", "-W", "x", cwd=folder)
    found, gaps = read("cert9.db", (folder / "nss/cert9.db").read_bytes())
    assert not gaps
    assert [each.title for each in found if each.title == "CN=ca"] == ["CN=ca"]
    (key,), gaps = read("key4.db", (folder / "nss/key4.db").read_bytes())
    assert not gaps
    assert key.title == "private key ec-p256, encrypted"
    assert algorithms([key]) == ["ec-p256", "pbkdf2-sha-256", "aes-256-cbc"]
    for mutant in mutants([(folder / "nss/key4.db").read_bytes()], MUTANTS // 10):
        for each in READER.read("key4.db", mutant, READER.matcher.scan(mutant)):
            assert isinstance(each, Finding) or each.cause is not Cause.CRASHED


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("cert8.db", b"\x00\x06\x15\x61\0\0\0\2"),
        ("login.keychain", b"kych\0\1\0\0"),
        ("rootfs.yaffs2", b"\3\0\0\0\1\0\0\0\xff\xffetc"),
    ],
)
def test_what_is_not_read_is_named(name: str, start: bytes) -> None:
    found, gaps = read(name, start + bytes(600))
    assert not found
    assert [gap.cause for gap in gaps] == [Cause.NOT_SUPPORTED]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "nginx.conf",
            'ssl_certificate_key "engine:pkcs11:pkcs11:token=rsu;object=k;pin-value=7Geheim";',
        ),
        ("wpa_supplicant.conf", 'network={\n private_key="pkcs11:id=%01?pin-value=7Geheim"\n}'),
    ],
)
def test_a_key_in_a_token_is_a_gap_and_its_pin_is_not_told(name: str, text: str) -> None:
    found, gaps = read(name, text.encode())
    assert ["PKCS #11 token" in gap.detail for gap in gaps] == [True]
    assert "Geheim" not in repr((found, gaps))
    assert read("a.txt", b"pkcs11: a scheme\npkcs11:\n") == ([], [])


def exported(value: bytes, start: str) -> str:
    """As regedit writes a binary value: two digits, commas, lines of less than 80 characters."""
    digits = [f"{octet:02x}" for octet in value]
    lines = [",".join(digits[at : at + 25]) for at in range(0, len(digits), 25)]
    return f'{start}\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n"Blob"=hex:' + ",\\\r\n  ".join(lines)


def test_certificates_in_exports_of_a_registry_are_read(folder: Path) -> None:
    encoded = (folder / "ca.der").read_bytes()
    thumbprint = hashlib.sha1(encoded, usedforsecurity=False).digest()
    store = b"".join(
        struct.pack("<III", kind, 1, len(value)) + value
        for kind, value in ((3, thumbprint), (32, encoded))
    )
    start = "Windows Registry Editor Version 5.00"
    for data in (
        b"\xff\xfe" + exported(store, start).encode("utf-16-le"),
        exported(store, "REGEDIT4").encode(),
        exported(encoded, "REGEDIT4").encode(),
    ):
        found, gaps = read("roots.reg", data)
        assert not gaps
        assert [each.title for each in found] == ["CN=ca"]


def test_mutilated_messages_never_break_a_collector(folder: Path) -> None:
    seeds = [TPM_EC, TPM_RSA]
    seeds += [
        path.read_bytes() for path in (folder / "request", folder / "response") if path.exists()
    ]
    for mutant in mutants(seeds, MUTANTS):
        for each in READER.read("a.der", mutant, READER.matcher.scan(mutant)):
            assert isinstance(each, Finding) or each.cause is not Cause.CRASHED
