"""What becomes of a request to an authority."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from roadseal.v2x.reason import Reason

YEAR_US: Final = 31_556_952_000_000
"""A year of IEEE 1609.2 (31,556,952 s) in microseconds: what limits are told in."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request.

    Args:
        verdict: a response code of the protocol, or ``replayed``.
        answer: octets for whoever asked; `None` where none can be encrypted.
        certificate: what was issued.
        reason: what the engine said of a signature, where one was judged.
    """

    verdict: str
    answer: bytes | None = None
    certificate: bytes | None = None
    reason: Reason | None = None


class RefusedError(Exception):
    """Inside the authorities: the protocol's code for why; it never leaves them."""

    def __init__(self, code: str, reason: Reason | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.reason = reason
