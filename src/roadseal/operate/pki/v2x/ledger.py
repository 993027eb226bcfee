"""The ledger of one authority: what it issued and answered is on the disk before it leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from roadseal import _core
from roadseal.clock import Time64
from roadseal.operate.pki.v2x.attributes import permissions_of
from roadseal.operate.pki.v2x.coer import SequenceOf
from roadseal.operate.pki.v2x.dot2 import PSID_SSP
from roadseal.operate.pki.v2x.tables import ANSWER, CERTIFICATE, ITEM, NUMBER, STATION
from roadseal.store.database import Store
from roadseal.v2x.certificate import Permission

_PERMISSIONS = SequenceOf(PSID_SSP)


def _named(table: sa.Table, *names: str) -> list[sa.ColumnElement[bool]]:
    """Rows whose columns are what the parameters of these names say, behind an underscore."""
    return [table.c[name] == sa.bindparam(f"_{name}") for name in names]


# Built once: a ticket takes a dozen statements, and building one costs more than running it.
_HELD = _named(STATION, "authority", "its_id")
_STATION_OF = sa.select(STATION).where(*_HELD)
_FORGET_STATION = sa.delete(STATION).where(*_HELD)
_SUSPEND = sa.update(STATION).where(*_HELD).values(active=False)
_ANSWER_TO = sa.select(ANSWER.c.answer).where(*_named(ANSWER, "authority", "request_hash"))
_CERTIFICATE_OF = sa.select(CERTIFICATE).where(*_named(CERTIFICATE, "authority", "hashed_id8"))
_REVOKE = (
    sa.update(CERTIFICATE)
    .where(*_named(CERTIFICATE, "authority", "hashed_id8"), CERTIFICATE.c.revoked.is_(None))
    .values(revoked=sa.bindparam("now"))
)
_ISSUED = (
    sa.select(CERTIFICATE)
    .where(*_named(CERTIFICATE, "authority"))
    .order_by(CERTIFICATE.c.hashed_id8)
)
_LAST_NUMBER = sa.select(NUMBER.c.value).where(*_named(NUMBER, "authority", "name"))
_SET_NUMBER = (
    sa.update(NUMBER)
    .where(*_named(NUMBER, "authority", "name"))
    .values(value=sa.bindparam("number"))
)
_OCTETS_OF = sa.select(ITEM.c.octets).where(*_named(ITEM, "authority", "kind", "name"))
_FORGET_ITEM = sa.delete(ITEM).where(*_named(ITEM, "authority", "kind", "name"))
_ITEMS_OF = (
    sa.select(ITEM.c.name, ITEM.c.octets)
    .where(*_named(ITEM, "authority", "kind"))
    .order_by(ITEM.c.name)
)
_NEW_STATION, _NEW_ANSWER, _NEW_CERTIFICATE = map(sa.insert, (STATION, ANSWER, CERTIFICATE))
_NEW_NUMBER, _NEW_ITEM = map(sa.insert, (NUMBER, ITEM))


@dataclass(frozen=True, slots=True)
class Station:
    """A station that may enrol: its canonical key and what its tickets may permit.

    One that is `fixed` (a roadside unit) needs no pseudonyms and gets fewer tickets at once.
    """

    its_id: bytes
    algorithm: str
    public_key: bytes
    permissions: Sequence[Permission] = ()
    active: bool = True
    fixed: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A certificate that was issued."""

    certificate: bytes
    holder: bytes
    kind: str
    ends: Time64
    revoked: Time64 | None = None

    @property
    def hashed_id8(self) -> bytes:
        """How messages name it."""
        return _core.certificate_digest(self.certificate)[0][-8:]


