"""The source policy: checks the syntax tree of a controller before any of its code runs.

The check gives an explorer an early message that names the line to change. Security does not depend on it: a candidate
that passes by mistake still faces the sandbox, the replay of its log by the host, and the look-ahead audit.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType

from autotts.envs import __all__ as _OFFERED
from autotts.envs.contract import action_log, controller, question, recording, replay, replay_state
from autotts.envs.declarations import DeclarationError, declarations_in
from autotts.envs.syntax_lock import SYNTAX_LOCK

from .name_scopes import ResolvedNames, decorator_name, resolved_names
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
_BY_NAME = {"attrgetter", "methodcaller", "format", "format_map", "Formatter", "update_wrapper", "wraps"}
"""Functions and methods that read attributes by names in strings, which this check cannot see."""
_BY_TEXT = {"get_type_hints", "ForwardRef", "singledispatch", "singledispatchmethod"}
"""Functions that evaluate annotations, which may be strings of code."""
_HOOKS = frozenset(
    f"__{name}__"
    for name in (
        "getattr", "getattribute", "setattr", "delattr", "instancecheck", "subclasscheck", "subclasshook", "prepare",
        "init_subclass", "set_name", "get", "set", "delete", "del", "reduce", "reduce_ex", "class_getitem",
        "mro_entries", "dir",
    )
)  # fmt: skip
"""Methods that change what a name, a class or an attribute means elsewhere."""
_SELF_MATCHING = frozenset(
    ("bool", "bytearray", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")
)
"""Classes whose pattern takes the object itself by position; others take attributes, whose names it does not show."""
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
    nodes: list[ast.AST] = []
    for count, (node, depth) in enumerate(_walk(tree)):
        line = getattr(node, "lineno", 1)
        if count >= MAX_NODES or depth > MAX_DEPTH:
            return _refuse(f"line {line}: the source is too large or too deeply nested; make it simpler")
        nodes.append(node)
    rules = _Rules(nodes, resolved_names(tree, MODULES))
    faults = [
        (getattr(node, "lineno", 1), fault)
        for node in rules.nodes
        if not (prints and isinstance(node, ast.Name) and node.id == "print")
        for fault in rules.faults(node)
    ]
    if faults:
        line, fault = min(faults)
        return _refuse(f"line {line}: {fault}")
    try:
        declarations_in(tree)
    except DeclarationError as error:
        return _refuse(str(error))
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


class _Rules:
    """The rules for single nodes, given the names of the whole source.

    Args:
        nodes: all nodes of the source.
        names: what its names mean.
    """

    def __init__(self, nodes: list[ast.AST], names: ResolvedNames) -> None:
        self.names = names
        self.nodes = [node for node in nodes if type(node) in _RULED]
        attributes = (node for node in self.nodes if isinstance(node, ast.Attribute))
        self._owners = {id(node.value) for node in attributes}
        self._called = {id(node.func): node for node in nodes if isinstance(node, ast.Call)}
        self._as_class = {id(part) for node in nodes if type(node) in _NAMING for part in _class_places(node)}
        self._given_away = next((n.id for n in self.nodes if isinstance(n, ast.Name) and self._is_given_away(n)), None)

    def _is_given_away(self, node: ast.Name) -> bool:
        """Whether a class of the source is used as a value, so that its functions can be called on any object."""
        if node.id not in self.names.classes or not isinstance(node.ctx, ast.Load):
            return False
        return not {id(node)} & (self._owners | self._called.keys() | self._as_class)

    def faults(self, node: ast.AST) -> Iterator[str]:
        """Yield the faults of a node."""
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _import(alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield from self._import_from(node)
        elif isinstance(node, ast.Attribute):
            yield from self._attribute(node)
        elif isinstance(node, ast.MatchClass):
            yield from self._pattern(node)
        elif isinstance(node, ast.Name):
            yield from self._name(node)
        elif isinstance(node, (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)):
            yield "async is not allowed: `solve` is called and returns the answer"
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield "`global` and `nonlocal` are not allowed: nothing is kept from one episode to the next, use self"
        elif isinstance(node, ast.FunctionDef) and node.name in _HOOKS:
            yield f"`{node.name}` is not allowed: it changes what names mean"
        elif isinstance(node, ast.ClassDef) and any(keyword.arg not in _CLASS_OPTIONS for keyword in node.keywords):
            yield "a metaclass is not allowed: it changes what classes mean"

    def _import_from(self, node: ast.ImportFrom) -> Iterator[str]:
        module = node.module or ""
        if node.level:
            yield "import from `envs`, not relatively"
            return
        refused = list(_import(module))
        yield from refused
        for alias in node.names:
            if alias.name == "*" and module == "random":
                yield from _random([alias.name])
            elif alias.name == "*" and module not in _CONTRACT:
                yield f"`from {module} import *` is not allowed: name what you import"
            elif alias.name != "*":
                yield from _borrowed(alias.name)
                if module == "random":
                    yield from _random([alias.name])
                if not refused:
                    yield from _member(module, alias.name)

    def _name(self, node: ast.Name) -> Iterator[str]:
        name, loaded = node.id, isinstance(node.ctx, ast.Load)
        if name in _CALLS:
            yield f"`{name}` is not allowed: {_CALLS[name]}"
        elif _is_dunder(name) and (name not in _ALLOWED_DUNDERS or not (loaded or name == "__slots__")):
            yield f"`{name}` is not allowed"
        elif loaded and name in self.names.modules and id(node) not in self._owners:
            yield f"`{name}` is a module: name the function or class in it that you need"
        elif loaded and name == "type" and id(node) not in self._as_class:
            call = self._called.get(id(node))
            if call is None or len(call.args) != 1 or call.keywords or isinstance(call.args[0], ast.Starred):
                yield "`type` only tells the type of one object: write classes out"

    def _module(self, node: ast.expr) -> str | None:
        """Return the module that an expression means."""
        if isinstance(node, ast.Name):
            return self.names.modules.get(node.id, "random" if node.id == "random" else None)
        if isinstance(node, ast.Attribute) and (module := self._module(node.value)):
            return f"{module}.{node.attr}" if f"{module}.{node.attr}" in MODULES else None
        return None

    def _attribute(self, node: ast.Attribute) -> Iterator[str]:
        name, owner = node.attr, node.value
        own, module = id(owner) in self.names.own, self._module(owner)
        if module or (name in _BY_NAME and not own):
            yield from _borrowed(name)
        if module == "random":
            yield from _random([name])
        if _is_dunder(name):
            if name not in _ALLOWED_DUNDERS or not isinstance(node.ctx, ast.Load):
                yield f"`.{name}` is not allowed: use what the contract offers"
        elif name.startswith("_"):
            yield from self._private(name, own)
        elif module:
            yield from _member(module, name)
        if name in self.names.methods and self._is_class(owner) and not self._on_own(node):
            yield f"`{name}` is a method: call it on an object, or on self by super()"

    def _private(self, name: str, own: bool) -> Iterator[str]:
        if not own:
            yield f"`.{name}` is private: use what the contract offers"
        elif name in _NAMES_OF_OTHERS and name not in self.names.defined:
            yield f"`.{name}` is private to a class that is not yours: use what the contract offers"
        elif self._given_away and name in _INNER_NAMES:
            yield f"`.{name}` is a name inside the question, and `{self._given_away}` is used as a value: rename one"

    def _is_class(self, owner: ast.expr) -> bool:
        if isinstance(owner, ast.Call):
            return isinstance(owner.func, ast.Name) and owner.func.id == "type"
        if isinstance(owner, ast.Attribute):
            return owner.attr in ("__class__", *self.names.classes)
        return isinstance(owner, ast.Name) and owner.id in ("__class__", "Controller", *self.names.classes)

    def _on_own(self, node: ast.Attribute) -> bool:
        """Whether a function of a class is called on the object of the calling method."""
        call = self._called.get(id(node))
        return call is not None and bool(call.args) and id(call.args[0]) in self.names.own

    def _pattern(self, node: ast.MatchClass) -> Iterator[str]:
        yield from (f"`{name}=` is private: use what the contract offers" for name in node.kwd_attrs if name[:1] == "_")
        name = node.cls.id if isinstance(node.cls, ast.Name) else ""
        if node.patterns and (name not in _SELF_MATCHING or name in self.names.bound):
            yield "a pattern of a class does not show which attributes it reads: name them"


def _class_places(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions in which a node names classes without using their functions."""
    if isinstance(node, ast.ClassDef):
        yield from node.bases
    elif isinstance(node, ast.ExceptHandler):
        yield from _parts(node.type)
    elif isinstance(node, ast.MatchClass):
        yield node.cls
    elif isinstance(node, (ast.AnnAssign, ast.arg)):
        yield from _parts(node.annotation)
    elif isinstance(node, ast.FunctionDef):
        yield from _parts(node.returns)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _TESTS:
        yield from (part for argument in node.args[1:] for part in _parts(argument))
    elif isinstance(node, ast.Call):  # a factory
        factory = [keyword.value for keyword in node.keywords if keyword.arg == "default_factory"]
        yield from (*factory, *(node.args[:1] if decorator_name(node) == "defaultdict" else ()))


