"""Group commit: requests that come at the same time share one exchange and one write."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

MOST_ASKS: Final = 16
"""Of one batch."""

_Ask = TypeVar("_Ask")
_Answer = TypeVar("_Answer")


class Batches(Generic[_Ask, _Answer]):
    """What is asked while one batch runs goes into the next.

    Args:
        work: answers a batch, in its order; an answer that is an exception is raised at its asker.
            What it raises itself is raised at all of them.
    """

    def __init__(
        self, work: Callable[[list[_Ask]], Awaitable[Sequence[_Answer | Exception]]]
    ) -> None:
        self._work = work
        self._waiting: list[tuple[_Ask, asyncio.Future[_Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, ask: _Ask) -> _Answer:
        """Wait for a batch with `ask` in it, and return its answer."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Answer] = loop.create_future()
        self._waiting.append((ask, future))
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_ASKS], self._waiting[MOST_ASKS:]
            try:
                answers = await self._work([ask for ask, _ in batch])
            except Exception as error:  # nobody waits for ever
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
