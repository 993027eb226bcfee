"""Templates: what a model, a maker or a kind is known to use, and which of them holds."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from roadseal.assess.inventory.estate import (
    Asset,
    Exposure,
    Kind,
    guess_mapping,
    import_table,
    read_source,
)
from roadseal.assess.inventory.finding import Basis, Role
from roadseal.assess.inventory.template import declared_uses, load_templates, shipped_templates
from roadseal.assess.policy.nature import nature_of
from roadseal.assess.register import score_model
from roadseal.assess.register.attach import uses_of
from roadseal.errors import RoadsealError

DATA = Path(os.environ.get("ROADSEAL_TESTDATA", "../shared/data")) / "inventory/estates"

OWN = """[[template]]
id = "ours"
match = { kinds = ["signal"] }
source = "our maintenance contract"
[[template.use]]
role = "firmware-signature"
algorithm = "rsa-2048"
flow = "firmware"
basis = "declared"
says = "signed by the maker with RSA-2048"
"""


def asset(kind: Kind, vendor: str | None = None, model: str | None = None) -> Asset:
    return Asset("c/1", kind, "x", 1, vendor=vendor, model=model, exposure=(Exposure.CARRIER,))


def said(thing: Asset, role: Role) -> list[tuple[str, str]]:
    return [
        (template.id, use.algorithm)
        for template, use in declared_uses(thing, shipped_templates())
        if use.role is role
    ]


def test_every_shipped_template_can_be_used_and_has_a_source() -> None:
    templates = shipped_templates()
    assert len({each.id for each in templates}) == len(templates)
    for template in templates:
        assert len(template.source) > 10
        for use in template.uses:
            assert use.flow in score_model().flows
            assert use.algorithm == "unknown" or nature_of(use.algorithm).bearing != "unknown"
            assert use.basis in (Basis.DECLARED, Basis.INFERRED)


@pytest.mark.parametrize(
    ("thing", "role", "expected"),
    [
        (asset(Kind.SIGNAL, "ECONOLITE", "Cobalt G"), Role.STORAGE, [("econolite-eos", "md5")]),
        (
            asset(Kind.SIGNAL, None, "Econolite Cobalt"),
            Role.STORAGE,
            [("econolite-eos", "md5")],
        ),
        (asset(Kind.SIGNAL, "Peek", "Cobalt"), Role.STORAGE, []),
        (
            asset(Kind.SIGNAL, "Swarco", "CPU LS-4000 G4"),
            Role.LIVE_AUTHENTICATION,
            [("swarco-ls4000", "null")],
        ),
        (
            asset(Kind.RSU, "Kapsch", "ris9260"),
            Role.LIVE_AUTHENTICATION,
            [("kapsch-ris-rsu", "null")],
        ),
        (
            asset(Kind.RSU, "Commsignia", "ITS-RS4-M"),
            Role.FIRMWARE_SIGNATURE,
            [("commsignia-rsu", "unknown")],
        ),
        (
            asset(Kind.SIGNAL, "McCain", "2070LX"),
            Role.FIRMWARE_SIGNATURE,
            [("model-2070", "unknown")],
        ),
        (
            asset(Kind.SIGNAL, "McCain", "12070"),
            Role.FIRMWARE_SIGNATURE,
            [("ntcip-field-device", "unknown")],
        ),
        (asset(Kind.RSU), Role.FIRMWARE_SIGNATURE, [("rsu", "unknown")]),
        (
            asset(Kind.SIGN, "DAKTRONICS", "VF-2020"),
            Role.PLAINTEXT,
            [("daktronics-vanguard", "plaintext"), ("ntcip-field-device", "community-string")],
        ),
    ],
)
def test_the_closest_template_holds(
    thing: Asset, role: Role, expected: list[tuple[str, str]]
) -> None:
    assert said(thing, role) == expected


def test_a_model_adds_to_its_kind_where_it_says_nothing() -> None:
    uses = uses_of(asset(Kind.RSU, "Kapsch", "RIS-9260"), shipped_templates())
    assert {use.algorithm for use in uses} == {
        "ecdsa-p256",
        "ecies-p256",
        "hmac-sha-1",
        "null",
        "unknown",
    }
    assert all(use.basis is not Basis.OBSERVED for use in uses)
    assert any(use.source.startswith("template kapsch-ris-rsu: BDU:2025-14395") for use in uses)


def test_ones_own_folder_of_templates_goes_before_the_shipped(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(OWN)
    (tmp_path / "b.toml").write_text(OWN.replace("ours", "more").replace('"signal"', '"camera"'))
    own = load_templates(tmp_path)
    assert [each.id for each in own] == ["ours", "more"]
    thing = asset(Kind.SIGNAL, "McCain", "2070LX")
    uses = uses_of(thing, (*shipped_templates(), *own))
    assert [use.algorithm for use in uses if use.role is Role.FIRMWARE_SIGNATURE] == ["rsa-2048"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(RoadsealError, match="holds no templates"):
        load_templates(tmp_path / "empty")


def test_the_controllers_of_san_francisco_are_known_by_their_model() -> None:
    if not DATA.is_dir():
        pytest.skip("no field material: set ROADSEAL_TESTDATA")
    table = read_source(DATA / "sf_traffic_signals.csv")
    assets = import_table(table, guess_mapping(table).mapping, "sf").assets
    counted = Counter(
        template for each in assets for template, _ in said(each, Role.FIRMWARE_SIGNATURE)
    )
    assert counted["model-2070"] > 1_200
    assert set(counted) == {"model-2070", "ntcip-field-device", "beacon"}


def test_a_column_of_controllers_is_a_model_and_no_maker(tmp_path: Path) -> None:
    file = tmp_path / "city.csv"
    rows = "".join(f"{n},Main & {n},{40 + n / 1000:.4f},-75.1,2070LX\n" for n in range(1, 60))
    file.write_text("id,name,lat,lon,Controller\n" + rows)
    columns = guess_mapping(read_source(file)).mapping.columns
    assert columns["model"] == ("Controller",)
    assert "vendor" not in columns


def test_a_unit_is_known_by_the_mib_that_it_is_managed_by(tmp_path: Path) -> None:
    file = tmp_path / "units.csv"
    rows = "".join(
        f"{n},RIS-9260,40.{n:03},-75.1,rsu,{('4.1', '12.18')[n % 2]}\n" for n in range(9)
    )
    file.write_text("id,model,lat,lon,type,SNMP version\n" + rows)
    table = read_source(file)
    assets = import_table(table, guess_mapping(table).mapping, "c").assets
    assert [each.services for each in assets[:2]] == [("rsu-mib-4.1",), ("ntcip-1218",)]
    assert [said(each, Role.INTEGRITY) for each in assets[:2]] == [
        [("rsu-specification-4.1", "hmac-sha-1")],
        [("rsu-ntcip-1218", "hmac-sha-1")],
    ]
    assert said(assets[1], Role.KEY_EXCHANGE) == [("rsu-ntcip-1218", "unknown")]
