"""Whatever a candidate sends, the host keeps little of it: measured as the peak of a process that runs the attack."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from autotts.envs.contract.replay import BRANCH, PROBE, RUN, STEP, ActionLog
from autotts.envs.episodes import Logs, grid
from autotts.envs.plain_text import LINE
from autotts.envs.scoring import ForgedLog, score
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import kept_logs, wire
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.kept_logs import BadFrame, KeptLogs, LogBudget, largest_log, logs_in_order
from autotts.sandbox.outcome import Verdict

from ..environments import environment
from .test_sandboxes import NO_BUBBLEWRAP, candidate

MOST = 300 << 20
"""Bytes by which an attack may raise the peak of the host's memory."""
VERDICTS = {
    "exhaust_large_logs": "forged_log",
    "exhaust_allowed_logs": "forged_log",
    "exhaust_many_probes": "forged_log",
    "exhaust_message": "protocol",
    "exhaust_tiny_frames": "protocol",
    "exhaust_endless_frame": "protocol",
    "exhaust_deep_failure": "protocol",
    "exhaust_number_as_episode": "protocol",
    "exhaust_loads_without_end": "protocol",
    "exhaust_prints": "output",
}
RUN_ATTACK = """
import json, resource, sys
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.check import HONEST, LIMITS, PRELUDE, attacks
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10

kind, name = sys.argv[1:]
source = next(attack.source for attack in attacks() if attack.name == name)
env = generate(next(iter(default_models().values())), "check/model", questions=4, branches=24, seed=1)
with open_sandbox(kind, limits=LIMITS) as sandbox:
    assert evaluate(PRELUDE + HONEST, grid([env], [0.5], range(32)), sandbox).verdict.ok
    before = peak()
    verdict = evaluate(PRELUDE + source, grid([env], [0.5], range(32)), sandbox).verdict
print(json.dumps({"kind": verdict.kind, "message": verdict.message, "grown": peak() - before}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", VERDICTS)
@pytest.mark.parametrize(
    "kind",
    [pytest.param("bubblewrap", marks=NO_BUBBLEWRAP), pytest.param("docker", marks=pytest.mark.docker)],
)
def test_an_attack_on_the_host_ends_with_a_verdict_and_little_memory(
    kind: str, name: str, request: pytest.FixtureRequest
) -> None:
    if kind == "docker":
        request.getfixturevalue("image")
    done = subprocess.run([sys.executable, "-c", RUN_ATTACK, kind, name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kind"] == VERDICTS[name], found
    assert found["grown"] < MOST, found
    assert len(found["message"]) < LINE + 300 and found["message"].isprintable()


def test_a_log_is_refused_when_its_head_announces_more_than_the_contract_allows() -> None:
    head = bytearray(wire.FRAME.pack(b"E", 0, 0, 101))
    with pytest.raises(BadFrame) as refused:
        list(wire.parse(head, lambda: 100))
    assert refused.value.verdict.kind == "forged_log" and "101 bytes" in refused.value.verdict.message
    assert list(wire.parse(bytearray(wire.FRAME.pack(b"E", 0, 0, 100)), lambda: 100)) == []


@pytest.mark.parametrize("kind", [b"R", b"D", b"X", b"Z"])
def test_a_frame_without_data_may_announce_none(kind: bytes) -> None:
    with pytest.raises(BadFrame, match="garbage"):
        list(wire.parse(bytearray(wire.FRAME.pack(kind, 0, 0, 1)), lambda: 100))


def test_a_failure_is_refused_when_its_head_announces_more_than_a_message() -> None:
    with pytest.raises(BadFrame, match="garbage"):
        list(wire.parse(bytearray(wire.FRAME.pack(b"F", 0, 0, wire.LARGEST_FAILURE + 1)), lambda: 1 << 30))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"\xff", b"1" * 9000, b"[" * 16000,
        b'{"kind": "ok", "message": "", "episode": null}', b'{"kind": [], "message": "", "episode": null}',
        b'{"kind": "exception", "message": "", "episode": 3}',
        b'{"kind": "exception", "message": "", "episode": true}',
        b'{"kind": "exception", "message": "", "episode": 1.0}',
        b'{"kind": "exception", "message": "", "episode": "1"}',
    ],
)  # fmt: skip
def test_garbage_as_a_failure_is_one_verdict(data: bytes) -> None:
    with pytest.raises(BadFrame, match="garbage"):
        wire.failure(data, 1)


def test_the_host_cuts_and_escapes_the_message_of_a_failure() -> None:
    said = {"kind": "exception", "message": "a\n\x1b[2J\u202eb" + "x" * 8000, "episode": 2}
    verdict = wire.failure(json.dumps(said).encode(), 2)
    assert verdict.message.startswith("a \\x1b[2J\\u202ebxxx") and len(verdict.message) == LINE
    assert Verdict("exception", "\x07" * 5000).message.isprintable()
    assert len(Verdict("exception", "x" * 5000).message) == LINE + 300


def test_the_longest_log_of_the_contract_is_kept_and_a_longer_one_is_refused() -> None:
    """A controller that advances and probes one branch after another writes the longest log there is."""
    source = candidate(
        """
        question.branch_many(4)
        while question.active:
            for i in question.active:
                if not question.advance(i): question.probe(i)
        return question.probe(0)
        """
    )
    env = environment([["ABCD", "ABC", "A", "ABCDEFG"]], None, ["B"])
    episodes = grid([env], [0.5], range(3), max_branches=4)
    found = evaluate(source, episodes, ProcessSandbox())
    assert found.verdict.ok and found.logs is not None
    entries = np.diff(found.logs.index_offsets[found.logs.record_offsets])
    assert entries.tolist() == episodes.most_entries.tolist()


def test_the_bound_follows_the_branches_that_may_be_opened() -> None:
    lengths = np.array([5, 2, 9], np.uint32)
    assert largest_log(lengths, 8) == 4 + 2 * 16 * 7
    assert largest_log(lengths, 1) == 4 + 2 * 9 * 7
    env = environment([["ABCD", "AB", "ABCDEFGH"]], None, ["B"])
    three, one = (grid([env], [0.5], [0], max_branches=n).most_entries.tolist() for n in (3, 1))
    steps = (env.probes + 1).tolist()
    assert three == [2 * sum(steps)] and one == [2 * max(steps)]


def _packed(*records: tuple[int, tuple[int, ...], int]) -> bytes:
    log = ActionLog()
    for verb, indices, times in records:
        log.add(verb, indices, times)
    return log.pack()


def test_all_logs_of_a_run_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_logs, "RUN_BYTES", 100)
    monkeypatch.setattr(kept_logs, "EPISODE_BYTES", 10)
    budget, log = LogBudget(2), _packed((BRANCH, (0,), 1), (RUN, (0,), 1))
    one, two = KeptLogs(budget), KeptLogs(budget)
    for kept in (one, two, one, two, one):
        kept.add(1, log)
    with pytest.raises(BadFrame) as refused:
        two.add(1, log)
    assert refused.value.verdict.kind == "output" and refused.value.verdict.episode is None
    assert LogBudget(1000).most == 10_000


def test_logs_come_back_in_the_order_of_the_run() -> None:
    budget = LogBudget(3)
    one, two = KeptLogs(budget), KeptLogs(budget)
    one.add(10, _packed((BRANCH, (0, 1), 1), (STEP, (1,), 3)))
    one.add(12, _packed())
    two.add(11, _packed((BRANCH, (0,), 1)))
    logs = logs_in_order([(np.array([0, 2]), one), (np.array([1]), two)])
    assert logs.answer.tolist() == [10, 11, 12] and logs.record_offsets.tolist() == [0, 2, 3, 3]
    assert logs.indices.tolist() == [0, 1, 1, 0] and logs.repeats.tolist() == [1, 3, 1]


@pytest.mark.parametrize(
    "log", [b"", b"\0\0\0", struct.pack("<I", 1), struct.pack("<I", 2**32 - 1) + bytes(99), bytes(5)]
)
def test_a_log_that_is_cut_short_is_refused(log: bytes) -> None:
    with pytest.raises(BadFrame, match="cut short"):
        KeptLogs(LogBudget(1)).add(0, log)


def test_a_log_whose_counts_do_not_match_names_its_episode() -> None:
    kept = KeptLogs(LogBudget(2))
    kept.add(0, _packed((BRANCH, (0,), 1)))
    kept.add(0, _packed((BRANCH, (0,), 1)) + bytes(2))
    with pytest.raises(BadFrame, match="do not match") as refused:
        logs_in_order([(np.array([4, 7]), kept)])
    assert refused.value.verdict.episode == 7


def test_the_scorer_refuses_a_log_with_more_actions_than_there_are_before_it_replays_it() -> None:
    env = generate(next(iter(default_models().values())), "toy/model", questions=1, branches=4)
    episodes = grid([env], [0.5], [0])
    n = int(episodes.most_entries[0]) + 1
    records = np.full(n, PROBE, np.uint8)
    logs = Logs(
        np.zeros(1, np.int32), np.array([0, n]), records, np.ones(n, np.uint16), np.ones(n, np.uint16),
        np.zeros(n, np.uint16),
    )  # fmt: skip
    with pytest.raises(ForgedLog, match="more actions than the question has"):
        score(episodes, logs)
    empty = replace(logs, counts=np.zeros(n, np.uint16), indices=np.zeros(0, np.uint16))
    with pytest.raises(ForgedLog, match="more actions than the question has"):
        score(episodes, empty)


def test_chunks_and_tables_change_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long logs are scored in smaller parts, and without a table of all records and branches."""
    env = generate(next(iter(default_models().values())), "toy/model", questions=3, branches=6)
    episodes = grid([env], [0.5], range(4))
    body = "for i in question.branch_many(4):\n    question.step(i)\nquestion.step_many([0, 2])\n"
    body += "return question.probe(0)"
    found = evaluate(candidate(body), episodes, ProcessSandbox())
    assert found.logs is not None and found.scores is not None
    monkeypatch.setattr("autotts.envs.scoring._TABLE", 0)
    monkeypatch.setattr("autotts.envs.scoring._CHUNK_ENTRIES", 5)
    again = score(episodes, found.logs)
    for name in ("correct", "tokens", "latency", "depth", "opened", "pruned"):
        assert np.array_equal(getattr(found.scores, name), getattr(again, name)), name
    twice = replace(found.logs, indices=found.logs.indices.copy())
    last = int(twice.index_offsets[int(twice.record_offsets[1]) - 1])
    twice.indices[last : last + 2] = 0
    with pytest.raises(ForgedLog, match="twice in one call"):
        score(episodes, twice)
