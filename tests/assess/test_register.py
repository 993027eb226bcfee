"""The register: lanes that do not mix, a score that an independent simulation confirms, answers."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from roadseal.app.cli import app
from roadseal.app.cli.register_explain import explanation, show_explanation
from roadseal.assess.inventory.estate import Asset, Exposure, Import, Kind, UpdatePath
from roadseal.assess.inventory.estate.shelf import Estate, save_estate
from roadseal.assess.inventory.finding import (
    AlgorithmUse,
    AssetType,
    Basis,
    Cause,
    Coverage,
    Finding,
    Gap,
    Location,
    Role,
)
from roadseal.assess.inventory.tables import SCHEMA
from roadseal.assess.inventory.template import shipped_templates
from roadseal.assess.register import (
    Inputs,
    Lane,
    Use,
    build_register,
    crqc_profile,
    crqc_profiles,
    lane_of,
    register_bytes,
    score_model,
)
from roadseal.assess.register.attach import uses_of
from roadseal.assess.register.columns import columns_of
from roadseal.assess.register.difference import difference
from roadseal.assess.register.document import Register, load_register
from roadseal.assess.register.export import export, row_of
from roadseal.assess.register.query import Query, ask
from roadseal.assess.register.report import render_report
from roadseal.assess.register.score import score
from roadseal.assess.register.shelf import load_columns, save_uses
from roadseal.errors import RoadsealError
from roadseal.store import open_store

DAY = date(2026, 11, 26)
MUTANTS = int(os.environ.get("ROADSEAL_FUZZ_MUTANTS", "2000")) // 10
RSU = Asset(
    "city/rsu-1",
    Kind.RSU,
    "First & Main",
    1,
    52.0,
    13.0,
    corridor="Main",
    exposure=(Exposure.RF_PUBLIC,),
    update_path=UpdatePath.REMOTE,
    address="10.0.0.1",
)


def use(role: Role, algorithm: str, flow: str = "management", anchor: str | None = None) -> Use:
    return Use(role, algorithm, flow, Basis.OBSERVED, "test", anchor=anchor)


def scored(asset: Asset, *uses: Use, crqc: str = "gri-2023", count: int = 1):
    columns = columns_of([asset] * count, [uses] * count)
    return score(columns, score_model(), crqc_profile(crqc), 2026.9)


def risk(asset: Asset, one: Use, lane: int, count: int = 1) -> float:
    return float(scored(asset, one, count=count).lanes[0, lane, 1])


def finding(uri: str, role: Role, algorithm: str, basis: Basis = Basis.OBSERVED) -> Finding:
    uses = (AlgorithmUse(algorithm, role),)
    return Finding("test", Location(uri), AssetType.PROTOCOL, "a session", uses, basis)


# --- lanes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "algorithm", "update", "lane"),
    [
        (Role.KEY_EXCHANGE, "x25519", "ota", Lane.CONFIDENTIALITY),
        (Role.ENCRYPTION, "ecies-p256", "ota", Lane.CONFIDENTIALITY),
        (Role.STORAGE, "rsa-2048", "ota", Lane.CONFIDENTIALITY),
        (Role.KEY_EXCHANGE, "x25519mlkem768", "none", Lane.NONE),
        (Role.KEY_EXCHANGE, "unknown", "ota", Lane.CONFIDENTIALITY),
        # A signed broadcast has nothing to harvest, whatever it is signed with.
        (Role.MESSAGE_SIGNATURE, "ecdsa-p256", "none", Lane.FORGERY),
        (Role.LIVE_AUTHENTICATION, "rsa-2048", "truck", Lane.FORGERY),
        (Role.FIRMWARE_SIGNATURE, "rsa-2048", "truck", Lane.ANCHOR),
        (Role.FIRMWARE_SIGNATURE, "rsa-2048", "unknown", Lane.ANCHOR),
        (Role.FIRMWARE_SIGNATURE, "rsa-2048", "remote", Lane.FORGERY),
        (Role.TRUST_ANCHOR, "ecdsa-p384", "none", Lane.ANCHOR),
        (Role.TRUST_ANCHOR, "ml-dsa-87", "none", Lane.NONE),
        (Role.PLAINTEXT, "community-string", "ota", Lane.BROKEN),
        (Role.INTEGRITY, "md5", "ota", Lane.BROKEN),
        (Role.INTEGRITY, "hmac-sha-256", "none", Lane.NONE),
        (Role.UNKNOWN, "rsa-2048", "ota", Lane.CONFIDENTIALITY),
    ],
)
def test_lanes(role: Role, algorithm: str, update: str, lane: Lane) -> None:
    assert lane_of(role, algorithm, update) is lane


def test_lanes_are_never_mixed() -> None:
    lanes = scored(RSU, use(Role.MESSAGE_SIGNATURE, "ecdsa-p256", "broadcast")).lanes[0]
    assert lanes[0].tolist() == [0, 0, 0]  # no harvest risk
    assert lanes[1, 1] > 0
    broken = scored(RSU, use(Role.PLAINTEXT, "community-string", "signal-control"))
    assert not broken.lanes.any()
    assert broken.classes[0].lane is Lane.BROKEN


# --- when -----------------------------------------------------------------------------------------


def test_profiles_say_what_was_published() -> None:
    profile = crqc_profile("gri-2023")
    assert profile.probability(2029.0) == pytest.approx(0.11)
    assert profile.probability(2034.0) == pytest.approx(0.31)
    assert profile.probability(2039.0, high=False) == pytest.approx(0.33)
    assert profile.probability(2024.0) == 0.0
    assert profile.probability(2034.0, high=False) == pytest.approx(0.17)
    assert crqc_profile("gri-2024").probability(2035.0) == pytest.approx(0.34)
    assert all(each.source for each in crqc_profiles())
    assert crqc_profiles()[0].name == Inputs([], DAY).crqc


def test_the_survey_of_2025_follows_from_its_answers() -> None:
    """How many of 26 experts ticked each range, by horizon (the report's appendix A.4)."""
    bounds = np.array([0, 1, 5, 30, 70, 95, 99, 100]) / 100
    ticked = {
        5: (13, 5, 6, 1, 1, 0, 0),
        10: (3, 4, 6, 7, 4, 1, 1),
        15: (0, 3, 5, 3, 9, 4, 2),
        20: (0, 0, 2, 6, 6, 4, 8),
        30: (0, 0, 1, 3, 5, 5, 12),
    }
    profile = crqc_profile("gri-2025")
    for years, counts in ticked.items():
        assert sum(counts) == 26
        for high in (False, True):
            ends = bounds[1:] if high else bounds[:-1]
            average = np.dot(counts, ends) / 26
            assert profile.probability(2026.0 + years, high=high) == pytest.approx(
                average, abs=0.005
            )


@pytest.mark.parametrize("flow", ["v2x-provisioning", "management", "archive"])
def test_harvest_agrees_with_a_simulation_of_its_story(flow: str) -> None:
    """Draw the story itself: a recording, a secret's lifetime, a machine that comes or not."""
    model, profile, now = score_model(), crqc_profile("gri-2023"), 2026.9
    chance = np.random.default_rng(7)
    n = 400_000
    reach = chance.triangular(*model.reach["rf-public"], n)
    secrecy = chance.triangular(*model.flow(flow).secrecy_years, n)
    migration = chance.triangular(*model.migration_years["remote"], n)
    recorded = chance.random(n) * migration
    # When the machine comes: the reading is an even blend of both, by inverting each on a grid.
    grid = now + np.arange(0, 120, 0.05)
    readings = []
    for high in (False, True):
        by = np.array([profile.probability(year, high=high) for year in grid])
        readings.append((by - by[0]) / (1 - by[0]))
    which = (chance.random(n) < chance.random(n)).astype(int)  # opinion drawn, then a reading
    arrival = np.where(
        which == 0,
        np.interp(chance.random(n), readings[0], grid, right=np.inf),
        np.interp(chance.random(n), readings[1], grid, right=np.inf),
    )
    read = arrival < now + recorded + secrecy
    expected = (read * reach).mean() * model.impact[model.flow(flow).c]
    result = scored(RSU, use(Role.KEY_EXCHANGE, "x25519", flow)).classes[0]
    low, middle, high_ = result.quantiles
    assert low < expected < high_
    assert middle == pytest.approx(expected, rel=0.1)  # a median beside a mean


def test_a_case_beside_its_formula() -> None:
    """Live forgery: reach × F(migration) × impact, each at its median."""
    value = risk(RSU, use(Role.LIVE_AUTHENTICATION, "ecdsa-p256"), 1)
    profile, model = crqc_profile("gri-2023"), score_model()
    by = [profile.probability(2026.9 + 2.2, high=high) for high in (False, True)]
    before = [profile.probability(2026.9, high=high) for high in (False, True)]
    conditional = np.mean([(b - a) / (1 - a) for a, b in zip(before, by, strict=True)])
    assert value == pytest.approx(0.93 * conditional * model.impact["high"], rel=0.1)


@pytest.mark.parametrize("lane", [0, 1, 2])
def test_worse_circumstances_never_score_better(lane: int) -> None:
    role = (Role.KEY_EXCHANGE, Role.LIVE_AUTHENTICATION, Role.FIRMWARE_SIGNATURE)[lane]
    one = use(role, "rsa-2048", "firmware")
    paths = (
        (UpdatePath.OTA, UpdatePath.REMOTE, UpdatePath.TRUCK) if lane < 2 else (UpdatePath.TRUCK,)
    )
    by_path = [risk(replace(RSU, update_path=path), one, lane) for path in paths]
    assert by_path == sorted(by_path)
    path = UpdatePath.TRUCK
    by_reach = [
        risk(replace(RSU, update_path=path, exposure=(each,)), one, lane) for each in Exposure
    ]
    assert by_reach == sorted(by_reach, reverse=True)
    private = risk(replace(RSU, update_path=path, exposure=(Exposure.PRIVATE,)), one, lane)
    assert risk(replace(RSU, update_path=path, exposure=()), one, lane) > private
    unknown = use(role, "unknown", "firmware")
    assert risk(replace(RSU, update_path=path), unknown, lane) == by_reach[0]


def test_key_size_is_no_quantum_ranking() -> None:
    small, large = (use(Role.KEY_EXCHANGE, f"rsa-{bits}") for bits in (2048, 4096))
    assert risk(RSU, small, 0) == risk(RSU, large, 0)


def test_an_anchor_weighs_more_the_more_hangs_on_it() -> None:
    fixed = replace(RSU, update_path=UpdatePath.NONE, end_of_life="2040")
    root = use(Role.TRUST_ANCHOR, "ecdsa-p256", "broadcast", anchor="root")
    values = [risk(fixed, root, 2, count) for count in (1, 10, 1000)]
    assert values[0] < values[1] < values[2]
    assert risk(fixed, replace(root, anchor=None), 2, 1000) == values[0]


def test_to_find_more_of_the_same_makes_nothing_worse() -> None:
    first, second = (
        Use(Role.LIVE_AUTHENTICATION, "ecdsa-p256", "management", Basis.OBSERVED, source)
        for source in ("a", "b")
    )
    assert scored(RSU, first, second).lanes.tolist() == scored(RSU, first).lanes.tolist()
    worse = replace(first, flow="firmware")
    assert scored(RSU, first, worse).lanes[0, 1, 1] == scored(RSU, worse).lanes[0, 1, 1]


def test_what_cannot_be_changed_stays_until_it_leaves() -> None:
    root = use(Role.TRUST_ANCHOR, "ecdsa-p256", "pki")
    soon, late = (
        risk(replace(RSU, update_path=UpdatePath.NONE, end_of_life=year), root, 2)
        for year in ("2028", "2045")
    )
    assert soon < late
    assert (
        scored(replace(RSU, update_path=UpdatePath.NONE, end_of_life="2045"), root).tiers[0][0]
        == "T1"
    )


def test_one_asset_scores_alone_as_among_all() -> None:
    assets = [replace(RSU, id=f"city/{n}", exposure=(list(Exposure)[n % 7],)) for n in range(50)]
    root = use(Role.TRUST_ANCHOR, "ecdsa-p256", "broadcast", anchor="root")
    columns = columns_of(assets, [(root, use(Role.KEY_EXCHANGE, "x25519"))] * 50)
    arguments = (score_model(), crqc_profile("gri-2023"), 2026.9)
    whole = score(columns, *arguments)
    alone = score(columns.one(13), *arguments, shared=columns.shared())
    assert alone.lanes[0].tolist() == whole.lanes[whole.case[13]].tolist()
    assert len(whole.tiers) == 7


# --- evidence -------------------------------------------------------------------------------------


def test_what_was_seen_replaces_what_was_declared() -> None:
    seen = finding("10.0.0.1:443", Role.ENCRYPTION, "ml-kem-768")
    uses = uses_of(RSU, shipped_templates(), (seen,))
    assert [each.algorithm for each in uses if each.role is Role.ENCRYPTION] == ["ml-kem-768"]
    assert all(
        each.basis is not Basis.OBSERVED for each in uses if each.role is not Role.ENCRYPTION
    )


def test_what_was_seen_hides_nothing_that_is_configured() -> None:
    seen = finding("unit.pem", Role.LIVE_AUTHENTICATION, "ml-dsa-65")
    again = finding("nginx.conf", Role.LIVE_AUTHENTICATION, "ml-dsa-65", Basis.CONFIGURED)
    broken = finding("sshd_config", Role.LIVE_AUTHENTICATION, "rsa-sha-1", Basis.CONFIGURED)
    guess = finding("notes", Role.LIVE_AUTHENTICATION, "ecdsa-p256", Basis.INFERRED)
    uses = uses_of(RSU, (), (seen, again, broken, guess))
    assert [(each.algorithm, each.basis) for each in uses] == [
        ("ml-dsa-65", Basis.OBSERVED),
        ("rsa-sha-1", Basis.CONFIGURED),
    ]


def test_the_cipher_of_a_channel_hides_no_public_key() -> None:
    session = finding("10.0.0.1:443", Role.ENCRYPTION, "aes-256-gcm")
    document = build_register(Inputs([RSU], DAY, [session]))
    encryption = [each for each in document["uses"] if each["role"] == "encryption"]
    assert [(each["algorithm"], each["flow"]) for each in encryption] == [
        ("aes-256-gcm", "rsu-management"),
        ("ecies-p256", "v2x-provisioning"),
    ]
    # No authority lets a cipher fall that has 256 bits, and none as a key exchange.
    assert not [each for each in document["timeline"] if each["algorithm"] == "aes-256-gcm"]
    weak = finding("10.0.0.1:443", Role.ENCRYPTION, "aes-128-gcm")
    falls = build_register(Inputs([RSU], DAY, [weak]))["timeline"]
    assert [
        (each["policy"], each["role"]) for each in falls if each["algorithm"] == "aes-128-gcm"
    ] == [("asd-ism", "cipher")]


def test_findings_find_their_asset_or_are_shown_loose() -> None:
    findings = (
        finding("10.0.0.1:443", Role.KEY_EXCHANGE, "x25519"),
        finding("configs/rsu-1/nginx.conf", Role.KEY_EXCHANGE, "p256"),
        finding("elsewhere/x", Role.KEY_EXCHANGE, "p384"),
        finding("odd/place", Role.KEY_EXCHANGE, "x448"),
        replace(
            finding("some.pcap", Role.KEY_EXCHANGE, "p521"), facts={"endpoint": "10.0.0.1:9000"}
        ),
    )
    rules = {"odd/*": "city/rsu-1"}
    document = build_register(Inputs([RSU], DAY, findings, rules=rules))
    used = {each["algorithm"] for each in document["uses"] if each["basis"] == "observed"}
    assert used == {"x25519", "p256", "x448", "p521"}
    assert [each["where"] for each in document["coverage"]["loose_findings"]] == ["elsewhere/x"]


def test_a_name_that_two_assets_bear_joins_nothing() -> None:
    twin = replace(RSU, id="other/rsu-1")
    found = (
        finding("10.0.0.1:443", Role.KEY_EXCHANGE, "x25519"),
        finding("rsu-1/a", Role.KEY_EXCHANGE, "p256"),
    )
    document = build_register(Inputs([RSU, twin], DAY, found))
    assert len(document["coverage"]["loose_findings"]) == 2
    rules = {"rsu-1/*": "other/rsu-1"}
    document = build_register(Inputs([RSU, twin], DAY, found, rules=rules))
    assert len(document["coverage"]["loose_findings"]) == 1
    whole = (finding("scans/other/rsu-1/a", Role.KEY_EXCHANGE, "p256"),)
    document = build_register(Inputs([RSU, twin], DAY, whole))
    assert not document["coverage"]["loose_findings"]


@pytest.mark.parametrize("crqc", [each.name for each in crqc_profiles()])
def test_every_profile_makes_a_register_that_can_be_read(crqc: str, tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(register_bytes(build_register(Inputs([RSU], DAY, crqc=crqc))))
    loaded = load_register(path)
    assert loaded.document["crqc"]["name"] == crqc
    show_explanation(Console(file=io.StringIO()), explanation(loaded, loaded.find("rsu-1")))
    for high in (False, True):
        profile = crqc_profile(crqc)
        assert profile.probability(profile.median_year(high=high), high=high) == pytest.approx(0.5)


def test_an_empty_inventory_passes_nothing() -> None:
    document = build_register(Inputs([], DAY))
    assert document["coverage"]["complete"] is False
    # Nor does a scan that read nothing make it complete.
    whole = replace(
        RSU, owner="x", vendor="x", model="x", firmware="1", installed="2020", end_of_life="2030"
    )
    safe = [finding("10.0.0.1:1", role, "ml-dsa-65") for role in Role if role is not Role.UNKNOWN]
    for coverage, complete in (
        (Coverage(("x",), 1, 10, ()), True),
        (Coverage(("x",), 0, 0, ()), False),
        (Coverage(("x",), 1, 1, (Gap(Location("a"), Cause.CRASHED, "b"),)), False),
    ):
        document = build_register(Inputs([whole], DAY, safe, [coverage]))
        assert document["coverage"]["complete"] is complete


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path[:0] = [sys.argv[1]]\nfrom test_register import *\n"
        "sys.stdout.buffer.write(register_bytes(build_register(Inputs([RSU], DAY))))"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parent)]
    other = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, capture_output=True, check=True, env=other)
    assert done.stdout == register_bytes(build_register(Inputs([RSU], DAY)))


