"""The command `collect`, killed 20 times: it ends with the same environment, and asks for no finished branch again."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.envs import store
from autotts.envs.live.collecting.collection import BranchCollection, CollectedBranch
from autotts.envs.live.collecting.journal import FILE, SUFFIX
from autotts.envs.live.collecting.questions import QuestionOptions, read_questions
from autotts.envs.live.settings import LiveSettings

from ..stub_server import StubQuestion, StubServer

QUESTIONS, BRANCHES, DELTA, KILLS = 5, 6, 10, 20


def questions() -> list[StubQuestion]:
    source = random.Random(0)
    made = []
    for number in range(QUESTIONS):
        lengths = [source.randint(5, 120) for _ in range(BRANCHES)]
        answers = [[str(source.randrange(3)) for _ in range(-(-total // DELTA))] for total in lengths]
        made.append(StubQuestion.of(f"{number}?", answers, lengths, DELTA))
    return made


def command(server: StubServer, home: Path, *options: str) -> subprocess.Popen[str]:
    words = [
        sys.executable, "-m", "autotts", "collect", str(home / "q.jsonl"), "--name", "stub/model", "--data", str(home),
        "--base-url", server.base_url, "--branches", str(BRANCHES), "--delta", str(DELTA), "--concurrency", "4",
        "--probe-suffix", "plain", "--branch-tokens", "500", *options,
    ]  # fmt: skip
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def stub(**settings: object) -> StubServer:
    return StubServer(questions(), branch_of_seed=lambda seed: seed % BRANCHES, **settings)  # type: ignore[arg-type]


def write_questions(home: Path) -> Path:
    home.mkdir(exist_ok=True)
    lines = [json.dumps({"question": f"{number}?", "answer": number % 3}) + "\n" for number in range(QUESTIONS)]
    (home / "q.jsonl").write_text("".join(lines))
    return home


def finished(journal: Path) -> set[tuple[int, int]]:
    """Return the branches that a journal holds whole."""
    found = set()
    for line in journal.read_text(errors="replace").splitlines() if journal.exists() else []:
        try:
            record = json.loads(line)
        except ValueError:  # the line that was being written
            continue
        if record.get("ended"):
            found.add((record["question"], record["branch"]))
    return found


def seeds(home: Path) -> dict[int, tuple[int, int]]:
    """Return the branch of each seed that may be sent."""
    settings = LiveSettings(delta=DELTA, max_branches=BRANCHES, branch_tokens=500, seed=0)
    asked = read_questions(home / "q.jsonl", QuestionOptions()).questions
    collection = BranchCollection(asked, settings, reader=None)  # type: ignore[arg-type]
    found = {}
    for question in range(QUESTIONS):
        for number in range(BRANCHES):
            for depth in range(50):
                seed = collection.seed(CollectedBranch(question, number, depth=depth))
                assert seed is not None and seed not in found
                found[seed] = question, number
    return found


def attempts(server: StubServer, of_seed: dict[int, tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return how often the server was asked for each branch."""
    counted = dict.fromkeys(of_seed.values(), 0)
    for (_, seed), counts in list(server.by_request.items()):
        if seed in of_seed:
            counted[of_seed[seed]] += counts.attempts
    return counted


@pytest.mark.slow
def test_collection_that_is_killed_20_times_ends_like_one_that_is_not(tmp_path: Path) -> None:
    whole, killed = write_questions(tmp_path / "whole"), write_questions(tmp_path / "killed")
    with stub() as server:
        done = command(server, whole)
        printed, _ = done.communicate(timeout=120)
        assert done.returncode == 0, printed
        needed = server.counts.completed
    of_seed = seeds(killed)
    journal = killed / "stub" / f"model{SUFFIX}" / FILE
    points = sorted(random.Random(1).sample(range(5, needed - 5), KILLS))
    kept: dict[tuple[int, int], int] = {}
    """How often the server had been asked for each branch, when the journal held it whole."""
    with stub() as server:
        for point in points:
            process = command(server, killed)
            assert server.wait_until(lambda point=point: server.counts.completed >= point, 120)  # type: ignore[misc]
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert process.returncode == -signal.SIGKILL
            now = attempts(server, of_seed)
            assert {branch: now[branch] for branch in kept} == kept, "a finished branch was asked for again"
            kept = {branch: now[branch] for branch in finished(journal)}
        last = command(server, killed)
        printed, _ = last.communicate(timeout=120)
        assert last.returncode == 0, printed
        now = attempts(server, of_seed)
        assert {branch: now[branch] for branch in kept} == kept
        asked_twice = server.counts.completed - needed
    assert 0 <= asked_twice <= KILLS * 4  # only what was in flight when the process was killed
    first, second = (store.load(home / "stub" / "model.env.npz") for home in (whole, killed))
    assert first.hash == second.hash
    assert len(second.final_answers) == QUESTIONS * BRANCHES and second.signals
