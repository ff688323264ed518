"""Archives for the tests of the application: made by hand, or by evaluating seeds on a small synthetic environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from autotts.agent.archive.archive import Archive, pack_logs, sha256
from autotts.agent.archive.baselines import baseline_source
from autotts.agent.diagnosis.findings import diagnose
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.agent.records.version import Expectation
from autotts.envs import catalogue, store
from autotts.envs.episodes import grid
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_environments
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import Strength
from autotts.envs.synthetic.trees import ForkPlan
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate

BETAS = (0.0, 0.5, 1.0)
SEEDS = 2
FAMILY = {
    "parallel_probe": (),
    "self_consistency": (),
    "g001-child": ("parallel_probe",),
    "g002-grandchild": ("g001-child", "self_consistency"),
}
"""Versions, and their parents: the source of a child is that of a seed with another comment."""
_OF = {"g001-child": "confidence_momentum", "g002-grandchild": "early_stopping"}


@lru_cache
def tiny() -> Environment:
    """Return the smallest of the embedded environments."""
    return min(default_environments(), key=lambda env: len(env.probe_answers))


def protocol(environments: Sequence[Environment]) -> EvaluationProtocol:
    """Return how `small_archive` measures: as `autotts evaluate --orders 2 --beta 0 0.5 1` does."""
    return EvaluationProtocol(
        environments={env.name: env.hash for env in environments}, betas=BETAS, first_order=0, orders=SEEDS,
        max_branches=16,
    )  # fmt: skip


@lru_cache
def _measured(seed: str) -> LoggedEvaluation:
    result = evaluate(baseline_source(seed), grid([tiny()], BETAS, range(SEEDS), 16))
    assert result.verdict.ok
    return result


def small_archive(root: Path, name: str = "a child") -> Path:
    """Fill ``root`` with the versions of `FAMILY`, and one that failed, and return it."""
    archive = Archive(root)
    for version, parents in FAMILY.items():
        seed = _OF.get(version, version)
        result = _measured(seed)
        assert result.scores is not None and result.logs is not None
        source = baseline_source(seed) + (f"# {version}\n" if parents else "")
        archive.add(
            Card(
                id=version, name=name if parents else version, generation=int(version[1:4]) if parents else 0,
                explorer="evolve" if parents else "baseline", parents=parents, source_sha256=sha256(source.encode()),
                sandbox="process", verdict="ok", protocol=protocol([tiny()]), curve=tuple(result.curve),
                rationale="because <b>it</b> may help", findings=tuple(diagnose(result.scores, result.logs)),
                expects=(Expectation("tokens", "less"),) if parents else (),
                outcome="predicted: less tokens; seen: more" if parents else "",
            ),
            source, pack_logs(result.logs), "## asked\nwhat now?\n" if parents else "",
        )  # fmt: skip
    failed = "raise SystemExit\n"
    archive.add(
        Card(
            id="g002-failed", name="failed", generation=2, explorer="evolve", parents=("g001-child",),
            source_sha256=sha256(failed.encode()), sandbox="process", verdict="exit", message="it ended its process",
            protocol=protocol([tiny()]),
        ),
        failed, None,
    )  # fmt: skip
    return root


@lru_cache
def tree() -> Environment:
    """Return a small synthetic environment with signals, a verifier and forks."""
    plan = ForkPlan((2, 4, 7, 11), forks=3, levels=2, decided=(0.2, 0.9))
    names = ("confidence", "entropy", "group", "lowest_group", "answer_confidence")
    even = Strength(0.8, 0.8)
    parts = SimulatedParts(dict.fromkeys(names, even), verifier=Strength(0.85, 0.85), verify_cost=50, forks=plan)
    found = with_parts(default_environments(questions=2, branches=8)[0], parts)
    numbers = {name: column.copy() for name, column in found.signals.items()}
    sure = numbers["confidence"]
    sure[np.floor(1e4 * sure) % 7 == 0] = np.nan  # a server may leave a number out; of a fork and its parent, the same
    found = replace(found, signals=numbers, name="trees/small")
    found.check()
    return found


def tree_archive(root: Path) -> Path:
    """Fill ``root`` with baselines that read signals, ask a verifier and fork, and return it."""
    archive, batch = Archive(root), grid([tree()], (0.5,), range(1), 16)
    for version in ("beam_search", "deepconf_low", "fork_at_uncertainty", "self_consistency"):
        source = baseline_source(version)
        result = evaluate(source, batch)
        assert result.scores is not None and result.logs is not None, result.verdict
        measured = protocol([tree()]).model_copy(update={"betas": (0.5,), "orders": 1})
        archive.add(
            Card(
                id=version, name=version, generation=0, explorer="baseline", source_sha256=sha256(source.encode()),
                sandbox="process", verdict="ok", protocol=measured, curve=tuple(result.curve),
                findings=tuple(diagnose(result.scores, result.logs)),
            ),
            source, pack_logs(result.logs), "",
        )  # fmt: skip
    store.save(tree(), catalogue.path_of(root / "data", tree().name))
    return root
