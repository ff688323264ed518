"""The complexity of a source: numbers that could have been tuned, stored data, and branches of its control flow."""

from __future__ import annotations

import ast
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from autotts.envs.declarations import DeclarationError, declarations_in
from autotts.sandbox import policy
from autotts.sandbox.stored_data import stored_data

_FREE = (0, 1)
"""Numbers that do not count as tuned constants."""
_BYTES_OF_A_CONSTANT = 4
"""Bytes of stored data, above those of any ordinary controller, that count as one tuned constant."""
_CONSTANTS_OF_A_SIGNAL = 200
"""Constants that a signal counts as, so that a version with a signal must lead by more than noise. It can be played in
fewer environments, too."""
UNKNOWN = 10**9
"""Stands for the complexity of a card without one, so that the version is never preferred as simpler."""


class Complexity(BaseModel):
    """The complexity of a controller, for preferring the simpler of two equally good ones."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    constants: int
    """Numbers written in the source, other than 0 and 1 (with either sign), stored data in place of numbers
    (`sandbox.stored_data.StoredData.notable`), and declared signals."""
    branches: int
    """Conditions, loops and alternatives: McCabe's cyclomatic complexity less one."""

    @property
    def total(self) -> int:
        """The sum, by which two versions are compared."""
        return self.constants + self.branches


@lru_cache(maxsize=256)
def complexity(source: str) -> Complexity | None:
    """Return the complexity of ``source``; None if it does not parse, or is larger than a controller may be."""
    if len(source) > policy.MAX_CHARACTERS:
        return None
    try:
        tree = policy.parse(source)
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    hidden = stored_data(tree).notable // _BYTES_OF_A_CONSTANT
    hidden += _CONSTANTS_OF_A_SIGNAL * _signals(tree)
    return Complexity(constants=sum(map(_is_free, nodes)) + hidden, branches=sum(map(_branches, nodes)))


def _signals(tree: ast.Module) -> int:
    """Return the number of signals that a controller declares; 0 if its declarations are not literals."""
    try:
        declared = declarations_in(tree)
    except DeclarationError:
        return 0
    return len(declared.signals) + len(declared.optional_signals)


def _is_free(node: ast.AST) -> bool:
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float, complex)
    return number and node.value not in _FREE  # type: ignore[attr-defined]


def _branches(node: ast.AST) -> int:
    if isinstance(node, ast.If | ast.IfExp | ast.For | ast.While | ast.ExceptHandler | ast.match_case):
        return 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    return len(node.values) - 1 if isinstance(node, ast.BoolOp) else 0
