"""The look-ahead audit raises no false alarm over the baselines that use signals, a verifier and forks."""

from __future__ import annotations

import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import grid
from autotts.sandbox.audit.look_ahead import audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate

from .test_sandboxed import BETAS, MOST, NEW, ORDERS, env


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_a_baseline_passes_the_full_audit(name: str) -> None:
    episodes, sandbox = grid([env()], BETAS, ORDERS, MOST), ProcessSandbox(1)
    candidate = Candidate(name, baseline_source(name))
    found = evaluate(candidate, episodes, sandbox)
    assert found.verdict.ok and found.logs is not None
    for number in range(2):
        secret = AuditSecret(number.to_bytes(32, "little"), nonce=lambda: b"")
        assert audit(candidate, episodes, found.logs, sandbox, 1.0, secret).ok
