"""Containers and file systems that the tools of their makers wrote, opened to the file inside."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from assess_scanning import CONTEXT, READER, mutants, read

from roadseal.assess.inventory.collector import Context, Limits
from roadseal.assess.inventory.finding import Cause, Gap
from roadseal.assess.inventory.firmware import cpio
from roadseal.assess.inventory.reading import Reader

MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "3000")) // 10
NOISE = random.Random(5).randbytes(6000)
CONFIGURATION = (
    b"# a roadside unit\nrocommunity public\nsysLocation pole 7\n" + b"# filler\n" * 2000
)
INSIDE = "etc/snmp/snmpd.conf"


def run(*command: str, cwd: Path, given: bytes | None = None) -> bytes:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    result = subprocess.run(command, cwd=cwd, input=given, capture_output=True, check=True)
    return result.stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with the configuration among other files, a link and a device's name."""
    place = tmp_path / "tree"
    (place / "etc/snmp").mkdir(parents=True)
    (place / INSIDE).write_bytes(CONFIGURATION)
    (place / "etc/motd").write_text("hello\n")
    (place / "bin").mkdir()
    (place / "bin/noise").write_bytes(NOISE * 20)
    (place / "etc/link").symlink_to("motd")
    return place


def found_in(name: str, image: bytes) -> str:
    """Where in an image the configuration was found, without a gap."""
    found, gaps = read(name, image)
    assert not gaps
    (one,) = (each for each in found if each.collector == "config/snmpd")
    return one.location.uri


STREAMS = {
    "gz": ("gzip", "-c"),
    "bz2": ("bzip2", "-c"),
    "xz": ("xz", "-c"),
    "lzma": ("xz", "--format=lzma", "-c"),
    "zst": ("zstd", "-c", "-q"),
    "lz4": ("lz4", "-c", "-q"),
    "lz": ("lzip", "-c"),
    "lzo": ("lzop", "-c", "-q"),
    "legacy.lz4": ("lz4", "-l", "-c", "-q"),
}


@pytest.mark.parametrize("kind", STREAMS)
def test_a_compressed_file_is_read(tmp_path: Path, kind: str) -> None:
    packed = run(*STREAMS[kind], cwd=tmp_path, given=CONFIGURATION)
    assert found_in(f"snmpd.conf.{kind}", packed).startswith(f"snmpd.conf.{kind}!/snmpd.conf")


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("form", ["newc", "odc", "crc"])
def test_an_initial_ram_disk_inside_a_kernel_is_read(tree: Path, kind: str, form: str) -> None:
    """A compressed cpio archive after a boot header and code, and code after it."""
    names = b"\n".join(str(each.relative_to(tree)).encode() for each in sorted(tree.rglob("*")))
    archive = run("cpio", "-o", "-H", form, "--quiet", cwd=tree, given=names)
    packed = run(*STREAMS[kind], cwd=tree, given=archive)
    tail = b"" if kind == "legacy.lz4" else NOISE
    assert found_in("zImage", b"\0" * 64 + NOISE + packed + tail).endswith(INSIDE)
    assert found_in("initramfs", archive).endswith(INSIDE)


def jffs2(tree: Path, image: Path, *options: str) -> None:
    run("mkfs.jffs2", "-d", str(tree), "-o", str(image), "-e", "0x10000", *options, cwd=tree)


@pytest.mark.parametrize(
    "options",
    [("-l",), ("-b",), ("-l", "-x", "zlib"), ("-l", "-X", "lzo"), ("-l", "-n", "-p0x200000")],
)
def test_jffs2_is_read_in_either_byte_order(tree: Path, options: tuple[str, ...]) -> None:
    image = tree.parent / "image"
    jffs2(tree, image, *options)
    assert found_in("rootfs.jffs2", image.read_bytes()).endswith(f"!/{INSIDE}")


def ubifs(tree: Path, image: Path, compression: str) -> None:
    run("mkfs.ubifs", "-r", str(tree), "-m", "2048", "-e", "126976", "-c", "100", "-x", compression,
        "-o", str(image), cwd=tree)  # fmt: skip


