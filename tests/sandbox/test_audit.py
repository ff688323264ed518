"""The look-ahead audit convicts every controller that uses cells it has not paid for, and no other controller."""

from __future__ import annotations

import random
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_names, baseline_source
from autotts.envs.episodes import Episodes, grid
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import policy
from autotts.sandbox.audit.look_ahead import AUDIT_SHARE, MIN_AUDITED, audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends import bubblewrap
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.backends.runner import WorkerSandbox
from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate
from autotts.sandbox.outcome import Candidate, SandboxOutcome, Verdict
from autotts.sandbox.wire import SealedBatch

from ..environments import random_environment
from .test_policy import evolved

pytestmark = pytest.mark.slow

Progress = Callable[[int], None] | None

CHEATS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "cheats").glob("*.py"))}
BY_ITSELF = ("carry_", "only_", "memory_", "time_", "predict_", "rare_address")
"""Cheats that behave when an episode is played alone. The audit cannot tell them from controllers that keep state."""
NO_SCORE = {"import", "exception", "exit", "crash", "timeout"}
"""Verdicts on a cheat whose channel is closed: it wins no score at all."""
CHANNELS = ("memory_", "time_")

MODELS = list(default_models().values())
NO_BUBBLEWRAP = pytest.mark.skipif(bool(bubblewrap.works()), reason=f"no bubblewrap: {bubblewrap.works()}")


@pytest.fixture(scope="module")
def each_sandbox(request: pytest.FixtureRequest) -> Iterator[WorkerSandbox]:
    """A sandbox of the kind that the test asks for."""
    if request.param == "docker":
        request.getfixturevalue("image")
    with open_sandbox(request.param, 2) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[WorkerSandbox]:
    """A bubblewrap sandbox, for tests that do not depend on the kind of sandbox."""
    if why := bubblewrap.works():
        pytest.skip(f"no bubblewrap: {why}")
    with open_sandbox("bubblewrap", 2) as sandbox:
        yield sandbox


@cache
def cheat_episodes() -> Episodes:
    """Return 4800 episodes, of which most cheats cheat in 60 (beta 0.5, branch order 7)."""
    environment = generate(MODELS[2], "cheated/model", questions=60, branches=64)
    return grid([environment], [0.2, 0.4, 0.5, 0.8], range(20), max_branches=32)


@cache
def few_episodes() -> Episodes:
    environment = generate(MODELS[0], "small/model", questions=5, branches=24)
    return grid([environment], [0.2, 0.6], range(8), max_branches=12)


def played(source: str, episodes: Episodes, sandbox: WorkerSandbox) -> LoggedEvaluation:
    found = evaluate(Candidate("candidate", source), episodes, sandbox)
    assert found.verdict.ok and found.logs is not None and found.scores is not None, found.verdict
    return found


def audited(source: str, episodes: Episodes, sandbox: WorkerSandbox, share: float = 1.0, number: int = 0) -> Verdict:
    found = played(source, episodes, sandbox)
    assert found.logs is not None
    return audit(found.candidate, episodes, found.logs, sandbox, share, fixed_secret(number))


def fixed_secret(number: int) -> AuditSecret:
    """Return a secret that always gives the same key for the same source, so that a test can be repeated."""
    return AuditSecret(number.to_bytes(32, "little"), nonce=lambda: b"")


def controller(body: str, before: str = "") -> str:
    head = f"from envs import Controller, majority\n{textwrap.dedent(before)}\nclass Mine(Controller):\n"
    return head + "    def solve(self, question):\n" + textwrap.indent(textwrap.dedent(body), " " * 8) + "\n"


# Cheats


TRIALS = [
    *(pytest.param("bubblewrap", name, marks=NO_BUBBLEWRAP) for name in CHEATS),
    *(
        pytest.param("docker", name, marks=pytest.mark.docker)
        for name in ("own_final", "carry_verb", "only_evaluation")
    ),
]


