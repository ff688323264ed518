"""How complicated a source is: what it could have been tuned by, and how many ways lead through it."""

from __future__ import annotations

import ast
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from sandbox import policy

_FREE = (0, 1)
"""Numbers that nobody tunes: where counting begins, and its step."""
UNKNOWN = 10**9
"""The complexity of a version of which it was not noted: it is never preferred for its simplicity."""


class Complexity(BaseModel):
    """The size of a controller as a hypothesis."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    constants: int
    """Numbers written in the source, other than 0 and 1 (with either sign)."""
    branches: int
    """Places at which the course of the program divides: conditions, loops, alternatives (McCabe's number less one)."""

    @property
    def total(self) -> int:
        """The sum, by which two versions are compared."""
        return self.constants + self.branches


@lru_cache(maxsize=256)
def complexity(source: str) -> Complexity | None:
    """Return how complicated ``source`` is; None if it is no Python, or larger than a controller may be."""
    if len(source) > policy.MAX_CHARACTERS:
        return None
    try:
        nodes = list(ast.walk(policy.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return Complexity(constants=sum(map(_is_free, nodes)), branches=sum(map(_branches, nodes)))


def _is_free(node: ast.AST) -> bool:
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)
    return number and node.value not in _FREE  # type: ignore[attr-defined]


def _branches(node: ast.AST) -> int:
    if isinstance(node, ast.If | ast.IfExp | ast.For | ast.While | ast.ExceptHandler | ast.match_case):
        return 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
