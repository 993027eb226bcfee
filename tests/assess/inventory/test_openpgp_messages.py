"""OpenPGP signatures and encrypted messages, made by GnuPG."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from assess_scanning import READER, algorithms, mutants, read

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Finding, Gap

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))

if not shutil.which("gpg"):
    pytest.skip("gpg is not installed", allow_module_level=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("g")
    folder.chmod(0o700)
    for kind in ("rsa2048", "ed25519"):
        gpg(folder, "--quick-gen-key", f"{kind}@x", kind, "sign,cert", "never")
    gpg(folder, "--quick-gen-key", "box@x", "default", "default", "never")
    (folder / "text").write_text("Deploy at noon.\n")
    return folder


def gpg(home: Path, *arguments: str) -> bytes:
    secret = "k7Verkehr" if "-c" in arguments else ""
    command = ["gpg", "--homedir", str(home), "--batch", "--passphrase", secret, "--trust-model",
               "always", "--pinentry-mode", "loopback", *arguments]  # fmt: skip
    return subprocess.run(command, cwd=home, capture_output=True, check=True).stdout


@pytest.mark.parametrize("how", ["--detach-sign", "--clearsign"])
@pytest.mark.parametrize(
    ("key", "name"), [("rsa2048", "rsa-pkcs1-sha-512"), ("ed25519", "ed25519")]
)
def test_a_signature_is_named(home: Path, how: str, key: str, name: str) -> None:
    signed = gpg(home, "--armor", "--digest-algo", "SHA512", "-u", f"{key}@x", "-o", "-", how,
                 "text")  # fmt: skip
    (found,), gaps = read("InRelease", signed)
    assert not gaps
    assert found.title == "OpenPGP signature"
    assert algorithms([found]) == [name]


def test_packets_without_armour_are_known_by_themselves(home: Path) -> None:
    """As debsigs, SWUpdate and opkg have them: under any name."""
    for options in (
        ("-u", "rsa2048@x", "--detach-sign", "text"),
        ("-u", "ed25519@x", "--detach-sign", "text"),
        ("-r", "box@x", "-e", "text"),
        ("-c", "text"),
        ("--export", "rsa2048@x"),
        ("--export", "box@x"),
    ):
        packets = gpg(home, "-o", "-", *options)
        expected = algorithms(read("a.gpg", packets)[0])
        assert expected
        found, gaps = read("_gpgorigin", packets)
        assert not gaps
        assert algorithms(found) == expected
    for text in ("\u00a9 2026, the makers of the unit", "\u0089 \u00a0"):
        for encoding in ("utf-8", "latin-1"):
            assert read("notes", text.encode(encoding) * 20) == ([], [])


def test_an_encrypted_message_names_its_recipients_and_its_password(home: Path) -> None:
    listed = gpg(home, "--list-keys", "--with-colons", "box@x").decode().splitlines()
    subkey = next(line.split(":")[3] for line in listed if line.startswith("sub:"))
    recipient = {"1": "rsa", "18": "ecdh"}[subkey]  # by the version of GnuPG
    for options, expected in (
        (["-r", "box@x", "-e"], [recipient]),
        (["--cipher-algo", "AES256", "-c"], ["aes-256-cfb"]),
        (["--s2k-cipher-algo", "AES192", "-r", "box@x", "-e", "-c"], [recipient, "aes-192-cfb"]),
    ):
        for armor, name in ((["--armor"], "m.asc"), ([], "m.gpg")):
            made = gpg(home, *armor, *options, "-o", "-", "text")
            (found,), gaps = read(name, made)
            assert not gaps
            assert found.title == "OpenPGP encrypted message"
            assert sorted(algorithms([found])) == sorted(expected)
            assert all(classify(each).bearing is not Bearing.UNKNOWN for each in expected)


def test_mutants_of_messages_give_findings_or_gaps(home: Path) -> None:
    seeds = [
        gpg(home, "-r", "box@x", "-o", "-", "-e", "text"),
        gpg(home, "-u", "rsa2048@x", "-o", "-", "--detach-sign", "text"),
    ]
    for mutant in mutants(seeds, MUTANTS):
        for each in READER.read("m.gpg", mutant, READER.matcher.scan(mutant)):
            assert isinstance(each, Finding | Gap)