@pytest.mark.parametrize("compression", ["none", "lzo", "zlib", "zstd"])
def test_ubifs_is_read_alone_and_in_ubi(tree: Path, compression: str) -> None:
    volume, image = tree.parent / "volume", tree.parent / "flash"
    ubifs(tree, volume, compression)
    assert found_in("rootfs.ubifs", volume.read_bytes()).endswith(f"!/{INSIDE}")
    (tree.parent / "ubi.ini").write_text(
        f"[rootfs]\nmode=ubi\nimage={volume}\nvol_id=3\nvol_size=12MiB\nvol_type=dynamic\n"
        "vol_name=rootfs\nvol_flags=autoresize\n"
    )
    run("ubinize", "-o", str(image), "-m", "2048", "-p", "128KiB", "ubi.ini", cwd=tree.parent)
    data = image.read_bytes()
    assert found_in("flash.ubi", data) == f"flash.ubi!/rootfs!/{INSIDE}"
    block = 128 << 10
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    random.Random(2).shuffle(blocks)
    assert found_in("flash.ubi", b"".join(blocks)).endswith(INSIDE), "blocks lie in any order"


def with_mke2fs(kind: str) -> Callable[[Path, Path], None]:
    def make(tree: Path, image: Path) -> None:
        run("mke2fs", "-q", "-t", kind, "-d", str(tree), str(image), "8M", cwd=tree)

    return make


def fat(tree: Path, image: Path) -> None:
    image.write_bytes(bytes(8 << 20))
    run("mkfs.fat", str(image), cwd=tree)
    run("mcopy", "-s", "-i", str(image), "etc/snmp", "::", cwd=tree)


def cramfs(tree: Path, image: Path) -> None:
    run("mkfs.cramfs", str(tree), str(image), cwd=tree)


def seven(tree: Path, image: Path) -> None:
    run("7zz", "a", "-bd", "-t7z", str(image), "etc", "bin", cwd=tree)


BY_SEVEN_ZIP = {
    "genext2fs": lambda tree, image: run(
        "genext2fs", "-d", str(tree), "-b", "4096", str(image), cwd=tree
    ),
    "ext3": with_mke2fs("ext3"),
    "ext4": with_mke2fs("ext4"),
    "fat": fat,
    "cramfs": cramfs,
    "7z": seven,
}


