"""Updates, images and programs that the tools of their makers signed: RAUC, Mender, Windows."""

from __future__ import annotations

import base64
import gzip
import io
import os
import random
import re
import shutil
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from assess_scanning import READER, algorithms, mutants, read

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.finding import Cause, Finding, Role
from roadseal.assess.inventory.firmware import pe

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000")) // 50

NOISE = random.Random(3).randbytes(4096)


def run(*command: str | Path, cwd: Path, given: bytes = b"") -> None:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run(command, cwd=cwd, input=given, capture_output=True, check=True)


@pytest.fixture
def signer(tmp_path: Path) -> Path:
    """A folder with a root file system, and a key and certificate of RSA to sign it by."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
        "/CN=updates", "-keyout", "pkcs8.pem", "-out", "cert.pem", cwd=tmp_path)  # fmt: skip
    run("openssl", "rsa", "-in", "pkcs8.pem", "-traditional", "-out", "key.pem", cwd=tmp_path)
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/rootfs.ext4").write_bytes(os.urandom(60_000))
    return tmp_path


def told(name: str, data: bytes, rule: str) -> Finding:
    """The one finding of a rule; no algorithm in it is unknown, and there is no gap."""
    found, gaps = read(name, data)
    assert not gaps
    (one,) = [each for each in found if each.collector == f"firmware/{rule}"]
    assert all(classify(use.name).bearing is not Bearing.UNKNOWN for use in one.algorithms)
    return one


def firmware_signatures(one: Finding) -> set[str]:
    return {use.name for use in one.algorithms if use.role is Role.FIRMWARE_SIGNATURE}


# --- RAUC -----------------------------------------------------------------------------------------


def rauc_bundle(folder: Path, form: str) -> bytes:
    (folder / "bundle/manifest.raucm").write_text(
        "[update]\ncompatible=rsu\nversion=7\n"
        f"[bundle]\nformat={form}\n[image.rootfs]\nfilename=rootfs.ext4\n"
    )
    identity = ("--cert", "cert.pem", "--key", "key.pem", "--keyring", "cert.pem")
    run("rauc", *identity, "bundle", "bundle", "out.raucb", cwd=folder)
    if form == "crypt":
        run("rauc", "--keyring", "cert.pem", "encrypt", "--to", "cert.pem", "out.raucb",
            "closed.raucb", cwd=folder)  # fmt: skip
    return (folder / "out.raucb").read_bytes()


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("plain", {"rsa-pkcs1-sha-256", "sha-256"}),
        ("verity", {"rsa-pkcs1-sha-256", "sha-256"}),
        ("crypt", {"rsa-pkcs1-sha-256", "sha-256", "aes-256-cbc"}),
    ],
)
def test_a_bundle_of_rauc_tells_who_signed_it(signer: Path, form: str, expected: set[str]) -> None:
    data = rauc_bundle(signer, form)
    name = "update.raucb" if form == "crypt" else "update.img"  # what is encrypted has no mark
    one = told(name, data, "rauc")
    assert one.title == f"RAUC bundle, format {form}"
    assert set(algorithms([one])) == expected
    assert firmware_signatures(one) == {"rsa-pkcs1-sha-256"}
    found, _ = read(name, data)
    assert [each.title for each in found if each.title == "CN=updates"] == ["CN=updates"]
    _, gaps = read("update.raucb", data[:-2000])
    assert gaps
    if form == "crypt":
        one = told("update.raucb", (signer / "closed.raucb").read_bytes(), "rauc")
        assert one.title == "RAUC bundle, manifest encrypted"
        assert {"rsa-pkcs1", "aes-256-cbc"} <= set(algorithms([one]))


# --- SWUpdate and Mender --------------------------------------------------------------------------

DESCRIPTION = """software = {{ version = "1.0"; images: (
  {{ filename = "rootfs.ext4"; device = "/dev/mmcblk0p2"; sha256 = "@rootfs.ext4"; {} }} ); }}"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-k", "CMS,key.pem,cert.pem"), {"rsa-pkcs1-sha-256"}),
        (("-k", "RSA,key.pem"), {"rsa-2048"}),
        ((), {"null"}),
    ],
)
def test_an_update_of_swupdate_tells_who_signed_it(
    signer: Path, options: tuple[str, ...], expected: set[str]
) -> None:
    (signer / "sw-description").write_text(DESCRIPTION.format(""))
    run("swugenerator", "-o", "out.swu", "-s", "sw-description", "-a", "bundle", *options,
        "create", cwd=signer)  # fmt: skip
    one = told("update.swu", (signer / "out.swu").read_bytes(), "swupdate")
    assert firmware_signatures(one) == expected
    assert one.title.endswith("not signed") is (expected == {"null"})