def test_the_timeline_says_what_falls_when() -> None:
    document = build_register(Inputs([RSU], DAY))
    falls = {
        (each["policy"], each["on"], each["standing"], each["scope"])
        for each in document["timeline"]
        if each["algorithm"] == "ecdsa-p256"
    }
    assert ("nist-ir-8547", "2036-01-01", "disallowed", "all") in falls
    assert ("eo-14412", "2032-01-01", "disallowed", "high-priority") in falls
    assert not any(policy == "nist-ir-8547" and on < "2036" for policy, on, _, _ in falls)


# --- asking ---------------------------------------------------------------------------------------


@pytest.fixture
def register() -> Register:
    other = replace(RSU, id="city/=cmd()", name="=HYPERLINK(1)", kind=Kind.UNKNOWN, address=None)
    return Register(build_register(Inputs([RSU, other], DAY)))


def test_queries(register: Register) -> None:
    assert [each["id"] for each in ask(register, Query(kinds=("rsu",)))] == ["city/rsu-1"]
    assert [each["id"] for each in ask(register, Query(tiers=("unassessed",)))] == ["city/=cmd()"]
    assert [each["id"] for each in ask(register, Query(algorithm="ecies-p256"))] == ["city/rsu-1"]
    assert not list(ask(register, Query(basis="observed")))
    assert len(list(ask(register, Query(corridor="main", unknown="firmware")))) == 2


