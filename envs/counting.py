"""Writes counts with the right plural."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number and its noun: ``1 branch``, ``1,200 branches``.

    Args:
        count: the number.
        noun: the noun in the singular.
        plural: its plural, if it is not made with -s or -es.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + ('es' if noun.endswith('ch') else 's')}"
