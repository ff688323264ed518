"""The source policy: checks the syntax tree of a controller before any of its code runs.

The check gives an explorer an early message that names the line to change. Security does not depend on it: a candidate
that passes by mistake still faces the sandbox, the replay of its log by the host, and the look-ahead audit.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from autotts.envs.syntax_lock import SYNTAX_LOCK

from .outcome import Verdict
from .stored_data import stored_data

MAX_CHARACTERS = 64 << 10
"""Characters of a source."""
MAX_NODES = 20_000
MAX_DEPTH = 60
"""Levels of the syntax tree."""

MODULES = frozenset((
    "__future__", "abc", "autotts", "bisect", "collections", "collections.abc", "copy", "dataclasses", "decimal",
    "enum", "envs", "envs.controller", "envs.question", "fractions", "functools", "heapq", "itertools", "math",
    "numbers", "operator", "random", "statistics", "string", "textwrap", "typing",
))  # fmt: skip
"""Modules that a controller may import."""

_CALLS = {
    "exec": "write the code out", "eval": "write the expression out", "compile": "write the code out",
    "open": "a controller has no files", "input": "a controller has no input", "print": "a controller has no output",
    "globals": "use attributes of self", "locals": "use attributes of self", "vars": "name the attributes",
    "getattr": "name the attribute", "setattr": "name the attribute", "delattr": "name the attribute",
    "__import__": "use an import statement", "breakpoint": "there is no debugger", "memoryview": "use a list",
    "id": "compare with `is`", "hash": "answers may only be compared for equality", "exit": "return the answer",
    "quit": "return the answer",
}  # fmt: skip
_BY_NAME = {"attrgetter", "methodcaller", "format", "format_map", "Formatter"}
"""Functions and methods that read attributes by names in strings, which this check cannot see."""
_ALLOWED_DUNDERS = frozenset(
    ("__init__", "__post_init__", "__slots__", "__name__", "__class__", "__len__", "__lt__", "__eq__")
)


def parse(source: str) -> ast.Module:
    """Return the syntax tree of ``source``, as `ast.parse` does, but safely in several threads (see `SYNTAX_LOCK`)."""
    with SYNTAX_LOCK:
        return ast.parse(source)


def check(source: str, *, prints: bool = False) -> Verdict:
    """Check ``source``. Never raises.

    Args:
        source: the source of a controller.
        prints: whether it may call `print`, as while a draft is tried by hand.

    Returns:
        A verdict of kind ``ok``; of kind ``rejected: policy`` or ``syntax`` for the first line that is refused; or of
        kind ``rejected: stores data`` for a source that could recognise questions by heart (`stored_data`).
    """
    if len(source) > MAX_CHARACTERS:
        return _refuse(f"the source has {len(source)} characters, of at most {MAX_CHARACTERS}")
    try:
        tree = parse(source)
    except SyntaxError as error:
        return Verdict("syntax", f"line {error.lineno}: {error.msg}")
    except (ValueError, RecursionError, MemoryError, UnicodeError) as error:
        return Verdict("syntax", f"the source cannot be parsed: {' '.join(str(error).split())}")
    faults: list[tuple[int, str]] = []
    for count, (node, depth) in enumerate(_walk(tree)):
        line = getattr(node, "lineno", 1)
        if count >= MAX_NODES or depth > MAX_DEPTH:
            return _refuse(f"line {line}: the source is too large or too deeply nested; make it simpler")
        if not (prints and isinstance(node, ast.Name) and node.id == "print"):
            faults += [(line, fault) for fault in _faults(node)]
    if faults:
        line, fault = min(faults)
        return _refuse(f"line {line}: {fault}")
    if stored := stored_data(tree).fault:
        return Verdict("rejected: stores data", f"{stored}: a controller holds a rule, and no data of questions")
    return Verdict("ok")


def _refuse(message: str) -> Verdict:
    return Verdict("rejected: policy", message)


def _walk(tree: ast.AST) -> Iterator[tuple[ast.AST, int]]:
    """Yield every node with its depth. There is no recursion, as a source may be nested deeper than Python's stack."""
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        yield node, depth
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]


def _faults(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _import(alias.name)
    elif isinstance(node, ast.ImportFrom):
        yield from ["import from `envs`, not relatively"] if node.level else _import(node.module or "")
        for alias in node.names:
            yield from _borrowed(alias.name)
        if node.module == "random":
            yield from _random([alias.name for alias in node.names])
    elif isinstance(node, ast.Attribute):
        yield from _attribute(node)
    elif isinstance(node, ast.MatchClass):
        yield from (f"`{name}=` is private: use what the contract offers" for name in node.kwd_attrs if name[:1] == "_")
    elif isinstance(node, ast.Name):
        if node.id in _CALLS:
            yield f"`{node.id}` is not allowed: {_CALLS[node.id]}"
        elif _is_dunder(node.id) and node.id not in _ALLOWED_DUNDERS:
            yield f"`{node.id}` is not allowed"
    elif isinstance(node, (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)):
        yield "async is not allowed: `solve` is called and returns the answer"
    elif isinstance(node, (ast.Global, ast.Nonlocal)):
        yield "`global` and `nonlocal` are not allowed: nothing is kept from one episode to the next, use self"


def _import(module: str) -> Iterator[str]:
    if module not in MODULES:
        yield f"`{module}` cannot be imported; there are envs, math, statistics, collections, itertools, functools, ..."


def _random(names: list[str]) -> Iterator[str]:
    for name in names:
        if name != "Random":
            yield f"`random.{name}` is chance without a seed: use self.random"


def _borrowed(name: str) -> Iterator[str]:
    if name in _BY_NAME:
        yield f"`{name}` is not allowed: name the attribute, or use an f-string"
    elif name in sys.stdlib_module_names and name not in MODULES:
        yield f"`{name}` is a module that is not allowed, wherever it is reached through"


def _attribute(node: ast.Attribute) -> Iterator[str]:
    name, owner = node.attr, node.value
    if (name in _BY_NAME and not _is_own(owner)) or (isinstance(owner, ast.Name) and owner.id in MODULES):
        yield from _borrowed(name)
    if isinstance(owner, ast.Name) and owner.id == "random":
        yield from _random([name])
    if _is_dunder(name):
        if name not in _ALLOWED_DUNDERS:
            yield f"`.{name}` is not allowed: use what the contract offers"
    elif name.startswith("_") and not _is_own(owner):
        yield f"`.{name}` is private: use what the contract offers"


def _is_own(owner: ast.expr) -> bool:
    return isinstance(owner, ast.Name) and owner.id in ("self", "cls")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
