"""Reads what a controller declares that it uses beside answers: signals, a verifier, forks.

The declarations are read from the syntax tree of its source. No code of a controller runs on the host.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .contract.recording import DeclaredUse
from .store import Environment
from .syntax_lock import SYNTAX_LOCK

USES = ("needed", "optional", "")
"""The values of the declarations ``verifier`` and ``forks``."""
MOST_SIGNALS = 100
_NAMES = ("signals", "optional_signals")
_DECLARED = (*_NAMES, "verifier", "forks")


class DeclarationError(ValueError):
    """A declaration is not a literal, or not one of the values that it may have. The message names the line."""


@dataclass(frozen=True, slots=True)
class Declarations:
    """What a controller declares that it uses: see `envs.contract.controller.Controller`."""

    signals: tuple[str, ...] = ()
    optional_signals: tuple[str, ...] = ()
    verifier: str = ""
    forks: str = ""

    @classmethod
    def of(cls, controller: DeclaredUse | type[DeclaredUse]) -> Declarations:
        """Return the declarations of a controller class in this process."""
        names = tuple(controller.signals), tuple(controller.optional_signals)
        return cls(*names, str(controller.verifier), str(controller.forks))

    @property
    def names(self) -> tuple[str, ...]:
        """All signals that it declares, each once."""
        return tuple(dict.fromkeys((*self.signals, *self.optional_signals)))

    @property
    def needs(self) -> bool:
        """Whether an environment of answers alone lacks something."""
        return bool(self.signals) or "needed" in (self.verifier, self.forks)

    def in_words(self) -> str:
        """Return what the controller uses beside answers, in one sentence; "" for answers alone."""
        needed, optional = [_signal_words(self.signals)], [_signal_words(self.optional_signals)]
        for what, use in (("a verifier", self.verifier), ("forks", self.forks)):
            needed.append(what if use == "needed" else "")
            optional.append(what if use == "optional" else "")
        parts = [
            f"{verb} {_listed(words)}{where}"
            for verb, listed, where in (("needs", needed, ""), ("uses", optional, " where an environment has them"))
            if (words := [word for word in listed if word])
        ]
        return f"It {', and '.join(parts)}." if parts else ""

    def shown(self, signals: Collection[str]) -> tuple[str, ...]:
        """Return those of the available ``signals`` that the controller is shown, in the order of declaration."""
        return tuple(name for name in self.names if name in signals)

    def missing(self, signals: Collection[str], verifier: bool, forks: bool) -> tuple[str, ...]:
        """Return the needs that a question does not meet, each in words.

        Args:
            signals: the signals of the question.
            verifier: whether it has a verifier.
            forks: whether its branches can be forked.
        """
        lacking = [f"the signal {name}" for name in self.signals if name not in signals]
        if self.verifier == "needed" and not verifier:
            lacking.append("a verifier")
        if self.forks == "needed" and not forks:
            lacking.append("forks")
        return tuple(lacking)

    def missing_in(self, environment: Environment) -> tuple[str, ...]:
        """Return the needs that ``environment`` does not meet, each in words."""
        verifier, forks = environment.verifier is not None, environment.parents is not None
        return self.missing(environment.signal_names, verifier, forks)

    def refusal(self, environments: Sequence[Environment]) -> str:
        """Return why the controller cannot be played on ``environments``, in one line; "" if it can be."""
        for environment in environments:
            if missing := self.missing_in(environment):
                return f"it needs {_listed(missing)}, which {environment.name} does not have"
        return ""


def _signal_words(names: Sequence[str]) -> str:
    if not names:
        return ""
    return f"the {'signal' if len(names) == 1 else 'signals'} {_listed(names)}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


@lru_cache(maxsize=256)
def read_declarations(source: str) -> Declarations:
    """Return the declarations of the controller that ``source`` defines.

    Raises:
        DeclarationError: a declaration is not a literal with one of the values allowed.
        SyntaxError: the source cannot be parsed.
        ValueError: the same.
    """
    with SYNTAX_LOCK:
        tree = ast.parse(source)
    return declarations_in(tree)


def declarations_in(tree: ast.Module) -> Declarations:
    """Return the declarations of the controller in a syntax tree.

    Raises:
        DeclarationError: see `read_declarations`.
    """
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[str, ast.expr] = {}
    for node in _lineage(tree, classes):
        for name, value in _assigned(node):
            found.setdefault(name, value)
    values = {name: _value(name, node) for name, node in found.items()}
    return Declarations(**values)  # type: ignore[arg-type]  # `_value` returns the type of each name


def _lineage(tree: ast.Module, classes: dict[str, ast.ClassDef]) -> Iterator[ast.ClassDef]:
    """Yield the controller class, then its bases in the source. Without one controller class, yield nothing."""
    roots = {"Controller"} | {
        alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
        if alias.name == "Controller" and alias.asname
    }  # fmt: skip
    bases = {name: [_last_name(base) for base in node.bases] for name, node in classes.items()}

    def ancestors(name: str) -> list[str]:
        waiting, seen = [name], dict[str, None]()
        while waiting:
            if (name := waiting.pop()) not in seen:
                seen[name] = None
                waiting += reversed(bases.get(name, ()))
        return list(seen)

    controllers = {name for name in classes if roots & {*ancestors(name)[1:]}}
    leaves = [name for name in controllers if not any(name in bases[other] for other in controllers)]
    if len(leaves) == 1:
        yield from (classes[name] for name in ancestors(leaves[0]) if name in classes)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    """Yield the declarations in the body of a class, the last one of a name first."""
    for statement in reversed(node.body):
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            if statement.name in _DECLARED:
                raise DeclarationError(f"line {statement.lineno}: `{statement.name}` is declared by a literal only")
            continue
        names = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for name in sorted(names.intersection(_DECLARED)):
            value = _plain_value(statement)
            if value is None:
                raise DeclarationError(f"line {statement.lineno}: `{name}` is declared by `{name} = ...` only")
            yield name, value


def _plain_value(statement: ast.stmt) -> ast.expr | None:
    """Return the value of an assignment to a single name."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        return statement.value if isinstance(statement.targets[0], ast.Name) else None
    return statement.value if isinstance(statement, ast.AnnAssign) else None


def _value(name: str, node: ast.expr) -> tuple[str, ...] | str:
    """Return the value of a declaration."""
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise DeclarationError(f"line {node.lineno}: `{name}` is declared by a literal only") from None
    if name not in _NAMES:
        if value not in USES:
            raise DeclarationError(f'line {node.lineno}: `{name}` is "needed", "optional" or ""')
        return str(value)
    if not isinstance(value, (tuple, list)) or not all(
        isinstance(each, str) and 0 < len(each) <= 100 for each in value
    ):
        raise DeclarationError(f'line {node.lineno}: `{name}` is a tuple of names, such as ("confidence",)')
    if len(value) > MOST_SIGNALS:
        raise DeclarationError(f"line {node.lineno}: `{name}` has more than {MOST_SIGNALS} names")
    return tuple(value)
