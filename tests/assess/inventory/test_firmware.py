"""Images that imgtool, mkimage, mksquashfs and compilers made; bombs and mutants of them."""

import gzip
import io
import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
from assess_scanning import CONTEXT, READER, algorithms, mutants, read

from roadseal.assess.inventory.classifier import Bearing, classify
from roadseal.assess.inventory.collector import Context, Limits
from roadseal.assess.inventory.finding import Cause, Finding, Gap, Role
from roadseal.assess.inventory.firmware.constants import constants
from roadseal.assess.inventory.firmware.programs import symbols
from roadseal.assess.inventory.reading import Reader

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000")) // 3
NOISE = random.Random(5).randbytes(6000)


def run(*command: str, cwd: Path) -> bytes:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, cwd=cwd, capture_output=True, check=True).stdout


def signing(findings: list[Finding]) -> set[str]:
    uses = [use for one in findings for use in one.algorithms]
    return {use.name for use in uses if use.role is Role.FIRMWARE_SIGNATURE}


@pytest.mark.parametrize(
    ("key", "expected"),
    [("rsa-2048", "rsa-2048"), ("rsa-3072", "rsa-3072"), ("ecdsa-p256", "ecdsa-p256"),
     ("ecdsa-p384", "ecdsa-p384"), ("ed25519", "ed25519"), (None, "null")],
)  # fmt: skip
def test_images_of_imgtool(tmp_path: Path, key: str | None, expected: str) -> None:
    (tmp_path / "app").write_bytes(NOISE)
    options: list[str] = []
    if key:
        run("imgtool", "keygen", "-k", "k.pem", "-t", key, cwd=tmp_path)
        options = ["-k", "k.pem"]
    sha = ["--sha", "384"] if key == "ecdsa-p384" else []
    run("imgtool", "sign", *options, *sha, "--header-size", "0x200", "--pad-header", "-v", "1.2.3",
        "--slot-size", "0x20000", "--align", "8", "app", "out", cwd=tmp_path)  # fmt: skip
    image = (tmp_path / "out").read_bytes()
    for data, offset in ((image, 0), (NOISE + image + NOISE, len(NOISE))):
        found, _ = read("flash.bin", data)
        (boot,) = [one for one in found if one.collector == "firmware/mcuboot"]
        assert signing([boot]) == {expected}
        assert boot.location.offset == offset
        assert boot.facts["version"] == "1.2.3+0"


def test_fit_of_mkimage(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(NOISE)
    (tmp_path / "keys").mkdir()
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "keys/dev.key",
        "-out", "keys/dev.crt", "-subj", "/CN=d", cwd=tmp_path)  # fmt: skip
    (tmp_path / "x.its").write_text("""/dts-v1/;
/ { description = "x"; #address-cells = <1>;
  images { kernel-1 { data = /incbin/("kernel"); type = "kernel"; arch = "arm"; os = "linux";
    compression = "none"; load = <0>; entry = <0>; hash-1 { algo = "sha256"; }; }; };
  configurations { default = "c"; c { kernel = "kernel-1";
    signature-1 { algo = "sha256,rsa2048"; key-name-hint = "dev";
      sign-images = "kernel"; }; }; }; };
""")
    (tmp_path / "u.dts").write_text("/dts-v1/; / { };")
    run("dtc", "-O", "dtb", "-o", "u.dtb", "u.dts", cwd=tmp_path)
    run("mkimage", "-f", "x.its", "-k", "keys", "-K", "u.dtb", "-r", "out.itb", cwd=tmp_path)
    found, _ = read("out.itb", (tmp_path / "out.itb").read_bytes())
    (image,) = [one for one in found if one.collector == "firmware/fit"]
    assert signing([image]) == {"rsa-2048"}
    assert image.facts["signed"] is True
    found, _ = read("u.dtb", (tmp_path / "u.dtb").read_bytes())
    anchors = [use for one in found for use in one.algorithms if use.role is Role.TRUST_ANCHOR]
    assert "rsa-2048" in {use.name for use in anchors}


