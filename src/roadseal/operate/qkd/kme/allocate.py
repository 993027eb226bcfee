"""Fresh keys of one link: chosen here, recorded by the peer, leased on our disk, then given.

The order never changes. What the peer has not confirmed is not consumed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from roadseal.errors import RoadsealError
from roadseal.net import HttpClient, TlsRefusedError
from roadseal.operate.qkd.etsi014 import Etsi014Error, KeyRequest, random_key_ids
from roadseal.operate.qkd.kme.batches import Batches
from roadseal.operate.qkd.kme.sync import SYNC_PATH, Allocation
from roadseal.operate.qkd.store import KeyStore
from roadseal.operate.qkd.store.allotment import KEY_ID_BYTES, Allotment
from roadseal.operate.qkd.store.cells import CELL_BITS, Span

Given = list[tuple[Allotment, bytearray]]
"""Keys of one request: parts of allotments, each with its bits."""


class Tell(Protocol):
    """Tells an event."""

    def __call__(self, subject: str, kind: str, **facts: str | int) -> None:
        """`subject` and what happened to it."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """One Get key.

    Args:
        master: the SAE that asks.
        near: slaves at this KME.
        far: slaves at the peer.
        want: how many, how long.
    """

    master: str
    near: frozenset[str]
    far: frozenset[str]
    want: KeyRequest

    @property
    def cells(self) -> tuple[int, int]:
        """How many keys, and how many cells each."""
        return self.want.number, -(-self.want.size // CELL_BITS)


class Allocator:
    """Gives fresh keys over one link; requests of the same moment share the way.

    Args:
        link: the KME at the other end.
        peer: its sync address.
        store: of this end.
        disk: held by whoever changes the store.
        until: when a key that is given now is given up.
        random_bytes: for key_IDs.
        tell: hears ``qkd.peer-down``, ``qkd.blocks-differ``.
    """

    def __init__(
        self,
        link: str,
        peer: HttpClient,
        store: KeyStore,
        disk: asyncio.Lock,
        until: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        tell: Tell,
    ) -> None:
        self._link = link
        self._peer = peer
        self._store = store
        self._disk = disk
        self._until = until
        self._random_bytes = random_bytes
        self._tell = tell
        self._doubt: list[Span] = []  # the peer may have recorded them, and we do not know
        self._batches: Batches[Ask, Given] = Batches(self._allocate)

    async def keys(self, ask: Ask) -> Given:
        """Fresh keys.

        Raises:
            Etsi014Error: 503.
            RoadsealError: ``qkd-store-stopped``.
        """
        return await self._batches.ask(ask)

    async def _allocate(self, asks: list[Ask]) -> Sequence[Given | Exception]:
        for _ in range(3):  # the peer may tell us to move on
            async with self._disk:
                fits, spans = self._fit(asks)
            if not fits:
                break
            named = self._name(fits, spans)
            if any(ask.far for ask in fits) and not await self._confirmed(fits, named):
                continue
            async with self._disk:
                given = iter(await self._commit(fits, named))
            return [
                next(given) if any(ask is fit for fit in fits) else self._exhausted()
                for ask in asks
            ]
        return [self._exhausted()] * len(asks)

    def _fit(self, asks: list[Ask]) -> tuple[list[Ask], list[list[Span]]]:
        """The asks that the pool can serve, with their cells: all, or each in turn that fits."""
        cells = [ask.cells for ask in asks]
        if (spans := self._store.reserve(self._link, cells)) is not None:
            return asks, spans
        fits: list[Ask] = []
        found: list[list[Span]] = []
        for ask in asks:
            cells = [each.cells for each in (*fits, ask)]
            if (spans := self._store.reserve(self._link, cells)) is not None:
                fits, found = [*fits, ask], spans
        return fits, found

    def _name(self, asks: list[Ask], spans: list[list[Span]]) -> list[list[Allotment]]:
        """Each ask's keys with their IDs, and all its slaves."""
        until = self._until()
        named = []
        for ask, some in zip(asks, spans, strict=True):
            number, each = ask.cells
            ids = random_key_ids(self._random_bytes(KEY_ID_BYTES * number))
            keys, at = [], 0
            for span in some:
                end = at + KEY_ID_BYTES * (span.cells // each)
                slaves = ask.near | ask.far
                part = Allotment(span, ask.want.size, ids[at:end], ask.master, slaves, until)
                keys.append(part)
                at = end
            named.append(keys)
        return named

    async def _confirmed(self, asks: list[Ask], named: list[list[Allotment]]) -> bool:
        """Have the peer record the keys; False if it told us to choose other cells.

        Raises:
            Etsi014Error: 503: the peer is down or does not hold the same bits.
        """
        store, link = self._store, self._link
        blocks = {keys.span.block for some in named for keys in some}
        checks = {block: str(store.check(link, block)) for block in blocks}
        far = [
            keys._replace(slaves=ask.far)
            for ask, some in zip(asks, named, strict=True)
            if ask.far
            for keys in some
        ]
        try:
            body = Allocation(far, checks).octets()
            answer = await self._peer.request("POST", SYNC_PATH, body=body)
            verdict = answer.json() if answer.status == 409 else {}
        except RoadsealError as error:
            if not isinstance(error, TlsRefusedError) or error.refusal.reason != "unreachable":
                self._doubt = [keys.span for some in named for keys in some]
            self._tell(link, "qkd.peer-down", error=error.code)
            raise Etsi014Error(503, "the peer KME is not reachable", target_KME_ID=link) from None
        if answer.status == 200:
            self._doubt = []
            return True
        marks = verdict.get("marks") if isinstance(verdict, dict) else None
        if isinstance(marks, dict) and marks:
            async with self._disk:
                for block, cell in marks.items():
                    await asyncio.to_thread(store.skip, link, int(block), int(cell))
            return False
        why = str(verdict.get("why"))[:64] if isinstance(verdict, dict) else "?"
        self._tell(link, "qkd.blocks-differ", why=why)
        raise Etsi014Error(503, "the peer KME does not hold the same keys", target_KME_ID=link)

    async def _commit(self, asks: list[Ask], named: list[list[Allotment]]) -> list[Given]:
        """On disk: what must not be given again, and what waits here. Then the bits."""
        doubt: list[Span] = []
        if not any(ask.far for ask in asks):
            doubt, self._doubt = self._doubt, []
        pairs = list(zip(asks, named, strict=True))
        near = [keys._replace(slaves=ask.near) for ask, some in pairs if ask.near for keys in some]
        spans = [*doubt, *(keys.span for some in named for keys in some)]
        if near or not self._store.covered(spans):
            await asyncio.to_thread(self._store.spend, spans, near)
        else:
            self._store.spend(spans)  # a lease on disk covers them: nothing is written
        take = self._store.take
        return [
            [(keys, take(keys.span, erase=not ask.near)) for keys in some] for ask, some in pairs
        ]

    def _exhausted(self) -> Etsi014Error:
        left = self._store.available(self._link)
        return Etsi014Error(503, "not enough keys", stored_key_count=left, target_KME_ID=self._link)