@pytest.mark.parametrize(("each_sandbox", "name"), TRIALS, indirect=["each_sandbox"])
def test_cheats_gain_and_are_convicted(name: str, each_sandbox: WorkerSandbox) -> None:
    found = evaluate(Candidate("candidate", CHEATS[name]), cheat_episodes(), each_sandbox)
    if name.startswith(CHANNELS) and found.verdict.kind in NO_SCORE:
        return
    honest = played(CHEATS[name].replace("PEEK = True", "PEEK = False"), cheat_episodes(), each_sandbox)
    assert found.scores is not None and honest.scores is not None and found.logs is not None
    right = int(found.scores.correct.sum()) - int(honest.scores.correct.sum())
    tokens = int(found.scores.tokens.sum()) - int(honest.scores.tokens.sum())
    assert right > 0 or (right == 0 and tokens < 0), (right, tokens)
    other = (found.scores.answer != honest.scores.answer) | (found.scores.tokens != honest.scores.tokens)
    assert 0 < np.mean(other) <= 0.0125

    verdict = audit(found.candidate, cheat_episodes(), found.logs, each_sandbox)
    expected = "rejected: not reproducible" if name.startswith(BY_ITSELF) else "rejected: looked ahead"
    assert verdict.kind in (expected, "rejected: looked ahead"), verdict
    assert verdict.episode is not None and cheat_episodes().describe(verdict.episode) in verdict.message
    assert "`" in verdict.message or "another answer" in verdict.message


def test_there_are_at_least_forty_different_cheats() -> None:
    assert len(CHEATS) >= 40 and len(set(CHEATS.values())) == len(CHEATS)
    assert all(source.count("PEEK = True") == 1 for source in CHEATS.values())


# Honest controllers


@pytest.mark.parametrize("name", baseline_names())
@pytest.mark.parametrize("number", [0, 1])
def test_baselines_pass_the_audit(name: str, number: int, sandbox: WorkerSandbox) -> None:
    environments = [generate(model, f"m{i}/model", questions=4, branches=24, seed=i) for i, model in enumerate(MODELS)]
    episodes = grid(environments, [0.0, 0.5, 1.0], range(3), max_branches=16)
    assert policy.check(baseline_source(name)).ok
    assert audited(baseline_source(name), episodes, sandbox, number=number) == Verdict("ok")


@cache
def odd(number: int) -> Episodes:
    """Return a small batch with odd properties: absent answers, branches without a probe, prices, budgets."""
    chance = Random(number)
    made: list[Environment] = [
        random_environment(chance, 4, 10, depth, price, f"odd/{i}") for i, (depth, price) in enumerate([(9, 0), (2, 7)])
    ]
    if number % 2:
        made.append(generate(MODELS[number % len(MODELS)], "even/model", questions=4, branches=16))
    budget = None if number % 3 else 40 * max(environment.delta for environment in made)
    return grid(made, [0.2, 0.9], range(2), max_branches=(8, 16, 64)[number % 3], max_tokens=budget)


def test_evolved_controllers_pass_the_audit() -> None:
    with ProcessSandbox(1) as sandbox:  # runs only controllers of our own explorer, so no isolation is needed
        for number, source in enumerate(evolved(200)):
            assert policy.check(source).ok
            episodes = odd(number % 12)
            found = evaluate(source, episodes, sandbox)
            assert found.logs is not None, found.verdict
            verdict = audit(found.candidate, episodes, found.logs, sandbox, secret=fixed_secret(number))
            assert verdict == Verdict("ok"), source