def test_changes_have_reasons(register: Register) -> None:
    moved = replace(RSU, exposure=(Exposure.PRIVATE,))
    seen = (finding("10.0.0.1:443", Role.ENCRYPTION, "ml-kem-768"),)
    new = Register(build_register(Inputs([moved], DAY, seen)))
    changes = {each.id: each for each in difference(register, new)}
    assert changes["city/=cmd()"].after is None
    reasons = changes["city/rsu-1"].reasons
    assert "exposure: rf-public → private" in reasons
    assert "now ml-kem-768 for encryption (observed)" in reasons
    later = Register(build_register(Inputs([RSU], date(2030, 1, 1))))
    only = next(each for each in difference(register, later) if each.id == "city/rsu-1")
    assert only.reasons == ("time went on: 2026-11-26 → 2030-01-01",)
    assert not list(difference(register, register))


def test_exports_are_harmless_and_stable(register: Register, tmp_path: Path) -> None:
    for name in ("r.csv", "r.xlsx", "r.geojson", "r.json"):
        export(register, tmp_path / name)
        first = (tmp_path / name).read_bytes()
        export(register, tmp_path / name)
        assert (tmp_path / name).read_bytes() == first
    rows = list(csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text("utf-8"))))
    assert rows[1]["name"] == "'=HYPERLINK(1)"
    sheet = openpyxl.load_workbook(tmp_path / "r.xlsx")["register"]
    assert sheet["B3"].value == "=HYPERLINK(1)"
    assert sheet["B3"].data_type != "f"
    places = json.loads((tmp_path / "r.geojson").read_text("utf-8"))["features"]
    assert places[0]["geometry"]["coordinates"] == [13.0, 52.0]
    again = load_register(tmp_path / "r.json")
    assert register_bytes(again.document) == register_bytes(register.document)
    with pytest.raises(RoadsealError):
        export(register, tmp_path / "r.docx")


