"""Resolves the names in the syntax tree of a controller: its own objects, imported modules, and its classes.

The policy allows private attributes only on the object that a method was called on. That is the first parameter of a
function that stands directly in the body of a class, for as long as nothing else is bound to the name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

_HARMLESS_DECORATORS = frozenset((
    "property", "setter", "getter", "deleter", "classmethod", "cached_property", "cache", "lru_cache", "abstractmethod",
    "override", "final",
))  # fmt: skip
"""Decorators that do not hand the bare function to anybody else."""
_WITHOUT_NAMES = frozenset(
    (ast.Constant, ast.Pass, ast.Break, ast.Continue, ast.Load, *ast.operator.__subclasses__(),
     *ast.cmpop.__subclasses__(), *ast.boolop.__subclasses__(), *ast.unaryop.__subclasses__())
)  # fmt: skip
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class _NameScope:
    is_class: bool
    bound: frozenset[str]
    own: str | None = None
    """The parameter that is the object of the method."""


@dataclass(slots=True)
class ResolvedNames:
    """The names of a source. Expressions are known by their `id`, as long as the tree lives."""

    own: set[int] = field(default_factory=set)
    """Names that mean the object on which a method was called."""
    defined: set[str] = field(default_factory=set)
    """Attributes that the source itself gives to its classes and objects."""
    modules: dict[str, str] = field(default_factory=dict)
    """The module that each imported name means, wherever it is used: a name is not given to two things."""
    methods: set[str] = field(default_factory=set)
    """Functions in the bodies of classes that take the object as their first parameter."""
    classes: set[str] = field(default_factory=set)
    """Names of classes of the source."""
    bound: set[str] = field(default_factory=set)
    """All names that are bound anywhere."""


def resolved_names(tree: ast.Module, modules: Iterable[str]) -> ResolvedNames:
    """Resolve the names of a source that is not nested too deeply for recursion.

    Args:
        tree: the source.
        modules: modules that may be imported.
    """
    names = ResolvedNames()
    _Resolver(names, frozenset(modules)).visit(tree)
    return names


def bindings(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that statements bind in their own scope, not in those of functions and classes among them."""
    waiting: list[Any] = list(nodes)
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind is ast.Name:
            if type(node.ctx) is not ast.Load:
                yield node.id
            continue
        if kind is ast.Attribute:
            waiting.append(node.value)
            continue
        if kind in _WITHOUT_NAMES:
            continue
        if isinstance(node, (*_COMPREHENSIONS, ast.Lambda)):
            yield from (n.target.id for n in ast.walk(node) if isinstance(n, ast.NamedExpr))
            continue
        yield from _bound_by(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            waiting += [*node.decorator_list, *_outer(node.args)]
        elif isinstance(node, ast.ClassDef):
            waiting += [*node.decorator_list, *node.bases, *node.keywords]
        else:
            waiting += ast.iter_child_nodes(node)


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def parameters(args: ast.arguments) -> list[str]:
    """Return the names of all parameters; those that are given by position first."""
    more = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *more)]


def _outer(args: ast.arguments) -> list[ast.expr]:
    """Return the expressions of a signature, which are evaluated outside of its function."""
    named = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
    annotations = [arg.annotation for arg in named if arg and arg.annotation]
    return [*args.defaults, *(default for default in args.kw_defaults if default), *annotations]


def decorator_name(decorator: ast.expr) -> str:
    """Return the last name of a decorator: ``x.setter`` and ``lru_cache(None)`` are "setter" and "lru_cache"."""
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    return decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")


class _Resolver(ast.NodeVisitor):
    def __init__(self, names: ResolvedNames, modules: frozenset[str]) -> None:
        self.names, self.modules = names, modules
        self.scopes: list[_NameScope] = []

    def _in(self, scope: _NameScope, nodes: Iterable[ast.AST]) -> None:
        self.names.bound |= scope.bound
        self.scopes.append(scope)
        for node in nodes:
            self.visit(node)
        self.scopes.pop()

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def visit_Module(self, node: ast.Module) -> None:
        self._in(_NameScope(False, frozenset(bindings(node.body))), node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all((*node.decorator_list, *node.bases, *node.keywords))
        bound = frozenset(bindings(node.body))
        self.names.classes.add(node.name)
        self.names.defined |= bound
        for statement in node.body:
            if isinstance(statement, ast.Assign) and [t for t in statement.targets if ast.unparse(t) == "__slots__"]:
                values = (n.value for n in ast.walk(statement.value) if isinstance(n, ast.Constant))
                self.names.defined.update(value for value in values if isinstance(value, str))
        self._in(_NameScope(True, bound), node.body)

    def visit_FunctionDef(self, node: _Function) -> None:
        self._visit_all((*node.decorator_list, *_outer(node.args), *((node.returns,) if node.returns else ())))
        bound, given = frozenset(bindings(node.body)), parameters(node.args)
        own = None
        positional = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args)]
        decorators = {decorator_name(decorator) for decorator in node.decorator_list}
        if self.scopes[-1].is_class and positional and "staticmethod" not in decorators:
            if "classmethod" not in decorators and node.name != "__new__":
                self.names.methods.add(node.name)
            if decorators <= _HARMLESS_DECORATORS and positional[0] not in bound:
                own = positional[0]
        self._in(_NameScope(False, bound | frozenset(given), own), node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all(_outer(node.args))
        self._in(_NameScope(False, frozenset((*parameters(node.args), *bindings([node.body])))), [node.body])

    def _visit_comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        targets = frozenset(name for generator in node.generators for name in bindings([generator.target]))
        self._in(_NameScope(False, targets), ast.iter_child_nodes(node))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def visit_Constant(self, node: ast.Constant) -> None:
        """Pass over a constant quickly."""

    def visit_Name(self, node: ast.Name) -> None:
        for depth, scope in enumerate(reversed(self.scopes)):
            if node.id in scope.bound and not (scope.is_class and depth):
                if scope.own == node.id:
                    self.names.own.add(id(node))
                return

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.visit(node.value)
        if isinstance(node.ctx, ast.Store) and id(node.value) in self.names.own:
            self.names.defined.add(node.attr)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            self.names.modules[alias.asname or name] = name

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            if f"{node.module}.{alias.name}" in self.modules:
                self.names.modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
