"""The frame: sources of programs are understood, legal, and act as the controllers that they stand for."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.agent.archive.champions import champion, champion_names, champion_source
from autotts.agent.explorers.evolve.formulas.expression import N, constant
from autotts.agent.explorers.evolve.formulas.frame import write
from autotts.agent.explorers.evolve.formulas.moves import without_signal
from autotts.agent.explorers.evolve.formulas.program import Program
from autotts.agent.explorers.evolve.formulas.translation import block, momentum, translate
from autotts.agent.explorers.evolve.genome import STARTS, Genome
from autotts.agent.explorers.evolve.render import render
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.declarations import read_declarations
from autotts.envs.recordings import recording_of
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox import policy
from tests.agent.explorers.evolve.test_evolve import compiled

from .programs import played, random_program, random_recording

ROOT = Path(__file__).parents[5]
MARGIN = [name for name in STARTS if "margin" in name or "against" in name]


def test_sources_pass_the_linter_and_the_policy(tmp_path: Path) -> None:
    for seed in range(60):
        program = random_program(seed)
        source = write(program)
        assert policy.check(source).ok
        assert source.count("\n") < 240 + program.size
        assert source.count("\n") < 300 or program.size > 100
        (tmp_path / f"candidate_{seed}.py").write_text(source)
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--no-cache",
        "--config",
        str(ROOT / "pyproject.toml"),
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_signals_in_use_are_declared() -> None:
    for seed in range(40):
        program = random_program(seed)
        assert read_declarations(write(program)).signals == program.signals
        for signal in program.signals:
            assert signal not in without_signal(program, signal).signals
    assert "signals" not in write(Program.make({}))


@pytest.mark.parametrize("seed", [*range(5), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(5, 40))])
def test_every_controller_solves_every_environment(seed: int) -> None:
    """Checks: no illegal action, the same actions again, and a schedule that is monotone in beta."""
    source = write(random_program(seed))
    for episode in range(4):
        branches = random_recording(random.Random(f"{seed} {episode}"))
        for beta in (0.0, 0.4, 1.0):
            answer, log = played(source, branches, random.Random(episode), beta)
            assert (answer, log) == played(source, branches, random.Random(episode), beta)
    schedules = [compiled(source).schedule(step / 20) for step in range(21)]
    for name in schedules[0]:
        values = [schedule[name] for schedule in schedules]
        assert values == sorted(values) or values == sorted(values, reverse=True)


@pytest.mark.parametrize("name", MARGIN)
def test_margin_rule_as_formulas_acts_as_its_blocks(name: str) -> None:
    ours, theirs = write(translate(STARTS[name])), render(STARTS[name])
    for episode in range(40):
        branches = random_recording(random.Random(episode))
        for beta in (0.0, 0.6, 1.0):
            assert played(ours, branches, random.Random(episode), beta) == played(
                theirs, branches, random.Random(episode), beta
            )


@pytest.mark.slow
@pytest.mark.parametrize("name", champion_names())
def test_champions_as_formulas_act_as_they_do(name: str) -> None:
    archive, version = champion(name)
    program = translate(Genome.from_json(archive.card(version).data["genome"]))
    assert curve(write(program)) == curve(champion_source(name))


@pytest.mark.slow
def test_momentum_rule_as_formulas_spends_and_answers_nearly_as_the_baseline() -> None:
    """At both ends of beta: between them, the width of the original grows by a sum, and here by a factor."""
    source = (ROOT / "controllers_archive" / "baselines" / "confidence_momentum.py").read_text()
    for (right, tokens), (usual, usual_tokens) in list(zip(curve(write(momentum())), curve(source), strict=True))[::2]:
        assert abs(right - usual) <= 0.04
        assert tokens == pytest.approx(usual_tokens, rel=0.15)


def curve(source: str) -> list[tuple[float, float]]:
    """Return the share of right answers and the mean tokens on synthetic questions, for three values of beta."""
    controller = compiled(source)
    environments = default_environments(questions=30, branches=64)[1:3]
    points = []
    for beta in (0.0, 0.5, 1.0):
        right = tokens = count = 0
        for env in environments:
            for q in range(len(env)):
                seen = recording_of(env, q).seen_by(controller)
                question = ReplayQuestion(seen, seen.order(7), 64)
                right += controller(beta).solve(question) == env.vocabulary[env.gold[q]]
                tokens += question.tokens
                count += 1
        points.append((right / count, tokens / count))
    return points


def test_agreement_stops_before_a_branch_has_finished() -> None:
    """Three branches of four intervals agree in their second interval: the vote of those that run decides."""
    program = Program.make({**block("early", "agreement"), "open": constant(N, 3), "most": constant(N, 3)})
    recording = Recording.of([list("abbb"), list("cbbb"), [None, *"bbb"]], [40, 40, 40], 10, 0)
    controller = compiled(write(program))
    question = ReplayQuestion(recording.seen_by(controller), (0, 1, 2), 64, None)
    assert controller(1.0).solve(question) == "b"
    assert question.tokens == 3 * 2 * 10


def test_sources_say_what_their_formulas_mean() -> None:
    source = write(translate(STARTS[MARGIN[0]]))
    docstring = source.split('"""')[1]
    assert "Stops when finished >= `stop_finished` and lead >= " in docstring
    assert "`lead`: votes of the leading answer less those of the second" in docstring
    for name in compiled(source).schedule(0.5):
        assert f"`{name}`" in docstring