@pytest.mark.fuzz
def test_no_mutant_of_a_register_raises_but_its_error(register: Register, tmp_path: Path) -> None:
    seed = register_bytes(register.document)
    chance, path = random.Random(1), tmp_path / "r.json"
    quiet = Console(file=io.StringIO())
    for _ in range(MUTANTS):
        mutant = bytearray(seed)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(mutant))
            if chance.random() < 0.5:
                mutant[at] = chance.choice(b'0123456789{}[],"x-')
            else:
                del mutant[at : at + chance.randint(1, 30)]
        path.write_bytes(bytes(mutant))
        with contextlib.suppress(RoadsealError):
            loaded = load_register(path)
            render_report(loaded)  # whoever reads it may rely on its shape
            for asset in loaded.ranked():
                show_explanation(quiet, explanation(loaded, asset))
                row_of(loaded, asset)


def test_caraf_stands_beside_the_score() -> None:
    # Phase 2 of CARAF: Z - (X + Y); what now is cancels out.
    leaving = replace(RSU, end_of_life="2030")
    register = Register(build_register(Inputs([leaving, replace(RSU, id="city/2")], DAY)))
    said = [
        next(
            each["value"]
            for each in explanation(register, asset)["inputs"]
            if "CARAF" in each["input"]
        )
        for asset in register.assets
    ]
    assert said[0] == "+1.7 years"  # 2035 - 2031 - 2.27, the median of remote migration
    assert said[1] == "not known without an end of life"


