"""The look-ahead audit convicts every controller that reads signals, scores or forks that it has not paid for."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from autotts.envs.episodes import Episodes, grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import Strength
from autotts.envs.synthetic.trees import ForkPlan

CHEATS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "cheats" / "beyond").glob("*.py"))}
FAST = (
    "fork_child_answers", "fork_most_children", "fork_reordered", "score_forged_verification", "score_of_finished",
    "score_present", "signal_best_final", "signal_forged_probe", "signal_packed_column",
)  # fmt: skip
"""Cheats of each kind that are tried in every run of the tests; the others are slow only together."""


@cache
def episodes() -> Episodes:
    """Return 96 episodes on questions with every part; all cheats cheat in 24 or fewer (beta 0.5, branch order 7)."""
    model = list(default_models().values())[2]
    parts = SimulatedParts(
        signals={"confidence": Strength(0.6, 0.9), "answer_confidence": Strength(0.6, 0.9)},
        verifier=Strength(0.6, 0.9),
        verify_cost=50,
        forks=ForkPlan(depths=(2, 4, 6), forks=1, levels=2),
    )
    made = with_parts(generate(model, "cheated/model", questions=24, branches=12), parts)
    return grid([made], [0.2, 0.5], range(6, 8), max_branches=16)
