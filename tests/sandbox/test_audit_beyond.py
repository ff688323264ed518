"""The look-ahead audit convicts every controller that reads signals, scores or forks that it has not paid for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from autotts.envs.episodes import Episodes
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from benchmarks.cheat_budget import CHEATS, batch_beyond, names_of

NAMES = [name for name in names_of(CHEATS) if name.startswith("beyond/")]
LONG = ("fork_grandchildren", "fork_parents_column", "fork_child_lengths", "signal_frames", "signal_column_length")
"""Cheats that differ little from others: only the benchmark audits them."""


@cache
def episodes() -> Episodes:
    """Return 80 episodes on questions with every part; a cheat cheats in 20 or fewer (beta 0.5, branch order 7)."""
    return batch_beyond(20, 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if not name.endswith(LONG)])
def test_a_look_at_what_was_not_paid_for_is_convicted(name: str) -> None:
    source = (CHEATS / f"{name}.py").read_text()
    with ProcessSandbox(1) as sandbox:  # the tests of the wall show that no cheat leaves its process
        found = evaluate(Candidate("candidate", source), episodes(), sandbox)
        honest = evaluate(source.replace("PEEK = True", "PEEK = False"), episodes(), sandbox)
        assert found.logs is not None and found.scores is not None and honest.scores is not None, found.verdict
        other = (found.scores.answer != honest.scores.answer) | (found.scores.tokens != honest.scores.tokens)
        assert 0 < np.mean(other) <= 0.25
        secret = AuditSecret(bytes(32), nonce=bytes)
        verdict = audit(found.candidate, episodes(), found.logs, sandbox, secret=secret)
    assert verdict.kind == "rejected: looked ahead", verdict
    assert verdict.episode is not None and episodes().describe(verdict.episode) in verdict.message


def test_there_are_at_least_twenty_different_cheats() -> None:
    sources = [(CHEATS / f"{name}.py").read_text() for name in NAMES]
    assert len(sources) >= 20 and len(set(sources)) == len(sources)
    assert all(source.count("PEEK = True") == 1 for source in sources)
    assert all(sum(kind in name for name in NAMES) >= 7 for kind in ("signal_", "score_", "fork_"))
