"""One asset again: what changed for it, without scoring its estate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa

from roadseal.assess.inventory.estate import Asset
from roadseal.assess.inventory.estate.shelf import asset_of_row
from roadseal.assess.inventory.finding import Basis, Finding, Role
from roadseal.assess.inventory.tables import (
    ASSET,
    CASE,
    CASE_USE,
    DEPENDENCY,
    REGISTER,
    STANDING,
    USE,
)
from roadseal.assess.inventory.template import Template
from roadseal.assess.register.attach import uses_of
from roadseal.assess.register.columns import columns_of
from roadseal.assess.register.crqc import crqc_profile
from roadseal.assess.register.judge import decimal_year, only_case, use_row
from roadseal.assess.register.keeping import case_record, case_uses, with_uses
from roadseal.assess.register.kept import KeptRegister
from roadseal.assess.register.model import score_model
from roadseal.assess.register.score import UNASSESSED, score
from roadseal.assess.register.shelf import use_of_record, use_record
from roadseal.assess.register.use import Use
from roadseal.errors import RoadsealError
from roadseal.store import insert_rows


@dataclass(frozen=True, slots=True)
class Rescored:
    """What became of one asset.

    Args:
        id: of the asset.
        before: its case before, or ``None`` if nothing was known of its cryptography.
        after: its case now.
    """

    id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def rescore(
    register: KeptRegister,
    name: str,
    *,
    templates: Sequence[Template] = (),
    findings: Sequence[Finding] = (),
) -> Rescored:
    """Score one asset of a kept register again, on the register's own day.

    The counts of its coverage and timeline follow when it is built again.

    Args:
        register: where it stands.
        name: its id, or the part of it after the estate.
        templates: what is declared of it; with `findings` they take the place of what it was
            known to use, without either it is scored on that.
        findings: what was found of it.

    Raises:
        RoadsealError: ``asset-unknown``; ``score-outdated`` if the register was built with other
            numbers than those of this version.
    """
    model = score_model()
    if register.document["score"]["sha256"] != model.sha256:
        raise RoadsealError(
            "score-outdated",
            f"The register was built with {register.document['score']['version']}.",
            advice="Build it again: one asset scored by other numbers could not be compared.",
        )
    found = register.find(name)
    before = register.case(found)
    estate, number = register.places(found["id"])[0]
    with register.store.writing() as connection:
        wanted = sa.select(ASSET).where(ASSET.c.estate == estate, ASSET.c.number == number)
        row = connection.execute(wanted).one()
        asset = asset_of_row(*row)
        known = _uses_of_case(before)
        uses = uses_of(asset, templates, findings) if templates or findings else known
        if set(uses) != set(known):
            _replace_uses(connection, row.estate, row.number, uses)
        anchors = _anchors(connection, register.key, known, uses)
        body = _score(register, asset, uses, anchors)
        case = UNASSESSED if body is None else _case_number(connection, register.key, body)
        connection.execute(
            sa.update(STANDING)
            .where(
                STANDING.c.register == register.key,
                STANDING.c.estate == row.estate,
                STANDING.c.asset == row.number,
            )
            .values(case_number=case)
        )
    return Rescored(asset.id, dict(before) if before else None, body)


def _uses_of_case(case: Mapping[str, Any] | None) -> tuple[Use, ...]:
    """What the register itself says that the asset uses; a later build may know more."""
    return tuple(
        Use(
            Role(use["role"]),
            use["algorithm"],
            use["flow"],
            Basis(use["basis"]),
            use["source"],
            use["says"],
            use["anchor"],
        )
        for use in (part["use"] for part in (case or {"parts": ()})["parts"])
    )


def _replace_uses(connection: sa.Connection, estate: int, asset: int, uses: Sequence[Use]) -> None:
    of_asset = (DEPENDENCY.c.estate == estate) & (DEPENDENCY.c.asset == asset)
    connection.execute(sa.delete(DEPENDENCY).where(of_asset))
    records = connection.execute(sa.select(USE).where(USE.c.estate == estate)).all()
    numbers = {use_of_record(row): row.number for row in records}
    following = max(numbers.values(), default=-1) + 1
    new = [use for use in uses if use not in numbers]
    numbers |= {use: following + at for at, use in enumerate(new)}
    insert_rows(connection, USE, [use_record(estate, numbers[use], use) for use in new])
    insert_rows(connection, DEPENDENCY, [(estate, asset, numbers[use]) for use in uses])


def _anchors(
    connection: sa.Connection, register: int, known: Sequence[Use], uses: Sequence[Use]
) -> dict[str, int]:
    """On how many assets each anchor stands, now that one asset has changed."""
    stored = connection.scalar(sa.select(REGISTER.c.anchors).where(REGISTER.c.key == register))
    anchors: dict[str, int] = orjson.loads(stored or "{}")
    was, now = ({use.anchor for use in each if use.anchor} for each in (known, uses))
    if was == now:
        return anchors
    for anchor in was - now:
        anchors[anchor] = max(anchors.get(anchor, 1) - 1, 0)
    for anchor in now - was:
        anchors[anchor] = anchors.get(anchor, 0) + 1
    text = orjson.dumps(anchors).decode()
    connection.execute(sa.update(REGISTER).where(REGISTER.c.key == register).values(anchors=text))
    return anchors


def _score(
    register: KeptRegister, asset: Asset, uses: Sequence[Use], anchors: dict[str, int]
) -> dict[str, Any] | None:
    columns = columns_of([asset], [uses])
    shared = [anchors.get(use.anchor or "", 1) or 1 for use in columns.uses]
    profile = crqc_profile(register.document["crqc"]["name"])
    as_of = decimal_year(date.fromisoformat(register.document["as_of"]))
    scores = score(columns, score_model(), profile, as_of, shared=np.array(shared, np.int64))
    body = only_case(columns, scores, profile, as_of)
    return with_uses(body, [use_row(use) for use in columns.uses]) if body else None


def _case_number(connection: sa.Connection, register: int, body: dict[str, Any]) -> int:
    """The number of a case that is there already, or of the one that is added."""
    *_, digest, _text = case_record(register, 0, body)
    same = sa.select(CASE.c.number).where(CASE.c.register == register, CASE.c.digest == digest)
    number = connection.scalar(same)
    if number is None:
        last = sa.select(sa.func.max(CASE.c.number)).where(CASE.c.register == register)
        number = int(connection.scalar(last) if connection.scalar(last) is not None else -1) + 1
        insert_rows(connection, CASE, [case_record(register, number, body)])
        insert_rows(connection, CASE_USE, case_uses(register, number, body))
    return int(number)
