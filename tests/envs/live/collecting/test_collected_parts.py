"""Collections with confidences, a verifier and forks, from a model without a server."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotts.agent.cli.main import main
from autotts.envs.environment import EXTENDED_FORMAT, ROOT, Environment
from autotts.envs.errors import InputError
from autotts.envs.importing.confidences import NAMES, confidence_signals
from autotts.envs.live.collecting.journal import FILE
from autotts.envs.live.collecting.session import CollectPlan
from autotts.envs.live.exchange import Passage
from autotts.envs.live.replies import token_confidence
from autotts.envs.live.verifier import FunctionVerifier

from .fake_endpoint import FakeEndpoint
from .test_collecting import Interrupted, environment, plan, run


def length(question: str, text: str, finished: bool) -> float | None:
    return None if text.count(" ") == 3 else len(text) + 0.5 * finished


def judge() -> FunctionVerifier:
    return FunctionVerifier("v.py:length", length)


def cells(env: Environment, b: int) -> slice:
    return slice(int(env.probe_offsets[b]), int(env.probe_offsets[b + 1]))


def test_finished_branches_carry_the_signals_of_their_last_interval_and_answer(tmp_path: Path) -> None:
    made = environment(run(plan(tmp_path), FakeEndpoint()))
    assert made.format == EXTENDED_FORMAT and set(made.final_signals) == set(made.signals)
    for name, column in made.final_signals.items():
        assert not np.isnan(column).any() or name.startswith("answer_")


def test_confidences_of_tokens_become_the_signals_of_deepconf(tmp_path: Path) -> None:
    seen: dict[tuple[str, str], list[float]] = {}

    class Watched(FakeEndpoint):
        async def generate(self, prompt: Any, passage: Passage, **options: Any) -> Any:
            done = await super().generate(prompt, passage, **options)
            if not options.get("suffix"):
                before = seen[prompt.text, passage.text] if passage.text else []
                seen[prompt.text, passage.text + done.text] = [*before, *done.confidences]
            return done

    endpoint = Watched(confident=True)
    made = environment(run(plan(tmp_path, questions=1), endpoint))
    ends = {len(values): values for (_, text), values in seen.items() if text.endswith("}")}
    checked = 0
    for b, total in enumerate(made.total_tokens.tolist()):
        if list(made.total_tokens).count(total) > 1 or total not in ends:
            continue
        columns, final = confidence_signals(np.array(ends[total]), range(8, total, 8))
        for name in NAMES:
            np.testing.assert_allclose(made.signals[name][cells(made, b)], columns[name], rtol=1e-6)
            assert made.final_signals[name][b] == pytest.approx(final[name])
        checked += 1
    assert checked
    plain = environment(run(plan(tmp_path / "plain", questions=1), FakeEndpoint()))
    assert not set(NAMES) & {*plain.signals, *plain.final_signals}


def test_token_confidence_is_the_mean_over_the_alternatives() -> None:
    assert token_confidence([-0.1, -2.0, -3.0]) == 1.7
    assert token_confidence([-0.1, -2.0, float("-inf")]) == 1.05 and token_confidence([float("-inf")]) == 0


def test_a_verifier_scores_each_interval_and_each_finished_branch(tmp_path: Path) -> None:
    made = environment(run(plan(tmp_path, verifier=judge()), FakeEndpoint()))
    assert made.verifier is not None and made.final_verifier is not None
    assert len(made.verifier) == len(made.probe_answers) and made.provenance["verifier"] == "v.py:length"
    assert (np.isnan(made.final_verifier) | (made.final_verifier % 1 == 0.5)).all()
    for b in range(len(made.final_answers)):
        scores = made.verifier[cells(made, b)]
        assert (np.diff(scores[~np.isnan(scores)]) > 0).all()


def test_forks_share_what_their_parents_had_generated(tmp_path: Path) -> None:
    endpoint = FakeEndpoint(confident=True)
    options = {"verifier": judge(), "fork_at": (1, 3), "forks": 2}
    made = environment(run(plan(tmp_path, **options), endpoint))
    made.check()  # compares the shared intervals
    assert made.parents is not None and made.fork_depths is not None
    roots = np.flatnonzero(made.is_root)
    assert len(roots) == 15 and set(made.fork_depths[~made.is_root].tolist()) == {1, 3}
    expected = sum(2 * int(made.probes[b] >= depth) for b in roots for depth in (1, 3))
    assert (made.parents != ROOT).sum() == expected and max(endpoint.requests.values()) == 1
    again = environment(run(plan(tmp_path, **options), FakeEndpoint()))
    assert again.hash == made.hash
    plain = environment(run(plan(tmp_path / "plain", verifier=judge()), FakeEndpoint(confident=True)))
    assert plain.total_tokens.tolist() == made.total_tokens[roots].tolist(), "forks change no root"


def test_interrupted_collection_with_all_parts_is_the_same(tmp_path: Path) -> None:
    options = {"verifier": judge(), "fork_at": (1, 2), "forks": 1, "questions": 2}
    whole = environment(run(plan(tmp_path / "whole", **options), FakeEndpoint(confident=True))).hash
    endpoint, rounds = FakeEndpoint(confident=True), 0

    def interrupt(prompt: str, passage: Passage, suffix: str) -> None:
        if endpoint.requests.total() >= 9 * rounds:
            raise Interrupted

    endpoint.fault = interrupt
    made: Environment | None = None
    while made is None:
        rounds += 1
        assert rounds < 200
        with suppress(Interrupted):
            made = environment(run(plan(tmp_path, **options), endpoint))
    assert rounds > 5 and made.hash == whole and max(endpoint.requests.values()) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, "verifier was"), ({"verifier": judge(), "fork_at": (2,), "forks": 1}, "fork at was")],
)
def test_other_parts_are_another_collection(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    run(plan(tmp_path, verifier=judge(), fork_at=(1,), forks=1), FakeEndpoint())
    with pytest.raises(InputError, match=words):
        run(plan(tmp_path, **options), FakeEndpoint())


def test_a_verifier_that_fails_stops_the_collection_which_goes_on_later(tmp_path: Path) -> None:
    calls = 0

    def breaks(question: str, text: str, finished: bool) -> float:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise ZeroDivisionError("a\nb")
        return 1.0

    broken = FunctionVerifier("v.py:breaks", breaks)
    with pytest.raises(InputError, match=r"^--verifier v.py:breaks: ZeroDivisionError: a$"):
        run(plan(tmp_path, verifier=broken), FakeEndpoint())
    assert (tmp_path / "work" / FILE).stat().st_size
    made = environment(run(plan(tmp_path, verifier=broken), FakeEndpoint()))
    assert made.final_verifier is not None and (made.final_verifier == 1).all()


@pytest.mark.parametrize("options", [{}, {"fork_at": (1, 3), "forks": 2}, {"fork_at": (2,), "forks": 3}])
def test_the_estimate_of_a_dry_run_counts_forks(tmp_path: Path, options: dict[str, Any]) -> None:
    pairs = []
    for seed in range(8):
        made = seeded(plan(tmp_path / str(seed), **options), seed)
        found = run(replace(made, dry_run=True), FakeEndpoint()).estimate  # of all roots, and of no fork
        done = run(made, FakeEndpoint()).collection
        use, probes = done.use, done.probe_use
        assert found is not None and found.branches == found.of - found.forks == 15 and found.of == done.total
        read = use.prefilled + use.cached + probes.prefilled + probes.cached
        expected = found.tokens.value, found.requests.value, found.prompt_tokens.value
        pairs.append((expected, (use.generated + probes.generated, use.requests + probes.requests, read)))
    expected, taken = np.sum(pairs, axis=0)
    np.testing.assert_allclose(expected, taken, rtol=0.2 if options else 1e-9)


def seeded(made: CollectPlan, seed: int) -> CollectPlan:
    return replace(made, settings=lambda model, context: replace(made.settings(model, context), seed=seed))


def test_groups_may_have_fewer_tokens(tmp_path: Path) -> None:
    made = plan(tmp_path, questions=2)
    small = replace(made, settings=lambda model, context: replace(made.settings(model, context), group_tokens=4))
    endpoint = FakeEndpoint(confident=True)
    groups, whole = environment(run(small, endpoint)), environment(run(made, endpoint))
    assert groups.provenance["group tokens"] == "4" and "group tokens" not in whole.provenance
    assert max(endpoint.requests.values()) == 1, "the same journal is read anew"
    first = [int(groups.probe_offsets[b]) for b in np.flatnonzero(groups.probes > 0)]
    lowest, mean = groups.signals["lowest_group"][first], whole.signals["lowest_group"][first]
    assert (lowest <= mean).all() and (lowest < mean).any()


def test_forks_need_a_server_that_continues(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--fork-at needs a server that can continue a branch"):
        run(plan(tmp_path, fork_at=(1,), forks=1), FakeEndpoint(level="width only"))


# The command


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--forks", "2"], "--fork-at says where they are"),
        (["--fork-at", "x"], "expected numbers of intervals"),
        (["--fork-at", "0"], "different numbers of intervals, from 1 on"),
        (["--fork-at", "2,2"], "different numbers of intervals, from 1 on"),
        (["--verify-cost", "2"], "name it with --verifier"),
        (["--verifier", "x"], "expected FILE.py:function"),
    ],
)
def test_bad_options_are_refused_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "2+2?", "answer": "4"}\n')
    command = ["collect", str(tmp_path / "q.jsonl"), "--name", "a/b", "--data", str(tmp_path)]
    assert main([*command, "--base-url", "http://127.0.0.1:9/v1", *options]) == 2
    assert words in capsys.readouterr().err
