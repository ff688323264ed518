"""Simulates signals and verifier scores of known strength for the branches of any environment.

The number of branch b after interval d is, in standard deviations,

    u(b, d) = question effect + distance(d) * (1/2 if right, else -1/2) + noise(b, d),

where the noise has variance 1 within a question, and is part a constant of the branch (`BRANCH_PART`), part a process
that forgets: neighbouring intervals correlate by ``BRANCH_PART + (1 - BRANCH_PART) * MEMORY``. So a longer look at one
branch tells more than one number, but never everything. ``right`` means that the branch ends right; for the signals of
a probe (``answer_...``), that the probe's answer is right. Forks have the numbers of their parents in the intervals
that both share, and continue their noise. u becomes the unit of its name by an increasing function, or by a decreasing
one for names of which lower is surer.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..environment import ROOT, Environment
from ..errors import InputError
from ..ranges import ranges
from ..signals import STANDARD, comes_with
from .model import Floats, exp, standard_normals
from .strength import Strength

BRANCH_PART = 0.5
"""Share of the variance of the noise that is constant over a branch."""
MEMORY = 0.8
"""Correlation of the other part between neighbouring intervals."""
QUESTION_EFFECT = 0.5
"""Standard deviation of the effect of a question."""

_BLOCK = 1 << 18
"""Numbers that are drawn at a time: each takes twelve draws."""

Mask = npt.NDArray[np.bool_]


def with_signal(env: Environment, name: str, strength: Strength, seed: int = 0) -> Environment:
    """Return ``env`` with the signal ``name``, simulated. Equal arguments give equal bits on any machine.

    Args:
        env: an environment with or without forks, recorded or synthetic.
        name: name of the signal; one that is there is refused.
        strength: how much it tells; `NOISE` for nothing.
        seed: seed of the draws, which depend on the name too.

    Raises:
        InputError: the environment has the signal.
    """
    if name in env.signal_names:
        raise InputError(f"{env.name} has a signal {name!r} already")
    unfinished, finished = _standard(env, strength.distances(), comes_with(name) == "probe", f"{seed} signal {name}")
    unit = _unit(name)
    return replace(
        env,
        signals={**env.signals, name: unit(unfinished).astype(np.float32)},
        final_signals={**env.final_signals, name: unit(finished).astype(np.float32)},
    )


def with_verifier(
    env: Environment, strength: Strength, cost: int = 0, seed: int = 0, program: bool = False
) -> Environment:
    """Return ``env`` with a simulated verifier. Equal arguments give equal bits on any machine.

    Args:
        env: an environment without a verifier.
        strength: how much a score tells of the end of the branch; 1 - strength is its error.
        cost: tokens of a verification.
        seed: seed of the draws.
        program: whether scores are 1 and 0 only, as those of a program that passes or refuses a branch. It is wrong
            with probability 1 - strength, whether the branch ends right or wrong. Else scores are probabilities.

    Raises:
        InputError: the environment has a verifier.
    """
    if env.verifier is not None:
        raise InputError(f"{env.name} has a verifier already")
    distances = strength.program_distances() if program else strength.distances()
    effect = 0.0 if program else QUESTION_EFFECT
    columns = _standard(env, distances, False, f"{seed} verifier", effect)
    scores, finals = ((u > 0).astype(np.float32) if program else _chance(u).astype(np.float32) for u in columns)
    return replace(env, verifier=scores, final_verifier=finals, verify_cost=cost)


def generator(text: str) -> np.random.Generator:
    """Return a source of draws that depends on ``text`` alone."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")))


def _standard(
    env: Environment, distances: tuple[float, float], of_probes: bool, draws: str, effect: float = QUESTION_EFFECT
) -> tuple[Floats, Floats]:
    """Return (C,) and (N,) the numbers of probes and of finished branches, in standard deviations."""
    rng = generator(draws)
    owner = np.repeat(np.arange(len(env.final_answers)), env.probes)
    gold = env.gold[env.question_of]
    ends: Mask = env.final_answers == gold
    right: Mask = env.probe_answers == gold[owner] if of_probes else ends[owner]
    question = effect * _draws(rng, len(env))[env.question_of]
    noise, last = _noise(env, rng)
    part = (np.arange(len(owner)) - env.probe_offsets[owner]) / env.probes[owner]
    first, final = distances
    unfinished = question[owner] + (first + (final - first) * part) * (right - 0.5) + noise
    return _shared(env, unfinished), question + final * (ends - 0.5) + last


