"""Collecting from a model without a server: the environment, resuming, limits, losses and several servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.collecting.journal import FILE
from autotts.envs.live.collecting.questions import CollectQuestion, QuestionFile, messages_of
from autotts.envs.live.collecting.session import CollectOutcome, CollectPlan, CollectWatcher, collect
from autotts.envs.live.collecting.spending import CollectLimits, TokenPrices
from autotts.envs.live.exchange import Passage, RequestLost
from autotts.envs.live.settings import LiveSettings
from autotts.envs.store import Environment

from .fake_endpoint import SUFFIX, FakeEndpoint, Unusable, always_lost


def plan(home: Path, gold: str | None = "7", questions: int = 3, **changes: Any) -> CollectPlan:
    asked = [CollectQuestion(messages_of(f"{n}?"), f"{n}?", gold, place=f"line {n + 1}") for n in range(questions)]
    settings = LiveSettings(
        delta=changes.pop("delta", 8), max_branches=5, branch_tokens=64, probe_tokens=5, seed=0,
        probe_suffix=changes.pop("suffix", SUFFIX),
    )  # fmt: skip
    found = extraction("--extract", *changes.pop("extract", ["boxed"]))
    assert found is not None
    return CollectPlan(
        "a/b", home / "work", "q.jsonl", QuestionFile(asked, {}, "number"), lambda model, context: settings,
        lambda model: AnswerReader(found, "number"), **changes,
    )  # fmt: skip


def run(
    made: CollectPlan, *endpoints: FakeEndpoint, notices: list[str] | None = None,
    clock: Callable[[], float] | None = None,
) -> CollectOutcome:  # fmt: skip
    async def ready(endpoint: FakeEndpoint) -> FakeEndpoint:
        return endpoint

    watcher = CollectWatcher(notice=(notices if notices is not None else []).append)
    served = [(f"http://server{n}", lambda endpoint=endpoint: ready(endpoint)) for n, endpoint in enumerate(endpoints)]
    return asyncio.run(collect(made, served, watcher, clock or (lambda: 0.0)))


def environment(outcome: CollectOutcome) -> Environment:
    assert outcome.made is not None, outcome.stopped
    return outcome.made.environment


class Interrupted(BaseException):
    """Stands for the end of the process."""


def test_environment_holds_every_branch_with_probes_and_signals(tmp_path: Path) -> None:
    endpoint = FakeEndpoint()
    made = environment(run(plan(tmp_path), endpoint))
    assert len(made) == 3 and len(made.final_answers) == 15 and made.delta == 8
    assert (made.probes == np.maximum(0, -(-made.total_tokens // 8) - 1)).all()
    assert set(made.signals) == {
        "confidence", "lowest", "tail_confidence", "tail_lowest", "answer_confidence", "answer_lowest",
        "answer_probability",
    }  # fmt: skip
    assert not any(np.isnan(column).any() for column in made.signals.values())
    guesses = {ord(text) + 1 for text in made.vocabulary if text.isdigit()}  # the first token of each probe's answer
    assert {round(-1000 * value) for value in made.signals["answer_lowest"].tolist()} <= guesses
    assert max(endpoint.requests.values()) == 1 and endpoint.closed
    assert made.provenance["objective"] == "accuracy" and made.provenance["probe suffix"] == SUFFIX
    assert json.loads(made.provenance["sampling"])["temperature"] == 1.0


def test_concurrency_is_bounded_and_does_not_change_the_environment(tmp_path: Path) -> None:
    hashes = set()
    for number, most in enumerate((1, 4, 64)):
        endpoint = FakeEndpoint()
        hashes.add(environment(run(plan(tmp_path / str(number), concurrency=most), endpoint)).hash)
        assert endpoint.most_at_once <= most
    assert len(hashes) == 1


def test_interrupted_collection_goes_on_without_asking_twice(tmp_path: Path) -> None:
    whole = environment(run(plan(tmp_path / "whole"), FakeEndpoint())).hash
    endpoint, rounds = FakeEndpoint(), 0

    def interrupt(prompt: str, passage: Passage, suffix: str) -> None:
        if endpoint.requests.total() >= 6 * rounds:
            raise Interrupted

    endpoint.fault = interrupt
    made: Environment | None = None
    while made is None:
        rounds += 1
        assert rounds < 100
        try:
            made = environment(run(plan(tmp_path), endpoint))
        except Interrupted:
            with (tmp_path / "work" / FILE).open("a") as file:
                file.write('{"kind": "interval", "que')  # as a killed process leaves a line
    assert rounds > 10 and made.hash == whole
    assert max(endpoint.requests.values()) == 1


def test_finished_collection_is_made_again_without_a_request(tmp_path: Path) -> None:
    first = environment(run(plan(tmp_path), FakeEndpoint()))
    endpoint = FakeEndpoint(fault=always_lost)
    again = environment(run(plan(tmp_path, extract=["number"]), endpoint))  # read anew, and not asked anew
    assert not endpoint.requests and again.provenance["extract"] == "number"
    assert environment(run(plan(tmp_path), endpoint)).hash == first.hash


def test_other_arguments_are_refused_and_restart_begins_anew(tmp_path: Path) -> None:
    run(plan(tmp_path), FakeEndpoint())
    for changes, named in (({"delta": 16}, "delta was 8, and is now 16"), ({"questions": 2}, "questions was")):
        with pytest.raises(InputError, match=named):
            run(plan(tmp_path, **changes), FakeEndpoint())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="model was"):
        run(plan(tmp_path), FakeEndpoint(model="other"))
    assert environment(run(plan(tmp_path, delta=16, restart=True), FakeEndpoint())).delta == 16


def test_damaged_line_is_named(tmp_path: Path) -> None:
    run(plan(tmp_path), FakeEndpoint())
    lines = (tmp_path / "work" / FILE).read_text().splitlines(keepends=True)
    lines[5] = lines[5].replace('"tokens": ', '"tokens": 1')
    (tmp_path / "work" / FILE).write_text("".join(lines))
    with pytest.raises(DamagedFile, match="line 6 is damaged"):
        run(plan(tmp_path), FakeEndpoint())


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (CollectLimits(tokens=200), "--max-tokens-total 200"),
        (CollectLimits(dollars=0.0004), "--max-dollars 0.0004"),
        (CollectLimits(hours=0.001), "--max-hours 0.001"),
    ],
)  # fmt: skip
def test_limits_are_never_passed_and_the_same_command_goes_on(
    limits: CollectLimits, named: str, tmp_path: Path
) -> None:
    ticks = iter(range(100_000))
    prices = TokenPrices(1.0, 0.1, 1.0)
    made = plan(tmp_path, limits=limits, prices=lambda model: prices)
    stopped = run(made, FakeEndpoint(), clock=lambda: next(ticks) / 10)
    assert stopped.made is None and stopped.stopped is not None and not stopped.stopped.failed
    assert named in stopped.stopped.why
    use, probes = stopped.collection.use, stopped.collection.probe_use
    assert 0 < use.generated + probes.generated <= 200 or limits.tokens is None
    assert prices.dollars(use) + prices.dollars(probes) <= 0.0004 or limits.dollars is None
    whole = environment(run(plan(tmp_path), FakeEndpoint()))
    assert whole.hash == environment(run(plan(tmp_path / "other"), FakeEndpoint())).hash


def test_lost_branch_is_finished_without_an_answer_and_named(tmp_path: Path) -> None:
    def fault(prompt: str, passage: Passage, suffix: str) -> None:
        if "<user>1?" in prompt and len(passage.text) > 40 and not suffix:
            raise RequestLost("refused")

    outcome = run(plan(tmp_path, most_lost=0.9), FakeEndpoint(fault=fault))
    made, lost = environment(outcome), outcome.collection.lost
    assert lost and outcome.made is not None and f"{lost} branch" in outcome.made.notes[0]
    gone = [5 * b.question + b.number for row in outcome.collection.branches for b in row if b.lost]
    assert not made.final_answers[gone].any() and (made.total_tokens[gone] > 0).all()
    again = environment(run(plan(tmp_path), FakeEndpoint()))  # the next command asks for lost branches again
    assert again.hash == environment(run(plan(tmp_path / "other"), FakeEndpoint())).hash


def test_too_many_lost_branches_stop_the_collection(tmp_path: Path) -> None:
    def fault(prompt: str, passage: Passage, suffix: str) -> None:
        if len(passage.text) > 20:
            raise RequestLost("refused")

    outcome = run(plan(tmp_path, questions=20, concurrency=4), FakeEndpoint(fault=fault))
    assert outcome.stopped is not None and outcome.stopped.failed and "were lost" in outcome.stopped.why
    assert outcome.collection.finished < 40


def test_server_that_dies_is_left_out_and_its_branches_are_shared(tmp_path: Path) -> None:
    dying, living, notices = FakeEndpoint(), FakeEndpoint(), list[str]()

    def fault(prompt: str, passage: Passage, suffix: str) -> None:
        if dying.requests.total() > 20:
            raise RequestLost("gone")

    dying.fault = fault
    made = environment(run(plan(tmp_path, concurrency=4), dying, living, notices=notices))
    assert notices == ["http://server0 is left out: gone"] and living.requests and dying.requests.total() == 21
    assert made.hash == environment(run(plan(tmp_path / "other"), FakeEndpoint())).hash
    asked = {request[:2] + request[2:] for request in dying.requests} & set(living.requests)
    assert not asked
    last = run(plan(tmp_path / "third"), FakeEndpoint(fault=always_lost))
    assert last.stopped is not None and "no server answers any more" in last.stopped.why and last.stopped.failed


def test_servers_must_serve_the_same_model(tmp_path: Path) -> None:
    for other in (FakeEndpoint(model="other"), FakeEndpoint(template="[{}]"), FakeEndpoint(level="continue")):
        with pytest.raises(InputError, match=r"http://server1 .* but http://server0"):
            run(plan(tmp_path), FakeEndpoint(), other)
    with pytest.raises(InputError, match="no model"):
        run(plan(tmp_path), Unusable())
    notices: list[str] = []
    assert run(plan(tmp_path), Unusable(), FakeEndpoint(), notices=notices).made
    assert notices == ["http://server0 is left out: no model 'fake'"]


def test_probes_without_answers_are_said_after_20(tmp_path: Path) -> None:
    class Silent(FakeEndpoint):
        def _probe(self, prompt: Any, passage: Any) -> list[str]:
            return [" "]

    endpoint = Silent()
    with pytest.raises(InputError, match=r"the first 20 probes have no answer.*--probe-suffix"):
        run(plan(tmp_path, questions=50, concurrency=1), endpoint)
    assert sum(suffix != "" for _, _, suffix, _ in endpoint.requests) == 20
    run(plan(tmp_path, suffix="\n\\boxed{"), FakeEndpoint())  # another suffix is not refused


def test_branches_without_answers_are_said_after_20(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the first 20 branches have no answer that --extract 'x=\(\.\)' finds"):
        run(plan(tmp_path, questions=50, concurrency=1, extract=["x=(.)"]), FakeEndpoint())
    assert run(plan(tmp_path, questions=50), FakeEndpoint()).made


def test_without_gold_the_majority_of_the_branches_is_the_gold_answer(tmp_path: Path) -> None:
    made = environment(run(plan(tmp_path, gold=None), FakeEndpoint()))
    assert made.provenance["objective"].startswith("agreement")
    for question in range(len(made)):
        finals = [int(made.final_answers[b]) for b in made.branches(question) if made.final_answers[b]]
        assert finals.count(int(made.gold[question])) == max(map(finals.count, finals))
    made.check()


def test_width_only_server_runs_each_branch_in_one_request(tmp_path: Path) -> None:
    endpoint = FakeEndpoint(level="width only")
    made = environment(run(plan(tmp_path), endpoint))
    assert not len(made.probe_answers) and endpoint.requests.total() == 15 and made.delta == made.total_tokens.max()


def test_dry_run_estimates_and_its_branches_are_kept(tmp_path: Path) -> None:
    ticks = iter(range(100_000))
    prices = TokenPrices(1.0, 0.1, 1.0)
    made = plan(tmp_path, questions=20, dry_run=True, prices=lambda model: prices)
    endpoint = FakeEndpoint()
    found = run(made, endpoint, clock=lambda: float(next(ticks))).estimate
    assert found is not None and found.branches == 16 and found.of == 100
    whole = run(plan(tmp_path, questions=20, prices=lambda model: prices), endpoint)
    assert max(endpoint.requests.values()) == 1
    spent = whole.collection.use.generated + whole.collection.probe_use.generated
    assert found.tokens.low <= spent <= found.tokens.high and found.tokens.low < found.tokens.value < found.tokens.high
    assert found.dollars is not None and found.dollars.low <= (whole.dollars or 0) <= found.dollars.high
    assert found.hours.value > 0
