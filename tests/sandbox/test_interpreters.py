"""PyPy and the CPythons of this machine give the same bits, and PyPy runs under the same guards."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.champions import champion_names, champion_source
from autotts.envs.episodes import grid
from autotts.envs.errors import InputError
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import choice
from autotts.sandbox.backends import root as roots
from autotts.sandbox.base import Sandbox, SandboxError, SandboxLimits
from autotts.sandbox.check import AttackCheck, attacks
from autotts.sandbox.choice import describe, interpreter_of, open_sandbox
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.worker import loading, sets
from benchmarks.interpreters import PECULIAR, interpreters, result

from .test_sandboxes import NO_BUBBLEWRAP

MODEL = next(iter(default_models().values()))
EPISODES = grid([generate(MODEL, "toy/model", questions=3, branches=12)], [0.0, 0.7], range(3), max_branches=8)
SAMPLE = (
    "channel_code", "chance_set_order", "channel_clock", "resource_memory", "resource_threads", "proc_spawn",
    "look_memory", "worker_not_constructed", "resource_recursion",
)  # fmt: skip
"""Attacks that take another way under PyPy, or fill its memory. `autotts sandbox check` runs all of them."""


@pytest.fixture(scope="module", params=["bubblewrap", pytest.param("docker", marks=pytest.mark.docker)])
def kind(request: pytest.FixtureRequest, pypy: None) -> str:
    if request.param == "docker":
        request.getfixturevalue("image")
    elif NO_BUBBLEWRAP.args[0]:
        pytest.skip("no bubblewrap")
    return str(request.param)


@pytest.mark.slow
def test_no_attack_of_a_sample_gets_through_under_pypy(kind: str) -> None:
    chosen = [attack for attack in attacks() if attack.name in SAMPLE]
    with AttackCheck(lambda limits: open_sandbox(kind, limits=limits, interpreter="pypy")) as check:
        for attack in chosen:
            assert not check.attempt(attack, False).breaches, attack.name


@pytest.mark.slow
def test_the_memory_of_a_candidate_is_limited_under_pypy(kind: str) -> None:
    source = PECULIAR["ties"].replace("number = ", "held = [bytearray(1 << 20) for _ in range(1000)]; number = ", 1)
    limits = SandboxLimits(memory=128 << 20)
    with open_sandbox(kind, limits=limits, interpreter="pypy") as sandbox:
        assert result(Candidate("greedy", source), EPISODES, sandbox).partition(":")[0] in ("memory", "crash")


@pytest.fixture(scope="module")
def expected() -> Iterator[Sandbox]:
    with open_sandbox("process") as sandbox, sandbox.reusing_workers() as reusing:
        yield reusing


@pytest.mark.slow
def test_every_sandbox_gives_the_same_bits_under_pypy(kind: str, expected: Sandbox) -> None:
    named = {name: baseline_source(name) for name in baseline_names()}
    named |= {name: champion_source(name) for name in champion_names()[:2]}
    named |= {name: PECULIAR[name] for name in ("sum", "set of numbers", "mathematics", "error max([])")}
    with open_sandbox(kind, interpreter="pypy") as sandbox, sandbox.reusing_workers() as reusing:
        for name, source in named.items():
            candidate = Candidate(name, source)
            assert result(candidate, EPISODES, reusing) == result(candidate, EPISODES, expected), name


@pytest.mark.slow
def test_peculiar_controllers_give_the_same_bits_in_every_interpreter(expected: Sandbox) -> None:
    few = grid(EPISODES.environments, [0.7], range(2), max_branches=8)
    candidates = [Candidate(name, source) for name, source in PECULIAR.items()]
    wanted = [result(candidate, few, expected) for candidate in candidates]
    assert len({found for found in wanted if ":" not in found}) > 6
    for version, sandbox in interpreters().items():
        with sandbox.reusing_workers() as reusing:
            for candidate, awaited in zip(candidates, wanted, strict=True):
                assert result(candidate, few, reusing) == awaited, (version, candidate.name)


def test_the_sums_and_statistics_of_the_reference_are_those_of_every_interpreter() -> None:
    assert loading.plain_sum([0.1] * 10) == 0.9999999999999999
    assert loading.plain_sum([1e16, 1.0, -1e16]) == 0.0
    assert loading.plain_sum([[1], [2]], []) == [1, 2]
    with pytest.raises(TypeError, match="can't sum strings"):
        loading.plain_sum(["a"], "")
    x, y = [0.1, 1.7, -3.7, 2.5], [0.3, 1.5, 4.0, 9.25]
    assert (loading.covariance(x, y), loading.correlation(x, y)) == (2.8825000000000003, 0.26367896736136165)
    assert tuple(loading.linear_regression(x, y)) == (0.3801098901098901, 3.7054835164835165)
    assert tuple(loading.linear_regression(x, y, proportional=True)) == (0.4774518388791593, 0.0)


@pytest.mark.parametrize("seed", range(30))
def test_sets_have_the_order_of_cpython_after_any_history(seed: int) -> None:
    chance = random.Random(seed)
    ours: Any = sets.Set()
    theirs: set[object] = set()
    for _ in range(60):
        items = [(chance.randrange(6), chance.random()) if seed % 3 else chance.randrange(500) for _ in range(9)]
        change = chance.choice(("update", "difference_update", "symmetric_difference_update", "pop", "and", "or"))
        if change == "pop":
            assert (ours.pop() if ours else None) == (theirs.pop() if theirs else None)
        elif change == "and":
            kept = [key for key in theirs if chance.random() < 0.7]
            ours, theirs = ours & sets.Set(kept), theirs & set(kept)
        elif change == "or":
            ours, theirs = sets.Set(items) | ours, set(items) | theirs
        else:
            getattr(ours, change)(items)
            getattr(theirs, change)(items)
        assert list(ours) == list(theirs)
        assert repr(ours) == repr(theirs)
        assert [hash(key) for key in ours] == [hash(key) for key in theirs]


def test_displays_and_views_become_sets_with_the_order_of_cpython() -> None:
    source = "found = [{3, 70, 5}, {k * 9 for k in range(9)}, {1: 2, 70: 3}.keys() - {1}, 5 in {5, 6}]\n"
    source += "order = [k for k in {70, 3, 5}]"
    space: dict[str, Any] = dict(sets.NAMES)
    exec(compile(sets.rewritten(source), "controller.py", "exec"), space)
    theirs: dict[str, Any] = {}
    exec(source, theirs)
    assert [list(found) for found in space["found"][:3]] == [list(found) for found in theirs["found"][:3]]
    assert all(isinstance(found, sets.Set) for found in space["found"][:3])
    assert space["found"][3] is True
    assert space["order"] == theirs["order"]


@pytest.mark.parametrize(
    ("said", "line", "ours"),
    [
        ("arg is an empty sequence", "x = max([])", "max() arg is an empty sequence"),
        ("min() iterable argument is empty", "", "min() arg is an empty sequence"),
        ("'NoneType' has no length", "", "object of type 'NoneType' has no len()"),
        ("'int' object is not iterable", "if 3 in 5:", "argument of type 'int' is not iterable"),
        ("'int' object is not iterable", "for i in 5:", "'int' object is not iterable"),
        ("anything else", "", "anything else"),
    ],
)
def test_errors_are_told_in_the_words_of_the_reference(said: str, line: str, ours: str) -> None:
    assert loading.in_common_words(said, line) == ours


def test_auto_is_cpython_and_pypy_says_how_to_build_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "finds_pypy", lambda: False)
    with open_sandbox("process", interpreter="auto") as sandbox:
        assert interpreter_of(sandbox) == "cpython"
        assert describe(sandbox).endswith(", CPython")
    with pytest.raises(InputError, match="autotts sandbox build --interpreter pypy"):
        open_sandbox("process", interpreter="pypy")
    with pytest.raises(InputError, match="no interpreter 'jython'"):
        open_sandbox("process", interpreter="jython")
    monkeypatch.setattr(choice, "finds_pypy", lambda: True)
    with open_sandbox("process", interpreter="auto") as sandbox:
        assert describe(sandbox).endswith(", CPython")
    with open_sandbox("process", interpreter="pypy") as sandbox:
        assert describe(sandbox).endswith(", PyPy")


def test_pypy_is_not_built_where_others_could_change_it_or_a_clock_is_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    monkeypatch.setenv("XDG_CACHE_HOME", str(place))
    assert not roots.has_pypy()
    with pytest.raises(SandboxError, match="others can write"):
        roots.build_pypy(print)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(SandboxError, match="x86-64"):
        roots.build_pypy(print)
    assert os.listdir(place / "autotts") in ([], ["sandbox-roots"])