def _draws(rng: np.random.Generator, count: int) -> Floats:
    """Return ``count`` standard normal numbers."""
    parts = [standard_normals(rng, (min(_BLOCK, count - first),)) for first in range(0, count, _BLOCK)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _noise(env: Environment, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return (C,) and (N,) the noise at probes and of finished branches. Forks continue that of their parents."""
    branches, most = len(env.probes), int(env.probes.max(initial=0))
    constant, state = _draws(rng, branches), _draws(rng, branches)
    draws, last_draws = _draws(rng, len(env.probe_answers)), _draws(rng, branches)
    fresh, own, steady = (math.sqrt(part) for part in (1 - MEMORY * MEMORY, 1 - BRANCH_PART, BRANCH_PART))
    forks, parent = _forks(env)
    depth_of = np.zeros(branches, np.int64) if env.fork_depths is None else env.fork_depths.astype(np.int64)
    order = np.argsort(depth_of[forks], kind="stable")
    bounds = np.searchsorted(depth_of[forks][order], np.arange(most + 2))
    for fork, of in zip(forks.tolist(), parent.tolist(), strict=True):  # a parent stands before its forks
        constant[fork] = constant[of]
    longest = np.argsort(-env.probes, kind="stable")
    running = branches - np.searchsorted(np.sort(env.probes), np.arange(most + 1))  # with at least d probes
    noise = np.empty(len(draws))
    for depth in range(1, most + 1):
        due = order[bounds[depth - 1] : bounds[depth]]  # forks at the depth before continue from their parents
        state[forks[due]] = state[parent[due]]
        here = longest[: running[depth]]
        cells = env.probe_offsets[here] + (depth - 1)
        state[here] = state[here] if depth == 1 else MEMORY * state[here] + fresh * draws[cells]
        noise[cells] = steady * constant[here] + own * state[here]
    due = order[bounds[most] : bounds[most + 1]]
    state[forks[due]] = state[parent[due]]
    return noise, steady * constant + own * (MEMORY * state + fresh * last_draws)


def _forks(env: Environment) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the forks and the parent of each, as indices of branches."""
    if env.parents is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    forks = np.flatnonzero(env.parents != ROOT)
    first = env.branch_offsets.astype(np.int64)[:-1][env.question_of[forks]]
    return forks, env.parents[forks] + first


def _shared(env: Environment, column: Floats) -> Floats:
    """Give each fork the numbers of its parent in the intervals that both share, parents first."""
    forks, parent = _forks(env)
    if not len(forks) or env.fork_depths is None:
        return column
    level = np.zeros(len(env.probes), np.int64)
    for fork, of in zip(forks.tolist(), parent.tolist(), strict=True):
        level[fork] = level[of] + 1
    starts, depth = env.probe_offsets.astype(np.int64), env.fork_depths.astype(np.int64)
    for number in range(1, int(level.max()) + 1):
        mine = level[forks] == number
        own, other = starts[forks[mine]], starts[parent[mine]]
        column[ranges(own, own + depth[forks[mine]])] = column[ranges(other, other + depth[forks[mine]])]
    return column


def _unit(name: str) -> Callable[[Floats], Floats]:
    """Return the function that brings standard numbers to the unit of the signal ``name``."""
    signal = STANDARD.get(name)
    if signal is None:
        return lambda u: u
    if signal.unit == "probability":
        return _chance
    if signal.unit == "nats":
        return (lambda u: 0.6 * exp(-0.25 * u)) if signal.higher_is == "less sure" else (lambda u: 12 * exp(0.1 * u))
    return lambda u: -0.35 * exp(-0.25 * u)


def _chance(u: Floats) -> Floats:
    return 1 / (1 + exp(-u))