def test_legacy_image_of_mkimage(tmp_path: Path) -> None:
    (tmp_path / "kernel").write_bytes(NOISE)
    run("mkimage", "-A", "arm", "-T", "kernel", "-C", "none", "-n", "rsu", "-d", "kernel", "out",
        cwd=tmp_path)  # fmt: skip
    found, _ = read("out", (tmp_path / "out").read_bytes())
    assert set(algorithms(found)) == {"crc32", "null"}


def certificate(folder: Path, form: str = "DER") -> bytes:
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -subj /CN=db"
    return run("openssl", *options.split(), "-outform", form, cwd=folder)


def test_the_form_of_a_key_in_a_library_is_no_key() -> None:
    """What libcrypto 3.5 has of ML-DSA-44, with other data behind it; and the same with a key."""
    form = bytes.fromhex("30820532300b06096086480165030403110382052100")
    for tail, expected in ((bytes(1400), []), (os.urandom(1400), ["ml-dsa-44"])):
        found, _ = read("libcrypto.dll", b"\x7f" * 40 + form + tail)
        assert algorithms(found) == expected


def test_signature_list_and_carved_material(tmp_path: Path) -> None:
    encoded = certificate(tmp_path)
    each = 16 + len(encoded)
    listed = bytes.fromhex("a159c0a5e494a74a87b5ab155c2bf072") + b"".join(
        number.to_bytes(4, "little") for number in (28 + each, 0, each)
    )
    found, _ = read("db.esl", listed + bytes(16) + encoded)
    assert [one.collector for one in found] == ["certificate/uefi"]
    public = run("openssl", "pkey", "-in", "k", "-pubout", "-outform", "DER", cwd=tmp_path)
    ed = run("openssl", "genpkey", "-algorithm", "ED25519", "-outform", "DER", cwd=tmp_path)
    blob = NOISE + encoded + NOISE + public + NOISE + ed + NOISE
    found, _ = read("flash", blob)
    places = {one.location.offset: one.algorithms[0].name for one in found}
    assert places == {
        len(NOISE): "ecdsa-p384",
        2 * len(NOISE) + len(encoded): "ec-p384",
        3 * len(NOISE) + len(encoded) + len(public): "ed25519",
    }


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "squashfs", "deb-like"])
def test_archives(tmp_path: Path, kind: str) -> None:
    inside = tmp_path / "in" / "etc"
    inside.mkdir(parents=True)
    (inside / "a.pem").write_bytes(certificate(tmp_path, "PEM"))
    (inside / "plain").write_bytes(NOISE)
    out = tmp_path / "out"
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as archive:
            archive.write(inside / "a.pem", "etc/a.pem")
    elif kind.startswith("tar"):
        with tarfile.open(out, f"w:{kind[4:]}") as archive_:
            archive_.add(inside, "etc")
    elif kind == "squashfs":
        run("mksquashfs", "in", "out", "-quiet", "-no-progress", cwd=tmp_path)
    else:
        with tarfile.open(tmp_path / "data.tar.gz", "w:gz") as archive_:
            archive_.add(inside, "etc")
        run("ar", "rc", "out", "data.tar.gz", cwd=tmp_path)
    found, gaps = read("out.bin", out.read_bytes())
    assert not gaps
    assert [one.location.uri.rsplit("/", 1)[-1] for one in found] == ["a.pem"]
    if kind == "squashfs":
        blob = NOISE + out.read_bytes()
        assert [one.title for one in read("flash", blob)[0]] == ["CN=db"]


