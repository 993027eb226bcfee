"""A progress bar that shows up only where there is something to wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import Progress

from roadseal.clock import SystemClock

PATIENCE_S = 2.0
"""How long people wait without asking."""

T = TypeVar("T")


class LateProgress:
    """Shows a bar on stderr once the whole has taken longer than `PATIENCE_S`."""

    def __init__(self, clock: SystemClock) -> None:
        self._clock = clock
        self._start_s = clock.monotonic_s()
        console = Console(stderr=True)
        self._progress = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()

    def track(self, things: Iterable[T], what: str, total: int) -> Iterator[T]:
        """Pass things on and count them."""
        task = self._progress.add_task(what, total=total)
        for thing in things:
            yield thing
            self._progress.advance(task)
            if not self._shown and self._clock.monotonic_s() - self._start_s > PATIENCE_S:
                self._progress.start()
                self._shown = True
        self._progress.remove_task(task)

    def counter(self, what: str) -> Callable[[int], None]:
        """Return what to call with the number done, where nobody knows how many there will be."""
        task = self._progress.add_task(what, total=None)

        def show(done: int) -> None:
            self._progress.update(task, completed=done, description=f"{what}: {done:,}")
            if not self._shown and self._clock.monotonic_s() - self._start_s > PATIENCE_S:
                self._progress.start()
                self._shown = True

        return show
