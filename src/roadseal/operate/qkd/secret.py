"""Secret bits in one place: shown in no repr, and erased when they are no longer needed."""

from __future__ import annotations

from typing import NoReturn

from roadseal.errors import RoadsealError


class Secret:
    """Bytes that nobody sees by accident.

    What is in here is overwritten by `erase`. What came in as `bytes`, and what a library made of a
    view, are copies that Python frees and does not overwrite.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes | bytearray | memoryview) -> None:
        self._octets: bytearray | None = bytearray(octets)

    def __len__(self) -> int:
        return len(self._octets or b"")

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)" if self._octets is not None else "Secret(erased)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def peek(self) -> memoryview:
        """The bytes, in place.

        Raises:
            RoadsealError: ``secret-erased``.
        """
        if self._octets is None:
            raise RoadsealError(
                "secret-erased",
                "This key has been used up.",
                advice="Take a fresh key; no key is given twice.",
            )
        return memoryview(self._octets)

    def take(self, count: int) -> Secret:
        """Split off the first `count` bytes; they are in here no longer.

        Raises:
            RoadsealError: ``secret-erased``, ``secret-too-short``.
        """
        with self.peek() as octets:
            if count > len(octets):
                raise RoadsealError(
                    "secret-too-short",
                    f"{count} bytes of key are not there; {len(octets)} are.",
                    advice="Wait for more key, or ask for less.",
                )
            taken = Secret(octets[:count])
            rest = bytearray(octets[count:])
        self.erase()
        self._octets = rest
        return taken

    def erase(self) -> None:
        """Overwrite the bytes; the secret is gone."""
        if self._octets is not None:
            self._octets[:] = bytes(len(self._octets))
            self._octets = None