def test_bombs_end_at_the_limit(tmp_path: Path) -> None:
    reader = Reader(Context(Limits(unpacked_bytes=1 << 20, depth=2), CONTEXT.identity_key))

    def causes(data: bytes) -> set[Cause]:
        outputs = reader.read("x", data, reader.matcher.scan(data))
        return {one.cause for one in outputs if isinstance(one, Gap)}

    assert causes(gzip.compress(bytes(64 << 20))) == {Cause.TRUNCATED}
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../etc/passwd", bytes(64 << 20))
    assert causes(bomb.getvalue()) == {Cause.TRUNCATED}
    nested = b"-----BEGIN NEW THING-----\nAAAA\n-----END NEW THING-----\n"
    for _ in range(5):
        nested = gzip.compress(nested)
    assert causes(nested) == {Cause.TRUNCATED}
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "zeros").write_bytes(bytes(8 << 20))
    run("mksquashfs", "in", "out", "-quiet", "-no-progress", cwd=tmp_path)
    assert causes((tmp_path / "out").read_bytes()) == {Cause.TRUNCATED}


def test_names_in_archives_do_not_lead_out() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w") as archive:
        archive.writestr("../../x/snmpd.conf", "rocommunity public\nsysLocation x\n")
    found, _ = read("a.zip", bomb.getvalue())
    assert {one.location.uri for one in found} == {"a.zip!/x/snmpd.conf"}


def test_programs_of_this_system() -> None:
    program = Path("/usr/bin/ssh-keygen")
    if not program.exists():
        pytest.skip("ssh-keygen is not installed")
    listing = run("readelf", "--dyn-syms", "-W", str(program), cwd=Path("/"))
    found, gaps = read("ssh-keygen", program.read_bytes())
    assert not gaps
    imported = {
        one for each in found if each.collector == "binary/import" for one in algorithms([each])
    }
    assert ("rsa" in imported) == (b" RSA_generate_key_ex" in listing or b" RSA_new" in listing)
    assert imported
    constants = {each.algorithms[0].name for each in found if each.collector == "binary/constant"}
    assert "blowfish-cbc" in constants  # its bcrypt_pbkdf


@pytest.mark.fuzz
def test_mutants_of_images(tmp_path: Path) -> None:
    (tmp_path / "app").write_bytes(NOISE[:500])
    run("imgtool", "sign", "--header-size", "0x40", "--pad-header", "-v", "1.0.0", "--slot-size",
        "0x4000", "--align", "8", "app", "out", cwd=tmp_path)  # fmt: skip
    (tmp_path / "d.dts").write_text('/dts-v1/; / { images { a { hash-1 { algo = "md5"; }; }; }; };')
    run("dtc", "-O", "dtb", "-o", "d.dtb", "d.dts", cwd=tmp_path)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", certificate(tmp_path, "PEM"))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as tarred:
        tarred.add(tmp_path / "d.dtb", "d")
    seeds = [(tmp_path / name).read_bytes() for name in ("out", "d.dtb")]
    seeds += [archive.getvalue(), tar.getvalue(), NOISE[:100] + certificate(tmp_path)]
    seeds.append(Path("/bin/true").read_bytes())
    for data in mutants(seeds, MUTANTS):
        for output in READER.read("x", data, READER.matcher.scan(data)):
            assert isinstance(output, (Finding, Gap))
            assert not (isinstance(output, Gap) and output.cause is Cause.CRASHED), output


def compiled(folder: Path, code: str, *options: str) -> bytes:
    (folder / "x.c").write_text(code)
    run("gcc", "-o", "x", "x.c", *options, cwd=folder)
    return (folder / "x").read_bytes()


USES_A_LIBRARY = """
int printf(const char *, ...);
int nettle_sha256_init(void *); int br_ecdsa_i31_vrfy_asn1(void *); int psa_sign_hash(void *);
int main(void) { return nettle_sha256_init(0) + br_ecdsa_i31_vrfy_asn1(0) + psa_sign_hash(0); }
"""
LOADED = ("-shared", "-fPIC")


def named(data: bytes, rule: str) -> set[str]:
    found, gaps = read("x", data)
    assert not gaps
    return {use for one in found if one.collector == f"binary/{rule}" for use in algorithms([one])}


