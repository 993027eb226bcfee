"""Building a register in the store: a million assets go through it without being objects."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import orjson
import sqlalchemy as sa

from roadseal.assess.inventory.estate import FACTS, Asset
from roadseal.assess.inventory.estate.shelf import RETIRED, asset_of_row, drop_estate
from roadseal.assess.inventory.imports.profiles import join_profiles
from roadseal.assess.inventory.tables import (
    ASSET,
    CASE,
    CASE_USE,
    ESTATE,
    REGISTER,
    STANDING,
)
from roadseal.assess.register.attach import Attachment, attach, uses_by_kind
from roadseal.assess.register.certificates import certificate_rows
from roadseal.assess.register.columns import Columns, exposure_code, leaving_code, update_code
from roadseal.assess.register.judge import Inputs, Judgement, Looked, judge, use_row
from roadseal.assess.register.kept import KeptRegister, open_kept
from roadseal.assess.register.kept_query import unknown
from roadseal.assess.register.model import score_model
from roadseal.assess.register.shelf import estate_key, replace_uses
from roadseal.assess.register.use import Use
from roadseal.store import Store, insert_rows

_STREAMED_ROWS: Final = 20_000


def keep_register(
    store: Store,
    name: str,
    estates: Sequence[str],
    inputs: Inputs,
    *,
    counter: Callable[[str], Callable[[int], None]] = lambda what: lambda done: None,
) -> KeptRegister:
    """Build a register of estates in the store; one of the same name is replaced.

    Args:
        store: where the estates are, and the register goes.
        name: of the register.
        estates: names of imported estates.
        inputs: everything else; its assets are not read.
        counter: is told what is being done, and returns what is told how many are, now and then.

    Raises:
        RoadsealError: ``estate-unknown``, ``crqc-unknown``.
    """
    with store.reading() as connection:
        keys = [estate_key(connection, each) for each in estates]
        gathered = _gather(connection, keys, inputs, counter("reading assets"))
        origins = [_origin(connection, key) for key in keys]
    judgement = judge(gathered.columns(), replace(inputs, estates=origins), gathered.looked())
    with store.writing() as connection:
        drop_register(connection, name)
        _write(connection, name, keys, gathered, judgement, counter("writing dependencies"))
    return open_kept(store, name)


def drop_register(connection: sa.Connection, name: str) -> bool:
    """Delete a register, and the retired estates on which none stands; whether it was there."""
    key = connection.scalar(sa.select(REGISTER.c.key).where(REGISTER.c.name == name))
    if key is None:
        return False
    stood = sa.select(STANDING.c.estate).where(STANDING.c.register == key).distinct()
    estates = connection.scalars(stood).all()
    for table in (STANDING, CASE_USE, CASE):
        connection.execute(sa.delete(table).where(table.c.register == key))
    connection.execute(sa.delete(REGISTER).where(REGISTER.c.key == key))
    for estate in estates:
        retired = sa.select(ESTATE.c.name).where(
            ESTATE.c.key == estate, ESTATE.c.name.contains(RETIRED)
        )
        others = sa.select(STANDING.c.asset).where(STANDING.c.estate == estate).limit(1)
        if connection.scalar(retired) is not None and connection.scalar(others) is None:
            drop_estate(connection, estate)
    return True


def case_record(key: int, number: int, body: Mapping[str, Any]) -> tuple[object, ...]:
    """A case, with the uses in its parts, as a row of its table."""
    p50 = body["lanes"][body["headline"]][1]
    text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return (
        *(key, number, body["tier"], body["headline"], p50, body["broken_today"]),
        *(hashlib.sha256(text).hexdigest(), text.decode()),
    )


def case_uses(key: int, number: int, body: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """What a case can be found by, as rows of their table."""
    pairs = {(part["use"]["algorithm"], part["use"]["basis"]) for part in body["parts"]}
    return [(key, number, *pair) for pair in sorted(pairs)]


@dataclass(slots=True)
class _Gathered:
    """The columns of assets while they are read, and what was looked at."""

    exposure: array[int] = field(default_factory=lambda: array("q"))
    update: array[int] = field(default_factory=lambda: array("q"))
    leaves: array[int] = field(default_factory=lambda: array("q"))
    asset: array[int] = field(default_factory=lambda: array("q"))
    use: array[int] = field(default_factory=lambda: array("q"))
    uses: dict[Use, int] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    facts: Counter[str] = field(default_factory=Counter)
    attachment: Attachment = field(default_factory=lambda: Attachment({}, ()))

    def columns(self) -> Columns:
        of_assets = (np.array(each, np.int64) for each in (self.exposure, self.update, self.leaves))
        exposure, update, leaves = of_assets
        asset, use = np.array(self.asset, np.int64), np.array(self.use, np.int64)
        return Columns(exposure, update, leaves, tuple(self.uses), asset, use)

    def looked(self) -> Looked:
        total, seen = len(self.exposure), len(self.attachment.by_asset)
        rows = certificate_rows(self.attachment)
        return Looked(total, self.facts, seen, self.attachment.loose, rows)


def _gather(
    connection: sa.Connection,
    keys: Sequence[int],
    inputs: Inputs,
    count: Callable[[int], None],
) -> _Gathered:
    gathered = _Gathered()
    if inputs.findings:
        assets = [asset for key in keys for asset in _assets(connection, key)]
        gathered.attachment = attach(assets, join_profiles(inputs.findings), inputs.rules)
    found, uses_of = gathered.attachment.by_asset, uses_by_kind(inputs.templates)
    circumstances: dict[tuple[Any, ...], tuple[int, int, int]] = {}
    numbers_of: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for key in keys:
        before = len(gathered.exposure)
        gathered.facts += _unknown_facts(connection, key)
        for row in _rows(connection, key):
            now = row[_EXPOSURE], row[_UPDATE], row[_END], row[_INSTALLED]
            if now not in circumstances:
                codes = exposure_code(now[0].split()), update_code(now[1])
                circumstances[now] = (*codes, leaving_code(now[2], now[3]))
            exposure, update, leaves = circumstances[now]
            findings = found.get(row[_ID], ())
            like = (row[_KIND], row[_VENDOR], row[_MODEL], row[_EXPOSURE], row[_SERVICES])
            if findings or like not in numbers_of:
                uses = dict.fromkeys(uses_of(asset_of_row(*row), findings))
                index = gathered.uses
                numbers = tuple(index.setdefault(use, len(index)) for use in uses)
                if not findings:
                    numbers_of[like] = numbers
            else:
                numbers = numbers_of[like]
            gathered.asset.extend((len(gathered.exposure),) * len(numbers))
            gathered.use.extend(numbers)
            gathered.exposure.append(exposure)
            if len(gathered.exposure) % _STREAMED_ROWS == 0:
                count(len(gathered.exposure))
            gathered.update.append(update)
            gathered.leaves.append(leaves)
        gathered.sizes.append(len(gathered.exposure) - before)
    return gathered


def _rows(connection: sa.Connection, key: int) -> Iterator[Sequence[Any]]:
    wanted = sa.select(ASSET).where(ASSET.c.estate == key).order_by(ASSET.c.number)
    streamed = connection.execution_options(yield_per=_STREAMED_ROWS).execute(wanted)
    for part in streamed.partitions():
        yield from part


def _assets(connection: sa.Connection, key: int) -> Iterator[Asset]:
    return (asset_of_row(*row) for row in _rows(connection, key))


_NAMES: Final = tuple(column.name for column in ASSET.columns)
_ID, _KIND, _VENDOR, _MODEL, _EXPOSURE, _SERVICES, _UPDATE, _END, _INSTALLED = map(
    _NAMES.index,
    (
        *("id", "kind", "vendor", "model", "exposure", "services"),
        *("update_path", "end_of_life", "installed"),
    ),
)


def _unknown_facts(connection: sa.Connection, key: int) -> Counter[str]:
    counts = [sa.func.count(sa.case((unknown(fact), 1))).label(fact) for fact in FACTS]
    row = connection.execute(sa.select(*counts).where(ASSET.c.estate == key)).mappings().one()
    return Counter({fact: int(row[fact]) for fact in FACTS})


def _origin(connection: sa.Connection, key: int) -> dict[str, Any]:
    row = connection.execute(sa.select(ESTATE).where(ESTATE.c.key == key)).mappings().one()
    counted = sa.select(sa.func.count()).select_from(ASSET).where(ASSET.c.estate == key)
    assets = int(connection.scalar(counted) or 0)
    return {**{name: row[name] for name in ("name", "source", "sha256", "rows")}, "assets": assets}


def _write(
    connection: sa.Connection,
    name: str,
    keys: Sequence[int],
    gathered: _Gathered,
    judgement: Judgement,
    count: Callable[[int], None],
) -> None:
    columns, case = judgement.columns, judgement.scores.case
    flows = {flow: asdict(each) for flow, each in score_model().flows.items()}
    head = orjson.dumps({**judgement.head, "flows": flows}).decode()
    anchors = {
        use.anchor: int(count)
        for use, count in zip(columns.uses, columns.shared(), strict=True)
        if use.anchor
    }
    added = connection.execute(
        sa.insert(REGISTER).values(name=name, head=head, anchors=orjson.dumps(anchors).decode())
    )
    register = int((added.inserted_primary_key or (0,))[0])
    rows = [use_row(use) for use in columns.uses]
    bodies = [with_uses(body, rows) for body in judgement.cases()]
    insert_rows(connection, CASE, (case_record(register, *each) for each in enumerate(bodies)))
    found_by = (row for each in enumerate(bodies) for row in case_uses(register, *each))
    insert_rows(connection, CASE_USE, found_by)
    start = 0
    for key, size in zip(keys, gathered.sizes, strict=True):
        here = case[start : start + size].tolist()
        standing = ((register, key, number, each) for number, each in enumerate(here))
        insert_rows(connection, STANDING, standing)
        first, last = np.searchsorted(columns.asset, [start, start + size])
        used, local = np.unique(columns.use[first:last], return_inverse=True)
        pairs = zip((columns.asset[first:last] - start).tolist(), local.tolist(), strict=True)
        counted = _counted(pairs, int(first), count)
        replace_uses(connection, key, counted, (columns.uses[number] for number in used))
        start += size


def _counted(
    pairs: Iterable[tuple[int, int]], before: int, count: Callable[[int], None]
) -> Iterator[tuple[int, int]]:
    for number, pair in enumerate(pairs, before + 1):
        if number % _STREAMED_ROWS == 0:
            count(number)
        yield pair


def with_uses(body: Mapping[str, Any], uses: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A case whose parts hold their uses instead of their numbers."""
    parts = [{**part, "use": uses[part["use"]]} for part in body["parts"]]
    return {**body, "parts": parts}
