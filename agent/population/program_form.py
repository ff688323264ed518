"""Canonical forms of programs, for equality and similarity: syntax trees without names and comments."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from sys import intern
from typing import TypeVar

from autotts.sandbox import policy

_CONTRACT = frozenset(
    ("solve", "schedule", "name", "params", "beta", "random", "branch", "advance", "probe", "prune", "step")
)
"""Attributes of the contract, which are never renamed, even if a class defines them."""

_Scope = ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)

T = TypeVar("T", bound=ast.AST)

_forms: dict[str, str] = {}  # by the hash of the source: memory stays at two hashes per version


def program_form(source: str) -> str:
    """Return a text that equal programs share; a source that the policy refuses is equal to itself only."""
    key = hashlib.sha256(source.encode(errors="surrogatepass")).hexdigest()
    if key not in _forms:
        _forms[key] = (normal_form(source) if policy.check(source).ok else None) or key
    return _forms[key]


def normal_form(source: str) -> str | None:
    """Return a hash of a program, or None for a source that does not parse.

    Two sources share the hash if they differ only in comments, docstrings, layout, annotations, the controller's
    ``name``, the order of imports, and the names of locals, functions, classes, attributes and parameters.

    The source is parsed and never run. The caller bounds its size and depth (`sandbox.policy.check`).
    """
    try:
        tree = policy.parse(source)
        return hashlib.sha256(ast.dump(_Namer(tree).visit(_Stripper().visit(tree))).encode()).hexdigest()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=1024)
def program_shape(source: str) -> Mapping[str, int]:
    """Return the count of each pair of parent and child node kinds in the syntax tree (without docstrings and such).

    Names and constants are ignored: programs that differ only in constants have the same shape. Empty for a source
    that does not parse.
    """
    try:
        tree = _Stripper().visit(policy.parse(source))
        pairs = ((node, child) for node in ast.walk(tree) for child in ast.iter_child_nodes(node))
        return Counter(intern(f"{type(node).__name__}>{type(child).__name__}") for node, child in pairs)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


class _Stripper(ast.NodeTransformer):
    """Removes parts of a syntax tree that do not affect behaviour."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                kept = [line for line in block if not _idle(line)]
                setattr(node, field, kept or ([ast.Pass()] if block and field == "body" else []))
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        return ast.Assign([node.target], node.value) if node.value else ast.Pass()

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [line for line in node.body if not _title(line)]
        return self.generic_visit(node)


def _idle(line: ast.AST) -> bool:
    return isinstance(line, ast.Pass) or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))


def _title(line: ast.AST) -> bool:
    targets = _targets(line)
    return len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id == "name"


class _Namer(ast.NodeTransformer):
    """Numbers names in order of first use, scope by scope; imported names keep their full name."""

    def __init__(self, tree: ast.Module) -> None:
        self.imported: dict[str, str] = {}
        self.own_attributes = set(_own_attributes(tree)) - _CONTRACT
        signatures = (node for node in ast.walk(tree) if isinstance(node, ast.arguments))
        self.own_parameters = {arg.arg for signature in signatures for arg in _args(signature)}
        self.scopes: list[tuple[set[str], dict[str, str]]] = [(set(_bound(tree)), {})]
        self.attributes: dict[str, str] = {}
        self.parameters: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    root = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.imported[alias.asname or root] = root
            elif isinstance(node, ast.ImportFrom):
                home = "envs" if (node.module or "").partition(".")[0] == "envs" else node.module
                for alias in node.names:
                    self.imported[alias.asname or alias.name] = f"{home}.{alias.name}"

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [line for line in node.body if not isinstance(line, ast.Import | ast.ImportFrom)]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._name(node.id), node.ctx)

    def _name(self, name: str) -> str:
        for level in range(len(self.scopes) - 1, -1, -1):
            bound, numbers = self.scopes[level]
            if name in bound:
                return numbers.setdefault(name, f"{level}.{len(numbers)}")
        return self.imported.get(name, name)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        owner = self.visit(node.value)
        if isinstance(owner, ast.Name) and owner.id in self.imported.values():
            return ast.Name(f"{owner.id}.{node.attr}", node.ctx)
        return ast.Attribute(owner, self._attribute(node.attr), node.ctx)

    def _attribute(self, name: str) -> str:
        if name not in self.own_attributes:
            return name
        return self.attributes.setdefault(name, f"attribute {len(self.attributes)}")

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):  # mostly parameter keys: answers are opaque, so no text has a meaning
            return ast.Constant(self.texts.setdefault(node.value, f"text {len(self.texts)}"))
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        name = node.arg
        if name in self.own_parameters and name is not None:
            name = self.parameters.setdefault(name, f"parameter {len(self.parameters)}")
        return ast.keyword(name, self.visit(node.value))

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._name(node.name)
        node.bases = [self.visit(base) for base in node.bases]
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        body: list[ast.AST] = []
        for line in node.body:  # names that a class binds are attributes
            if isinstance(line, ast.Assign):
                value = self.visit(line.value)
                targets = [
                    ast.Name(self._attribute(t.id), t.ctx) if isinstance(t, ast.Name) else self.visit(t)
                    for t in line.targets
                ]
                body.append(ast.Assign(targets, value))
            elif isinstance(line, ast.FunctionDef):
                title = self._attribute(line.name)
                self.visit(line)
                line.name = title
                body.append(line)
            else:
                body.append(self.visit(line))
        node.body = body  # type: ignore[assignment]
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._name(node.name)
        node.decorator_list = [self.visit(decorator) for decorator in node.decorator_list]
        return self._scope(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return self._scope(node)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> ast.AST:
        return self._scope(node)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        if node.name:
            node.name = self._name(node.name)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._name(node.arg))

    def _scope(self, node: _Scope) -> ast.AST:
        self.scopes.append((set(_bound(node)), {}))
        try:
            if isinstance(node, ast.FunctionDef):
                node.args = self.visit(node.args)
                node.body = [self.visit(line) for line in node.body]
                return node
            return self.generic_visit(node)
        finally:
            self.scopes.pop()


def _args(node: ast.arguments) -> list[ast.arg]:
    further = [arg for arg in (node.vararg, node.kwarg) if arg is not None]
    return [*node.posonlyargs, *node.args, *node.kwonlyargs, *further]


def _bound(scope: ast.AST) -> Iterator[str]:
    """Yield the names bound in a scope itself, without nested scopes and imports."""
    if isinstance(scope, ast.FunctionDef | ast.Lambda):
        yield from (arg.arg for arg in _args(scope.args))
    waiting: list[ast.AST] = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name
        if not isinstance(node, (*_SCOPES, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


def _own_attributes(tree: ast.Module) -> Iterator[str]:
    """Yield the names of attributes that the source defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.ClassDef):
            yield from _class_names(node.body)


def _class_names(body: Sequence[ast.stmt]) -> Iterator[str]:
    for line in body:
        if isinstance(line, ast.FunctionDef):
            yield line.name
        yield from (target.id for target in _targets(line) if isinstance(target, ast.Name))


def _targets(line: ast.AST) -> list[ast.expr]:
    if isinstance(line, ast.Assign):
        return line.targets
    return [line.target] if isinstance(line, ast.AnnAssign) else []
