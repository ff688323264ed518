"""Decides which answers are the same: for the import of recorded branches, and for answers of live models.

from envs.answers import equivalence, group

equivalence("number").same("1,000", "1e3")                           # True
group(["0.5", "2", "1/2", "2.0"], equivalence("number"), ["1/2"])    # {"1/2": "1/2", "2": "2", "0.5": "1/2", ...}
"""

from .equivalences import KINDS, Equivalence, equivalence, math_is_installed
from .grouping import group

__all__ = ["KINDS", "Equivalence", "equivalence", "group", "math_is_installed"]