RANDOM_CONTROLLER = controller(
    """
    seen, chance = [None], self.random
    for _ in range(chance.randint(0, 30)):
        active = question.active
        verb = chance.choice(("branch", "advance", "probe", "step", "run", "prune", "together"))
        try:
            if verb == "branch" or not active:
                question.branch_many(chance.randint(0, 3))
                continue
            i = chance.choice(active)
            if verb == "advance":
                question.advance(i)
            elif verb == "probe":
                seen.append(question.probe(i))
            elif verb == "prune":
                question.prune(i)
            elif verb == "step":
                seen.append(question.step(i)[0])
            elif verb == "run":
                seen.append(question.run_to_end(i))
            else:
                seen += [answer for answer, _ in question.step_many(chance.sample(active, len(active)))]
        except IllegalAction:
            continue
    if chance.random() < 0.5:
        return majority(seen)
    return chance.choice(seen)
    """,
    "from envs import IllegalAction",
)


@pytest.mark.parametrize("number", range(12))
def test_a_random_controller_passes_the_audit(number: int, sandbox: WorkerSandbox) -> None:
    assert audited(RANDOM_CONTROLLER, odd(number), sandbox, number=number) == Verdict("ok")


HONEST = {
    "seeded chance": controller("return question.run_to_end(question.branch_many(1 + self.random.randrange(6))[-1])"),
    "first of equals": controller("return majority(question.run_many_to_end(question.branch_many(5)))"),
    "a set for membership": controller(
        """
        seen = set()
        while question.can_branch:
            answer = question.run_to_end(question.branch())
            if answer in seen:
                return answer
            seen.add(answer)
        return answer
        """
    ),
    "tokens spent": controller(
        """
        while question.can_branch and question.tokens < 20000 * self.beta:
            answer = question.run_to_end(question.branch())
        return answer if question.width else None
        """
    ),
    "nothing": controller("return None"),
    "opens and leaves": controller("question.branch_many(question.max_branches)\nreturn None"),
    "blind": controller("i = question.branch()\nwhile not question.advance(i): pass\nreturn question.probe(i)"),
}


@pytest.mark.parametrize("what", HONEST)
@pytest.mark.parametrize("number", range(3))
def test_honest_controllers_pass_under_any_secret(what: str, number: int, sandbox: WorkerSandbox) -> None:
    assert audited(HONEST[what], few_episodes(), sandbox, number=number) == Verdict("ok")


# Other faults that the audit detects

FAULTS = {
    "state": (
        "rejected: not reproducible",
        controller(
            "SEEN.append(1)\nreturn question.run_to_end(question.branch_many(1 + len(SEEN) % 3)[-1])", "SEEN = []"
        ),
    ),
    "chance": (
        "rejected: not reproducible",
        controller("return question.run_to_end(question.branch_many(random.randint(1, 4))[-1])", "import random"),
    ),
    "names": (
        "rejected: not reproducible",
        controller("return max(question.run_many_to_end(question.branch_many(4)), key=str)"),
    ),
    "hashes": (
        "rejected: not reproducible",
        controller("return next(iter(set(question.run_many_to_end(question.branch_many(4)))))"),
    ),
    "unopened": (
        "rejected: looked ahead",
        controller(
            "ends = [question._recording.columns[i][-1][0] for i in question._order]\n"
            "return question.run_to_end(question.branch_many(1 + ends.index(majority(ends)))[-1])"
        ),
    ),
    "raises on decoys": (
        "rejected: looked ahead",
        controller("if len(set(question._order)) < len(question._order): 1 / 0\nreturn None"),
    ),
    "ends on decoys": (
        "rejected: looked ahead",
        controller("if len(set(question._order)) < len(question._order): raise SystemExit\nreturn None"),
    ),
}


@pytest.mark.parametrize("what", FAULTS)
def test_the_verdict_names_the_fault(what: str, sandbox: WorkerSandbox) -> None:
    kind, source = FAULTS[what]
    verdict = audited(source, few_episodes(), sandbox)
    # a controller that depends on names may by chance act the same whenever the episode is played alone
    assert verdict.kind == kind or (what in ("names", "hashes") and not verdict.ok), verdict
    assert verdict.episode is not None and few_episodes().describe(verdict.episode) in verdict.message
    assert "\n" not in verdict.message