def test_what_swupdate_encrypts_is_told(signer: Path) -> None:
    (signer / "sw-description").write_text(DESCRIPTION.format("encrypted = true;"))
    listed = b"sw-description\n"
    packed = subprocess.run(
        ["cpio", "-o", "-H", "crc", "--quiet"], cwd=signer, input=listed, capture_output=True,
        check=True,
    ).stdout  # fmt: skip
    assert "aes-256-cbc" in algorithms([told("update.swu", packed, "swupdate")])


@pytest.mark.parametrize("kind", ["rsa-2048", "ecdsa-p256", "null"])
def test_an_update_of_mender_tells_who_signed_it(signer: Path, kind: str) -> None:
    options: tuple[str, ...] = ("-k", "key.pem") if kind == "rsa-2048" else ()
    if kind == "ecdsa-p256":
        run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem",
            cwd=signer)  # fmt: skip
        options = ("-k", "ec.pem")
    run("mender-artifact", "write", "rootfs-image", "-t", "rsu", "-n", "release-7", "-f",
        "bundle/rootfs.ext4", "-o", "out.mender", *options, cwd=signer)  # fmt: skip
    one = told("update", (signer / "out.mender").read_bytes(), "mender")
    assert firmware_signatures(one) == {kind}
    assert one.facts["signed"] is (kind != "null")


# --- packages -------------------------------------------------------------------------------------

# made for these tests by apksigner 33, with a key of P-384, schemes 2 and 3 and not 1
ANDROID_PACKAGE = zlib.decompress(
    base64.b64decode(
        "eNoL8GZmEWEAATbT6thPP702ZQDZICwMxI55KUX5mSm+iXmZaanFJXoVuTnMDBwMFXQAASgOi45ftTQHyAZhbiBOzkks"
        "Lk4t1ktJrQAiLgNjU4ZRMApGwSgYBaNgFIyCUTAKRsEoGAWjYBTgAj/4IfQTJggt1c5ZeAfIvgHEDxgZGHyAYh5AzATk"
        "OwDpnxnbdk9oNDB5J73maGvBmY3yypOefc0TOv686Y3Y55bmq5c3hQV0u/DsfpMw7cLuOy7N2+POuL0UCJ6g0Ob1dKGL"
        "0M8KoJklQGzQxFhg0Ph9ATMTIxMTJ0N3tEbRvDdzphpwsXFotXmcs2VhZjbgM+QB8plDWZiFmbMSiwzkxHmNzAwNjcwN"
        "zIwtDI2igFxzAyMjUygXQ32ZgQAbO9g0JkY2Vu1GFgYl5iQGltwb0lda5v89Jq2o/L5x7aKIRau2HPp9/6iKiZ5xh85d"
        "k4D7x4+YuxTY1DZc2KRyuGGO42uBsxbJ5Ub/PmkYqTmk6Yo+fMWnpTBBN5d3gpu73XIzTdWT37+YLdO4VOm4rbDrJm/W"
        "YkUDeQNZoDtk+VjEWETey/xjXzdL8lViQ7mUW43y/syqj/7I3mTOYDBIZTJgjc7TrXyu7OyZpMfx5LCDney/F38U9zVJ"
        "L/TILX8unXXM+YqbuoKIaOveZUEHfZ8t2shkyLDd6X3li4Nlv1TzJ2wSr3Ss3jK1OGSNTGEhl9rVgjmXy2WKljRuXss4"
        "73dizdf9Gq9mzuUBxh8HEPN+eL+PGRr/JUBcAI1f0KiPQRrQ4N74+yZTdNY/qfIMuPpfzq6/xGnC//aMX3x/b7/l6XYV"
        "St6m4Ru2r8Bx01FF9UVtrcWbgVrWzko7f2x2upRwh57Bx+8/prmc/Ld38tI/z0q2csfOkO9432D6trTo/JS6STJrTrq7"
        "94tVgOwaoAiCpfUDGcEfYGn9xmhaH1ZpXQIYf////68HxTOMjTWtT4hkLb5fkB+fctxislGXc+fxbZFmKle8RTK92na2"
        "ei25evf0kcJLG2v8Lc5t1dq/4swJoJYFW7uuyNyeciIh4ZZuv0eN0bJU6dO8t5kunvQ2C5a6eFmoX+3gzR0Ti7nCLFyq"
        "U5uPegxkWmfggqT18tQip9HabhSMglEwCkbBKBgFo2Dk9fMdA7wVgjPTFZxy8pOzFUyMArwZmUSYca8AgIEGRrBuzPUA"
        "6Aagz9QjDJjJgDJvH+DNygaSYALCKhBDAUQAAJ22m0c="
    )
)


