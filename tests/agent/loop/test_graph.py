"""The graph: side by side slots, approval, limits that stop a run in good order, time travel, and ablations."""

from __future__ import annotations

import json
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from anthropic import AsyncAnthropic

from autotts.agent import population
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.evolve.explorer import WIDE, EvolveExplorer
from autotts.agent.explorers.llm.anthropic import AnthropicModel
from autotts.agent.explorers.prompts.briefing import prompt
from autotts.agent.llm.budget import LlmBudget, SpendingLimit, SpendingLimits
from autotts.agent.llm.chat import UserTurn
from autotts.agent.llm.session import DATA
from autotts.agent.loop.checkpoints import fork, list_checkpoints
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import DISAPPROVED, Discovery, ExplorerFailed
from autotts.agent.population.parents import WAYS
from autotts.agent.records.card import DUPLICATE
from autotts.agent.records.events import CandidateEvaluated, Event, GenerationArchived, RunFinished
from autotts.agent.records.explorer import Brief, LimitReached, Proposal
from autotts.agent.records.version import Expectation
from autotts.agent.tools.toolbox import Toolbox
from autotts.envs.errors import InputError
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox

from ...stubs.accounting import Cache

LIMIT = 30_000
WORLD = generate(next(iter(default_models().values())), "hidden/name", questions=3, branches=8)
SOURCE = """
from envs import Controller, majority

class Few(Controller):
    name = "few"

    @staticmethod
    def schedule(beta):
        return {{"width": {low} + round({high} * beta)}}

    def solve(self, question):
        lead, width = divmod(self.params["width"], question.max_branches)
        branches = question.branch_many(width + 1)
        for _ in range(lead):  # so that no two widths lead to the same decisions
            if not question.finished(0):
                question.step(0)
        return majority(question.run_many_to_end(branches))
"""


def source(low: int, high: int = 4) -> str:
    return SOURCE.format(low=low, high=high)


class Single:
    """Writes one proposal at a time, another one for each slot; tells how many were asked side by side."""

    name = "single"
    one_at_a_time = True
    needs_own_data = False

    def __init__(self, together: int = 1, limit_at: tuple[int, str, int] | None = None) -> None:
        self.briefs: list[tuple[str, Brief]] = []
        self._barrier = threading.Barrier(together)
        self._limit_at = limit_at

    def propose(self, brief: Brief) -> list[Proposal]:
        return self._answer(brief, "propose")

    def refine(self, brief: Brief) -> list[Proposal]:
        return self._answer(brief, "refine")

    def close(self) -> None:
        pass

    def _answer(self, brief: Brief, step: str) -> list[Proposal]:
        self._barrier.wait(20)
        self.briefs.append((step, brief))
        if self._limit_at == (brief.generation, step, brief.slot):
            raise LimitReached("the run has spent $1 of at most $1")
        width = 20 * brief.generation + brief.slot + (10 if step == "refine" else 0)
        expects = (Expectation("tokens", "more"),)
        return [Proposal(source(width), f"width {width}", tuple(v.id for v in brief.parents[:1]), expects=expects)]


def evaluated(run: Run) -> list[CandidateEvaluated]:
    return [line.event for line in run.events() if isinstance(line.event, CandidateEvaluated)]


def begin(home: Path, **settings: object) -> Run:
    config = {"explorer": "single", "generations": 2, "population": 4, "orders": 1, "betas": (0.0, 1.0), **settings}
    return Run.create(home, RunConfig(environments={WORLD.name: WORLD.hash}, **config), [WORLD])  # type: ignore[arg-type]


def tree(archive: Archive) -> dict[str, bytes]:
    files = (path for path in archive.root.rglob("*") if path.is_file() and path.name != "index.sqlite")
    return {path.relative_to(archive.root).as_posix(): path.read_bytes() for path in files}


def test_slots_of_a_step_run_in_parallel(tmp_path: Path) -> None:
    run, explorer = begin(tmp_path / "run"), Single(together=2)
    discover(Discovery(run, explorer, ProcessSandbox()))
    assert [(step, brief.slot) for step, brief in sorted(explorer.briefs, key=lambda b: (b[1].generation, b[0]))]
    assert len(explorer.briefs) == 8 and all(brief.count == 1 for _, brief in explorer.briefs)
    assert len(run.archive.ids()) == 6 + 8
    assert all(card.island is None for card in run.archive.cards()), "a single population is at home everywhere"
    later = [brief for step, brief in explorer.briefs if brief.generation == 2 and step == "propose"]
    assert all(version.outcome.startswith("predicted against") for brief in later for version in brief.lessons)
    assert later[0].lessons and later[0].credits["single"].proposals == 4


