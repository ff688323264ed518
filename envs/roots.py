"""Leaves the forks of an environment out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .environment import Environment
from .ranges import ranges


def without_forks(env: Environment) -> Environment:
    """Return ``env`` with its roots alone, in their order; ``env`` itself if it has no forks."""
    if env.parents is None:
        return env
    roots = np.flatnonzero(env.is_root)
    starts = env.probe_offsets.astype(np.int64)
    cells = ranges(starts[roots], starts[roots + 1])
    widths = np.bincount(env.question_of[roots], minlength=len(env))
    return replace(
        env,
        branch_offsets=np.concatenate(([0], np.cumsum(widths))).astype(np.int32),
        probe_offsets=np.concatenate(([0], np.cumsum(env.probes[roots]))).astype(np.int32),
        probe_answers=env.probe_answers[cells],
        final_answers=env.final_answers[roots],
        total_tokens=env.total_tokens[roots],
        signals={name: column[cells] for name, column in env.signals.items()},
        final_signals={name: column[roots] for name, column in env.final_signals.items()},
        verifier=None if env.verifier is None else env.verifier[cells],
        final_verifier=None if env.final_verifier is None else env.final_verifier[roots],
        parents=None,
        fork_depths=None,
        fork_rule="recorded",
    )