class Ledger:
    """The rows of one authority in a store.

    Args:
        store: opened with `SCHEMA`.
        authority: whose rows.
    """

    def __init__(self, store: Store, authority: str) -> None:
        self.store = store
        self.authority = authority

    def enter(self, station: Station) -> None:
        """Enter a station, or replace what is known of it."""
        row = {
            "authority": self.authority,
            "its_id": station.its_id,
            "algorithm": station.algorithm,
            "public_key": station.public_key,
            "permissions": _PERMISSIONS.encode([_value(one) for one in station.permissions]),
            "active": station.active,
            "fixed": station.fixed,
        }
        with self.store.writing() as db:
            db.execute(_FORGET_STATION, self._key(its_id=station.its_id))
            db.execute(_NEW_STATION, row)

    def station(self, its_id: bytes) -> Station | None:
        """The station of this id."""
        with self.store.reading() as db:
            row = db.execute(_STATION_OF, self._key(its_id=its_id)).one_or_none()
        if row is None:
            return None
        permissions = permissions_of(_PERMISSIONS.decode(row.permissions))
        return Station(
            row.its_id, row.algorithm, row.public_key, permissions, row.active, row.fixed
        )

    def answered(self, request: bytes) -> bytes | None:
        """The answer that this very request was given before."""
        key = self._key(request_hash=hashlib.sha256(request).digest())
        with self.store.reading() as db:
            return db.execute(_ANSWER_TO, key).scalar_one_or_none()

    def answer(
        self, request: bytes, answer: bytes, now: Time64, issued: Sequence[Record] = ()
    ) -> bytes:
        """Write an answer and what it hands out, in one transaction.

        Returns:
            The answer that counts: another worker may have been first with this request.
        """
        name = hashlib.sha256(request).digest()
        row = {"authority": self.authority, "request_hash": name, "answer": answer, "time": now}
        with self.store.writing() as db:
            self._one_at_a_time(db)
            first = db.execute(_ANSWER_TO, self._key(request_hash=name)).scalar_one_or_none()
            if first is not None:
                return bytes(first)
            db.execute(_NEW_ANSWER, row)
            self._issue(db, issued)
        return answer

    def issue(self, issued: Sequence[Record]) -> None:
        """Write certificates that no request asked for."""
        with self.store.writing() as db:
            self._issue(db, issued)

    def record(self, hashed_id8: bytes) -> Record | None:
        """A certificate that was issued."""
        with self.store.reading() as db:
            row = db.execute(_CERTIFICATE_OF, self._key(hashed_id8=hashed_id8)).one_or_none()
        return _record(row) if row else None

    def records(self, kind: str | None = None) -> Iterator[Record]:
        """Every certificate, or those of a kind, in the order of their hashes."""
        query = _ISSUED.where(CERTIFICATE.c.kind == kind) if kind else _ISSUED
        with self.store.reading() as db:
            rows = db.execute(query, self._key()).all()
        yield from map(_record, rows)

    def revoke(self, hashed_id8: bytes, now: Time64) -> bool:
        """Note that a certificate is revoked; whether it was ours and still good."""
        with self.store.writing() as db:
            done = db.execute(_REVOKE, {**self._key(hashed_id8=hashed_id8), "now": now})
        return done.rowcount == 1

    def suspend(self, its_id: bytes) -> bool:
        """Let a station get nothing more; whether it was known."""
        with self.store.writing() as db:
            done = db.execute(_SUSPEND, self._key(its_id=its_id))
        return done.rowcount == 1

    def next_number(self, name: str, wrap: int) -> int:
        """Draw the next number of a sequence that starts at 0 and wraps to 0."""
        key = self._key(name=name)
        with self.store.writing() as db:
            self._one_at_a_time(db)
            last = db.execute(_LAST_NUMBER, key).scalar_one_or_none()
            value = 0 if last is None else (last + 1) % wrap
            if last is None:
                row = {"authority": self.authority, "name": name, "value": value}
                db.execute(_NEW_NUMBER, row)
            else:
                db.execute(_SET_NUMBER, {**key, "number": value})
        return value

    def put(self, kind: str, items: Sequence[tuple[bytes, bytes]]) -> None:
        """Keep octets under names, all or none; those of a name that is taken are replaced."""
        with self.store.writing() as db:
            self._one_at_a_time(db)
            for name, octets in items:
                db.execute(_FORGET_ITEM, self._key(kind=kind, name=name))
                db.execute(_NEW_ITEM, self._item(kind, name, octets))

    def keep(self, kind: str, name: bytes, octets: bytes) -> bytes:
        """Keep octets under a name that is not taken.

        Returns:
            The octets that count: another worker may have been first.
        """
        with self.store.writing() as db:
            self._one_at_a_time(db)
            first = db.execute(_OCTETS_OF, self._key(kind=kind, name=name)).scalar_one_or_none()
            if first is not None:
                return bytes(first)
            db.execute(_NEW_ITEM, self._item(kind, name, octets))
        return octets

    def keep_unless(
        self, kind: str, name: bytes, octets: bytes, judge: Callable[[Mapping[bytes, bytes]], None]
    ) -> None:
        """Keep octets unless `judge` raises when it sees all of the kind; no writer in between."""
        with self.store.writing() as db:
            self._one_at_a_time(db)
            rows = db.execute(_ITEMS_OF, self._key(kind=kind))
            judge({bytes(row.name): bytes(row.octets) for row in rows})
            db.execute(_NEW_ITEM, self._item(kind, name, octets))

    def get(self, kind: str, name: bytes) -> bytes | None:
        """The octets under a name."""
        with self.store.reading() as db:
            return db.execute(_OCTETS_OF, self._key(kind=kind, name=name)).scalar_one_or_none()

    def items(self, kind: str) -> list[tuple[bytes, bytes]]:
        """Names and octets of a kind, in the order of the names."""
        with self.store.reading() as db:
            rows = db.execute(_ITEMS_OF, self._key(kind=kind))
            return [(bytes(row.name), bytes(row.octets)) for row in rows]

    def _key(self, **values: bytes | str) -> dict[str, bytes | str]:
        """What the parameters of `_named` are."""
        return {"_authority": self.authority, **{f"_{name}": one for name, one in values.items()}}

    def _item(self, kind: str, name: bytes, octets: bytes) -> dict[str, bytes | str]:
        return {"authority": self.authority, "kind": kind, "name": name, "octets": octets}

    def _one_at_a_time(self, db: Connection) -> None:
        """SQLite has one writer anyway; on PostgreSQL those of one authority queue here."""
        if not self.store.is_sqlite:
            number = int.from_bytes(hashlib.sha256(self.authority.encode()).digest()[:7])
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))

    def _issue(self, db: Connection, issued: Sequence[Record]) -> None:
        if issued:
            rows = [
                {
                    "authority": self.authority,
                    "hashed_id8": one.hashed_id8,
                    "holder": one.holder,
                    "kind": one.kind,
                    "certificate": one.certificate,
                    "ends": one.ends,
                }
                for one in issued
            ]
            db.execute(_NEW_CERTIFICATE, rows)


def _record(row: sa.Row[tuple[object, ...]]) -> Record:
    return Record(row.certificate, row.holder, row.kind, row.ends, row.revoked)


def _value(permission: Permission) -> dict[str, object]:
    if permission.ssp is None:
        return {"psid": permission.psid}
    form = "bitmapSsp" if permission.bitmap else "opaque"
    return {"psid": permission.psid, "ssp": (form, permission.ssp)}
