"""Import, scan, register, report: the whole of assess on one estate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from roadseal.assess.cbom import Spec, write_cbom
from roadseal.assess.inventory.collector import Context
from roadseal.assess.inventory.estate import Import, guess_mapping, import_table, read_source
from roadseal.assess.inventory.finding import Coverage, Finding
from roadseal.assess.inventory.scan import scan
from roadseal.assess.inventory.scan_file import write_scan
from roadseal.assess.register import Inputs, build_register, register_bytes
from roadseal.assess.register.document import Register
from roadseal.assess.register.export import export
from roadseal.assess.register.report import write_report
from roadseal.clock import SystemClock, to_datetime

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What came of it.

    Args:
        register: built and written.
        imported: what became of the estate's rows.
        findings: of the scan; none of a city file alone.
    """

    register: Register
    imported: Import
    findings: tuple[Finding, ...]


def assess_corridor(out: Path, clock: SystemClock, say: Say) -> Demonstration:
    """The embedded corridor: its estate, its own certificates, sessions and messages."""
    from roadseal.app.demo.corridor_estate import make_material, units_of, write_estate
    from roadseal.pilot.corridor import read_corridor
    from roadseal.pilot.demand import EMBEDDED_NET

    corridor = read_corridor(EMBEDDED_NET, name="corridor", source="OpenStreetMap, ODbL")
    units, material = units_of(corridor), out / "material"
    say(f"estate: {len(units)} signals of OpenStreetMap; their units and links are assumed")
    write_estate(corridor, units, out / "estate.csv")
    say("material: real certificates, TLS sessions and signed messages, one folder a unit")
    make_material(units, material, clock)
    say("scan")
    result = scan([material], Context(), clock)
    (out / "scan.json").write_bytes(write_scan(result))
    with (out / "cbom.json").open("wb") as file:
        file.writelines(
            write_cbom(result.findings, result.coverage, spec=Spec.V1_7, name="corridor")
        )
    return _assess(
        out / "estate.csv", "corridor", out, clock, say, result.findings, (result.coverage,)
    )


def assess_city(source: Path, out: Path, clock: SystemClock, say: Say) -> Demonstration:
    """A city's own file: what can be said of it before anybody has looked."""
    return _assess(source, source.name.split(".")[0] or "city", out, clock, say, (), ())


def _assess(
    source: Path,
    name: str,
    out: Path,
    clock: SystemClock,
    say: Say,
    findings: Sequence[Finding],
    coverages: Sequence[Coverage],
) -> Demonstration:
    say(f"import {source.name}")
    table = read_source(source)
    guess = guess_mapping(table)
    (out / "mapping.toml").write_text(guess.mapping.to_toml(), "utf-8")
    imported = import_table(table, guess.mapping, name)
    say(f"register of {len(imported.assets):,} assets")
    today: date = to_datetime(clock.now()).date()
    origin: dict[str, Any] = {
        "name": name,
        "source": source.name,
        "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
        "rows": imported.rows,
        "assets": len(imported.assets),
    }
    document = build_register(Inputs(imported.assets, today, findings, coverages, estates=[origin]))
    (out / "register.json").write_bytes(register_bytes(document))
    register = Register(document)
    say("report")
    export(register, out / "register.xlsx")
    export(register, out / "register.geojson")
    write_report(register, out / "register.html")
    return Demonstration(register, imported, tuple(findings))
