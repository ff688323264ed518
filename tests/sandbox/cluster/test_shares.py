"""How a run is cut into shares, what the shares hold, and how their results come together; without Ray."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from autotts.envs.episodes import Episodes, grid
from autotts.envs.errors import InputError
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.audit.look_ahead import audit_batches
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError, SandboxLimits
from autotts.sandbox.cluster import link as links
from autotts.sandbox.cluster.choice import check_executor, chosen_address
from autotts.sandbox.cluster.link import ClusterLink
from autotts.sandbox.cluster.messages import BrokerSettings, NodeSettings, QuestionBlock, Share
from autotts.sandbox.cluster.node import _node_sandbox, code_digest, play_share
from autotts.sandbox.cluster.play import ClusterRun, ShareResults
from autotts.sandbox.cluster.recorded import RecordedEnvironments
from autotts.sandbox.outcome import Candidate, SandboxOutcome

SETTINGS = NodeSettings("process", SandboxLimits(), code=code_digest())
SOURCE = """
from envs import Controller


class First(Controller):
    def solve(self, question):
        return question.run_to_end(question.branch())
"""
FIRST = Candidate("first", SOURCE)


class FakeLink:
    """Keeps the blocks of a cluster in this process."""

    def __init__(self) -> None:
        self.blocks: list[QuestionBlock] = []

    def add_block(self, make: Any) -> int:
        self.blocks.append(make())
        return len(self.blocks) - 1


def small_environment(name: str, seed: int) -> Environment:
    return generate(next(iter(default_models().values())), name, questions=6, branches=16, seed=seed)


def environments() -> list[Environment]:
    return [small_environment("one/model", seed=1), small_environment("two/model", seed=2)]


def episodes() -> Episodes:
    return grid(environments(), [0.2, 0.9], range(8))


def played(run: ClusterRun, blocks: Sequence[QuestionBlock], slots: int = 4) -> SandboxOutcome:
    parts = run.parts(slots)
    results = ShareResults(run, parts)
    for number in reversed(range(len(parts))):
        share, keys, inline = run.share(parts[number], "session", SETTINGS)
        done = play_share(share, *([inline] if inline is not None else [blocks[key] for key in keys]))
        assert done.outcome is not None, done.error
        results.add(number, done.outcome)
    return results.outcome()


def columns(outcome: SandboxOutcome) -> list[Any]:
    assert outcome.logs is not None, outcome.verdict
    return [column.tobytes() for column in outcome.logs.columns().values()]


def test_shares_give_the_bits_of_one_process_and_an_environment_is_sent_once() -> None:
    link, batch = FakeLink(), episodes()
    recorded = RecordedEnvironments(link)  # type: ignore[arg-type]
    expected = ProcessSandbox().run(FIRST, batch)
    for _ in range(2):
        run = ClusterRun.of_recorded(FIRST, batch, recorded)
        assert columns(played(run, link.blocks)) == columns(expected)
    assert len(link.blocks) == 2


def test_codes_are_drawn_anew_for_each_run() -> None:
    link, batch = FakeLink(), episodes()
    recorded = RecordedEnvironments(link)  # type: ignore[arg-type]
    runs = [ClusterRun.of_recorded(FIRST, batch, recorded) for _ in range(2)]
    seen = []
    for run in runs:
        share, keys, _ = run.share(np.arange(len(batch)), "session", SETTINGS)
        sealed = share.batch([link.blocks[key] for key in keys]).questions
        seen.append([question.cells.tolist() for question in sealed])
        answers = [run.meaning(q)[question.cells] for q, question in enumerate(sealed)]
        environment = batch.environments[0]
        first = environment.probe_answers[: environment.probe_offsets[1]].tolist()
        assert answers[0][: len(first)].tolist() == first
    assert seen[0] != seen[1]


def test_groups_of_an_audit_are_never_divided() -> None:
    batch = episodes()
    logs = ProcessSandbox().run(FIRST, batch).logs
    assert logs is not None
    for _, sealed in audit_batches(batch, logs, 1.0, AuditSecret().key(SOURCE), 1):
        run = ClusterRun.of_sealed(FIRST, sealed)
        parts = run.parts(3)
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(sealed)))
        groups = [set(sealed.group[part].tolist()) for part in parts]
        assert sum(map(len, groups)) == len(np.unique(sealed.group))
        assert columns(played(run, [])) == columns(ProcessSandbox().play(FIRST, sealed))


@pytest.mark.parametrize("slots", [1, 3, 64])
def test_every_episode_is_in_one_share(slots: int) -> None:
    link = FakeLink()
    run = ClusterRun.of_recorded(FIRST, episodes(), RecordedEnvironments(link))  # type: ignore[arg-type]
    parts = run.parts(slots)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(run.batch)))
    assert all((np.diff(part) > 0).all() for part in parts)


def test_nothing_that_the_host_keeps_is_in_a_message() -> None:
    """No answer, no gold answer, no text and no name crosses, in a block or in a share."""
    environment = small_environment("secret_name/model", seed=3)
    words = tuple(f"answer_{number}_word" if number else "" for number in range(len(environment.vocabulary)))
    link, batch = FakeLink(), grid([replace(environment, vocabulary=words)], [0.5], range(2))
    run = ClusterRun.of_recorded(FIRST, batch, RecordedEnvironments(link))  # type: ignore[arg-type]
    messages = [pickle.dumps(block) for block in link.blocks]
    messages += [pickle.dumps(run.share(part, "session", SETTINGS)) for part in run.parts(2)]
    assert not any(b"_word" in message or b"secret_name" in message for message in messages)
    assert {name for name in Share.__slots__ if "gold" in name or "meaning" in name} == set()
    share, keys, _ = run.share(np.arange(len(batch)), "session", SETTINGS)
    for question in share.batch([link.blocks[key] for key in keys]).questions:
        assert np.array_equal(question.meaning, np.arange(len(question.meaning)))


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError('no')",
        "raise ValueError('later') if self.random.random() < 0.2 else 0\n        return None",
        "question.advance(99)",
        "return 'never shown'",
        "import socket_that_is_missing",
    ],
)
def test_a_failure_has_the_verdict_of_one_process(body: str) -> None:
    link, batch = FakeLink(), episodes()
    candidate = Candidate("fails", SOURCE.replace("return question.run_to_end(question.branch())", body))
    run = ClusterRun.of_recorded(candidate, batch, RecordedEnvironments(link))  # type: ignore[arg-type]
    one = ProcessSandbox().run(candidate, batch)
    if one.logs is None:
        assert played(run, link.blocks).verdict == one.verdict
    else:
        assert columns(played(run, link.blocks)) == columns(one)


def test_shares_after_a_failure_no_longer_matter() -> None:
    link, batch = FakeLink(), episodes()
    candidate = Candidate("fails", SOURCE.replace("return", "if self.beta > 0.5: raise ValueError\n        return"))
    run = ClusterRun.of_recorded(candidate, batch, RecordedEnvironments(link))  # type: ignore[arg-type]
    parts = [np.arange(0, 64), np.arange(64, 128), np.arange(128, len(batch))]
    results = ShareResults(run, parts)
    share, keys, _ = run.share(parts[1], "session", SETTINGS)
    done = play_share(share, *[link.blocks[key] for key in keys])
    assert done.outcome is not None
    results.add(1, done.outcome)
    failed = results.outcome().verdict.episode
    expected = [number for number, part in enumerate(parts) if failed is None or part[0] < failed]
    assert [number for number in range(3) if results.needed(number)] == expected


def test_a_node_that_sends_other_answers_or_logs_is_refused() -> None:
    link, batch = FakeLink(), episodes()
    run = ClusterRun.of_recorded(FIRST, batch, RecordedEnvironments(link))  # type: ignore[arg-type]
    parts = run.parts(1)
    share, keys, _ = run.share(parts[0], "session", SETTINGS)
    outcome = play_share(share, *[link.blocks[key] for key in keys]).outcome
    assert outcome is not None and outcome.logs is not None
    forged = replace(outcome.logs, answer=outcome.logs.answer + 10_000)
    with pytest.raises(SandboxError, match="does not have"):
        ShareResults(run, parts).add(0, replace(outcome, logs=forged))
    with pytest.raises(SandboxError, match="other episodes"):
        ShareResults(run, parts).add(0, replace(outcome, logs=outcome.logs.part(0, 3)))


def test_sessions_never_share_workers() -> None:
    node = _node_sandbox(SETTINGS)
    with node.lock:
        first, second = node.session("first"), node.session("second")
        assert node.session("first") is first
    assert first is not second
    idle = [vars(each)["_idle_workers"] for each in (first, second)]
    assert idle[0] is not idle[1]


def test_a_node_with_other_code_is_refused() -> None:
    run = ClusterRun.of_recorded(FIRST, episodes(), RecordedEnvironments(FakeLink()))  # type: ignore[arg-type]
    share, _, _ = run.share(run.parts(1)[0], "session", replace(SETTINGS, code="other"))
    done = play_share(share)
    assert done.outcome is None and not done.retry and "install the same" in done.error


def test_ray_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="Ray is not installed: pip install"):
        ClusterLink(BrokerSettings(None, 1, SETTINGS), print)


def test_an_address_needs_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="--executor ray"):
        check_executor("local", "127.0.0.1:6379")
    with pytest.raises(InputError, match="local or ray"):
        check_executor("slurm", None)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    assert chosen_address(None) == "10.0.0.1:6379" and chosen_address("10.0.0.2:1") == "10.0.0.2:1"


