"""The error of all checks."""

from __future__ import annotations


class ConformanceError(AssertionError):
    """An implementation does not do what its protocol demands. The message says what, and where."""


def demand(condition: bool, message: str) -> None:
    """Raise `ConformanceError` unless the condition holds."""
    if not condition:
        raise ConformanceError(message)
