"""CBOMs of a hundred thousand and of a million components: `python benches/bench_cbom.py`.

CPU seconds beside plain `json.dumps` of the same components in the same run; memory of a process of
its own that writes a million.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator

from roadseal.assess.cbom import Spec, validate_cbom, write_cbom
from roadseal.assess.cbom.components import finding_component
from roadseal.assess.inventory import (
    AlgorithmUse,
    AssetType,
    Basis,
    Coverage,
    Finding,
    Location,
    Role,
)
from roadseal.clock import SystemClock

SMALL, LARGE = 100_000, 1_000_000
COVERAGE = Coverage(("bench",), 1, 1, ())


def findings(count: int) -> Iterator[Finding]:
    """Certificates, sessions and keys in turn."""
    kinds = (AssetType.CERTIFICATE, AssetType.PROTOCOL, AssetType.MATERIAL)
    names = ("ecdsa-p256", "x25519mlkem768", "rsa-2048")
    for n in range(count):
        kind, use = kinds[n % 3], AlgorithmUse(names[n % 3], Role.UNKNOWN)
        facts = {"subject": f"CN={n}", "not_after": "2030-01-01T00:00:00", "protocol": "tls"}
        place = Location(f"host-{n % 999}/etc/{n}", line=n + 1)
        yield Finding("bench", place, kind, f"thing {n}", (use,), Basis.OBSERVED, facts=facts)


def main() -> None:
    """Print seconds, ratios and memory."""
    if sys.argv[1:] == ["large"]:
        size = sum(map(len, write_cbom(findings(LARGE), COVERAGE, spec=Spec.V1_7, name="bench")))
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{LARGE:,} components: {size >> 20} MiB, peak memory {peak_mib:.0f} MiB (target 1,536)"
        )
        return
    clock = SystemClock()
    start_s = clock.cpu_s()
    plain = [finding_component(each, Spec.V1_7, each.id) for each in findings(SMALL)]
    made_s = clock.cpu_s()
    for each in plain:
        json.dumps(each)
    plain_s = clock.cpu_s() - made_s
    made_s -= start_s
    for spec in Spec:
        start_s = clock.cpu_s()
        encoded = b"".join(write_cbom(findings(SMALL), COVERAGE, spec=spec, name="bench"))
        write_s = clock.cpu_s() - start_s
        assert not validate_cbom(encoded)
        check_s = clock.cpu_s() - start_s - write_s
        print(
            f"{SMALL:,} components, {spec.value}: write {write_s:.1f} s (target 5),"
            f" {write_s / plain_s:.1f} × json.dumps alone; validate {check_s:.1f} s"
        )
    subprocess.run([sys.executable, __file__, "large"], check=True)


if __name__ == "__main__":
    main()
