"""The one exception that Roadseal raises on purpose.

Hostile bytes never raise: they get a verdict. What raises is a caller's or an operator's mistake,
and every such error says what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence


class RoadsealError(Exception):
    """A mistake that the caller can mend.

    Args:
        code: a stable identifier in kebab-case, for programs and the documentation.
        message: one sentence, what is wrong, without secrets.
        advice: one sentence, what to do next.
    """

    def __init__(self, code: str, message: str, *, advice: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}"

    @property
    def each(self) -> tuple[RoadsealError, ...]:
        """The mistakes in it, one by one."""
        return (self,)


class SeveralMistakesError(RoadsealError):
    """Several mistakes, told at once; code, message and advice are those of the first.

    Args:
        errors: at least one, in the order in which they are told.
    """

    def __init__(self, errors: Sequence[RoadsealError]) -> None:
        first = errors[0]
        super().__init__(first.code, first.message, advice=first.advice)
        self._each = tuple(one for error in errors for one in error.each)

    def __str__(self) -> str:
        return "\n".join(map(str, self._each))

    @property
    def each(self) -> tuple[RoadsealError, ...]:
        """The mistakes in it, one by one."""
        return self._each


def all_of(errors: Sequence[RoadsealError]) -> RoadsealError:
    """One error for all of them: itself, if there is one."""
    return errors[0] if len(errors) == 1 else SeveralMistakesError(errors)


def why_unreadable(error: Exception) -> str:
    """Why a file could not be read, in words for whoever named it; never what stands in it."""
    if isinstance(error, UnicodeDecodeError):
        return f"its byte {error.start} is no UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