def _parts(node: ast.expr | None) -> Iterator[ast.AST]:
    return ast.walk(node) if node is not None else iter(())


_RULED = frozenset((
    ast.Import, ast.ImportFrom, ast.Attribute, ast.MatchClass, ast.Name, ast.AsyncFunctionDef, ast.AsyncFor,
    ast.AsyncWith, ast.Await, ast.Global, ast.Nonlocal, ast.FunctionDef, ast.ClassDef,
))  # fmt: skip
"""The kinds of nodes that there are rules for: all others are passed over quickly."""
_NAMING = frozenset((
    ast.ClassDef, ast.ExceptHandler, ast.MatchClass, ast.AnnAssign, ast.arg, ast.FunctionDef, ast.Call,
))  # fmt: skip
_TESTS = ("isinstance", "issubclass")
_CLASS_OPTIONS = ("total",)
_CONTRACT = ("envs", "autotts", "envs.controller", "envs.question")


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
    elif name in _BY_TEXT:
        yield f"`{name}` is not allowed: it evaluates text"
    elif name in sys.stdlib_module_names and name not in MODULES:
        yield f"`{name}` is a module that is not allowed, wherever it is reached through"


def _member(module: str, name: str) -> Iterator[str]:
    """Yield the fault of a name that a module holds for its own use."""
    if name[:1] == "_" and not _is_dunder(name):
        yield f"`{name}` is private to `{module}`: use what it offers"
    elif f"{module}.{name}" not in MODULES and name in _inner(module):
        yield f"`{name}` is not what `{module}` offers: import it from where it belongs"


@cache
def _inner(module: str) -> frozenset[str]:
    """Return the names in a module that it does not offer: what it has imported, above all."""
    if module in _CONTRACT:
        offered = {*_OFFERED, "controller", "question", "answer_without_tokens"}
        inner = {name for each in _CONTRACT_MODULES for name in vars(each)}
        return frozenset({*inner, "action_log", "recording", "replay_state", "replay"} - offered)
    found = import_module(module)
    names = {name for name in vars(found) if not _is_dunder(name)}
    offered = set(getattr(found, "__all__", {n for n in names if not isinstance(vars(found)[n], ModuleType)}))
    return frozenset(names - offered)


_CONTRACT_MODULES = (question, controller, action_log, recording, replay_state, replay)
_INNER_KINDS = (replay_state.ReplayState, replay.Recording, replay.Columns, replay.Numbers, recording.RecordedForks)
_INNER_NAMES = frozenset(name for kind in _INNER_KINDS for name in (*kind.__slots__, *kind.__annotations__))
"""The names inside a question that a controller must not reach."""
_NAMES_OF_OTHERS = _INNER_NAMES | {name for name in vars(controller.Controller(0.0)) if name[:1] == "_"}


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