def test_candidates_and_baselines_keep_to_the_same_limit_on_tokens(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", generations=1, max_tokens=LIMIT)
    discover(Discovery(run, Single(), ProcessSandbox()))
    cards = run.archive.cards()
    assert {card.id for card in cards} > set(baseline_names())
    for card in cards:
        assert card.verdict in ("ok", DUPLICATE) and card.protocol.max_tokens == LIMIT, card.message
        assert 0 < max(point.tokens for point in card.mean_curve) <= LIMIT
    assert run.archive.verify() == []


def test_answered_slots_are_not_asked_again_after_a_kill(tmp_path: Path) -> None:
    run, explorer = begin(tmp_path / "run", generations=1), Single()

    class Dies(Discovery):
        def collect(self, state):  # type: ignore[no-untyped-def]
            if state["generation"] == 1:
                raise KeyboardInterrupt
            return super().collect(state)

    with pytest.raises(KeyboardInterrupt):
        discover(Dies(run, explorer, ProcessSandbox()))
    asked = len(explorer.briefs)
    assert asked == 2
    discover(Discovery(Run(run.home), explorer, ProcessSandbox()))
    assert len(explorer.briefs) == asked + 2  # those of the other step
    undisturbed = begin(tmp_path / "other", generations=1)
    discover(Discovery(undisturbed, Single(), ProcessSandbox()))
    assert tree(run.archive) == tree(undisturbed.archive)


def test_source_with_renamed_variables_counts_as_a_copy(tmp_path: Path) -> None:
    class Copies(Single):
        def _answer(self, brief: Brief, step: str) -> list[Proposal]:
            (proposal,) = super()._answer(replace(brief, slot=0), "propose")
            return [replace(proposal, source=proposal.source.replace("question", f"q{brief.slot}{step}"))]

    run = begin(tmp_path / "run", generations=1)
    discover(Discovery(run, Copies(), ProcessSandbox()))
    assert len(run.archive.ids()) == 6 + 1


def test_duplicate_behaviour_is_archived_but_never_selected_as_parent(tmp_path: Path) -> None:
    class Twins(Single):
        def _answer(self, brief: Brief, step: str) -> list[Proposal]:
            (proposal,) = super()._answer(brief, step)
            idle = f"width = width + {brief.slot} - {brief.slot}\n        branches = "
            source_ = source(7).replace("branches = ", idle, 1)
            return [replace(proposal, source=source_ if brief.generation == 1 else proposal.source)]

    run, explorer = begin(tmp_path / "run"), Twins()
    discover(Discovery(run, explorer, ProcessSandbox()))
    first, *others = [card for card in run.archive.cards() if card.generation == 1]
    kept, *twins = sorted((first, *others), key=lambda card: card.verdict, reverse=True)
    assert kept.ok and {card.verdict for card in twins} == {DUPLICATE} and len(twins) == 1
    assert all(kept.id in card.message and run.archive.card(card.id).curve and not card.findings for card in twins)
    assert all(run.archive.logs(card.id) for card in twins), "the evidence"
    said = {event.message for event in evaluated(run) if event.verdict == DUPLICATE}
    assert said == {f"decides as {kept.id} does, in every episode"}
    parents = {version.id for _, brief in explorer.briefs for version in (*brief.parents, *brief.mates, *brief.front)}
    assert not parents & {card.id for card in twins}


@pytest.mark.slow
@pytest.mark.parametrize("make", [EvolveExplorer, Single])
def test_islands_separate_ancestries_and_a_killed_run_ends_the_same(tmp_path: Path, make: type[Single]) -> None:
    kills = iter([True, False, True])

    class Dies(Discovery):
        def archive_generation(self, state):  # type: ignore[no-untyped-def]
            done = super().archive_generation(state)
            if state["generation"] in (2, 4) and next(kills, False):
                raise KeyboardInterrupt  # all is archived, but the checkpoint does not know
            return done

    settings = {"explorer": make.name, "generations": 5, "population": 6, "islands": 3}
    run, whole = begin(tmp_path / "run", **settings), begin(tmp_path / "whole", **settings)
    for killed in (True, True, False):
        with pytest.raises(KeyboardInterrupt) if killed else nullcontext():
            discover(Dies(Run(run.home), make(), ProcessSandbox()))
    discover(Discovery(whole, make(), ProcessSandbox()))
    assert tree(run.archive) == tree(whole.archive)
    cards = run.archive.cards()
    born = {place: [card.id for card in cards if card.island == place] for place in (0, 1, 2)}
    assert all(len(ids) >= 6 for ids in born.values())
    assert all(card.island is None for card in cards if card.generation == 0)
    early = [card for card in cards if 0 < card.generation <= 3]
    assert all(by_id.island in (None, card.island) for card in early for by_id in map(run.archive.card, card.parents))


def test_search_with_latency_raises_the_hypervolume_of_three_objectives(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", explorer="evolve", latency=True, islands=2, population=4, generations=3)
    discover(Discovery(run, EvolveExplorer(), ProcessSandbox()))
    cards = run.archive.cards()
    arms = {arm for card in cards for arm in card.arms}
    assert arms & set(WIDE) and arms <= {*WIDE, *WAYS}
    assert all(not card.arms for card in cards if card.generation < 2), "there was no choice"
    seeds = [card for card in cards if card.generation == 0]
    assert population.hypervolume(cards, latency=True) >= population.hypervolume(seeds, latency=True) > 0


def test_only_approved_candidates_run(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", generations=1)
    shown: list[str] = []

    def approve(candidates):  # type: ignore[no-untyped-def]
        shown.extend(candidate["source"] for candidate in candidates)
        return [candidates[0]["id"]]

    discover(Discovery(run, Single(), ProcessSandbox(), approve=True), approve)
    verdicts = [card.verdict for card in run.archive.cards() if card.generation == 1]
    assert sorted(verdicts) == ["ok", "ok", DISAPPROVED, DISAPPROVED]
    assert len(shown) == 4 and all("class Few" in text for text in shown)


def test_run_stopped_by_a_limit_continues_when_the_limit_is_raised(tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    discover(Discovery(run, Single(limit_at=(1, "refine", 1)), ProcessSandbox()))
    finished = run.events()[-1].event
    assert isinstance(finished, RunFinished) and "at most $1" in finished.stopped
    assert max(card.generation for card in run.archive.cards()) == 1
    discover(Discovery(Run(run.home), Single(), ProcessSandbox()))
    assert max(card.generation for card in run.archive.cards()) == 2
    assert run.events()[-1].event.stopped == ""


def test_two_slots_may_reach_a_limit_in_the_same_step(tmp_path: Path) -> None:
    class Poor(Single):
        def _answer(self, brief: Brief, step: str) -> list[Proposal]:
            raise LimitReached("the run has spent $1 of at most $1")

    run = begin(tmp_path / "run")
    discover(Discovery(run, Poor(), ProcessSandbox()))
    assert "at most $1" in run.events()[-1].event.stopped


def test_limit_on_hours_applies_to_every_explorer(tmp_path: Path) -> None:
    run = begin(tmp_path / "run", explorer="evolve")
    now = [0.0]
    budget = LlmBudget(SpendingLimits(run=SpendingLimit(hours=1.0)), now=lambda: now[0])

    def tick(event: Event) -> None:
        now[0] += 2400 if isinstance(event, GenerationArchived) else 0

    discover(Discovery(run, EvolveExplorer(), ProcessSandbox(), tick, budget=budget))
    assert "hours" in run.events()[-1].event.stopped
    reached = max(card.generation for card in run.archive.cards())
    discover(Discovery(Run(run.home), EvolveExplorer(), ProcessSandbox()))
    assert max(card.generation for card in run.archive.cards()) == 2 >= reached


def test_run_stops_when_the_explorer_proposes_nothing_new(tmp_path: Path) -> None:
    class Silent(Single):
        def _answer(self, brief: Brief, step: str) -> list[Proposal]:
            return []

    run = begin(tmp_path / "run", generations=9)
    with pytest.raises(ExplorerFailed, match="nothing new for 3 generations"):
        discover(Discovery(run, Silent(), ProcessSandbox()))


def test_checkpoints_are_listed_and_a_fork_continues_from_a_generation(tmp_path: Path) -> None:
    run = begin(tmp_path / "run")
    discover(Discovery(run, Single(), ProcessSandbox()))
    before = tree(run.archive)
    found = list_checkpoints(run)
    assert found[0].next == () and found[-1].generation == 0
    assert {"evaluate", "archive", "final_evaluation"} <= {node for moment in found for node in moment.next}
    new = fork(run, 1, tmp_path / "fork", {"generations": 3})
    discover(Discovery(new, Single(), ProcessSandbox()))
    assert tree(run.archive) == before
    versions = {name: data for name, data in before.items() if not name.startswith("audits/")}  # a report has its own
    assert versions.items() <= tree(new.archive).items()
    assert max(card.generation for card in new.archive.cards()) == 3
    with pytest.raises(InputError, match="generations 0 to 2"):
        fork(run, 5, tmp_path / "late", {})
    with pytest.raises(InputError, match="there already"):
        fork(run, 1, tmp_path / "fork", {})


@pytest.mark.slow
def test_prompts_leave_out_the_ablated_parts(tmp_path: Path) -> None:
    prompts = {}
    for ablations in ((), ("traces",), ("history",), ("beta",)):
        betas = (0.5,) if "beta" in ablations else (0.0, 1.0)
        run, explorer = begin(tmp_path / str(ablations), ablations=ablations, betas=betas), Single()
        discover(Discovery(run, explorer, ProcessSandbox()))
        last = next(brief for step, brief in reversed(explorer.briefs) if step == "propose")
        made = prompt(last, "propose", ablations)
        prompts[ablations] = made.system + made.first
        assert json.loads((run.home / "config.json").read_text())["ablations"] == list(ablations)
        assert WORLD.name not in prompts[ablations] and WORLD.questions[0] not in prompts[ablations]
        bench = last.bench
        assert bench is not None and bench.traces == ("traces" not in ablations)
    assert "Its findings" in prompts[()] and "Its findings" not in prompts[("traces",)]
    assert "Outcomes of the latest predictions" in prompts[()]
    assert "Outcome" not in prompts[("history",)]
    assert "there is no knob" in prompts[("beta",)] and "there is no knob" not in prompts[()]


@pytest.mark.slow
def test_first_request_to_a_model_stays_small(tmp_path: Path) -> None:
    envs = [generate(model, name, questions=3, branches=8) for name, model in list(default_models().items())[:4]]
    hashes = {env.name: env.hash for env in envs}
    config = RunConfig(environments=hashes, explorer="single", generations=6, population=8, orders=1, screening=False)
    run, explorer = Run.create(tmp_path / "run", config, envs), Single()
    discover(Discovery(run, explorer, ProcessSandbox()))
    step, last = explorer.briefs[-1]
    last = replace(last, parents=[replace(last.parents[0], source=baseline_source("confidence_momentum"))])
    made = prompt(last, step)
    assert len(run.archive.ids()) >= 50 and len(run.config.betas) == 11
    assert last.bench is not None
    model, tools = AnthropicModel("claude-opus-4-8", AsyncAnthropic(api_key="none"), "adaptive"), Toolbox(last.bench)
    body = model.body(f"{made.system}\n\n{DATA}", tools.specifications(), [UserTurn(made.first)])
    assert sum(Cache().charge(body).values()) < 7_000


def test_briefs_of_the_refine_step_hold_outcomes_of_the_new_versions(tmp_path: Path) -> None:
    run, explorer = begin(tmp_path / "run", generations=1), Single()
    discover(Discovery(run, explorer, ProcessSandbox()))
    refining = [brief for step, brief in explorer.briefs if step == "refine"]
    archived = {card.id: card.outcome for card in run.archive.cards() if card.generation == 1}
    for brief in refining:
        assert brief.lessons and all(archived[v.id] == v.outcome for v in brief.lessons)
    parts = {tuple(b.bench.history.which.tolist()) for _, b in explorer.briefs if b.bench}
    assert len(parts) == 1, "a world of three questions and one order is played whole"
    text = prompt(refining[0], "refine").first
    assert "Quality: mean accuracy % over 24 token budgets from " in text and "The best so far is " in text