def test_the_time_cannot_be_read(sandbox: WorkerSandbox) -> None:
    source = controller("question.branch_many(1 + time.time_ns() // 1000 % 5)\nreturn None", "import time")
    assert not evaluate(Candidate("candidate", source), few_episodes(), sandbox).verdict.ok


def test_the_message_names_the_first_differing_action(sandbox: WorkerSandbox) -> None:
    body = """
    i = question.branch()
    if len(question._columns[i]) % 2:
        question.step(i)
    else:
        question.advance(i)
    return None
    """
    verdict = audited(controller(body), few_episodes(), sandbox)
    assert verdict.kind == "rejected: looked ahead" and verdict.episode is not None
    was = ("action 1 was `step 0`, and `advance 0` where", "action 1 was `advance 0`, and `step 0` where")
    assert verdict.message.startswith(was) and verdict.message.endswith(f"[{few_episodes().describe(verdict.episode)}]")


def test_an_endless_loop_on_decoys_is_a_timeout() -> None:
    if why := bubblewrap.works():
        pytest.skip(f"no bubblewrap: {why}")
    source = controller("while len(set(question._order)) < len(question._order): pass\nreturn None")
    with open_sandbox("bubblewrap", 1, limits=SandboxLimits(episode_seconds=0.5)) as sandbox:
        verdict = audited(source, few_episodes(), sandbox)
    assert verdict.kind == "timeout" and verdict.episode is not None


@pytest.mark.parametrize(("share", "expected"), [(AUDIT_SHARE, MIN_AUDITED), (0.5, 2400), (1.0, 4800)])
def test_the_audited_share_is_drawn_and_reported(share: float, expected: int) -> None:
    counted: list[int] = []
    with ProcessSandbox(2) as sandbox:
        found = played(baseline_source("early_stopping"), cheat_episodes(), sandbox)
        assert found.logs is not None
        assert audit(found.candidate, cheat_episodes(), found.logs, sandbox, share, progress=counted.append).ok
    assert sum(counted) == expected


@pytest.mark.parametrize(("share", "times", "alone"), [(AUDIT_SHARE, 1, 50), (1.0, 2, 500)])
def test_episodes_are_audited_alone_and_all_of_them_twice(share: float, times: int, alone: int) -> None:
    """Among many episodes a cheat could read from the others what it had decided in the evaluation."""
    played_in: Counter[str] = Counter()
    sizes: list[int] = []

    class Watched(ProcessSandbox):
        def play(self, candidate: Candidate, batch: SealedBatch, progress: Progress = None) -> SandboxOutcome:
            if batch.max_branches == cheat_episodes().max_branches and len(batch.questions) == len(batch):
                played_in.update(map(batch.describe, range(len(batch))))
                sizes.extend(np.unique(batch.group, return_counts=True)[1].tolist())
            return super().play(candidate, batch, progress)

    with Watched(2) as sandbox:
        assert audited(baseline_source("early_stopping"), cheat_episodes(), sandbox, share).ok
    assert set(played_in.values()) == {times} and sizes.count(1) >= times * alone
    assert max(sizes) <= 60


def test_the_draw_depends_on_the_secret(sandbox: WorkerSandbox) -> None:
    source = FAULTS["unopened"][1]
    verdicts = [audited(source, few_episodes(), sandbox, AUDIT_SHARE, number) for number in (0, 0, 1, 2)]
    assert verdicts[0] == verdicts[1]
    assert len({verdict.episode for verdict in verdicts}) > 1


def test_an_environment_with_one_branch_without_probes_passes(sandbox: WorkerSandbox) -> None:
    chance = random.Random(3)
    episodes = grid([random_environment(chance, 1, 1, 0, 0, "one/branch")], [0.5], range(3), max_branches=4)
    assert audited(HONEST["first of equals"].replace("branch_many(5)", "branch_many(1)"), episodes, sandbox).ok