def test_an_android_package_tells_who_signed_it_by_each_scheme() -> None:
    found, gaps = read("app.apk", ANDROID_PACKAGE)
    assert not gaps
    signed = [one for one in found if one.collector == "firmware/apk"]
    assert [one.title[-2:] for one in signed] == ["v2", "v3"]
    assert [firmware_signatures(one) for one in signed] == [{"ecdsa-sha-512"}] * 2
    certificates = [one for one in found if one.collector == "certificate/apk"]
    assert [algorithms([one])[0] for one in certificates] == ["ecdsa-p384"] * 2
    for mutant in mutants([ANDROID_PACKAGE], MUTANTS // 3):
        for each in READER.read("app.apk", mutant, READER.matcher.scan(mutant)):
            assert isinstance(each, Finding) or each.cause is not Cause.CRASHED


def test_a_package_of_alpine_tells_who_signed_it(signer: Path) -> None:
    """Its signature is an archive of its own before the others, without an end."""
    (signer / "control").write_text("pkgname = rsu")
    run("openssl", "dgst", "-sha1", "-sign", "key.pem", "-out", ".SIGN.RSA.rsu.rsa.pub", "control",
        cwd=signer)  # fmt: skip
    parts = []
    for name in (".SIGN.RSA.rsu.rsa.pub", "control"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(signer / name, name)
            end = archive.offset
        parts.append(gzip.compress(packed.getvalue()[: end if name[0] == "." else None]))
    one = told("rsu-1.0.apk", b"".join(parts), "alpine")
    assert firmware_signatures(one) == {"rsa-pkcs1-sha-1", "rsa-2048"}


def test_a_package_of_rpm_tells_who_signed_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rsu.spec").write_text(
        "Name: rsu\nVersion: 1\nRelease: 1\nSummary: s\nLicense: MIT\nBuildArch: noarch\n"
        "%description\nd\n%files\n"
    )
    run("rpmbuild", "-bb", "--define", f"_topdir {tmp_path}", "rsu.spec", cwd=tmp_path)
    (package,) = (tmp_path / "RPMS/noarch").glob("*.rpm")
    assert firmware_signatures(told("a.rpm", package.read_bytes(), "rpm")) == {"null"}
    with TemporaryDirectory(prefix="gpg-") as home:  # the path of its socket must be short
        monkeypatch.setenv("GNUPGHOME", home)
        run("gpg", "--batch", "--passphrase", "", "--quick-gen-key", "rsu", "ed25519", cwd=tmp_path)
        try:
            run("rpmsign", "--define", "_gpg_name rsu", "--define", f"__gpg {shutil.which('gpg')}",
                "--addsign", package, cwd=tmp_path)  # fmt: skip
        finally:
            run("gpgconf", "--kill", "all", cwd=tmp_path)
    found, gaps = read("a.rpm", package.read_bytes())
    assert not gaps
    assert [each.title for each in found] == ["OpenPGP signature"]


# --- kernels and boot loaders ---------------------------------------------------------------------


def message_over(folder: Path, content: bytes, digest: str) -> bytes:
    (folder / "content").write_bytes(content)
    run("openssl", "cms", "-sign", "-binary", "-noattr", "-nocerts", "-signer", "cert.pem",
        "-inkey", "key.pem", "-md", digest, "-in", "content", "-outform", "DER", "-out", "message",
        cwd=folder)  # fmt: skip
    return (folder / "message").read_bytes()


def test_a_kernel_module_tells_who_signed_it(signer: Path) -> None:
    """As Linux's sign-file appends it: a message, what it is, and a mark."""
    program = shutil.which("true") or pytest.skip("no program")
    body = Path(program).read_bytes()
    message = message_over(signer, body, "sha512")
    mark = b"~Module signature appended~\n"
    signed = body + message + struct.pack(">5B3xI", 0, 0, 2, 0, 0, len(message)) + mark
    one = told("rsu.ko", signed, "kernel-module")
    assert firmware_signatures(one) == {"rsa-pkcs1-sha-512"}
    assert not [each for each in read("vmlinux", body + mark + b"\0")[0] if "module" in each.title]


def test_a_boot_image_of_mkimage_for_imx_is_not_signed(tmp_path: Path) -> None:
    (tmp_path / "loader").write_bytes(NOISE)
    (tmp_path / "imx.cfg").write_text(
        "IMAGE_VERSION 2\nBOOT_FROM sd\nDATA 4 0x020c4068 0xffffffff\n"
    )
    run("mkimage", "-n", "imx.cfg", "-T", "imximage", "-e", "0x17800000", "-d", "loader", "u.imx",
        cwd=tmp_path)  # fmt: skip
    image = (tmp_path / "u.imx").read_bytes()
    for data in (image, bytes(1024) + image):  # alone, and on a card
        assert firmware_signatures(told("u-boot.imx", data, "imx")) == {"null"}


def test_a_boot_image_for_imx_tells_who_signed_it(signer: Path) -> None:
    """Vector table, image, commands: what HAB's guide has; no free tool writes it."""
    message = message_over(signer, NOISE, "sha256")
    block = struct.pack(">BHB", 0xD8, 4 + len(message), 0x40) + message
    command = struct.pack(">BHBBBBBI", 0xCA, 12, 0, 1, 0xC5, 0, 0, 16)
    sequence = struct.pack(">BHB", 0xD4, 16, 0x40) + command + block
    table = struct.pack("<8I", 0x402000D1, 0x17801000, 0, 0, 0x177FF420, 0x177FF400,
                        0x177FF400 + 32 + len(NOISE), 0)  # fmt: skip
    data = table + NOISE + sequence
    one = told("u-boot.imx", data, "imx")
    assert firmware_signatures(one) == {"rsa-pkcs1-sha-256"}
    _, gaps = read("u-boot.imx", data[: -len(sequence)] + bytes(64))
    assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


# --- disks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--type", "luks1"), {"aes-256-xts", "pbkdf2-sha-256"}),
        (("--type", "luks2", "--pbkdf-memory", "32"), {"aes-256-xts", "argon2"}),
        (
            ("--type", "luks2", "--pbkdf", "pbkdf2", "-c", "aes-cbc-essiv:sha256", "-s", "256"),
            {"aes-256-cbc", "pbkdf2-sha-256"},
        ),
    ],
)
def test_an_encrypted_volume_tells_its_cipher(
    tmp_path: Path, options: tuple[str, ...], expected: set[str]
) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(20 << 20))
    rounds = "1000" if "luks1" in options or "pbkdf2" in options else "4"
    run("cryptsetup", "-q", "luksFormat", *options, "--pbkdf-force-iterations", rounds,
        str(image), "-", cwd=tmp_path, given=b"secret")  # fmt: skip
    header = image.read_bytes()[: 1 << 20]
    assert set(algorithms([told("disk.img", header, "luks")])) == expected
    assert set(algorithms([told("disk.img", b"\x7f" * 512 + header, "luks")])) == expected


