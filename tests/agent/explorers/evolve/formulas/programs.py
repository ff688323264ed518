"""Random programs, and episodes of the controllers that are written of them."""

from __future__ import annotations

import random
from collections.abc import Sequence

from autotts.agent.explorers.evolve.formulas.moves import Moves
from autotts.agent.explorers.evolve.formulas.program import Program
from autotts.agent.explorers.evolve.formulas.translation import momentum
from autotts.agent.records.explorer import SignalSummary
from autotts.envs.contract.controller import answer_without_tokens
from autotts.envs.contract.replay import Recording, ReplayQuestion
from tests.agent.explorers.evolve.test_evolve import compiled

SIGNALS = (SignalSummary("confidence", -0.4, 0.12), SignalSummary("tail entropy-x", 1.1, 0.5))


def random_program(seed: int, signals: Sequence[SignalSummary] = SIGNALS) -> Program:
    """Return a program that is up to twenty changes away from the defaults or from the momentum controller."""
    rng = random.Random(seed)
    moves = Moves(rng, signals)
    program = Program.make({}) if seed % 3 else momentum()
    for _ in range(rng.choice((1, 3, 8, 20))):
        program, _ = moves.vary(program)
    return program


def random_recording(rng: random.Random) -> Recording:
    """Return up to 40 branches that often change their minds, with signals, and with intervals of ten tokens."""
    usual = rng.choice(("a", "b", None))
    columns = [
        [usual if rng.random() < 0.5 else rng.choice((None, "a", "b", "c", "d")) for _ in range(rng.randint(1, 20))]
        for _ in range(rng.randint(1, 40))
    ]
    signals = {signal.name: [[_number(signal, rng) for _ in column] for column in columns] for signal in SIGNALS}
    return Recording.of(columns, [10 * len(column) - 3 for column in columns], 10, rng.choice((0, 3)), signals=signals)


def _number(signal: SignalSummary, rng: random.Random) -> float | None:
    return None if rng.random() < 0.1 else rng.gauss(signal.centre, signal.scale)


def played(source: str, recording: Recording, rng: random.Random, beta: float) -> tuple[str | None, bytes]:
    """Return the answer and the log of an episode; the same ``rng`` draws the same episode."""
    controller = compiled(source)
    seen = recording.seen_by(controller)
    order = seen.order(rng.randrange(1000))
    question = ReplayQuestion(seen, order, rng.choice((4, 20, 64)), rng.choice((None, None, 30, 200, 1000)))
    answer = controller(beta).solve(question)
    if answer is None and question.tokens_ran_out:
        answer = answer_without_tokens(question)
    return answer, question.finish().pack()
