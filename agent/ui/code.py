"""Sources for pages: syntax colours, line diffs and docstrings. The sources are never run."""

from __future__ import annotations

import ast
import difflib
from itertools import groupby

from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, _TokenType

from autotts.envs.errors import InputError
from autotts.sandbox import policy

COLOURED = 200_000
"""Longest source that is coloured, in characters; a longer one is shown as plain text at once."""
COMPARED = 200_000
"""Longest source that is compared, in characters: the time can grow with the square of the length."""
_COMPARED_LINES = 5_000

_KINDS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "c"), (String, "s"), (Number, "m"), (Keyword, "k"), (Operator.Word, "k"),
    (Name.Function, "f"), (Name.Class, "f"), (Name.Decorator, "f"),
)  # fmt: skip

Piece = tuple[str, str]
"""The kind of a token or line, and its text."""


def coloured(source: str) -> list[Piece]:
    """Return the source in pieces, each with the class of its colour; a long source is one piece without a class."""
    if len(source) > COLOURED:
        return [("", source)]
    tokens = PythonLexer(stripnl=False, ensurenl=False).get_tokens(source)
    kinds = ((_kind(token), text) for token, text in tokens)
    return [(kind, "".join(text for _, text in run)) for kind, run in groupby(kinds, key=lambda pair: pair[0])]


def _kind(token: _TokenType) -> str:
    return next((short for kind, short in _KINDS if token in kind), "")


def difference(old: str, new: str, old_name: str, new_name: str) -> list[Piece]:
    """Return the lines of a unified difference: kinds are "plus", "minus", "hunk" and "".

    Raises:
        InputError: one of the sources is too long.
    """
    first, second = old.splitlines(), new.splitlines()
    if max(len(old), len(new)) > COMPARED or max(len(first), len(second)) > _COMPARED_LINES:
        raise InputError(f"a source of more than {COMPARED:,} characters is not compared; see `autotts diff`")
    lines = difflib.unified_diff(first, second, old_name, new_name, lineterm="", n=4)
    marks = {"+": "plus", "-": "minus", "@": "hunk"}
    return [(marks.get(line[:1], ""), line) for line in lines]


def stated(source: str) -> str:
    """Return the docstrings of a source's module and classes."""
    if len(source) > COLOURED:
        return ""
    try:
        tree = policy.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    docstrings = [ast.get_docstring(tree), *map(ast.get_docstring, classes)]
    return "\n\n".join(text for text in docstrings if text)[:4_000]
