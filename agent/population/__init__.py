"""The population of a run: pure functions of the run's versions, so that a killed run resumes exactly.

`pareto` measures versions and their Pareto front, `preference` orders versions of nearly equal quality, `credit`
attributes gains to explorers and bandit arms, `islands` assigns versions to islands, `map_elites` and `novelty` measure
diversity, `parents` selects parents, `outcome` checks predictions, and `bandit` is the bandit behind repeated choices.
"""

from .credit import credited, credits, gains
from .pareto import (
    BUDGETS,
    ObjectiveSpace,
    Scored,
    attained,
    attained_by,
    best_baseline,
    budgets,
    by_merit,
    contributions,
    elites,
    front,
    hypervolume,
    merit,
    merits,
    qualities,
    quality,
    ranked,
    space,
)

__all__ = [
    "BUDGETS",
    "ObjectiveSpace",
    "Scored",
    "attained",
    "attained_by",
    "best_baseline",
    "budgets",
    "by_merit",
    "contributions",
    "credited",
    "credits",
    "elites",
    "front",
    "gains",
    "hypervolume",
    "merit",
    "merits",
    "qualities",
    "quality",
    "ranked",
    "space",
]  # fmt: skip
