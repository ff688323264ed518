"""A small search set and its versions for workbench tests; every name, question and answer contains a secret."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

from autotts.agent.archive.archive import sha256
from autotts.agent.archive.baselines import baseline_source
from autotts.agent.diagnosis.findings import diagnose
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.agent.tools.search_history import SearchHistory
from autotts.agent.tools.workbench import SearchWorkbench
from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.scoring import score
from autotts.envs.statistics import curve
from autotts.envs.store import Environment
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.outcome import Candidate

from ...environments import RandomController, environment, play

SECRET = "zzsecret"
"""Part of every environment name, question and answer, and of nothing else."""
BETAS = (0.0, 0.25, 0.5, 0.75, 1.0)
CONSISTENCY, PROBE, WANDERER = "self_consistency", "parallel_probe", "g001-wander"
FAILED = "g002-failed"


def _secret_environment(rng: Random, name: str) -> Environment:
    words = [f"{SECRET}-{letter}" for letter in "abcd"]
    columns = [[tuple(rng.choices((*words, None), k=rng.randint(2, 12))) for _ in range(8)] for _ in range(5)]
    made = environment(columns, None, rng.choices(words, k=5), 100, name=name)
    return replace(made, questions=tuple(f"{SECRET}: what is {q}?" for q in range(5)))


@lru_cache
def episodes() -> Episodes:
    rng = Random(5)
    names = (f"{SECRET}/one", f"{SECRET}/one-more")
    return grid([_secret_environment(rng, name) for name in names], BETAS, (1000, 1001))


def card(version: str, source: str, logs: Logs | None, **more: object) -> Card:
    """Return the card of a version with ``logs`` on `episodes`."""
    batch = episodes()
    protocol = EvaluationProtocol(
        environments={env.name: env.hash for env in batch.environments}, betas=BETAS, first_order=1000, orders=2,
        max_branches=batch.max_branches,
    )  # fmt: skip
    scores = score(batch, logs) if logs is not None else None
    given = {
        "id": version, "name": version, "generation": 0, "explorer": "baseline",
        "source_sha256": sha256(source.encode()),
        "sandbox": "process", "verdict": "ok", "protocol": protocol,
        "curve": tuple(curve(scores)) if scores else (),
        "findings": tuple(diagnose(scores, logs)) if scores and logs else (),
    }  # fmt: skip
    return Card.model_validate(given | more)


@lru_cache
def versions() -> tuple[tuple[Card, ...], dict[str, str], dict[str, Logs]]:
    """Return cards, sources and logs of two baselines, a later version that acts at random, and a failed one."""
    sandbox, batch = ProcessSandbox(), episodes()
    sources = {name: baseline_source(name) for name in (CONSISTENCY, PROBE)}
    logs: dict[str, Logs] = {}
    for name, source in sources.items():
        result = sandbox.run(Candidate(name, source), batch).logs
        assert result is not None
        logs[name] = result
    logs[WANDERER] = play(RandomController, batch)
    sources[WANDERER] = f"# seen on {SECRET}/one\nfrom envs import Controller\n\nclass W(Controller):\n    pass\n"
    sources[FAILED] = "from envs import Controller\n\nclass F(Controller):\n    level = 1 / 0\n"
    message = f"ValueError: \x1b[31m{SECRET}/one-more [{batch.describe(3)}]"
    cards = (
        *(card(name, sources[name], logs[name]) for name in (CONSISTENCY, PROBE)),
        card(WANDERER, sources[WANDERER], logs[WANDERER], generation=1, parents=(PROBE,),
             rationale=f"better on {SECRET.upper()}/One\x1b[2J\nthan before"),
        card(FAILED, sources[FAILED], None, generation=2, verdict="exception", message=message, rationale="no"),
    )  # fmt: skip
    return cards, sources, logs


def bench(**more: object) -> SearchWorkbench:
    """Return a fresh workbench on these versions."""
    cards, sources, logs = versions()
    settings: dict[str, Any] = {"parents": (PROBE,)} | more
    traces = settings.pop("traces", True)
    history = SearchHistory(cards, episodes(), sources.__getitem__, logs.__getitem__, **settings)
    return SearchWorkbench(history, ProcessSandbox(), traces)


VARIANT = baseline_source(PROBE).replace("class ", "# a note\nclass ")


def draft(body: str) -> str:
    """Return a module whose controller's `solve` is ``body``."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    head = "from envs import Controller, majority\n\n\nclass Draft(Controller):\n    def solve(self, question):\n"
    return head + lines


ONE = draft("return question.run_to_end(question.branch())")
THREE = draft("return majority(question.run_many_to_end(question.branch_many(3)))")
