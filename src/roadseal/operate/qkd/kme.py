"""A key management entity: who asks, what may leave, and both ends in step.

Requests that come at the same time share one exchange with the peer and one write to the disk.
The order never changes: choose cells → the peer records them → our lease is on disk → the key
leaves. What the peer has not confirmed is not consumed; the peer is the arbiter of what was
allocated, so a KME that forgets, or is restored from an old copy, is told to move on.

Source: ETSI GS QKD 014 V1.1.1.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import orjson

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.net import HttpClient, Request, Response, TlsRefusedError
from roadseal.operate.qkd.etsi014 import (
    NOT_FOUND,
    Capability,
    Etsi014Error,
    Key,
    KeyRequest,
    container,
    is_key_id,
    random_key_ids,
    read_key_ids,
    read_key_request,
    sae_identity,
)
from roadseal.operate.qkd.store import CELL_BYTES, KeyStore, Pending, Span

SYNC_PATH: Final = "/roadseal/qkd/sync/v1/allocations"
_MOST_ASKS: Final = 16  # of one exchange with the peer
_MOST_SYNC_BYTES: Final = 4 << 20  # 16 requests of 1,024 keys

_Ask = TypeVar("_Ask")


@dataclass(frozen=True, slots=True)
class KmeSettings:
    """What a KME is.

    Args:
        kme_id: its name, also in its certificate.
        saes: SAE ID to the ID of the KME it is attached to; nobody else is served.
        capability: sizes and numbers it offers.
        keep_s: how long a key waits for its slaves before it is erased, seconds.
    """

    kme_id: str
    saes: Mapping[str, str]
    capability: Capability = field(default_factory=Capability)
    keep_s: int = 7 * 86_400


@dataclass(frozen=True, slots=True)
class _Enc:
    master: str
    near: frozenset[str]  # slaves at this KME
    far: frozenset[str]  # slaves at the peer
    want: KeyRequest

    @property
    def cells(self) -> list[int]:
        return [-(-self.want.size // (8 * CELL_BYTES))] * self.want.number


@dataclass(frozen=True, slots=True)
class _Dec:
    master: str
    sae: str
    key_ids: tuple[str, ...]


class Kme:
    """The answers of ETSI GS QKD 014 over a `KeyStore`; `handle` and `handle_sync` are services.

    Args:
        settings: its identity and its SAEs.
        store: open; the KME does not close it.
        peers: for each link, a client of the other KME's sync address.
        clock: for the time of events.
        emit: hears ``qkd.delivered``, ``qkd.refused``, ``qkd.peer-down``, ``qkd.blocks-differ``,
            ``qkd.given-up``.
        random_bytes: for key_IDs.
    """

    def __init__(
        self,
        settings: KmeSettings,
        store: KeyStore,
        peers: Mapping[str, HttpClient],
        *,
        clock: Clock,
        emit: Emit | None = None,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.settings = settings
        self.store = store
        self.peers = dict(peers)
        self._clock = clock
        self._emit = emit
        self._random_bytes = random_bytes
        self._disk = asyncio.Lock()
        self._doubt: dict[str, list[Span]] = {}
        self._enc: dict[str, _Batches[_Enc]] = {
            link: _Batches(self._allocator(link)) for link in self.peers
        }
        self._dec: _Batches[_Dec] = _Batches(self._deliver)

    async def handle(self, request: Request) -> Response:
        """Answer an SAE."""
        caller = sae_identity(request.peer.peer_certificate) if request.peer else None
        try:
            if caller is None or self.settings.saes.get(caller) != self.settings.kme_id:
                raise Etsi014Error(401)
            return await self._route(caller, request)
        except Etsi014Error as error:
            self._tell(caller or "unknown", "qkd.refused", status=error.status, why=error.message)
            return error.response()
        except RoadsealError as error:
            self._tell(caller or "unknown", "qkd.refused", status=503, why=error.code)
            return Etsi014Error(503, "the KME cannot hand out keys", code=error.code).response()

    async def handle_sync(self, request: Request) -> Response:
        """Answer the peer KME: record what it allocated, then say so."""
        link = request.peer and sae_identity(request.peer.peer_certificate)
        if link not in self.peers or request.method != "POST":
            return Response(403)
        try:
            if len(request.body) > _MOST_SYNC_BYTES:
                return Response(413)
            fields = orjson.loads(request.body)
            until = self._until()
            keys = [Pending.of(record, link, until) for record in fields["keys"]]
            checks = {int(block): str(check) for block, check in fields["checks"].items()}
            if not all(is_key_id(key.key_id) for key in keys):
                return Response(400)
        except (KeyError, TypeError, ValueError, AttributeError):
            return Response(400)
        mine = self.settings
        if any(mine.saes.get(sae) != mine.kme_id for key in keys for sae in key.slaves):
            return Response.of_json(409, {"why": "unknown SAE"})
        async with self._disk:
            if (conflict := self._conflict(link, keys, checks)) is not None:
                return Response.of_json(409, conflict)
            await asyncio.to_thread(self.store.expect, keys)
        return Response(200)

    def status(self, slave: str, master: str) -> dict[str, Any]:
        """Clause 6.1."""
        mine, capability = self.settings, self.settings.capability
        target = self._kme_of(slave)
        link = self._link_for(target)
        cells = -(-capability.key_size // (8 * CELL_BYTES))
        return {
            "source_KME_ID": mine.kme_id,
            "target_KME_ID": target,
            "master_SAE_ID": master,
            "slave_SAE_ID": slave,
            "key_size": capability.key_size,
            "stored_key_count": self.store.available(link) // cells,
            "max_key_count": self.store.capacity(link) // cells,
            "max_key_per_request": capability.max_key_per_request,
            "max_key_size": capability.max_key_size,
            "min_key_size": capability.min_key_size,
            "max_SAE_ID_count": capability.max_sae_id_count,
        }

    async def give_up_overdue(self) -> int:
        """Erase keys that nobody fetched in time; returns how many."""
        now = self._clock.now()
        overdue = [key.key_id for key in self.store.pending.values() if 0 < key.until <= now]
        if overdue:
            async with self._disk:
                await asyncio.to_thread(self.store.void, overdue)
            self._tell(self.settings.kme_id, "qkd.given-up", keys=len(overdue))
        return len(overdue)

    def _until(self) -> int:
        return self._clock.now() + self.settings.keep_s * MICROSECONDS_PER_SECOND

    async def _route(self, caller: str, request: Request) -> Response:
        parts = request.segments
        if len(parts) != 5 or parts[:3] != ("api", "v1", "keys"):
            raise Etsi014Error(400, "bad request format", path="unknown")
        other, action = parts[3], parts[4]
        if request.method not in (("GET",) if action == "status" else ("GET", "POST")):
            raise Etsi014Error(400, "bad request format", method="not allowed")
        if action == "status":
            return Response.of_json(200, self.status(other, caller))
        if action == "enc_keys":
            want = read_key_request(request, self.settings.capability)
            keys = await self._get_key(caller, other, want)
        elif action == "dec_keys":
            keys = await self._dec.ask(_Dec(other, caller, read_key_ids(request)))
        else:
            raise Etsi014Error(400, "bad request format", path="unknown")
        self._tell(caller, "qkd.delivered", action=action, other=other, keys=len(keys))
        response = container(keys)
        for key in keys:
            if isinstance(key.octets, bytearray):
                key.octets[:] = bytes(len(key.octets))
        return response

    async def _get_key(self, master: str, slave: str, want: KeyRequest) -> list[Key]:
        slaves = {slave, *want.additional}
        far = {name for name in slaves if self._kme_of(name) != self.settings.kme_id}
        if len({self._kme_of(name) for name in far}) > 1:
            raise Etsi014Error(400, "the slaves are at more than one other KME")
        link = self._link_for(self._kme_of(min(far)) if far else self.settings.kme_id)
        near = frozenset(slaves - far)
        return await self._enc[link].ask(_Enc(master, near, frozenset(far), want))

    def _kme_of(self, sae: str) -> str:
        kme = self.settings.saes.get(sae)
        if kme is None:
            raise Etsi014Error(400, "unknown slave_SAE_ID")
        return kme

    def _link_for(self, target: str) -> str:
        """The link whose keys serve `target`; for an SAE at this KME, the fullest."""
        if target in self.peers:
            return target
        if target == self.settings.kme_id and self.peers:
            return max(self.peers, key=self.store.available)
        raise Etsi014Error(503, "there is no link to that KME", target_KME_ID=target)

    def _allocator(self, link: str) -> Callable[[list[_Enc]], Awaitable[list[list[Key]]]]:
        async def allocate(asks: list[_Enc]) -> list[Any]:
            return await self._allocate(link, asks)

        return allocate

    async def _allocate(self, link: str, asks: list[_Enc]) -> list[Any]:
        for _ in range(3):  # the peer may tell us to move on
            async with self._disk:
                fits, spans = self._fit(link, asks)
            if not fits:
                break
            keys = self._name(fits, spans)
            if any(ask.far for ask in fits) and not await self._confirmed(link, keys):
                continue
            async with self._disk:
                octets = await asyncio.to_thread(self._commit, link, keys)
            answers = iter(zip(keys, octets, strict=True))
            given: list[Any] = []
            for ask in asks:
                if not any(ask is fit for fit in fits):
                    given.append(self._exhausted(link))
                    continue
                some = [next(answers) for _ in range(ask.want.number)]
                given.append([self._key(key, found) for (_, key), found in some])
            return given
        return [self._exhausted(link)] * len(asks)

    def _fit(self, link: str, asks: list[_Enc]) -> tuple[list[_Enc], list[Span]]:
        """The asks that the pool can serve, with their cells: all, or each in turn that fits."""
        if (spans := self.store.reserve(link, _cells(asks))) is not None:
            return asks, spans
        fits: list[_Enc] = []
        found: list[Span] = []
        for ask in asks:
            if (spans := self.store.reserve(link, _cells([*fits, ask]))) is not None:
                fits, found = [*fits, ask], spans
        return fits, found

    def _name(self, asks: Sequence[_Enc], spans: Sequence[Span]) -> list[tuple[_Enc, Pending]]:
        keys = []
        left = iter(spans)
        key_ids = random_key_ids(self._random_bytes(16 * len(spans)))
        until = self._until()
        for ask in asks:
            slaves = ask.near | ask.far
            for _ in range(ask.want.number):
                key_id = next(key_ids)
                key = Pending(key_id, next(left), ask.want.size, ask.master, slaves, until=until)
                keys.append((ask, key))
        return keys

    async def _confirmed(self, link: str, keys: Sequence[tuple[_Enc, Pending]]) -> bool:
        """Have the peer record the keys; False if it told us to choose other cells.

        Raises:
            Etsi014Error: 503: the peer is down or does not hold the same bits.
        """
        blocks = {key.span.block for _, key in keys}
        records = []
        for ask, key in keys:
            if ask.far:
                records.append({**key.record(), "slaves": sorted(ask.far)})
        checks = {str(block): self.store.check(link, block) for block in blocks}
        body = orjson.dumps({"keys": records, "checks": checks})
        try:
            answer = await self.peers[link].request("POST", SYNC_PATH, body=body)
            verdict = answer.json() if answer.status == 409 else {}
        except RoadsealError as error:
            if not isinstance(error, TlsRefusedError) or error.refusal.reason != "unreachable":
                self._doubt[link] = [key.span for _, key in keys]
            self._tell(link, "qkd.peer-down", error=error.code)
            raise Etsi014Error(503, "the peer KME is not reachable", target_KME_ID=link) from None
        if answer.status == 200:
            self._doubt.pop(link, None)
            return True
        marks = verdict.get("marks") if isinstance(verdict, dict) else None
        if isinstance(marks, dict) and marks:
            async with self._disk:
                for block, cell in marks.items():
                    await asyncio.to_thread(self.store.skip, link, int(block), int(cell))
            return False
        why = str(verdict.get("why"))[:64] if isinstance(verdict, dict) else "?"
        self._tell(link, "qkd.blocks-differ", why=why)
        raise Etsi014Error(503, "the peer KME does not hold the same keys", target_KME_ID=link)

    def _commit(self, link: str, keys: Sequence[tuple[_Enc, Pending]]) -> list[bytearray]:
        """On disk: what must not be given again, and what waits here. Then the bits."""
        doubt = self._doubt.pop(link, []) if not any(ask.far for ask, _ in keys) else []
        self.store.spend([*doubt, *(key.span for _, key in keys)])
        here = [_with_slaves(key, ask.near) for ask, key in keys if ask.near]
        self.store.expect(here)
        gone = [key.span for ask, key in keys if not ask.near]
        kept = [key.span for ask, key in keys if ask.near]
        erased = iter(self.store.take(gone, erase=True))
        copied = iter(self.store.take(kept, erase=False))
        return [next(copied if ask.near else erased) for ask, _ in keys]

    async def _deliver(self, asks: list[_Dec]) -> list[Any]:
        async with self._disk:
            answers: list[Any] = []
            fetched: list[tuple[str, str]] = []
            taken: set[tuple[str, str]] = set()
            for ask in asks:
                pairs = [(key_id, ask.sae) for key_id in ask.key_ids]
                error = self._objection(ask, taken)
                answers.append(error or len(pairs))
                if error is None:
                    taken.update(pairs)
                    fetched += pairs
            found = iter(await asyncio.to_thread(self.store.deliver, fetched) if fetched else [])
        return [
            answer
            if isinstance(answer, Etsi014Error)
            else [self._key(*next(found)) for _ in range(answer)]
            for answer in answers
        ]

    def _objection(self, ask: _Dec, taken: set[tuple[str, str]]) -> Etsi014Error | None:
        known = [self.store.pending.get(key_id) for key_id in ask.key_ids]
        if any(key and (ask.sae not in key.slaves or key.master != ask.master) for key in known):
            return Etsi014Error(401)
        if any(
            key is None or ask.sae in key.served or (key.key_id, ask.sae) in taken for key in known
        ):
            return Etsi014Error(400, NOT_FOUND)
        return None

    def _conflict(
        self, link: str, keys: Sequence[Pending], checks: Mapping[int, str]
    ) -> dict[str, Any] | None:
        for block in {key.span.block for key in keys}:
            if (check := self.store.check(link, block)) is None:
                return {"why": "no such block"}
            if check != checks.get(block):
                return {"why": "the blocks differ"}
        last: dict[int, int] = {}
        for key in keys:
            span = key.span
            why = self.store.objection_to(key)
            if why == "cells already allocated" or span.first < last.get(span.block, 0):
                return {"marks": {str(b): self.store.mark(link, b) for b in checks}}
            if why is not None or key.bits > span.cells * 8 * CELL_BYTES:
                return {"why": why or "size"}
            last[span.block] = span.first + span.cells
        return None

    def _key(self, key: Pending, octets: bytearray) -> Key:
        octets[key.bits // 8 :] = b""
        return Key(key.key_id, octets, self.store.provenance(key.span))

    def _exhausted(self, link: str) -> Etsi014Error:
        return Etsi014Error(
            503,
            "not enough keys",
            stored_key_count=self.store.available(link),
            target_KME_ID=link,
        )

    def _tell(self, subject: str, kind: str, **facts: str | int) -> None:
        if self._emit is not None:
            facts["kme"] = self.settings.kme_id
            self._emit(Event(self._clock.now(), subject, kind, facts))


class _Batches(Generic[_Ask]):
    """Group commit: what is asked while one batch runs goes into the next."""

    def __init__(self, work: Callable[[list[_Ask]], Awaitable[list[Any]]]) -> None:
        self._work = work
        self._waiting: list[tuple[_Ask, asyncio.Future[list[Key]]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, ask: _Ask) -> list[Key]:
        future: asyncio.Future[list[Key]] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_ASKS], self._waiting[_MOST_ASKS:]
            try:
                answers = await self._work([ask for ask, _ in batch])
            except (Etsi014Error, RoadsealError) as error:
                answers = [error] * len(batch)
            except Exception:  # a fault of ours: nobody gets a key, nobody waits for ever
                answers = [Etsi014Error(503, "the KME cannot hand out keys")] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)


def _cells(asks: Sequence[_Enc]) -> list[int]:
    return [cells for ask in asks for cells in ask.cells]


def _with_slaves(key: Pending, slaves: frozenset[str]) -> Pending:
    """The same key, waiting for these slaves."""
    return key._replace(slaves=slaves)
