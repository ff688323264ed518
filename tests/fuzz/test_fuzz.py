"""Fuzzing by count: the corpus, and mutants of it from a fixed seed; `make fuzz` goes on by the clock."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest

from .targets import CORPUS, TARGETS, Fuzzing, mutants

EXAMPLES = {"frames": 400, "logs": 600, "environments": 400, "bundles": 150}


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_accepted_and_the_kept_corpus_breaks_no_promise(name: str) -> None:
    fuzzing, target = Fuzzing(TARGETS[name]), TARGETS[name]
    for data in target.corpus():
        fuzzing.one(data)
    assert fuzzing.accepted >= len(target.seeds()) // 3


@pytest.mark.parametrize("name", TARGETS)
def test_mutants_break_no_promise(name: str) -> None:
    fuzzing, target = Fuzzing(TARGETS[name]), TARGETS[name]
    for data in islice(mutants(target, target.corpus(), Random(0)), EXAMPLES[name]):
        fuzzing.one(data)
    assert fuzzing.accepted, "no mutant was accepted: the mutations are too coarse to reach the inner readers"


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 200_000
