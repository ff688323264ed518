"""The workbench: its texts match the measurements, and ablations hide what they should."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np
import pytest

from autotts.agent.diagnosis.findings import diagnose
from autotts.agent.population import quality
from autotts.agent.population.measurement import Measurement, at_tokens, best_at
from autotts.agent.records.version import BriefVersion, CurvePoint, Finding
from autotts.agent.tools.episode_search import KINDS, select_episodes
from autotts.agent.tools.search_history import SearchHistory
from autotts.agent.tools.search_progress import best_at_budgets
from autotts.agent.tools.workbench import SearchWorkbench
from autotts.envs.episodes import grid
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.scoring import score
from autotts.sandbox.backends.process import ProcessSandbox

from ...environments import RandomController, environment, play, random_environment
from .workbenches import CONSISTENCY, FAILED, ONE, PROBE, THREE, WANDERER, bench, card, draft, episodes, versions

# Texts


def test_list_versions_sorts_by_quality_and_shows_failures() -> None:
    text = bench().list_versions()
    lines = text.splitlines()
    ranked = sorted((c for c in versions()[0] if c.ok), key=lambda c: (-quality(c, bench().history.budgets), c.id))
    assert [line.split()[0].rstrip("*") for line in lines[2:]] == [*(c.id for c in ranked), FAILED]
    assert f"{quality(ranked[0], bench().history.budgets):.2f}" in lines[2]
    assert "FAILED exception: ValueError: ?[31me2 [e1:q" in text
    assert "better on e1?[2J than before" in text
    gain, (low, high) = bench().history.behind(WANDERER)
    wanderer, best = (quality(c, bench().history.budgets) for c in (versions()[0][2], ranked[0]))
    assert low < gain == pytest.approx(wanderer - best)
    assert f" {gain:+.2f}±{(high - low) / 2:.2f}{'~' if high >= 0 else ''} " in text and " best " in lines[2]
    assert bench().index() == text
    assert bench().list_versions("generation").splitlines()[2].startswith(FAILED)
    assert "(more: offset=2, of 4)" in bench().list_versions(limit=2)


def test_scaling_curve_matches_the_cards() -> None:
    text = bench().scaling_curve([PROBE, WANDERER])
    points = next(c for c in versions()[0] if c.id == PROBE).mean_curve
    for point, line in zip(points, text.splitlines()[3:], strict=False):
        assert line.split()[:2] == [f"{point.beta:g}", f"{point.accuracy:.1f}"]
        assert f"{point.tokens:,.0f}" in line and f"{point.latency:,.0f}" in line
    low, high = next(p for p in versions()[0][1].curve if p.environment == "mean" and p.beta == 0.5).accuracy_ci
    assert f"[{low:.1f}, {high:.1f}]" in text


def test_compare_is_paired_by_beta_environment_and_finding() -> None:
    text = bench().compare(CONSISTENCY, PROBE)
    assert "same decisions" in bench().compare(PROBE, PROBE)
    first, second = (np.array([p.accuracy for p in c.mean_curve]) for c in versions()[0][:2])
    for gain in second - first:
        assert f"{gain:+.1f} [" in text
    assert "\ne1 " in text and "\ne2 " in text and "finding" in text
    (mean,) = (line.split() for line in text.splitlines() if line.startswith("mean "))
    assert mean[1:3] == [f"{second.mean():.1f}", f"{(second - first).mean():+.1f}"]
    tokens = [np.mean([point.tokens for point in c.mean_curve]) for c in versions()[0][:2]]
    assert mean[5:7] == [f"{tokens[1] / 1000:,.1f}", f"{100 * (tokens[1] / tokens[0] - 1):+.1f}%"]
    assert "finding" not in bench(traces=False).compare(CONSISTENCY, PROBE)


@pytest.mark.parametrize("seed", range(25))
def test_find_episodes_matches_the_episodes_of_findings(seed: int) -> None:
    rng = Random(seed)
    env = random_environment(rng, questions=4, probe_cost=rng.choice((0, 20)))
    limit = rng.choice((None, 5 * env.delta))
    batch = grid([env], (0.0, 1.0), range(3), max_tokens=limit)
    tried = Measurement.of(batch, play(RandomController, batch))
    findings: dict[str, Finding] = {f.kind: f for f in diagnose(tried.scores, tried.logs)}
    for kind, name in (
        ("stopped_early", "stopped_early"), ("pruned_right", "pruned_right"), ("hopeless", "hopeless"),
        ("most_wasted", "idle_tokens"),
    ):  # fmt: skip
        chosen = select_episodes(kind, tried).which  # type: ignore[arg-type]
        finding = findings.get(name)
        assert len(chosen) == (finding.episodes if finding else 0), kind
        if finding is not None:
            worst = finding.worst[0]
            assert (batch.question[chosen[0]], batch.order[chosen[0]]) == (worst.question, worst.order), kind


def test_find_episodes_and_read_trace() -> None:
    here, scores = bench(), score(episodes(), versions()[2][PROBE])
    text = here.find_episodes(PROBE, "wrong", limit=50)
    assert f"{int((~scores.correct).sum()):,} of {len(episodes())} episodes" in text
    handle = text.splitlines()[3].split()[0]
    text = here.read_trace(PROBE, handle)
    assert f"{PROBE} on {handle}: answered" in text and ", wrong;" in text
    lost = here.find_episodes(PROBE, "lost_to", CONSISTENCY)
    other = score(episodes(), versions()[2][CONSISTENCY])
    assert lost.startswith(f"lost_to of {PROBE}: {int((other.correct & ~scores.correct).sum())} of")
    assert here.find_episodes(PROBE, "right", beta=0.5).startswith(f"right of {PROBE}: ")


def test_describe_progress_names_the_best_version_and_a_stall() -> None:
    cards, sources, logs = versions()
    at = bench().history.budgets
    scale = f"over 24 token budgets from {at[0]:,.0f} to {at[-1]:,.0f} mean tokens of a question. The best so far is "
    assert scale in bench().describe_progress() and "none is surely" not in bench().describe_progress()
    later = [card(f"g00{n}-x", sources[WANDERER], logs[WANDERER], generation=n) for n in (2, 3, 4)]
    history = SearchHistory([*cards, *later], episodes(), sources.__getitem__, lambda v: logs.get(v, logs[WANDERER]))
    here = SearchWorkbench(history, ProcessSandbox())
    text = here.describe_progress()
    assert "Of the 4 versions since " in text and "(round 0) none is surely better" in text
    here.history.all_versions = False
    assert "none is surely" not in here.describe_progress()


def test_best_at_budgets_shows_a_dash_below_all_curves() -> None:
    def version(name: str, *points: tuple[float, float]) -> BriefVersion:
        return BriefVersion(name, "", tuple(CurvePoint(0.5, accuracy, tokens, 1.0) for tokens, accuracy in points), ())

    one, two = version("one", (100.0, 50.0), (1000.0, 60.0)), version("two", (400.0, 58.0))
    rows = best_at_budgets([one, two], np.array([50.0, 100.0, 400.0, 5000.0])).splitlines()[2:]
    assert rows == ["| 50 | - | - |", "| 100 | 50.0 | `one` |", "| 400 | 58.0 | `two` |", "| 5,000 | 60.0 | `one` |"]
    assert at_tokens(one.curve, 99.0) is None and best_at([("two", two.curve), ("one", one.curve)], 300.0) == "one"
    assert best_at([("two", two.curve)], 399.0) is None


def test_trace_begins_with_finished_branches_and_merges_repeated_actions() -> None:
    env = environment([[("7", "7", "7", "9"), ("8", "8", "8", "8", "7")]], None, ["9"], 500)
    batch = grid([env], (0.5,), (1000,))
    source = draft("a, b = question.branch_many(2)\nfor _ in range(3):\n    question.step_many([a, b])\n"
                   "    question.probe(a)\nreturn majority(question.run_many_to_end([a, b]))")  # fmt: skip
    empty: dict[str, str] = {}
    here = SearchWorkbench(SearchHistory([], batch, empty.__getitem__, versions()[2].__getitem__), ProcessSandbox())
    here.try_candidate(source)
    lines = here.read_trace("try-1", "e1:q0:b0.5:o1000").splitlines()
    assert lines[2].startswith("votes of the 2 finished branches: ") and lines[3].startswith("order of finishing, ")
    assert "@4 C*" in lines[3] and any(line.startswith("1-3 step 0-1 x3: ") for line in lines)


def test_try_compares_with_parent_and_best_and_warns_of_luck() -> None:
    here = bench(parents=(WANDERER,))
    texts = [here.try_candidate(THREE.replace("3", str(n))) for n in (1, 2, 3)]
    best = here.history.ranked[0].id
    assert all(f"against {WANDERER}: " in t and f"against {best}, the best so far: " in t for t in texts)
    lucky = [("it is the best of 3 drafts" in here.try_candidate(THREE.replace("3", str(n)))) for n in (1, 2, 3)]
    assert any(lucky) and "it is the best" not in texts[0]


def test_trace_shows_answers_as_letters() -> None:
    env = environment([[("7", "7", "9"), ("8", None, "9"), ("8", "8", "8")]], None, ["9"], 500)
    batch = grid([env], (0.5,), (1000,))
    source = draft("a, b, c = question.branch_many(3)\nquestion.step_many([a, b])\nquestion.step_many([a, b])\n"
                   "question.prune(b)\nreturn question.run_to_end(c)")  # fmt: skip
    empty: dict[str, str] = {}
    here = SearchWorkbench(SearchHistory([], batch, empty.__getitem__, versions()[2].__getitem__), ProcessSandbox())
    assert here.try_candidate(source).startswith("try-1: ran on 1 episodes")
    text = here.read_trace("try-1", "e1:q0:b0.5:o1000")
    lines = text.splitlines()
    assert "0 branch 0-2" in lines and any(line.startswith("1 step 0-1 x2: ") for line in lines)
    assert any("pruned at action 2" in line for line in lines)
    assert set("789") & set(lines[-1].partition(":")[2].partition("|")[0]) == set()


@pytest.mark.parametrize(
    ("call", "message"),
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
def test_wrong_arguments_give_a_one_line_error_with_the_allowed_values(
    call: Callable[[SearchWorkbench], str], message: str
) -> None:
    with pytest.raises(InputError) as error:
        call(bench())
    assert message in str(error.value) and "\n" not in str(error.value)


def test_logs_of_another_batch_count_as_damage() -> None:
    cards, sources, logs = versions()
    here = SearchWorkbench(
        SearchHistory(cards, episodes(), sources.__getitem__, lambda v: logs[v].part(0, 5)), ProcessSandbox()
    )
    with pytest.raises(DamagedFile):
        here.scaling_curve([PROBE])


# Ablations


def test_without_traces_no_single_episode_is_shown() -> None:
    here = bench(traces=False)
    for call in (lambda: here.findings(PROBE), lambda: here.find_episodes(PROBE, "wrong"),
                 lambda: here.read_trace(PROBE, "e1:q0:b0:o1000")):  # fmt: skip
        with pytest.raises(InputError, match="does not show findings and traces"):
            call()
    assert "stopped_early" not in here.try_candidate(ONE)


def test_without_history_only_baselines_and_parents_are_shown() -> None:
    here = bench(all_versions=False)
    assert WANDERER not in here.list_versions() and PROBE in here.list_versions()
    with pytest.raises(InputError, match="no version"):
        here.read_source(WANDERER)
    assert "earlier version" in here.try_candidate(versions()[1][WANDERER])


def test_find_episodes_accepts_all_kinds_on_all_versions() -> None:
    here = bench()
    here.try_candidate(THREE)
    for version in (PROBE, WANDERER, "try-1"):
        for kind in KINDS:
            other = CONSISTENCY if kind in ("lost_to", "gained_on") else None
            text = here.find_episodes(version, kind, other, limit=50)
            assert len(text) <= 2000 and text.startswith(f"{kind} of {version}: ")
