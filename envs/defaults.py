"""Defaults of a measurement, in a module that loads nothing: the command shows them before it loads numpy."""

from __future__ import annotations

MAX_BRANCHES = 64
"""The default width of the budget: the number of branches in the published experiments."""
DEFAULT_ORDERS = 10
"""The default number of branch orders of a measurement: its intervals are those over questions, which more orders
hardly narrow, and it takes seconds. The published figures have 100."""
ALTERNATIVES = 5
"""Alternatives to each token that a collection asks for, for entropies and confidences: as many as all servers give."""
