"""Shares of a large batch: each message holds the questions that it plays and is bounded; results stay the same."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import wire
from autotts.sandbox.audit import look_ahead
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.sealing import RecordedQuestions
from autotts.sandbox.wire import SIZE, SandboxJob, SealedBatch

from .test_measure import FAILS_AT_HALF

PROBE = Candidate("parallel_probe", baseline_source("parallel_probe"))
BOUND = 4_000
"""Bytes: about four of the sixteen questions."""


def episodes() -> Episodes:
    model = next(iter(default_models().values()))
    made = [generate(model, f"m{i}/model", questions=8, branches=12, seed=i) for i in range(2)]
    return grid(made, (0.0, 0.5, 1.0), range(6), 12)


@pytest.fixture
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MESSAGE_BYTES", BOUND)


def header(message: bytes) -> tuple[dict[str, int], list[float]]:
    """Return the bytes of each column in a message, and the number of branches of each question."""
    (size,) = struct.unpack_from("<I", message, SIZE.size)
    at = SIZE.size + 4 + size
    lengths, widths = {}, []
    for name, _, length in json.loads(message[SIZE.size + 4 : at])["blobs"]:
        lengths[name] = length
        if name == "widths":
            widths = np.frombuffer(message, "<u4", length // 4, at).tolist()
        at += length
    assert at == len(message)
    return lengths, widths


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("groups", [1, 3])
def test_messages_are_bounded_and_hold_only_the_questions_that_they_play(
    workers: int, groups: int, bound: None
) -> None:
    from dataclasses import replace

    batch = SealedBatch.of(episodes())
    batch = replace(batch, group=np.arange(len(batch)) % groups)
    job = SandboxJob(PROBE, batch)
    played: list[int] = []
    for share in batch.shares(workers):
        for part in share:
            lengths, widths = header(job.message(part, {}))
            assert len(set(batch.group[part].tolist())) == 1
            assert len(widths) == len(set(batch.question[part].tolist()))
            assert lengths["cells"] + lengths["lengths"] + lengths["totals"] <= BOUND
            played += part.tolist()
        if groups == 1:  # a later failure never hides an earlier one
            assert np.concatenate(share).tolist() == sorted(np.concatenate(share).tolist())
    assert sorted(played) == list(range(len(batch)))


def test_small_batch_is_divided_as_ever() -> None:
    batch = SealedBatch.of(episodes())
    assert [[part.tolist() for part in share] for share in batch.shares(2)] == [
        [list(range(i, len(batch), 2))] for i in range(2)
    ]


@pytest.mark.parametrize("workers", [1, 3])
def test_logs_do_not_depend_on_the_bound(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = episodes()
    with ProcessSandbox(workers) as sandbox:
        whole = evaluate(PROBE, batch, sandbox)
        monkeypatch.setattr(wire, "MESSAGE_BYTES", BOUND)
        parts = evaluate(PROBE, batch, sandbox)
    assert whole.logs is not None and parts.logs is not None
    one, other = whole.logs.columns(), parts.logs.columns()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_the_first_failure_does_not_depend_on_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = episodes()
    with ProcessSandbox(2) as sandbox:
        whole = evaluate(FAILS_AT_HALF, batch, sandbox)
        monkeypatch.setattr(wire, "MESSAGE_BYTES", BOUND)
        assert evaluate(FAILS_AT_HALF, batch, sandbox).verdict == whole.verdict


def test_question_has_the_same_codes_whenever_it_is_sealed() -> None:
    env = episodes().environments[0]
    where = np.zeros(8, np.int64), np.arange(8)
    first, other = RecordedQuestions([env], *where), RecordedQuestions([env], *where)
    for q in range(8):
        one, again = first[q], first[q - 8]
        assert np.array_equal(one.cells, again.cells) and np.array_equal(one.meaning, again.meaning)
        assert np.array_equal(one.meaning[one.cells], other[q].meaning[other[q].cells])
        assert one.nbytes == first.sizes()[q]
    assert any(not np.array_equal(first[q].meaning, other[q].meaning) for q in range(8))
    with pytest.raises(IndexError):
        first[8]


def test_groups_of_an_audit_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ahead, "_CHUNK", 6)
    batch = episodes()
    with ProcessSandbox(1) as sandbox:
        ran = evaluate(PROBE, batch, sandbox)
    assert ran.logs is not None
    played: list[int] = []
    for chunk, sealed in look_ahead.audit_batches(batch, ran.logs, 1.0, AuditSecret().key("source"), 1):
        played += chunk.which.tolist()
        assert len(chunk.which) == len(sealed) <= 12
        for group in set(chunk.group.tolist()):
            mine = chunk.which[chunk.group == group]
            questions = set(zip(batch.environment[mine].tolist(), batch.question[mine].tolist(), strict=True))
            assert len(questions) == len(mine) <= 6
    assert sorted(played) == list(range(len(batch)))