def test_the_hash_tree_of_a_partition_tells_its_hash(tmp_path: Path) -> None:
    for name in ("data", "tree"):
        (tmp_path / name).write_bytes(bytes(1 << 20))
    run("veritysetup", "format", "data", "tree", "--hash", "sha512", cwd=tmp_path)
    one = told("tree", (tmp_path / "tree").read_bytes(), "dm-verity")
    assert algorithms([one]) == ["sha-512"]


# --- Windows and EFI programs ---------------------------------------------------------------------


def windows_programs() -> list[Path]:
    """The launchers that pip brings along."""
    import pip._vendor.distlib as launchers

    found = sorted(Path(launchers.__path__[0]).glob("*.exe"))
    if not found:
        pytest.skip("this pip has no launchers")
    return found


def test_the_imports_of_a_windows_program_are_those_that_objdump_says() -> None:
    compared = 0
    for program in windows_programs():
        said = subprocess.run(["objdump", "-p", program], capture_output=True, check=False).stdout
        libraries = re.findall(rb"DLL Name: (\S+)", said)
        names = set(re.findall(rb"^\t[0-9a-f]+\t +\d+  (\w+)", said, re.MULTILINE))
        if names:
            compared += 1
            read_off = pe.read_names(program.read_bytes())
            assert [each.encode() for each in read_off.needed] == libraries
            assert {each.encode() for each in read_off.imported} == names
    if not compared:
        pytest.skip("objdump does not know such programs here")


def test_a_windows_program_that_links_a_library_says_so() -> None:
    data = windows_programs()[-1].read_bytes()
    found, gaps = read("a.exe", data)
    assert (found, gaps) == ([], [])
    (one,), _ = read("a.exe", data.replace(b"KERNEL32.dll", b"bcrypt.dll\0\0"))
    assert (one.collector, algorithms([one])) == ("binary/library", ["library-default"])
    _, gaps = read("a.exe", data[:400])
    assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


