"""The workbench: what its texts say is so, and what must not be in them is not."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from agent.diagnosis.findings import diagnose
from agent.population import quality
from agent.population.measurement import Measurement, at_tokens, best_at
from agent.records.version import CurvePoint, Finding, Version
from agent.tools.episode_search import KINDS, select_episodes
from agent.tools.search_history import SearchHistory
from agent.tools.search_progress import best_at_budgets
from agent.tools.workbench import SearchWorkbench
from envs.episodes import grid
from envs.errors import DamagedFile, InputError
from envs.scoring import score
from sandbox.backends.process import ProcessSandbox

from ...environments import RandomController, environment, play, random_environment
from .workbenches import CONSISTENCY, FAILED, ONE, PROBE, THREE, WANDERER, bench, card, draft, episodes, world

# What the texts say


def test_versions_are_listed_by_quality_and_failures_say_why() -> None:
    text = bench().list_versions()
    lines = text.splitlines()
    ranked = sorted((c for c in world()[0] if c.ok), key=lambda c: (-quality(c, bench().shelf.budgets), c.id))
    assert [line.split()[0].rstrip("*") for line in lines[2:]] == [*(c.id for c in ranked), FAILED]
    assert f"{quality(ranked[0], bench().shelf.budgets):.2f}" in lines[2]
    assert "FAILED exception: ValueError: ?[31me2 [e1:q" in text
    assert "better on e1?[2J than before" in text
    gain, (low, high) = bench().shelf.behind(WANDERER)
    wanderer, best = (quality(c, bench().shelf.budgets) for c in (world()[0][2], ranked[0]))
    assert low < gain == pytest.approx(wanderer - best)
    assert f" {gain:+.2f}±{(high - low) / 2:.2f}{'~' if high >= 0 else ''} " in text and " best " in lines[2]
    assert bench().index() == text
    assert bench().list_versions("generation").splitlines()[2].startswith(FAILED)
    assert "(more: offset=2, of 4)" in bench().list_versions(limit=2)


def test_curves_are_those_of_the_cards() -> None:
    text = bench().scaling_curve([PROBE, WANDERER])
    points = next(c for c in world()[0] if c.id == PROBE).mean_curve
    for point, line in zip(points, text.splitlines()[3:], strict=False):
        assert line.split()[:2] == [f"{point.beta:g}", f"{point.accuracy:.1f}"]
        assert f"{point.tokens:,.0f}" in line and f"{point.latency:,.0f}" in line
    low, high = next(p for p in world()[0][1].curve if p.environment == "mean" and p.beta == 0.5).accuracy_ci
    assert f"[{low:.1f}, {high:.1f}]" in text


def test_a_comparison_is_paired_and_told_by_beta_environment_and_finding() -> None:
    text = bench().compare(CONSISTENCY, PROBE)
    assert "same decisions" in bench().compare(PROBE, PROBE)
    first, second = (np.array([p.accuracy for p in c.mean_curve]) for c in world()[0][:2])
    for gain in second - first:
        assert f"{gain:+.1f} [" in text
    assert "\ne1 " in text and "\ne2 " in text and "finding" in text
    (mean,) = (line.split() for line in text.splitlines() if line.startswith("mean "))
    assert mean[1:3] == [f"{second.mean():.1f}", f"{(second - first).mean():+.1f}"]
    tokens = [np.mean([point.tokens for point in c.mean_curve]) for c in world()[0][:2]]
    assert mean[5:7] == [f"{tokens[1] / 1000:,.1f}", f"{100 * (tokens[1] / tokens[0] - 1):+.1f}%"]
    assert "finding" not in bench(traces=False).compare(CONSISTENCY, PROBE)


@pytest.mark.parametrize("seed", range(25))
def test_the_episodes_of_a_finding_are_those_that_the_diagnosis_counts(seed: int) -> None:
    chance = Random(seed)
    env = random_environment(chance, questions=4, probe_cost=chance.choice((0, 20)))
    limit = chance.choice((None, 5 * env.delta))
    batch = grid([env], (0.0, 1.0), range(3), max_tokens=limit)
    tried = Measurement.of(batch, play(RandomController, batch))
    found: dict[str, Finding] = {f.kind: f for f in diagnose(tried.scores, tried.logs)}
    for kind, name in (
        ("stopped_early", "stopped_early"), ("pruned_right", "pruned_right"), ("hopeless", "hopeless"),
        ("most_wasted", "idle_tokens"),
    ):  # fmt: skip
        chosen = select_episodes(kind, tried).which  # type: ignore[arg-type]
        finding = found.get(name)
        assert len(chosen) == (finding.episodes if finding else 0), kind
        if finding is not None:
            worst = finding.worst[0]
            assert (batch.question[chosen[0]], batch.order[chosen[0]]) == (worst.question, worst.order), kind


def test_episodes_are_found_and_their_traces_read() -> None:
    here, scores = bench(), score(episodes(), world()[2][PROBE])
    text = here.find_episodes(PROBE, "wrong", limit=50)
    assert f"{int((~scores.correct).sum()):,} of {len(episodes())} episodes" in text
    handle = text.splitlines()[3].split()[0]
    told = here.read_trace(PROBE, handle)
    assert f"{PROBE} on {handle}: answered" in told and ", wrong;" in told
    lost = here.find_episodes(PROBE, "lost_to", CONSISTENCY)
    other = score(episodes(), world()[2][CONSISTENCY])
    assert lost.startswith(f"lost_to of {PROBE}: {int((other.correct & ~scores.correct).sum())} of")
    assert here.find_episodes(PROBE, "right", beta=0.5).startswith(f"right of {PROBE}: ")


def test_it_is_said_what_is_best_and_since_when_nothing_is_better() -> None:
    cards, sources, logs = world()
    at = bench().shelf.budgets
    scale = f"over 24 token budgets from {at[0]:,.0f} to {at[-1]:,.0f} mean tokens of a question. The best so far is "
    assert scale in bench().standing() and "none is surely" not in bench().standing()
    later = [card(f"g00{n}-x", sources[WANDERER], logs[WANDERER], generation=n) for n in (2, 3, 4)]
    shelf = SearchHistory([*cards, *later], episodes(), sources.__getitem__, lambda v: logs.get(v, logs[WANDERER]))
    here = SearchWorkbench(shelf, ProcessSandbox())
    assert "Of the 4 versions since " in here.standing() and "(round 0) none is surely better" in here.standing()
    here.shelf.history = False
    assert "none is surely" not in here.standing()


def test_nothing_is_told_of_budgets_that_nobody_reaches() -> None:
    def version(name: str, *points: tuple[float, float]) -> Version:
        return Version(name, "", tuple(CurvePoint(0.5, accuracy, tokens, 1.0) for tokens, accuracy in points), ())

    one, two = version("one", (100.0, 50.0), (1000.0, 60.0)), version("two", (400.0, 58.0))
    rows = best_at_budgets([one, two], np.array([50.0, 100.0, 400.0, 5000.0])).splitlines()[2:]
    assert rows == ["| 50 | - | - |", "| 100 | 50.0 | `one` |", "| 400 | 58.0 | `two` |", "| 5,000 | 60.0 | `one` |"]
    assert at_tokens(one.curve, 99.0) is None and best_at([("two", two.curve), ("one", one.curve)], 300.0) == "one"
    assert best_at([("two", two.curve)], 399.0) is None


def test_a_trace_begins_with_the_ends_and_says_the_same_once() -> None:
    env = environment([[("7", "7", "7", "9"), ("8", "8", "8", "8", "7")]], None, ["9"], 500)
    batch = grid([env], (0.5,), (1000,))
    source = draft("a, b = question.branch_many(2)\nfor _ in range(3):\n    question.step_many([a, b])\n"
                   "    question.probe(a)\nreturn majority(question.run_many_to_end([a, b]))")  # fmt: skip
    empty: dict[str, str] = {}
    here = SearchWorkbench(SearchHistory([], batch, empty.__getitem__, world()[2].__getitem__), ProcessSandbox())
    here.try_candidate(source)
    lines = here.read_trace("try-1", "e1:q0:b0.5:o1000").splitlines()
    assert lines[2].startswith("votes of the 2 ends: ") and lines[3].startswith("ends in order, ")
    assert "@4 C*" in lines[3] and any(line.startswith("1-3 step 0-1 x3: ") for line in lines)


def test_the_best_of_many_drafts_is_told_so_and_held_against_parent_and_best() -> None:
    here = bench(parents=(WANDERER,))
    texts = [here.try_candidate(THREE.replace("3", str(n))) for n in (1, 2, 3)]
    best = here.shelf.ranked[0].id
    assert all(f"against {WANDERER}: " in t and f"against {best}, the best so far: " in t for t in texts)
    lucky = [("it is the best of 3 drafts" in here.try_candidate(THREE.replace("3", str(n)))) for n in (1, 2, 3)]
    assert any(lucky) and "it is the best" not in texts[0]


def test_a_trace_tells_every_answer_as_a_letter() -> None:
    env = environment([[("7", "7", "9"), ("8", None, "9"), ("8", "8", "8")]], None, ["9"], 500)
    batch = grid([env], (0.5,), (1000,))
    source = draft("a, b, c = question.branch_many(3)\nquestion.step_many([a, b])\nquestion.step_many([a, b])\n"
                   "question.prune(b)\nreturn question.run_to_end(c)")  # fmt: skip
    empty: dict[str, str] = {}
    here = SearchWorkbench(SearchHistory([], batch, empty.__getitem__, world()[2].__getitem__), ProcessSandbox())
    assert here.try_candidate(source).startswith("try-1: ran on 1 episodes")
    text = here.read_trace("try-1", "e1:q0:b0.5:o1000")
    lines = text.splitlines()
    assert "0 branch 0-2" in lines and any(line.startswith("1 step 0-1 x2: ") for line in lines)
    assert any("pruned at record 2" in line for line in lines)
    assert set("789") & set(lines[-1].partition(":")[2].partition("|")[0]) == set()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda b: b.list_versions("size"), "order is 'size', but must be one of quality"),
        (lambda b: b.list_versions(limit=0), "limit is 0, but must be from 1 to 100"),
        (lambda b: b.read_source("nobody"), "no version 'nobody'"),
        (lambda b: b.scaling_curve([]), "versions has 0 ids"),
        (lambda b: b.scaling_curve([FAILED]), "has no scores"),
        (lambda b: b.compare(PROBE, "try-1"), "no draft try-1"),
        (lambda b: b.findings(FAILED), "has no findings"),
        (lambda b: b.find_episodes(PROBE, "bad"), "kind is 'bad', but must be one of wrong"),
        (lambda b: b.find_episodes(PROBE, "lost_to"), "needs `other`"),
        (lambda b: b.find_episodes(PROBE, "wrong", PROBE), "takes no `other`"),
        (lambda b: b.find_episodes(PROBE, "wrong", beta=0.3), "beta is 0.3, but must be one of 0, 0.25"),
        (lambda b: b.read_trace(PROBE, "first"), "must be a handle such as"),
        (lambda b: b.read_trace(PROBE, "e9:q0:b0:o1000"), "no episode e9:q0:b0:o1000"),
        (lambda b: b.read_trace(PROBE, "e1:q0:b1e-e:o1000"), "no episode"),
        (lambda b: b.try_candidate(ONE, "nobody"), "no version 'nobody'"),
    ],
)
def test_wrong_arguments_are_one_line_that_says_what_is_allowed(
    call: Callable[[SearchWorkbench], str], said: str
) -> None:
    with pytest.raises(InputError) as error:
        call(bench())
    assert said in str(error.value) and "\n" not in str(error.value)


def test_logs_of_another_batch_are_damage() -> None:
    cards, sources, logs = world()
    here = SearchWorkbench(
        SearchHistory(cards, episodes(), sources.__getitem__, lambda v: logs[v].part(0, 5)), ProcessSandbox()
    )
    with pytest.raises(DamagedFile):
        here.scaling_curve([PROBE])


# Ablations


def test_without_traces_nothing_of_single_episodes_is_told() -> None:
    here = bench(traces=False)
    for call in (lambda: here.findings(PROBE), lambda: here.find_episodes(PROBE, "wrong"),
                 lambda: here.read_trace(PROBE, "e1:q0:b0:o1000")):  # fmt: skip
        with pytest.raises(InputError, match="not to be looked at"):
            call()
    assert "stopped_early" not in here.try_candidate(ONE)


def test_without_history_only_seeds_and_parents_are_there() -> None:
    here = bench(history=False)
    assert WANDERER not in here.list_versions() and PROBE in here.list_versions()
    with pytest.raises(InputError, match="no version"):
        here.read_source(WANDERER)
    assert "earlier version" in here.try_candidate(world()[1][WANDERER])


def test_all_kinds_work_on_all_versions() -> None:
    here = bench()
    here.try_candidate(THREE)
    for version in (PROBE, WANDERER, "try-1"):
        for kind in KINDS:
            other = CONSISTENCY if kind in ("lost_to", "gained_on") else None
            text = here.find_episodes(version, kind, other, limit=50)
            assert len(text) <= 2000 and text.startswith(f"{kind} of {version}: ")
