"""How the tests of the collectors run one, and where material of others lies."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadseal.assess.inventory.collector import Context, Limits
from roadseal.assess.inventory.finding import Finding, Gap
from roadseal.assess.inventory.reading import Reader
from roadseal.assess.inventory.scan import ScanResult, scan
from roadseal.clock import SystemClock

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data"))
CONTEXT = Context(Limits(time_s=20), b"k" * 32)
READER = Reader(CONTEXT)


def read(name: str, data: bytes) -> tuple[list[Finding], list[Gap]]:
    """What the collectors see in a file of that name."""
    outputs = list(READER.read(name, data, READER.matcher.scan(data)))
    return (
        [one for one in outputs if isinstance(one, Finding)],
        [one for one in outputs if isinstance(one, Gap)],
    )


def algorithms(findings: list[Finding]) -> list[str]:
    return [use.name for one in findings for use in one.algorithms]


def scan_folder(*folders: Path, limits: Limits | None = None) -> ScanResult:
    context = Context(limits or CONTEXT.limits, CONTEXT.identity_key)
    return scan(folders, context, SystemClock(), workers=2)


def material(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path} is not here: set ROADSEAL_TESTDATA")
    return path


def debian(package: str, folder: Path) -> Path:
    """What a package of Debian brings, unpacked in `folder` and not installed."""
    if not shutil.which("apt-get"):
        pytest.skip("no Debian")
    got = subprocess.run(
        ["apt-get", "download", package], cwd=folder, capture_output=True, check=False
    )
    archives = list(folder.glob("*.deb"))
    if got.returncode or not archives:
        pytest.skip(f"{package} cannot be downloaded here")
    subprocess.run(["dpkg-deb", "-x", archives[0], folder / "x"], check=True)
    return folder / "x"


def mutants(seeds: list[bytes], count: int) -> Iterator[bytes]:
    import random

    choice = random.Random(11)
    for _ in range(count):
        data = bytearray(choice.choice(seeds))
        for _ in range(choice.randrange(1, 6)):
            at = choice.randrange(len(data) or 1)
            match choice.randrange(4):
                case 0 if data:
                    data[at % len(data)] ^= 1 << choice.randrange(8)
                case 1:
                    del data[at : at + choice.randrange(1, 40)]
                case 2:
                    data[at:at] = data[at : at + choice.randrange(1, 40)]
                case _:
                    data[at : at + 2] = choice.randbytes(2)
        yield bytes(data)
