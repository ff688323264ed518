"""A candidate's record gains its sections once, and its logs are scored once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from autotts.agent.archive import rebuild
from autotts.agent.archive.archive import pack_logs
from autotts.agent.loop import evaluation
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.staging import Staging
from autotts.agent.population import measurement
from autotts.agent.records.candidate import CandidateDiagnosis, CandidateEvaluation, CandidateRecord
from autotts.agent.records.events import CandidateEvaluated, Event
from autotts.agent.records.explorer import Proposal
from autotts.agent.records.version import Expectation
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.scoring import Scores, score
from autotts.sandbox import evaluation as sandbox_evaluation
from autotts.sandbox.backends.process import ProcessSandbox

from ...environments import RandomController, play, random_environment
from .test_graph import Single, begin, tree

PROPOSAL = Proposal(
    'class A(Controller):\n    name = "mine"\n', "why", ("p", "q", "p"), data={"genome": [1, {"a": None}]},
    expects=(Expectation("tokens", "less"),), arm="wide", prompts="v1", transcript="words",
)  # fmt: skip


class ScoreCounter:
    """Counts how often the whole logs of each candidate are scored, wherever the program scores logs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, episodes: int) -> None:
        self.times: Counter[bytes] = Counter()
        self._episodes = episodes
        for module in (sandbox_evaluation, evaluation, measurement, rebuild):
            monkeypatch.setattr(module, "score", self._score)

    def _score(self, episodes: Episodes, logs: Logs) -> Scores:
        if len(logs) == self._episodes and episodes.order.min() < 1_000_000:
            self.times[pack_logs(logs)] += 1
        return score(episodes, logs)


def _searched(run, version: str) -> bytes:  # type: ignore[no-untyped-def]
    return pack_logs(run.archive.logs(version))


@pytest.mark.slow
@pytest.mark.parametrize("screening", [True, False])
def test_the_logs_of_a_candidate_are_scored_once_in_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, screening: bool
) -> None:
    run = begin(tmp_path / "run", orders=25, screening=screening)
    counter = ScoreCounter(monkeypatch, 3 * 2 * 25)
    discover(Discovery(run, Single(), ProcessSandbox()))
    made = Counter(_searched(run, card.id) for card in run.archive.cards() if card.mean_curve)
    assert len(made) > 6 and counter.times == made


@pytest.mark.slow
@pytest.mark.parametrize(("orders", "killed_at"), [(1, "diagnose"), (25, "diagnose"), (25, "evaluate")])
def test_the_logs_of_a_candidate_are_scored_once_more_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orders: int, killed_at: str
) -> None:
    run = begin(tmp_path / "run", generations=1, orders=orders)
    counter = ScoreCounter(monkeypatch, 3 * 2 * orders)

    def dies(event: Event) -> None:
        last = isinstance(event, CandidateEvaluated) and event.position == (1 if killed_at == "evaluate" else 2)
        if last and len(run.archive.ids()) == 6:  # of generation 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discover(Discovery(run, Single(), ProcessSandbox(), dies))
    killed = {path.stem for path in run.staged.glob("*.npz")}
    assert len(killed) == (1 if killed_at == "evaluate" else 2)
    discover(Discovery(run, Single(), ProcessSandbox()))
    most: Counter[bytes] = Counter()  # two versions may have the same logs
    for card in run.archive.cards():
        again = card.id in killed or (orders > 1 and card.generation == 0)  # screening compares with the front
        most[_searched(run, card.id)] += 2 if again else 1
    assert counter.times <= most and all(counter.times[_searched(run, version)] >= 2 for version in killed)
    undisturbed = begin(tmp_path / "other", generations=1, orders=orders)
    discover(Discovery(undisturbed, Single(), ProcessSandbox()))
    assert tree(run.archive) == tree(undisturbed.archive)


def test_the_first_part_of_a_batch_has_the_scores_that_it_would_have_alone() -> None:
    first, second = (random_environment(Random(seed), name=f"world {seed}") for seed in (1, 2))
    whole, alone = grid([first, second], (0.0, 1.0), range(3)), grid([first], (0.0, 1.0), range(3))
    logs = play(RandomController, whole)
    part, expected = score(whole, logs).part(alone), score(alone, logs.part(0, len(alone)))
    assert part.episodes is alone
    for name in ("answer", "correct", "tokens", "latency", "depth", "opened", "pruned"):
        assert np.array_equal(getattr(part, name), getattr(expected, name)), name
    scores = score(whole, logs)
    assert scores.part(whole) is scores


