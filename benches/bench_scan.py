"""The scanner against its raw primitives: reading files, and parsing certificates with a library.

    python benches/bench_scan.py [--files 20000] [--json]

CPU seconds of one process. The baseline of the matcher is the same reading with nothing to look
for; the baseline of certificates is `cryptography` parsing them and giving the same fields.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rich.console import Console
from rich.table import Table

from roadseal import _core
from roadseal.assess.inventory.certificates.x509 import certificate
from roadseal.assess.inventory.collector import MAX_HITS, Context, Limits
from roadseal.assess.inventory.finding import Location
from roadseal.assess.inventory.reading import Reader
from roadseal.assess.inventory.scan import scan
from roadseal.clock import SystemClock

CLOCK = SystemClock()
ANCHORS = Path("/etc/ssl/certs/ca-certificates.crt")
LARGE_BYTES = 256 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=20_000, help="small files")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    arguments = parser.parse_args()
    reader = Reader(Context(Limits(), b"bench"))
    bare = _core.SignatureMatcher([], MAX_HITS)
    rows: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        small = small_files(Path(folder, "small"), arguments.files)
        raw_s = cpu_s(lambda: bare.scan_files(small, 1 << 30))
        found_s = cpu_s(lambda: reader.files(small))
        rows["small files: CPU / reading only"] = found_s / raw_s
        rows["small files a CPU second"] = len(small) / found_s
        # the least of three: what a start costs differs by more than small scans do
        start_s = min(scan_cpu_s(Path(small[0])) for _ in range(3))
        whole_s = min(scan_cpu_s(Path(folder, "small")) for _ in range(3)) - start_s
        rows["start of a scan, CPU s"] = start_s
        rows["small files, whole scan: CPU / reading only"] = whole_s / raw_s
        rows["small files a CPU second, whole scan after its start"] = len(small) / whole_s
        large = large_file(Path(folder, "large"))
        raw_s = cpu_s(lambda: bare.scan_files([large], 1 << 40))
        found_s = cpu_s(lambda: reader.files([large]))
        rows["one large file: CPU / reading only"] = found_s / raw_s
        rows["one large file, MB a CPU second"] = LARGE_BYTES / 1e6 / found_s
    if ANCHORS.exists():
        encoded = [
            one.public_bytes(Encoding.DER)
            for one in x509.load_pem_x509_certificates(ANCHORS.read_bytes())
        ] * 20
        peer_s = cpu_s(lambda: [fields_by_cryptography(one) for one in encoded])
        outline_s = cpu_s(lambda: [_core.certificate_outline(one) for one in encoded])
        finding_s = cpu_s(lambda: [certificate(Location("x"), one, "x509") for one in encoded])
        bundle = ANCHORS.read_bytes() * 20
        hits = reader.matcher.scan(bundle)
        bundle_s = cpu_s(lambda: list(reader.read("bundle.pem", bundle, hits)))
        rows["certificates of a PEM bundle, to findings, a CPU second"] = len(encoded) / bundle_s
        rows["finding of a certificate in PEM: CPU / cryptography from DER"] = bundle_s / peer_s
        rows["outline of a certificate: CPU / cryptography"] = outline_s / peer_s
        rows["finding of a certificate: CPU / cryptography"] = finding_s / peer_s
        rows["outlines a CPU second"] = len(encoded) / outline_s
        rows["certificate findings a CPU second"] = len(encoded) / finding_s
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table("measure", "value", box=None)
    for name, value in rows.items():
        table.add_row(name, f"{value:,.2f}" if value < 100 else f"{value:,.0f}")
    Console().print(table)


def cpu_s(work: Callable[[], object]) -> float:
    """The least CPU time of three runs."""
    best = float("inf")
    for _ in range(3):
        start_s = CLOCK.cpu_s()
        work()
        best = min(best, CLOCK.cpu_s() - start_s)
    return best


def scan_cpu_s(target: Path) -> float:
    """CPU time of a whole scan, its worker's included."""

    def used_s() -> float:
        usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    before_s = used_s()
    scan([target], Context(Limits(), b"bench"), CLOCK)
    return used_s() - before_s


def small_files(folder: Path, count: int) -> list[str]:
    """Text of one to four KiB, a thousand files a folder."""
    choice = random.Random(1)
    words = [bytes(choice.choices(b"abcdefghijklmnopqrstuvwxyz_", k=7)) for _ in range(500)]
    paths = []
    for number in range(count):
        inner = folder / str(number // 1000)
        inner.mkdir(parents=True, exist_ok=True)
        path = inner / f"{number}.txt"
        path.write_bytes(b" ".join(choice.choices(words, k=choice.randrange(128, 512))))
        paths.append(str(path))
    return paths


def large_file(path: Path) -> str:
    """Programs of this system one after the other, as an image holds them."""
    octets = b""
    for program in sorted(Path("/usr/bin").iterdir()):
        if program.is_file() and len(octets) < 64 << 20:
            octets += program.read_bytes()
    with path.open("wb") as file:
        left = LARGE_BYTES
        while left > 0:
            left -= file.write(octets[:left])
    return str(path)


def fields_by_cryptography(encoded: bytes) -> tuple[object, ...]:
    """What the outline holds, by a library."""
    one = x509.load_der_x509_certificate(encoded)
    return (
        one.serial_number,
        one.subject.rfc4514_string(),
        one.issuer.rfc4514_string(),
        one.not_valid_before_utc,
        one.not_valid_after_utc,
        one.signature_algorithm_oid,
        one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )


if __name__ == "__main__":
    main()
