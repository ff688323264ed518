"""Divides the questions of environments into a part for a search, and a held-out part that only reports may use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .counting import counted
from .episodes import ranges
from .errors import InputError
from .store import Environment

LEAST_KEPT = 2
"""Smallest number of questions of an environment that a search must keep."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DividedQuestions:
    """Environments in two parts. An environment and its parts have the same name, and different content hashes."""

    searched: tuple[Environment, ...]
    """The questions of the search."""
    held_out: tuple[Environment, ...]
    """The held-out questions, of the same environments in the same order; empty if no question is held out."""


def divide(environments: Sequence[Environment], share: float, seed: int) -> DividedQuestions:
    """Hold out a share of the questions of each environment.

    The environments of one benchmark (the part of the name before the first "/") hold out the same questions, so that
    no question is searched with one model and held out with another. Two questions are the same if their texts are the
    same, apart from white space; else, where a text is missing, if their ids are; else if they have the same number.
    The choice depends on the seed, the benchmark and the questions alone, and draws nothing from a random generator.

    Args:
        environments: environments with different names.
        share: share of the questions of a benchmark to hold out, in [0, 1); 0 returns the environments as they are.
        seed: seed of the choice.

    Raises:
        InputError: the share is out of range, or an environment would hold out none of its questions, or keep fewer
            than `LEAST_KEPT`.
    """
    if not 0 <= share < 1:
        raise InputError(f"holdout is {share:g}, but must be from 0 to less than 1")
    if share == 0:
        return DividedQuestions(tuple(environments), ())
    chosen = _chosen(environments, share, seed)
    pairs = [_divided(env, which) for env, which in zip(environments, chosen, strict=True)]
    return DividedQuestions(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def part_of_questions(environment: Environment, questions: Indices) -> Environment:
    """Return ``environment`` with ``questions`` alone, renumbered from 0, and with no answer that they do not need.

    A question without an id gets its number in ``environment`` as its id.
    """
    env = environment
    first_branch, first_cell = env.branch_offsets.astype(np.int64), env.probe_offsets.astype(np.int64)
    branches = ranges(first_branch[questions], first_branch[questions + 1])
    cells = ranges(first_cell[branches], first_cell[branches + 1])
    gold, probes, finals = env.gold[questions], env.probe_answers[cells], env.final_answers[branches]
    used = np.union1d([0], np.concatenate([gold, probes, finals]))
    place = np.zeros(len(env.vocabulary), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    return replace(
        env,
        questions=tuple(env.questions[q] for q in questions.tolist()),
        vocabulary=tuple(env.vocabulary[a] for a in used.tolist()),
        gold=place[gold],
        branch_offsets=_offsets(np.diff(env.branch_offsets)[questions]),
        probe_offsets=_offsets(np.diff(env.probe_offsets)[branches]),
        probe_answers=place[probes],
        final_answers=place[finals],
        total_tokens=env.total_tokens[branches],
        signals={name: column[cells] for name, column in env.signals.items()},
        final_signals={name: column[branches] for name, column in env.final_signals.items()},
        verifier=None if env.verifier is None else env.verifier[cells],
        final_verifier=None if env.final_verifier is None else env.final_verifier[branches],
        parents=None if env.parents is None else env.parents[branches],  # numbers within the question stay
        fork_depths=None if env.fork_depths is None else env.fork_depths[branches],
        question_ids=tuple(env.question_ids[q] if env.question_ids else f"question {q}" for q in questions.tolist()),
    )


def _offsets(sizes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)


def _divided(environment: Environment, chosen: Indices) -> tuple[Environment, Environment]:
    kept = np.setdiff1d(np.arange(len(environment)), chosen)
    if not len(chosen) or len(kept) < LEAST_KEPT:
        raise InputError(
            f"{environment.name} has {counted(len(environment), 'question')}: too few to hold some out and keep "
            f"{LEAST_KEPT} for the search; choose another share with --holdout, or 0 to search on all of them"
        )
    return part_of_questions(environment, kept), part_of_questions(environment, chosen)


def _chosen(environments: Sequence[Environment], share: float, seed: int) -> list[Indices]:
    """Return the held-out questions of each environment, as ascending indices."""
    benchmarks: dict[str, list[Environment]] = {}
    for env in environments:
        benchmarks.setdefault(_benchmark(env), []).append(env)
    keys: dict[str, list[str]] = {}
    out: set[tuple[str, str]] = set()
    for benchmark, envs in benchmarks.items():
        named = _keys(envs)
        keys |= {env.name: each for env, each in zip(envs, named, strict=True)}
        all_of_them = sorted({key for each in named for key in each}, key=lambda key: _draw(seed, benchmark, key))
        out |= {(benchmark, key) for key in all_of_them[: max(1, round(share * len(all_of_them)))]}
    return [
        np.array([q for q, key in enumerate(keys[env.name]) if (_benchmark(env), key) in out], np.int64)
        for env in environments
    ]


def _benchmark(environment: Environment) -> str:
    return environment.name.partition("/")[0]


def _keys(environments: Sequence[Environment]) -> list[list[str]]:
    """Return what tells the questions of each environment of a benchmark apart: texts, else ids, else numbers."""
    texts = [[" ".join(text.split()) for text in env.questions] for env in environments]
    ids = [list(env.question_ids) for env in environments]
    for known in (texts, ids):
        if all(each and all(each) and len(set(each)) > LEAST_KEPT for each in known):
            return known
    return [[str(q) for q in range(len(env))] for env in environments]


def _draw(seed: int, benchmark: str, key: str) -> str:
    return hashlib.sha256("\0".join((str(seed), benchmark, key)).encode(errors="surrogatepass")).hexdigest()
