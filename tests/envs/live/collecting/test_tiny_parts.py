"""The real server of the tiny model gives signals and forks, and a program verifies its branches: recorded and live."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import autotts
from autotts.envs import Controller, Question, majority
from autotts.envs.importing.confidences import NAMES
from autotts.envs.live.tiny.questions import questions
from autotts.envs.live.tiny.server import TinyServer
from autotts.envs.live.tiny.verifier import score

VERIFIER = "autotts.envs.live.tiny.verifier:score"


class Forking(Controller):
    """Forks the better of two branches after an interval, and votes."""

    signals = ("group",)
    verifier = forks = "needed"

    def solve(self, question: Question) -> str | None:
        roots = question.branch_many(2)
        question.step_many(roots)
        best = max(question.active, key=lambda i: (question.verify(i) or 0, question.signal(i, "group") or 0))
        question.fork_many(best, 2)
        return majority(question.run_many_to_end(question.active))


@pytest.mark.slow
def test_the_tiny_model_has_every_part(tmp_path: Path) -> None:
    asked = questions(2, 5)
    (tmp_path / "q.jsonl").write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in asked))
    with TinyServer(parallel=8) as server:
        made = autotts.collect(
            tmp_path / "q.jsonl", server.base_url, output=tmp_path / "tiny.env.npz", branches=3, branch_tokens=160,
            verifier=VERIFIER, verify_cost=5, fork_at=(1, 2), forks=2, alternatives=10,
        )  # fmt: skip
        made.check()
        assert made.verifier is not None and made.final_verifier is not None and made.parents is not None
        assert not np.isnan(made.verifier).any() and {*NAMES, "entropy", "answer_probability"} <= {*made.signals}
        roots = np.flatnonzero(made.is_root)
        assert len(roots) == 6 and len(made.parents) == 6 + sum(
            2 * int(made.probes[b] >= d) for b in roots for d in (1, 2)
        )
        assert not any(np.isnan(made.signals[name]).any() for name in NAMES)
        with (
            autotts.connect(server.base_url, alternatives=10) as model,
            model.question(asked[0][0], branches=4, branch_tokens=160, verifier=VERIFIER, verify_cost=5) as live,
        ):
            answer = Forking(0.5).solve(live)
            texts = [branch.text for branch in live.episode.branches]
            assert live.width == 4 and (answer is None or answer.isdigit())
            assert all(0 < score("", text, True) <= 1 for text in texts)
            assert live.tokens < sum(branch.tokens for branch in live.episode.branches) + 2 * 5
