"""A key management entity: who asks, what may leave, and both ends in step.

Requests that come at the same time share one exchange with the peer and one write to the disk.
The order never changes: choose cells → the peer records them → our lease is on disk → the key
leaves (`allocate`). The peer is the arbiter of what was allocated (`sync`).

Source: ETSI GS QKD 014 V1.1.1.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from roadseal.clock import MICROSECONDS_PER_SECOND, Clock
from roadseal.errors import RoadsealError
from roadseal.events import Emit, Event
from roadseal.net import HttpClient, Request, Response
from roadseal.operate.qkd.etsi014 import (
    NOT_FOUND,
    Capability,
    Etsi014Error,
    KeyRequest,
    KeyRun,
    container,
    read_key_ids,
    read_key_request,
    sae_identity,
)
from roadseal.operate.qkd.kme.allocate import Allocator, Ask, Given
from roadseal.operate.qkd.kme.batches import Batches
from roadseal.operate.qkd.kme.sync import MOST_SYNC_BYTES, Allocation, objection
from roadseal.operate.qkd.store import KeyStore
from roadseal.operate.qkd.store.allotment import Allotment
from roadseal.operate.qkd.store.cells import CELL_BITS, CELL_BYTES

_METHODS: Final = {
    "status": ("GET",),
    "enc_keys": ("GET", "POST"),
    "dec_keys": ("GET", "POST"),
}


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
class _Dec:
    master: str
    sae: str
    key_ids: tuple[bytes, ...]


class Kme:
    """The answers of ETSI GS QKD 014 over a `KeyStore`; `handle` and `handle_sync` are services.

    Args:
        settings: its identity and its SAEs.
        store: open; the KME does not close it.
        peers: for each link, a client of the other KME's sync address.
        clock: for the time of events.
        emit: hears ``qkd.delivered``, ``qkd.refused``, ``qkd.peer-down``, ``qkd.blocks-differ``,
            ``qkd.given-up``, ``qkd.compacted``, ``qkd.fault``.
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
        self._disk = asyncio.Lock()
        self._here = frozenset(sae for sae, kme in settings.saes.items() if kme == settings.kme_id)
        self._enc = {
            link: Allocator(link, peer, store, self._disk, self._until, random_bytes, self._tell)
            for link, peer in self.peers.items()
        }
        self._dec: Batches[_Dec, Given] = Batches(self._deliver)

    async def handle(self, request: Request) -> Response:
        """Answer an SAE."""
        caller = sae_identity(request.peer.peer_certificate) if request.peer else None
        try:
            if caller is None or caller not in self._here:
                raise Etsi014Error(401)
            return await self._route(caller, request)
        except Etsi014Error as error:
            self._tell(caller or "unknown", "qkd.refused", status=error.status, why=error.message)
            return error.response()
        except RoadsealError as error:
            self._tell(caller or "unknown", "qkd.refused", status=503, why=error.code)
            return Etsi014Error(503, "the KME cannot hand out keys", code=error.code).response()
        except Exception as error:  # a fault of ours: the standard has no status but this one
            self._tell(caller or "unknown", "qkd.fault", error=type(error).__name__)
            return Etsi014Error(503, "the KME cannot hand out keys").response()

    async def handle_sync(self, request: Request) -> Response:
        """Answer the peer KME: record what it allocated, then say so."""
        link = request.peer and sae_identity(request.peer.peer_certificate)
        if link not in self.peers or request.method != "POST":
            return Response(403)
        if len(request.body) > MOST_SYNC_BYTES:
            return Response(413)
        try:
            allocation = Allocation.read(request.body, link=link, until=self._until())
        except ValueError:
            return Response(400)
        async with self._disk:
            if (why := objection(allocation, self.store, link, self._here)) is not None:
                return Response.of_json(409, why)
            await asyncio.to_thread(self.store.expect, allocation.allotments)
        return Response(200)

    def status(self, slave: str, master: str) -> dict[str, Any]:
        """Clause 6.1."""
        mine, capability = self.settings, self.settings.capability
        target = self._kme_of(slave)
        link = self._link_for(target)
        cells = -(-capability.key_size // CELL_BITS)
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
        async with self._disk:
            if overdue := self.store.overdue(self._clock.now()):
                await asyncio.to_thread(self.store.void, overdue)
        if overdue:
            self._tell(self.settings.kme_id, "qkd.given-up", keys=len(overdue))
        return len(overdue)

    async def tidy(self) -> bool:
        """Compact the store's journal if most of it is history."""
        async with self._disk:
            done = await asyncio.to_thread(self.store.tidy)
        if done:
            self._tell(self.settings.kme_id, "qkd.compacted")
        return done

    def _until(self) -> int:
        return self._clock.now() + self.settings.keep_s * MICROSECONDS_PER_SECOND

    async def _route(self, caller: str, request: Request) -> Response:
        parts = request.segments
        if len(parts) != 5 or parts[:3] != ("api", "v1", "keys") or parts[4] not in _METHODS:
            raise Etsi014Error(400, "bad request format", path="unknown")
        other, action = parts[3], parts[4]
        if request.method not in _METHODS[action]:
            raise Etsi014Error(400, "bad request format", method="not allowed")
        if action == "status":
            return Response.of_json(200, self.status(other, caller))
        if action == "enc_keys":
            given = await self._get_key(
                caller, other, read_key_request(request, self.settings.capability)
            )
        else:
            given = await self._dec.ask(_Dec(other, caller, read_key_ids(request)))
        runs = [self._run(keys, octets) for keys, octets in given]
        count = sum(run.number for run in runs)
        self._tell(caller, "qkd.delivered", action=action, other=other, keys=count)
        response = container(runs)
        for _, octets in given:
            octets[:] = bytes(len(octets))
        return response

    async def _get_key(self, master: str, slave: str, want: KeyRequest) -> Given:
        slaves = {slave, *want.additional}
        far = {name for name in slaves if self._kme_of(name) != self.settings.kme_id}
        if len({self._kme_of(name) for name in far}) > 1:
            raise Etsi014Error(400, "the slaves are at more than one other KME")
        link = self._link_for(self._kme_of(min(far)) if far else self.settings.kme_id)
        return await self._enc[link].keys(
            Ask(master, frozenset(slaves - far), frozenset(far), want)
        )

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

    async def _deliver(self, asks: list[_Dec]) -> Sequence[Given | Exception]:
        async with self._disk:
            errors: list[Etsi014Error | None] = []
            fetched: list[tuple[Sequence[bytes], str]] = []
            taken: set[tuple[bytes, str]] = set()
            for ask in asks:
                errors.append(self._objection(ask, taken))
                if errors[-1] is None:
                    taken.update((key_id, ask.sae) for key_id in ask.key_ids)
                    fetched.append((ask.key_ids, ask.sae))
            found = iter(await asyncio.to_thread(self.store.deliver, fetched) if fetched else [])
        return [next(found) if error is None else error for error in errors]

    def _objection(self, ask: _Dec, taken: set[tuple[bytes, str]]) -> Etsi014Error | None:
        waiting, served = self.store.waiting, self.store.served
        found = True
        for key_id in ask.key_ids:
            if (slot := waiting.get(key_id)) is None:
                found = False
                continue
            keys = slot[0]
            if ask.sae not in keys.slaves or keys.master != ask.master:
                return Etsi014Error(401)
            if ask.sae in served.get(key_id, ()) or (key_id, ask.sae) in taken:
                found = False
        return None if found else Etsi014Error(400, NOT_FOUND)

    def _run(self, keys: Allotment, octets: bytearray) -> KeyRun:
        provenance = self.store.provenance(keys.span)
        return KeyRun(
            keys.key_ids, octets, keys.cells_each * CELL_BYTES, keys.bits // 8, provenance
        )

    def _tell(self, subject: str, kind: str, **facts: str | int) -> None:
        if self._emit is not None:
            facts["kme"] = self.settings.kme_id
            self._emit(Event(self._clock.now(), subject, kind, facts))
