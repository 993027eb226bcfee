"""Key files of PuTTY, Microsoft, OpenSSH and time servers, made by their own tools."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from assess_scanning import READER, algorithms, debian, mutants, read

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Cause, Finding, Gap

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000"))


def run(*command: str | Path, cwd: Path) -> bytes:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def puttygen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if found := shutil.which("puttygen"):
        return Path(found)
    return debian("putty-tools", tmp_path_factory.mktemp("putty")) / "usr/bin/puttygen"


def putty_key(puttygen: Path, folder: Path, *options: str, secret: str = "") -> Path:
    (folder / "phrase").write_text(secret)
    run(puttygen, *options, "--new-passphrase", "phrase", "-o", "key.ppk", "--random-device",
        "/dev/urandom", "-q", "-C", "a person", cwd=folder)  # fmt: skip
    return folder / "key.ppk"


@pytest.mark.parametrize("version", ["2", "3"])
@pytest.mark.parametrize("secret", ["", "k7Verkehr"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [("rsa", "rsa-2048"), ("ecdsa", "ecdsa-p384"), ("ed25519", "ed25519"), ("dsa", "dsa-1024")],
)
def test_keys_of_puttygen(
    puttygen: Path, kind: str, name: str, secret: str, version: str, tmp_path: Path
) -> None:
    bits = {"rsa": ["-b", "2048"], "ecdsa": ["-b", "384"], "dsa": ["-b", "1024"]}.get(kind, [])
    path = putty_key(puttygen, tmp_path, "-t", kind, *bits, "--ppk-param", f"version={version}",
                     secret=secret)  # fmt: skip
    (found,), gaps = read("key.ppk", path.read_bytes())
    assert not gaps
    mac = "hmac-sha-256" if version == "3" else "hmac-sha-1"
    under = {"aes-256-cbc", "argon2" if version == "3" else "pbkdf1-sha-1"} if secret else set()
    assert set(algorithms([found])) == {name, mac} | under
    assert found.facts["encrypted"] is bool(secret)
    fingerprint = run(puttygen, "-l", path, "-E", "sha256", cwd=tmp_path).decode()
    assert str(found.facts["fingerprint"]) in fingerprint
    assert "person" not in repr(found)


@pytest.mark.parametrize("secret", ["", "k7Verkehr"])
@pytest.mark.parametrize("form", ["private-openssh", "private-openssh-new", "private-sshcom"])
def test_what_puttygen_exports(puttygen: Path, form: str, secret: str, tmp_path: Path) -> None:
    path = putty_key(puttygen, tmp_path, "-t", "rsa", "-b", "2048", secret=secret)
    run(puttygen, path, "--old-passphrase", "phrase", "-O", form, "-o", "out", cwd=tmp_path)
    found, gaps = read("out", (tmp_path / "out").read_bytes())
    assert not gaps
    names = set(algorithms(found))
    assert names & {"rsa-2048", "rsa", "aes-128-cbc", "3des-cbc"}
    assert found[0].facts["encrypted"] is bool(secret)


@pytest.mark.parametrize(
    ("options", "expected"),
    [("PVK -pvk-none", {"rsa-2048"}), ("PVK -pvk-strong", {"rsa-2048", "rc4-128", "pbkdf1-sha-1"}),
     ("MSBLOB", {"rsa-2048"}), ("MSBLOB -pubout", {"rsa-2048"})],
)  # fmt: skip
def test_microsoft_keys_of_openssl(options: str, expected: set[str], tmp_path: Path) -> None:
    run("openssl", "genrsa", "-out", "k.pem", "2048", cwd=tmp_path)
    form, *rest = options.split()
    legacy = ["-provider", "legacy", "-provider", "default"]
    try:
        run("openssl", "rsa", *legacy, "-in", "k.pem", "-outform", form, *rest, "-passout",
            "pass:k7Verkehr", "-out", "k.bin", cwd=tmp_path)  # fmt: skip
    except subprocess.CalledProcessError:
        pytest.skip("this OpenSSL has no RC4")
    found, gaps = read("k.bin", (tmp_path / "k.bin").read_bytes())
    assert not gaps
    assert set(algorithms(found)) == expected


def test_certificates_and_revocation_lists_of_openssh(tmp_path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", "ca", cwd=tmp_path)
    kinds = {"ed25519": "ed25519", "ecdsa": "ecdsa-p256", "rsa": "rsa-3072"}
    for kind, name in kinds.items():
        run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", kind, cwd=tmp_path)
        run("ssh-keygen", "-q", "-s", "ca", "-t", "rsa-sha2-512", "-I", "k7 person", "-h", "-z",
            "77", "-n", "rsu", "-V", "20260101Z:20270101Z", f"{kind}.pub",
            cwd=tmp_path)  # fmt: skip
        (found,), gaps = read("a-cert.pub", (tmp_path / f"{kind}-cert.pub").read_bytes())
        assert not gaps
        assert set(algorithms([found])) == {name, "rsa-3072", "rsa-pkcs1-sha-512"}
        assert found.facts["certificate_type"] == "host"
        assert found.facts["serial"] == "77"
        assert str(found.facts["not_after"]).startswith("2027-01-01T")
        assert "person" not in repr(found)
    (tmp_path / "spec").write_text("serial: 1-70\nid: someone\n")
    run("ssh-keygen", "-q", "-k", "-f", "krl", "-s", "ca.pub", "-z", "9", "spec", "ed25519.pub",
        cwd=tmp_path)  # fmt: skip
    (tmp_path / "hashes").write_text("sha256: " + (tmp_path / "rsa.pub").read_text())
    run("ssh-keygen", "-q", "-k", "-u", "-f", "krl", "hashes", cwd=tmp_path)
    (found,), gaps = read("revoked", (tmp_path / "krl").read_bytes())
    assert not gaps
    assert set(algorithms([found])) == {"rsa-3072", "ed25519", "sha-256"}
    assert (found.facts["revoked_keys"], found.facts["revoked_fingerprints"]) == (1, 1)
    (tmp_path / "text").write_text("x")
    run("ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", "rsa", "text", cwd=tmp_path)
    (found,), gaps = read("text.sig", (tmp_path / "text.sig").read_bytes())
    assert not gaps
    assert set(algorithms([found])) == {"rsa-3072", "rsa-pkcs1-sha-512", "sha-512"}


CHRONY = (
    b"# Examples of valid keys:\n1 MD5 ASCII:k7VerkehrLongAndRandom\n2 SHA1 HEX:6df0e6\n"
    b"20 AES128 HEX:7fb0c6\n30 SHA256 ASCII:k7Verkehr2\n40 HEX:00ff\n5 k7Verkehr3\n"
)
NTP = b"1 M k7Verkehr\n2 MD5 k7Verkehr # MD5 key\n3 SHA1 2c0f\n4 AES128CMAC 9e3a 10.0.0.1\n"


def test_keys_of_time_servers_are_named_and_not_told() -> None:
    found, gaps = read("chrony.keys", CHRONY)
    assert not gaps
    assert algorithms(found) == ["ntp-mac-md5", "ntp-mac-sha-1", "aes-128-cmac",
                                 "ntp-mac-sha-256", "ntp-mac-md5", "ntp-mac-md5"]  # fmt: skip
    assert [one.location.line for one in found] == [2, 3, 4, 5, 6, 7]
    found, gaps = read("ntp.keys", NTP)
    assert not gaps
    assert algorithms(found) == ["ntp-mac-md5", "ntp-mac-md5", "ntp-mac-sha-1", "aes-128-cmac"]
    assert classify("ntp-mac-md5").bearing is Bearing.BROKEN_TODAY
    assert classify("ntp-mac-sha-1").bearing is Bearing.GROVER
    assert "Verkehr" not in repr(found)
    assert algorithms(read("unnamed", CHRONY.rsplit(b"5 k7", 1)[0])[0])
    assert algorithms(read("chrony.keys", b"1 MD5 public\n")[0]) == [
        "ntp-mac-md5", "default-credential",
    ]  # fmt: skip


def test_chronyd_takes_the_keys_that_are_read(tmp_path: Path) -> None:
    """Every kind that chronyd knows has a name here, and chronyd refuses what has none."""
    program = shutil.which("chronyc", path="/usr/bin:/usr/local/bin")
    chronyc = Path(program) if program else debian("chrony", tmp_path) / "usr/bin/chronyc"
    kinds = [
        "MD5",
        "SHA1",
        "SHA256",
        "SHA384",
        "SHA512",
        "SHA3-256",
        "SHA3-512",
        "AES128",
        "AES256",
    ]
    for kind in kinds:
        made = subprocess.run(
            [chronyc, "keygen", "7", kind, "160"], capture_output=True, check=False
        )
        if made.returncode:
            pytest.skip("chronyc cannot run here")
        (found,), gaps = read("unnamed", made.stdout)
        assert not gaps
        assert classify(found.algorithms[0].name).bearing is not Bearing.UNKNOWN, made.stdout


def test_a_keystore_that_is_not_read_is_said() -> None:
    for name in ("trust.bks", "trust.bcfks", "trust.ubr", "trust.jks"):
        found, gaps = read(name, b"no keystore at all" * 9)
        assert not found
        assert len(gaps) == 1
    _, gaps = read("trust", b"\0\0\0\2\0\0\0\x14" + b"s" * 20 + b"\0\0\4\0" + b"\xa7" * 90)
    assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


def test_numbered_lines_of_prose_are_no_keys() -> None:
    for text in (b"1 MD5 is broken\n2 SHA1 too\n", b"1 the HEX: form\nand more\n", b"12 MD5 \n"):
        assert read("notes", text) == ([], [])


@pytest.mark.fuzz
def test_mutants_of_key_files(puttygen: Path, tmp_path: Path) -> None:
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "ca", cwd=tmp_path)
    run("ssh-keygen", "-q", "-s", "ca", "-I", "x", "ca.pub", cwd=tmp_path)
    run("ssh-keygen", "-q", "-k", "-f", "krl", "-s", "ca.pub", "ca.pub", cwd=tmp_path)
    run("openssl", "genrsa", "-out", "k.pem", "1024", cwd=tmp_path)
    run("openssl", "rsa", "-in", "k.pem", "-outform", "MSBLOB", "-out", "k.bin", cwd=tmp_path)
    run("openssl", "rsa", "-in", "k.pem", "-outform", "PVK", "-pvk-none", "-out", "k.pvk",
        cwd=tmp_path)  # fmt: skip
    ppk = putty_key(puttygen, tmp_path, "-t", "ed25519", secret="x").read_bytes()
    made = [(tmp_path / name).read_bytes() for name in ("krl", "ca-cert.pub", "k.bin", "k.pvk")]
    for data in mutants([ppk, CHRONY, NTP, *made], MUTANTS):
        for output in READER.read("chrony.keys", data, READER.matcher.scan(data)):
            assert isinstance(output, (Finding, Gap))
            assert not (isinstance(output, Gap) and output.cause is Cause.CRASHED), (output, data)