def test_imports_are_read_with_and_without_section_headers(tmp_path: Path) -> None:
    """Firmware is stripped of them at times: the dynamic segment says the same."""
    expected = {"sha-256", "ecdsa", "library-default"}
    for hashes in ("sysv", "gnu"):
        options = (*LOADED, f"-Wl,--hash-style={hashes}")
        program = compiled(tmp_path, USES_A_LIBRARY, *options)
        assert named(program, "import") == expected
        without = bytearray(program)
        without[40:48] = bytes(8)  # e_shoff
        without[58:64] = bytes(6)  # its entries
        assert named(bytes(without), "import") == expected


def test_a_static_program_says_what_it_brings_along(tmp_path: Path) -> None:
    code = "int br_aes_ct_ctr_init(void) { return 0; } int main(void) { return 0; }"
    assert named(compiled(tmp_path, code), "export") == {"aes-ctr"}
    assert named(compiled(tmp_path, code, "-s"), "export") == set()


def test_a_program_that_leaves_the_choice_to_a_library_is_unknown_and_not_silent() -> None:
    for program in (Path("/usr/bin/curl"), Path("/usr/bin/wget"), Path("/usr/bin/openssl")):
        if program.exists() and (found := read(program.name, program.read_bytes())[0]):
            assert {one.collector.split("/")[0] for one in found} >= {"binary"}
            return
    pytest.skip("no program with TLS is installed")


TABLES = {
    "aes": "unsigned t[] = {0xC66363A5u, 0xF87C7C84u, 0xEE777799u, 0xF67B7B8Du};",
    "sha-1": "unsigned t[] = {0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xCA62C1D6};",
    "ml-kem-768": "short t[] = {-1044, -758, -359, -1517, 1493, 1422};",
    "ml-dsa-65": "int t[] = {0, 25847, -2608894, -518909, 237124};",
    "ec-p384": (
        "unsigned long t[] = {0x2a85c8edd3ec2aef, 0xc656398d8a2ed19d, 0x0314088f5013875a, "
        "0x181d9c6efe814112, 0x988e056be3f82d19, 0xb3312fa7e23ee7e4};"
    ),
    "ec-p256": ('char t[] = "5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B";'),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_that_a_compiler_laid_out_are_recognised(tmp_path: Path, name: str) -> None:
    code = TABLES[name] + " int main(int n, char **v) { return (int) t[n]; }"
    program = compiled(tmp_path, code, "-O2", "-s")
    assert named(program, "constant") == {name}


def test_curves_are_those_of_openssl() -> None:
    """Each parameter of a curve that is looked for stands in what OpenSSL says of that curve."""
    known = {what: constant for constant, (_, what) in constants().items() if len(constant) >= 32}
    for curve, what in (
        ("prime256v1", "P-256"),
        ("secp384r1", "P-384"),
        ("secp256k1", "secp256k1"),
        ("brainpoolP256r1", "brainpoolP256r1"),
        ("brainpoolP384r1", "brainpoolP384r1"),
        ("SM2", "the curve of SM2"),
    ):
        explicit = run("openssl", "ecparam", "-name", curve, "-param_enc", "explicit",
                       "-outform", "DER", cwd=Path("/"))  # fmt: skip
        forms = {one for one, (_, each) in constants().items() if each == what}
        assert known[what] in forms
        assert any(one in explicit for one in forms), curve


def test_names_of_libraries_lead_to_names_that_are_known() -> None:
    unknown = {
        name
        for name in {*symbols().values(), *(name for name, _ in constants().values())}
        if classify(name).bearing is Bearing.UNKNOWN
    }
    assert unknown == {"library-default"}


@pytest.mark.parametrize(
    "program", ["true", "ls", "grep", "sed", "gzip", "find", "tar", "bash", "awk", "xz", "bzip2"]
)
def test_programs_without_cryptography_have_none(program: str) -> None:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    found, _ = read(program, Path(path).read_bytes())
    assert algorithms(found) == []