def test_who_signed_a_windows_program_is_told_of_every_signature(signer: Path) -> None:
    program = signer / "a.exe"
    program.write_bytes(windows_programs()[-1].read_bytes())
    identity = ("-certs", "cert.pem", "-key", "key.pem")
    run("osslsigncode", "sign", *identity, "-h", "sha1", "-in", "a.exe", "-out", "b.exe",
        cwd=signer)  # fmt: skip
    run("osslsigncode", "sign", *identity, "-nest", "-h", "sha384", "-in", "b.exe", "-out",
        "c.exe", cwd=signer)  # fmt: skip
    found, gaps = read("c.exe", (signer / "c.exe").read_bytes())
    assert not gaps
    signed = [one for one in found if one.collector == "firmware/authenticode"]
    assert [firmware_signatures(one) for one in signed] == [
        {"rsa-pkcs1-sha-1"}, {"rsa-pkcs1-sha-384"},
    ]  # fmt: skip
    assert {one.title for one in found if one not in signed} == {"CN=updates"}


# --- Android Verified Boot, ESP32: built by their specifications ----------------------------------


def vbmeta(algorithm: int, descriptors: bytes = b"", flags: int = 0) -> bytes:
    descriptors += bytes(-len(descriptors) % 64)
    numbers = struct.pack(">IIQQI", 1, 2, 64, len(descriptors), algorithm)
    places = struct.pack(">8Q", 0, 32, 32, 32, 0, 0, 0, 0)
    described = struct.pack(">QQQII", 0, len(descriptors), 5, flags, 0)
    header = b"AVB0" + numbers + places + described + b"avbtool 1.3.0"
    return header.ljust(256, b"\0") + bytes(64) + descriptors


HASHTREE = struct.pack(">QQ", 1, 184) + bytes(56) + b"sha1".ljust(32, b"\0") + bytes(96)
CHAIN_KEY = struct.pack(">II", 4096, 7) + bytes(1024)
CHAIN = (
    struct.pack(">QQIIII", 4, 76 + 6 + 1032 + 6, 1, 6, len(CHAIN_KEY), 0)
    + bytes(60) + b"system" + CHAIN_KEY + bytes(6)
)  # fmt: skip


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (vbmeta(2, HASHTREE), {"rsa-4096", "sha-256", "sha-1"}),
        (vbmeta(5, CHAIN), {"rsa-4096", "sha-512"}),
        (vbmeta(7), {"ml-dsa-65"}),
        (vbmeta(0), {"null"}),
    ],
)
def test_verified_boot_tells_its_key_and_hash_trees(data: bytes, expected: set[str]) -> None:
    for image in (data, bytes(4096) + data):  # a partition of its own, or behind another's data
        assert set(algorithms([told("vbmeta.img", image, "avb")])) == expected
    _, gaps = read("vbmeta.img", data[:270])
    assert [gap.cause for gap in gaps] == [Cause.UNREADABLE]


def test_verified_boot_that_is_switched_off_says_so() -> None:
    one = told("vbmeta.img", vbmeta(2, HASHTREE, flags=2), "avb")
    assert one.facts["checked"] is False
    assert "switched off" in one.title


def signature_block(kind: int, digest_kind: int, after_digest: bytes) -> bytes:
    """As espsecure writes it: it was compared with version 5.6 for RSA-3072, P-256 and P-384."""
    digest = bytes(48 if digest_kind else 32)
    block = (bytes((0xE7, kind, digest_kind, 0)) + digest + after_digest).ljust(1196, b"\1")
    return block + struct.pack("<I", zlib.crc32(block)) + bytes(16)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (signature_block(2, 0, b""), ["rsa-3072", "sha-256"]),
        (signature_block(3, 0, b"\2"), ["ecdsa-p256", "sha-256"]),
        (signature_block(3, 1, b"\3"), ["ecdsa-p384", "sha-384"]),
        (b"\xff" * 1216, ["null"]),
    ],
)
def test_an_application_for_esp32_tells_who_signed_it(block: bytes, expected: list[str]) -> None:
    application = (b"\xe9\1\2 ".ljust(32, b"\0") + b"\x32\x54\xcd\xab").ljust(8192, b"\5")
    assert algorithms([told("app.bin", application + block, "esp32")]) == expected


def test_mutilated_images_never_break_a_collector() -> None:
    seeds = [vbmeta(2, HASHTREE), vbmeta(5, CHAIN), b"LUKS\xba\xbe\0\1aes".ljust(208, b"\0")]
    for mutant in mutants(seeds, MUTANTS):
        for each in READER.read("image", mutant, READER.matcher.scan(mutant)):
            assert isinstance(each, Finding) or each.cause is not Cause.CRASHED