def test_each_section_of_a_record_is_set_once(tmp_path: Path) -> None:
    record = CandidateRecord.proposed(PROPOSAL, 3, "evolve", island=1, parent_ways={"p": "curious", "q": "best"})
    assert record.id.startswith("g003-") and record.parents == ("p", "q") and record.parent_way == "curious"
    with pytest.raises(ValueError, match="no evaluation"):
        record.with_diagnosis(CandidateDiagnosis())
    evaluated = record.with_evaluation(CandidateEvaluation(verdict="ok"))
    assert record.evaluation is None, "the earlier record is as it was"
    with pytest.raises(ValueError, match="evaluated already"):
        evaluated.with_evaluation(CandidateEvaluation(verdict="exception"))
    diagnosed = evaluated.with_diagnosis(CandidateDiagnosis(outcome="against p: nothing"))
    with pytest.raises(ValueError, match="diagnosed already"):
        diagnosed.with_diagnosis(CandidateDiagnosis())
    staging = Staging(tmp_path / "staged")
    for each in (record, evaluated, diagnosed):
        staging.put(each)
        assert staging.get(each.id) == each


def test_a_card_is_a_view_of_the_record(tmp_path: Path) -> None:
    protocol = begin(tmp_path / "run").config.protocol()
    record = CandidateRecord.proposed(PROPOSAL, 3, "evolve", island=1, parent_ways={"p": "curious"})
    card = record.card(protocol, "process")
    assert (card.verdict, card.name, card.explorer) == ("not run", "mine", "evolve")
    assert (card.arms, card.parents, card.island) == (("curious", "wide"), ("p", "q"), 1)
    assert (card.expects, card.data, card.prompts) == (PROPOSAL.expects, PROPOSAL.data, "v1")
    done = record.with_evaluation(CandidateEvaluation(verdict="timeout", message="too slow"))
    done = done.with_diagnosis(CandidateDiagnosis(outcome="against p: nothing"))
    assert done.card(protocol, "process") == card.model_copy(
        update={"verdict": "timeout", "message": "too slow", "outcome": "against p: nothing"}
    )
    nameless = CandidateRecord.proposed(Proposal("x = 1", "why"), 0, "evolve", "x")
    assert nameless.card(protocol, "process").name == "x"


def test_answers_that_an_earlier_version_staged_are_read(tmp_path: Path) -> None:
    flat = {
        "id": "g003-abc", "generation": 3, "explorer": "llm", "source": PROPOSAL.source, "rationale": "why",
        "parents": ["p", "q"], "data": {"a": 1}, "expects": [{"metric": "tokens", "direction": "less"}],
        "cost": {"dollars": 0.5, "input_tokens": 9, "cached_tokens": 1, "output_tokens": 2, "calls": 1},
        "prompts": "v1", "transcript": "words", "island": 2, "arms": ["curious", "wide"], "behaviour": None,
        "verdict": None, "message": "", "curve": [], "findings": None, "outcome": "",
    }  # fmt: skip
    staging = Staging(tmp_path)
    (tmp_path / "g003-propose-0.answer").write_text(json.dumps([flat]))
    read = staging.answer("g003-propose-0")
    assert read is not None
    (record,) = read
    given = record.proposal
    assert (record.id, record.generation, record.island, record.parents) == ("g003-abc", 3, 2, ("p", "q"))
    assert (given.rationale, given.data, given.expects) == ("why", {"a": 1}, (Expectation("tokens", "less"),))
    assert (given.cost.dollars, given.prompts, given.transcript) == (0.5, "v1", "words")
    card = record.card(begin(tmp_path / "run").config.protocol(), "process")
    assert (card.explorer, card.arms) == ("llm", ("curious", "wide")) and record.evaluation is None
    late = {**flat, "verdict": "timeout", "message": "slow", "findings": []}
    (tmp_path / "g003-abc.json").write_text(json.dumps(late))
    staged = staging.get("g003-abc")
    assert staged is not None and staged.evaluation == CandidateEvaluation(verdict="timeout", message="slow")
    assert staged.diagnosis is None, "it is diagnosed again"
