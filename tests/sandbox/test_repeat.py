"""A convicted episode can be shown again: with the key of its audit, the same decoys are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import policy
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.audit.repeat import repeat_audit
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate, Verdict

from ..agent.loop.test_graph import begin
from ..agent.loop.test_reported_audits import CHEAT, Convicted

EPISODES = grid([generate(default_models()["synthetic/tiny"], "r/tiny", questions=5, branches=8)], (0.2, 0.8), range(6))


@pytest.mark.parametrize("share", [1.0, 0.0])
def test_the_convicting_episode_comes_out_the_same_again(share: float) -> None:
    candidate, sandbox = Candidate("cheat", CHEAT), ProcessSandbox()
    logs = evaluate(candidate, EPISODES, sandbox).logs
    assert logs is not None
    verdict = audit(candidate, EPISODES, logs, sandbox, share)
    assert verdict.conviction is not None and verdict.conviction.episode == verdict.episode
    first, again = (repeat_audit(candidate, EPISODES, logs, verdict.conviction, sandbox) for _ in range(2))
    assert first is not None and first == again
    assert first.differs and first.where in verdict.message and first.replaced
    if "`" in verdict.message:
        number = int(verdict.message.split()[1])
        assert f"was `{first.recorded[number]}`" in verdict.message


def test_trace_shows_the_conviction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(policy, "check", lambda source: Verdict("ok"))
    run = begin(tmp_path / "run", generations=1, population=1)
    discover(Discovery(run, Convicted(), ProcessSandbox()))
    (card,) = [card for card in run.archive.cards() if card.generation == 1]
    show = ["trace", card.id, "--run", str(run.home), "--conviction", "--sandbox", "process"]
    assert main(show) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{card.id}: {card.verdict}: ") and said.count("<- first difference") == 1
    assert "replaced: branch " in said
    assert main(["trace", "parallel_probe", *show[2:]]) == 2
    error = capsys.readouterr().err
    assert "no audit has convicted parallel_probe: its verdict is ok" in error and "Traceback" not in error