def test_from_a_file_to_an_answer(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text(
        "id,name,lat,lon,type,interconnect,preemption\n"
        "1,A & B,52.1,13.1,signal,radio,EVP\n2,C & D,52.2,13.2,signal,none,\n"
    )
    db = ["--db", str(tmp_path / "a.db")]
    out = str(tmp_path / "r.json")

    def run(*arguments: str, code: int = 0) -> str:
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == code, done.output
        return done.stdout

    run("estate", "import", str(tmp_path / "c.csv"), "--guess", "--as", "c", *db)
    run("register", "build", "c", "--out", out, "--as-of", "2026-11-26", *db, code=3)
    told = json.loads(run("register", "explain", out, "1", "--json"))
    assert told["id"] == "c/1"
    sources = [each["source"] for each in told["parts"]] + [
        each["source"] for each in told["inputs"]
    ]
    assert all(sources)
    assert {each["flow"] for each in json.loads(Path(out).read_text())["uses"]} >= {
        "signal-control-preemption",
        "firmware",
    }
    shown = run("register", "explain", out, "c/1")
    assert "known by" in shown
    assert len(shown.splitlines()) < 90
    assert {each["harm"]["status"] for each in told["parts"]} >= {"assumed"}
    assert "assumed: " in shown
    assert json.loads(run("register", "query", out, "--lane", "anchor", "--json"))[0]["id"] == "c/1"
    run("register", "query", out, "--tier", "T4", code=1)
    run("register", "diff", out, out)
    for option, word in (
        ("--tier", "T9"),
        ("--kind", "rusu"),
        ("--lane", "forgrey"),
        ("--basis", "seen"),
        ("--unknown", "colour"),
    ):
        with pytest.raises(RoadsealError, match=f"There is no .* '{word}'") as caught:
            CliRunner().invoke(
                app, ["register", "query", out, option, word], catch_exceptions=False
            )
        assert caught.value.code == "query-unknown"
    with pytest.raises(RoadsealError):
        CliRunner().invoke(app, ["register", "explain", out, "9"], catch_exceptions=False)


def test_uses_come_back_from_the_store_and_score_the_same(store_url: str) -> None:
    assets = [replace(RSU, id=f"city/{n}", exposure=(list(Exposure)[n % 7],)) for n in range(30)]
    used = [uses_of(asset, shipped_templates()) for asset in assets]
    store = open_store(store_url, SCHEMA)
    save_estate(store, Estate("city", "x", "", "csv", "", 30), Import(tuple(assets), (), 30))
    for _ in range(2):  # the second replaces the first
        assert save_uses(store, "city", used) == sum(map(len, used))
    arguments = (score_model(), crqc_profile("gri-2023"), 2026.9)
    stored = score(load_columns(store, "city"), *arguments)
    direct = score(columns_of(assets, used), *arguments)
    assert stored.lanes.tolist() == direct.lanes.tolist()
    assert stored.case.tolist() == direct.case.tolist()


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path, size = tmp_path / "r.json", 8 << 20
    program = (
        "import sys; from pathlib import Path\n"
        "from roadseal.assess.register.writing import write_whole\n"
        "print('ready', flush=True)\n"
        f"for n in range(10**6): write_whole(Path(sys.argv[1]), [bytes([n % 251]) * {size}])"
    )
    for pause_s in (0.02, 0.05, 0.11):
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE
        )
        assert writer.stdout
        writer.stdout.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            writer.wait(pause_s)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        if path.exists():
            content = path.read_bytes()
            assert content == content[:1] * size


def test_a_folder_that_is_not_there_is_one_sentence(register: Register, tmp_path: Path) -> None:
    with pytest.raises(RoadsealError) as caught:
        export(register, tmp_path / "no" / "r.csv")
    assert caught.value.code == "file-unwritable"
