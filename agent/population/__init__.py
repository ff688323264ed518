"""The population of a run, all of it pure functions of its versions: so a run that was killed goes on as it would have.

`frontier` says how good versions are, `preference` which of equals comes first, `credit` who has brought what,
`islands` who lives where, `grid` and `novelty` how different they are, `choice` who becomes a parent, `outcome` what
came of a prediction, and `bandit` is the one bandit behind all choices that repeat.
"""

from .credit import credits
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
    "credits",
    "elites",
    "front",
    "hypervolume",
    "merit",
    "merits",
    "qualities",
    "quality",
    "ranked",
    "space",
]  # fmt: skip
