"""Summarizes the signals of the search environments for explorers: which there are, and their usual values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autotts.envs.store import Environment

from ..records.explorer import SignalSummary

_MOST = 200_000
"""Values of an environment that a summary looks at, evenly spread."""
_ABSENT = np.empty(0, np.float32)


def summarize_signals(environments: Sequence[Environment]) -> tuple[SignalSummary, ...]:
    """Return the signals that all ``environments`` have and that vary, by name.

    Every environment has the same weight. The figures have two significant digits: they only set a scale.
    """
    shared = set.intersection(*(set(env.signals) | set(env.final_signals) for env in environments))
    summaries = []
    for name in sorted(shared):
        quantiles = np.mean([_quantiles(env, name) for env in environments], axis=0)
        low, centre, high = (float(f"{value:.2g}") for value in quantiles)
        scale = float(f"{(high - low) / 2:.2g}")
        if scale > 0:
            final = all(not np.isnan(env.final_signals.get(name, _ABSENT)).all() for env in environments)
            summaries.append(SignalSummary(name, centre, scale, final))
    return tuple(summaries)


def _quantiles(env: Environment, name: str) -> tuple[float, ...]:
    """Return the 16%, 50% and 84% quantiles of a signal; zeros if it is always absent."""
    values = env.final_signals.get(name, _ABSENT)
    if np.isnan(values).all():
        values = env.signals.get(name, _ABSENT)
    values = values[:: max(1, len(values) // _MOST)]
    values = values[np.isfinite(values)]
    return tuple(np.quantile(values, (0.16, 0.5, 0.84)).tolist()) if len(values) else (0.0, 0.0, 0.0)