@pytest.mark.parametrize("kind", BY_SEVEN_ZIP)
def test_file_systems_that_seven_zip_opens(
    tree: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tree.parent / f"image.{kind}"
    BY_SEVEN_ZIP[kind](tree, image)
    if not shutil.which("7zz"):
        pytest.skip("7zz is not installed")
    assert found_in(image.name, image.read_bytes()).endswith("snmp/snmpd.conf")
    monkeypatch.setenv("PATH", "/nonexistent")
    found, (gap,) = read(image.name, image.read_bytes())
    assert gap.cause is Cause.NOT_SUPPORTED
    assert "7-Zip is not installed" in gap.detail
    assert not any(each.collector == "config/snmpd" and "!" in each.location.uri for each in found)


def test_a_disk_image_is_read_through_its_partition(tree: Path) -> None:
    """Partition table, ext4, file: what an installer writes to a card."""
    partition = tree.parent / "partition"
    with_mke2fs("ext4")(tree, partition)
    if not shutil.which("7zz"):
        pytest.skip("7zz is not installed")
    entry = b"\x80\0\0\0\x83\0\0\0" + (2048).to_bytes(4, "little") + (16384).to_bytes(4, "little")
    table = bytes(446) + entry + bytes(48) + b"\x55\xaa"
    card = table + bytes((1 << 20) - 512) + partition.read_bytes()
    assert found_in("card.img", card).endswith(INSIDE)


@pytest.mark.parametrize("compression", ["w9.gzdio", "w7.xzdio", "w19.zstdio"])
def test_an_rpm_package_is_read(tree: Path, compression: str) -> None:
    spec = tree.parent / "rsu.spec"
    spec.write_text(
        "Name: rsu\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n"
        f"%description\nx\n%install\nmkdir -p %{{buildroot}}\ncp -a {tree}/etc %{{buildroot}}/\n"
        "%files\n/etc\n"
    )
    run("rpmbuild", "-bb", "--quiet", f"--define=_topdir {tree.parent}",
        f"--define=_binary_payload {compression}", str(spec), cwd=tree.parent)  # fmt: skip
    (package,) = (tree.parent / "RPMS").rglob("*.rpm")
    assert found_in("rsu.rpm", package.read_bytes()).endswith(INSIDE)


def test_a_debian_package_with_zstandard_is_read(tree: Path) -> None:
    (tree / "DEBIAN").mkdir()
    (tree / "DEBIAN/control").write_text(
        "Package: rsu\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
    )
    package = tree.parent / "rsu.deb"
    run("dpkg-deb", "-Zzstd", "--root-owner-group", "-b", str(tree), str(package), cwd=tree)
    assert found_in("rsu.deb", package.read_bytes()).endswith(INSIDE)


def test_a_password_on_seven_zip_is_a_gap(tree: Path) -> None:
    image = tree.parent / "a.7z"
    run("7zz", "a", "-bd", "-psecret", str(image), "etc", cwd=tree)
    found, (gap,) = read("a.7z", image.read_bytes())
    assert not found
    assert "encrypted" in gap.detail


def test_what_does_not_unpack_to_its_end_keeps_what_came_before() -> None:
    packed = gzip.compress(CONFIGURATION + NOISE)
    found, (gap,) = read("snmpd.conf.gz", packed[:-3000])
    assert [each.collector for each in found] == ["config/snmpd"]
    assert gap.cause is Cause.UNREADABLE


def test_bombs_of_every_container_end_at_the_limit(tree: Path) -> None:
    (tree / "zeros").write_bytes(bytes(16 << 20))
    (tree / "not-sparse").write_bytes(NOISE[:999] * 2000)
    reader = Reader(Context(Limits(unpacked_bytes=1 << 20), CONTEXT.identity_key))
    volume, flash = tree.parent / "volume", tree.parent / "flash"
    ubifs(tree, volume, "lzo")
    jffs2(tree, flash, "-l")
    names = b"zeros"
    archive = run("cpio", "-o", "-H", "newc", "--quiet", cwd=tree, given=names)
    images = [volume.read_bytes(), flash.read_bytes(), archive]
    images += [run(*STREAMS[kind], cwd=tree, given=bytes(16 << 20)) for kind in STREAMS]
    for image in images:
        outputs = list(reader.read("x", image, reader.matcher.scan(image)))
        assert [one.cause for one in outputs if isinstance(one, Gap)] == [Cause.TRUNCATED]


def test_digits_that_look_like_cpio_are_no_archive() -> None:
    assert not cpio.begins(b"070701" + b"see page 12 of the manual " * 8)
    found, gaps = read("x.bin", b"\0" * 64 + b"070701 and 070707, both in octal" + NOISE)
    assert (found, gaps) == ([], [])


@pytest.mark.fuzz
def test_mutants_of_containers_cost_a_gap_at_most(tree: Path) -> None:
    shutil.rmtree(tree / "bin")
    seeds = []
    for name, make in (("u", ubifs), ("j", jffs2)):
        make(tree, tree.parent / name, *(("zlib",) if make is ubifs else ("-l",)))  # type: ignore[operator]  # two forms of one call
        seeds.append((tree.parent / name).read_bytes()[: 1 << 20])
    archive = run("cpio", "-o", "-H", "newc", "--quiet", cwd=tree, given=INSIDE.encode())
    seeds.append(archive)
    seeds += [b"\0" * 64 + run(*STREAMS[kind], cwd=tree, given=archive) for kind in STREAMS]
    for data in mutants(seeds, MUTANTS):
        for output in READER.read("x", data, READER.matcher.scan(data)):
            if isinstance(output, Gap):
                assert output.cause is not Cause.CRASHED, output
