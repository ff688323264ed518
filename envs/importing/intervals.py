"""Brings branches that were probed at different intervals to a common one, which only leaves probes out."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ..counting import counted
from ..errors import InputError
from ..store import MAX_TOKENS

RARE = 0.01
"""Branches of an interval that at most this share of the branches has are skipped, and do not coarsen the others."""


def beyond_end(probes: int, delta: int, total: int) -> bool:
    """Return whether a branch of ``total`` tokens cannot have ``probes`` probes at every ``delta`` tokens.

    The last interval may be cut short by the end of the branch: recordings probe there once more.
    """
    return probes > 0 and (probes - 1) * delta >= total


def common_interval(branches: Mapping[int, int], given: int | None) -> int:
    """Return the interval to which all branches are brought: ``given``, or the least common multiple of theirs.

    Args:
        branches: the number of branches with probes at each interval in tokens, at least one.
        given: the interval that the user wants, if any.

    Raises:
        InputError: no probe can lie at a common depth, as the multiple exceeds every length.
    """
    if given is not None:
        return given
    rare = RARE * sum(branches.values())
    common = math.lcm(*(delta for delta, count in branches.items() if count > rare))
    if common > MAX_TOKENS:
        raise no_common_interval(branches)
    return common


def no_common_interval(branches: Mapping[int, int]) -> InputError:
    """Return the error for branches whose probes have too few depths in common."""
    most = max(branches, key=lambda delta: (branches[delta], delta))
    return InputError(
        f"probes {described(branches)} have too few depths in common; import those of one interval alone by"
        f" --delta {most} --allow-skips, or each into an environment of its own"
    )


def described(branches: Mapping[int, int]) -> str:
    """Return the intervals with their branches in words: ``every 500 tokens (12 branches) and ...``."""
    return " and ".join(f"every {delta:,} tokens ({counted(branches[delta], 'branch')})" for delta in sorted(branches))
