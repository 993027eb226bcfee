"""A register in the store: asked where it lies, so that a million assets need no memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from heapq import merge
from itertools import groupby, islice
from typing import Any, Final

import orjson
import sqlalchemy as sa

from roadseal.assess.inventory.estate.shelf import asset_of_row
from roadseal.assess.inventory.tables import ASSET, CASE, REGISTER, STANDING
from roadseal.assess.register.build import asset_row
from roadseal.assess.register.document import AnyRegister, Register, Row, asset_unknown
from roadseal.assess.register.json_pieces import object_pieces
from roadseal.assess.register.kept_query import (
    JOINED,
    JOINED_ASSETS,
    RANK,
    STANDINGS,
    letters_of,
    lower_all_letters,
    of_assets,
    of_cases,
    takes_unassessed,
)
from roadseal.assess.register.overview import Group, Place, Wanted
from roadseal.assess.register.query import Query
from roadseal.assess.register.score import UNASSESSED
from roadseal.assess.register.shape import TIERS
from roadseal.errors import RoadsealError
from roadseal.store import Store

_STREAMED_ROWS: Final = 20_000
_BATCH_CASES: Final = 500
_STREAMED_CASES: Final = 1_000
_CASES_HELD: Final = 10_000


class KeptRegister(AnyRegister):
    """A register that `keep_register` built; made by `open_kept`.

    Args:
        store: where it is.
        key: its key.
        name: its name.
        document: what it says besides its uses, cases and assets.
    """

    def __init__(self, store: Store, key: int, name: str, document: Mapping[str, Any]) -> None:
        self.store, self.key, self.name, self.document = store, key, name, document
        self._cases: dict[int, Row] = {}

    def case(self, asset: Row) -> Row | None:
        """The case of an asset, or ``None`` if nothing is known of its cryptography."""
        number = asset["case"]
        if number < 0:
            return None
        if number not in self._cases:
            if len(self._cases) >= _CASES_HELD:
                self._cases.clear()
            wanted = sa.select(CASE.c.body).where(
                CASE.c.register == self.key, CASE.c.number == number
            )
            with self.store.reading() as connection:
                self._cases[number] = orjson.loads(connection.scalar(wanted) or "null")
        return self._cases[number]

    def parts(self, asset: Row) -> Iterator[tuple[Row, Row]]:
        """Each part of the asset's score with the use it is about, heaviest first."""
        for part in (self.case(asset) or {"parts": ()})["parts"]:
            yield part, part["use"]

    def ranked(self, limit: int | None = None) -> list[Row]:
        """Assets by tier, then by median, then by how many things are broken today, then by id."""
        return self.ask(Query(), limit)

    def worst_first(self) -> Iterator[Row]:
        """All assets in the order of `ranked`; read as they are asked for."""
        return self._fitting(Query(), None)

    def ask(self, query: Query, limit: int | None = None) -> list[Row]:
        """The assets that fit, worst first."""
        return list(self._fitting(query, limit))

    def _fitting(self, query: Query, limit: int | None) -> Iterator[Row]:
        found = 0
        fitting = of_assets(self.key, query, self._letters)
        for numbers in self._worst_cases(query):
            left = None if limit is None else limit - found
            conditions = (*fitting, STANDING.c.case_number.in_(numbers))
            for asset in self._assets(conditions, (*RANK, self._by_id()), left):
                found += 1
                yield asset
            if found == limit:
                break

    def _worst_cases(self, query: Query) -> Iterator[list[int]]:
        """The numbers of the cases that fit, worst first, in batches that grow.

        The worst few assets are found in the worst few cases, without sorting a million. Cases of
        one rank stay together, so that their assets are sorted by their ids.
        """
        wanted = sa.select(CASE.c.number, CASE.c.tier, CASE.c.p50, CASE.c.broken).where(
            *of_cases(self.key, query)
        )
        with self.store.reading() as connection:
            cases = connection.execute(wanted.order_by(*RANK)).all()
        batch: list[int] = []
        size = 1
        for _, equals in groupby(cases, key=lambda case: tuple(case[1:])):
            batch += [case.number for case in equals]
            if len(batch) >= size:
                yield batch
                batch, size = [], min(size * 2, _BATCH_CASES)
        if batch:
            yield batch
        if takes_unassessed(query):
            yield [UNASSESSED]

    def count(self, query: Query) -> int:
        """How many assets fit."""
        total = 0
        fitting = of_assets(self.key, query, self._letters)
        with self.store.reading() as connection:
            lower_all_letters(connection)
            for numbers in self._worst_cases(query):
                wanted = sa.select(sa.func.count()).select_from(JOINED)
                here = STANDING.c.case_number.in_(numbers)
                total += int(connection.scalar(wanted.where(*fitting, here)) or 0)
        return total

    def by_name(self) -> Iterator[Row]:
        """Assets by their ids, as Unicode sorts them; read as they are asked for."""
        return self._assets((STANDING.c.register == self.key,), (self._by_id(),), None)

    def counts(self) -> dict[str, int]:
        """How many assets stand in each tier."""
        wanted = (
            sa.select(sa.func.coalesce(CASE.c.tier, "unassessed"), sa.func.count())
            .select_from(STANDINGS)
            .where(STANDING.c.register == self.key)
            .group_by(CASE.c.tier)
        )
        with self.store.reading() as connection:
            counted = {tier: int(count) for tier, count in connection.execute(wanted)}
        return {tier: counted.get(tier, 0) for tier in TIERS}

    def broken(self) -> int:
        """In how many assets something is broken today."""
        wanted = (
            sa.select(sa.func.count())
            .select_from(STANDINGS)
            .where(STANDING.c.register == self.key, CASE.c.broken > 0)
        )
        with self.store.reading() as connection:
            return int(connection.scalar(wanted) or 0)

    def groups(self) -> list[Group]:
        """How many assets of each kind stand in each case."""
        key = ASSET.c.kind, STANDING.c.case_number
        wanted = (
            sa.select(*key, sa.func.count(), sa.func.min(self._by_id()))
            .select_from(JOINED_ASSETS)
            .where(STANDING.c.register == self.key)
            .group_by(*key)
        )
        with self.store.reading() as connection:
            return [Group(*row) for row in connection.execute(wanted)]

    def members(self, wanted: Sequence[Wanted], limit: int) -> list[list[Row]]:
        """The first assets of each, by their ids; an asset belongs to one of them at most."""
        return [self._first(each, limit) for each in wanted]

    def _first(self, wanted: Wanted, limit: int) -> list[Row]:
        conditions = STANDING.c.register == self.key, ASSET.c.kind == wanted.kind
        found: list[Row] = []
        cases = sorted(wanted.cases)
        for start in range(0, len(cases), _BATCH_CASES):
            here = STANDING.c.case_number.in_(cases[start : start + _BATCH_CASES])
            more = self._assets((*conditions, here), (self._by_id(),), limit)
            found = list(islice(merge(found, more, key=lambda row: str(row["id"])), limit))
        return found

    def placed(self) -> Iterator[Place]:
        """The assets with a known place, in the order of their estates; read as asked for."""
        columns = (ASSET.c.latitude, ASSET.c.longitude, STANDING.c.case_number)
        wanted = (
            sa.select(*columns, ASSET.c.kind, ASSET.c.id, ASSET.c.name)
            .select_from(JOINED_ASSETS)
            .where(STANDING.c.register == self.key, ASSET.c.latitude.is_not(None))
            .order_by(STANDING.c.estate, STANDING.c.asset)
        )
        with self.store.reading() as connection:
            streamed = connection.execution_options(yield_per=_STREAMED_ROWS).execute(wanted)
            for part in streamed.partitions():
                yield from (Place(*row) for row in part)

    def find(self, name: str) -> Row:
        """An asset by its id, or by the part of it after the estate if that is unique.

        Raises:
            RoadsealError: ``asset-unknown``.
        """
        matches = self.places(name)
        if len(matches) != 1:
            raise asset_unknown(name, several=bool(matches))
        estate, number = matches[0]
        here = (STANDING.c.estate == estate, STANDING.c.asset == number)
        return next(self._assets((STANDING.c.register == self.key, *here), (), None))

    def places(self, name: str) -> list[tuple[int, int]]:
        """Key of the estate and number of each asset that `find` may mean."""
        ids = [name, *(f"{estate['name']}/{name}" for estate in self.document["estates"])]
        called = sa.select(ASSET.c.estate, ASSET.c.number, ASSET.c.id).where(ASSET.c.id.in_(ids))
        found: dict[tuple[int, int], str] = {}
        with self.store.reading() as connection:
            for estate, number, asset_id in connection.execute(called).all():
                stands = sa.select(STANDING.c.asset).where(
                    STANDING.c.register == self.key,
                    STANDING.c.estate == estate,
                    STANDING.c.asset == number,
                )
                if connection.scalar(stands) is not None:
                    found[estate, number] = asset_id
        return [place for place, asset_id in found.items() if asset_id == name] or list(found)

    def whole(self) -> Register:
        """All of it in memory, as the document that `build_register` makes."""
        uses, place = self._numbered()
        lists = {name: list(each) for name, each in self._lists(uses, place).items()}
        return Register({**self.document, **lists})

    def pieces(self) -> Iterator[bytes]:
        """Its document as JSON, read from the database as it is written."""
        members = {**self.document, **self._lists(*self._numbered())}
        return object_pieces(dict(sorted(members.items())))

    def _lists(
        self, uses: Mapping[bytes, int], place: Mapping[int, int]
    ) -> dict[str, Iterator[Row]]:
        """The long lists of the document, with the numbers of uses and cases in it."""
        in_order = (STANDING.c.estate, STANDING.c.asset)
        assets = self._assets((STANDING.c.register == self.key,), in_order, None)
        return {
            "uses": (orjson.loads(text) for text in uses),
            "cases": (_with_numbers(case, uses) for _, case in self._bodies()),
            "assets": ({**asset, "case": place.get(asset["case"], -1)} for asset in assets),
        }

    def _numbered(self) -> tuple[dict[bytes, int], dict[int, int]]:
        """Each use, and the number of each case, by when they first come."""
        uses: dict[bytes, int] = {}
        place: dict[int, int] = {}
        for number, case in self._bodies():
            place[number] = len(place)
            for part in case["parts"]:
                uses.setdefault(_use_key(part), len(uses))
        return uses, place

    def _bodies(self) -> Iterator[tuple[int, dict[str, Any]]]:
        wanted = sa.select(CASE.c.number, CASE.c.body).where(CASE.c.register == self.key)
        with self.store.reading() as connection:
            streamed = connection.execution_options(yield_per=_STREAMED_CASES)
            for number, body in streamed.execute(wanted.order_by(CASE.c.number)):
                yield number, orjson.loads(body)

    def _assets(
        self,
        conditions: tuple[sa.ColumnElement[bool], ...],
        order: tuple[Any, ...],
        limit: int | None,
    ) -> Iterator[Row]:
        wanted = sa.select(*ASSET.columns, STANDING.c.case_number).select_from(JOINED)
        wanted = wanted.where(*conditions).order_by(*order).limit(limit)
        with self.store.reading() as connection:
            lower_all_letters(connection)
            streamed = connection.execution_options(yield_per=_STREAMED_ROWS).execute(wanted)
            for *row, case in streamed:
                yield asset_row(asset_of_row(*row), case)

    @cached_property
    def _letters(self) -> str | None:
        return letters_of(self.store)

    def _by_id(self) -> Any:
        """Ids as Unicode sorts them, whatever the language of the database."""
        return ASSET.c.id if self.store.is_sqlite else sa.collate(ASSET.c.id, "C")


def _use_key(part: Row) -> bytes:
    return orjson.dumps(part["use"], option=orjson.OPT_SORT_KEYS)


def _with_numbers(case: dict[str, Any], uses: Mapping[bytes, int]) -> dict[str, Any]:
    parts = [{**part, "use": uses[_use_key(part)]} for part in case["parts"]]
    return {**case, "parts": parts}


def open_kept(store: Store, name: str) -> KeptRegister:
    """A register of the store by its name.

    Raises:
        RoadsealError: ``register-unknown``.
    """
    wanted = sa.select(REGISTER.c.key, REGISTER.c.head).where(REGISTER.c.name == name)
    with store.reading() as connection:
        row = connection.execute(wanted).first()
    if row is None:
        raise RoadsealError(
            "register-unknown",
            f"There is no file and no kept register {name!r}.",
            advice="See `roadseal register list`, or build it with --out or --keep.",
        )
    return KeptRegister(store, row.key, name, orjson.loads(row.head))


def kept_registers(store: Store) -> list[KeptRegister]:
    """Every register of the store, by name."""
    with store.reading() as connection:
        names = connection.scalars(sa.select(REGISTER.c.name).order_by(REGISTER.c.name)).all()
    return [open_kept(store, name) for name in names]
