"""The one exception that Roadseal raises on purpose.

Hostile bytes never raise: they get a verdict. What raises is a caller's or an operator's mistake,
and every such error says what to do next.
"""

from __future__ import annotations


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


def why_unreadable(error: Exception) -> str:
    """Why a file could not be read, in words for whoever named it; never what stands in it."""
    if isinstance(error, UnicodeDecodeError):
        return f"its byte {error.start} is no UTF-8"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
