"""The look-ahead audit convicts every controller that reads signals, scores or forks that it has not paid for."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from autotts.envs.episodes import Episodes
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.audit.repeat import repeat_audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.trial import trial
from benchmarks.cheat_budget import CHEATS, batch_beyond, names_of

from .test_beyond_answers import episodes as mixed_episodes
from .test_beyond_answers import everything_source

NAMES = [name for name in names_of(CHEATS) if name.startswith("beyond/")]
LONG = (
    "fork_child_lengths", "fork_child_signals", "fork_grandchildren", "fork_how_many_left", "fork_parents_column",
    "score_changed_price", "signal_column_length", "signal_frames",
)  # fmt: skip
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


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["recorded", "nearest"])
def test_random_mixes_of_all_verbs_are_never_convicted(rule: str) -> None:
    batch, sandbox = mixed_episodes(1, 2, 3, rule=rule), ProcessSandbox(1)
    found = trial(Candidate("everything", everything_source()), batch, sandbox, check_policy=False)
    assert found.verdict.ok and found.audited == "full", found.verdict


@pytest.mark.slow
def test_a_conviction_shows_which_signals_were_replaced() -> None:
    source = (CHEATS / "beyond" / "signal_best_final.py").read_text()
    candidate, sandbox = Candidate("candidate", source), ProcessSandbox(1)
    logs = evaluate(candidate, episodes(), sandbox).logs
    assert logs is not None
    conviction = audit(candidate, episodes(), logs, sandbox).conviction
    assert conviction is not None
    shown = repeat_audit(candidate, episodes(), logs, conviction, sandbox)
    assert shown is not None and shown.differs and shown.replaced
