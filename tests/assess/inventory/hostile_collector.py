"""A collector that does to its process what a broken parser would."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from roadseal.assess.inventory.collector import Context, Output, Signature, Source


@dataclass(frozen=True)
class Hostile:
    """Does to its process what a broken parser would."""

    name: str = "hostile"
    signatures: tuple[Signature, ...] = (Signature(b"HOSTILE:"),)
    names: tuple[str, ...] = ()

    def collect(self, source: Source, context: Context) -> Iterator[Output]:
        match bytes(source.data[8:13]):
            case b"crash":
                os.kill(os.getpid(), 9)
            case b"sleep":
                while True:
                    pass
            case b"large":
                yield from [bytearray(1 << 40)]  # type: ignore[misc]  # never gets so far
            case b"raise":
                raise ValueError("secret-in-the-text")
        yield from ()


HOSTILE = Hostile()
