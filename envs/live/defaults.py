"""How a model is asked, and how its answers are read, where the user has not said it: by the family of the model."""

from __future__ import annotations

from collections.abc import Sequence

from ..answers.equivalences import math_is_installed
from ..answers.extraction import extraction
from ..signals import GROUP_TOKENS
from . import families
from .answer_reader import AnswerReader
from .exchange import Sampling
from .settings import LiveSettings

_LONGEST_BRANCH = 32_768
"""Tokens of a branch at most, if neither the user nor the server knows better."""


def settings_for(
    model: str,
    context: int | None = None,
    *,
    delta: int | None = None,
    branches: int | None = None,
    branch_tokens: int | None = None,
    max_tokens: int | None = None,
    probe_suffix: str | None = None,
    probe_tokens: int | None = None,
    sampling: Sampling | None = None,
    seed: int | None = 0,
    verify_cost: int = 0,
    group_tokens: int = GROUP_TOKENS,
) -> LiveSettings:
    """Return how a model is asked. An argument that is None suits the family of the model.

    Args:
        model: the name of the model, as its server tells it.
        context: the longest prompt and completion of the model together, in tokens; None if unknown.
        delta: tokens of an interval.
        branches: branches of a question at most.
        branch_tokens: tokens of a branch at most.
        max_tokens: tokens of a question at most; None for no limit.
        probe_suffix: the text that makes the model answer, or the name of a family (`families.probe_suffix`).
        probe_tokens: tokens of a probe's answer at most.
        sampling: how tokens are drawn.
        seed: the seed of the question; None to send no seeds.
        verify_cost: tokens charged for a verification.
        group_tokens: tokens of a DeepConf group (`envs.signals`).

    Raises:
        InputError: two values exclude each other, or the suffix means nothing.
    """
    family = families.family_of(model)
    delta = delta or family.delta
    return LiveSettings(
        delta=delta,
        max_branches=branches or family.branches,
        branch_tokens=branch_tokens or max(context or _LONGEST_BRANCH, delta),
        max_tokens=max_tokens,
        probe_suffix=family.probe_suffix if probe_suffix is None else families.probe_suffix(probe_suffix),
        probe_tokens=probe_tokens or family.probe_tokens,
        sampling=sampling or Sampling(),
        seed=seed,
        verify_cost=verify_cost,
        group_tokens=group_tokens,
    )


def reader_for(model: str, extract: Sequence[str] = (), answers: str | None = None) -> AnswerReader:
    """Return how answers are found and compared.

    Args:
        model: the name of the model, as its server tells it.
        extract: the ways to find an answer (`envs.answers.extraction`); ``boxed`` if there are none.
        answers: how answers are compared (`envs.answers.equivalence`). If None, as the family of the model says, else
            as they are found: choices as choices, numbers as numbers, and others as mathematics if its packages are
            installed, otherwise as numbers.

    Raises:
        InputError: a way to find or to compare answers does not exist, or needs packages that are missing.
    """
    ways = tuple(extract) or ("boxed",)
    found = extraction("--extract", *ways)
    assert found is not None  # some way is named
    same = {"choice": "choice", "number": "number"}.get(ways[0]) or ("math" if math_is_installed() else "number")
    return AnswerReader(found, answers or families.family_of(model).answers or same)
