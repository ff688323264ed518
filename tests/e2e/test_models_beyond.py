"""A discovery by a language model on environments with signals, a verifier and forks, against the Messages API stub."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.prompts.briefing import opening
from autotts.envs import catalogue, store
from autotts.envs.store import Environment

from ..agent.tools.test_environment_parts import SURE, trees
from ..stubs.conversations import at
from ..stubs.messages_api import Stub
from ..stubs.scripts import Blocks, Body, answers, discovery, last_results, text, tool
from .test_models import SETTINGS, play, world

LACKING = SURE.replace('"confidence",)', '"confidence", "sureness")')


def uses_signals(body: Body) -> Blocks:
    """Play an explorer that reads what there is, is refused once, looks at its draft's trace, and submits."""
    step = answers(body)
    if step == 0:
        return [text("Beyond answers?"), tool("try_candidate", source=LACKING)]
    if step == 1:
        return [tool("try_candidate", source=SURE)]
    if step == 2:
        return [tool("find_episodes", version="try-1", kind="most_tokens")]
    if step == 3:
        episode = re.search(r"e1:q\S+", " ".join(last_results(body)))
        return [tool("read_trace", version="try-1", episode=episode[0] if episode else "")]
    why = "The branch that is surest at its end is right more often."
    return [tool("submit", source=SURE, rationale=why, expects=[{"metric": "accuracy", "direction": "more"}])]


def begin(home: Path, env: Environment) -> Run:
    store.save(env, catalogue.path_of(home.parent / "data", env.name))
    settings = {**SETTINGS, "generations": 1, "population": 1}
    return Run.create(home, RunConfig(environments={env.name: env.hash}, **settings), [env])  # type: ignore[arg-type]


def system(stub: Stub) -> str:
    (found,) = {"".join(block["text"] for block in body["system"]) for body in stub.requests}
    return str(found)


@pytest.mark.slow
def test_model_learns_of_the_parts_and_uses_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stub(uses_signals) as stub:
        at(stub.url, monkeypatch, tmp_path)
        run = begin(tmp_path / "run", trees("unmistakable/trees", 5))
        play(run, stub)
        said = system(stub)
        everything = b"".join(stub.bodies).decode()
    assert said.startswith(opening()) and "`confidence`: mean log-probability of the tokens of the interval" in said
    assert "rejected: needs: it needs the signal sureness, which e1 does not have" in everything
    assert ", confidence " in everything and "fork of " in everything and "unmistakable" not in everything
    (card,) = [card for card in run.archive.cards() if card.generation == 1]
    assert card.verdict == "ok" and card.source_sha256 and run.archive.source(card.id) == SURE


@pytest.mark.slow
def test_system_prompt_of_a_run_on_answers_alone_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stub(discovery) as stub:
        at(stub.url, monkeypatch, tmp_path)
        play(begin(tmp_path / "run", world()), stub)
        assert system(stub).partition("\nTool results stand between")[0] == opening()
