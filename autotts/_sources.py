"""Turns what a caller calls a controller into the source that goes into the sandbox."""

from __future__ import annotations

import ast
import builtins
import dis
import linecache
import os
import textwrap
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from autotts import envs
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.names import FoundController, find_controller
from autotts.agent.archive.version import Version
from autotts.envs.contract.controller import Controller
from autotts.envs.errors import InputError
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.policy import MODULES

AnyController: TypeAlias = "str | os.PathLike[str] | type[Controller] | Candidate | Version"
"""The name of a baseline, of a champion or of a version of the newest run; a path; a source; a class; a version."""

_NUMBERS_AND_TEXT = (bool, int, float, str, type(None))


def candidate_of(controller: AnyController) -> Candidate:
    """Return the candidate that ``controller`` stands for.

    Raises:
        InputError: there is no such controller, or the source of a class cannot be taken.
    """
    return found_controller(controller).candidate


def found_controller(controller: AnyController) -> FoundController:
    """Return the candidate that ``controller`` stands for, and the archive that has it.

    Raises:
        InputError: there is no such controller, or the source of a class cannot be taken.
    """
    if isinstance(controller, Candidate):
        return FoundController(controller)
    if isinstance(controller, Version):
        return FoundController(Candidate(controller.id, controller.source), Archive(controller.root), controller.id)
    if isinstance(controller, type):
        name = str(getattr(controller, "name", controller.__name__))
        return FoundController(Candidate(name, class_source(controller)))
    if isinstance(controller, str) and "\n" in controller:
        return FoundController(Candidate("controller", controller))
    if isinstance(controller, str):
        return find_controller(controller)
    if isinstance(controller, os.PathLike):
        return find_controller(str(Path(controller).absolute()))
    kind = type(controller).__name__
    raise InputError(f"a controller is a name, a path, a source or a subclass of Controller, but not a {kind}")


def class_source(controller: type) -> str:
    """Return a module that holds the class and the imports and constants that it uses.

    Raises:
        InputError: it is no controller, its source is not at hand, or it uses what cannot go into the sandbox.
    """
    if not issubclass(controller, Controller) or controller is Controller:
        raise InputError(f"{controller.__name__} is not a subclass of autotts.Controller")
    functions = [f for f in map(_function, vars(controller).values()) if f is not None]
    text = next((found for f in functions if (found := _text(controller.__name__, f))), "")
    if not text:
        raise InputError(f"the source of {controller.__name__} is not at hand; write it to a file, and give its path")
    if any(name != "__class__" for f in functions for name in f.__code__.co_freevars):
        raise InputError(f"{controller.__name__} uses variables of the function around it; move it out of the function")
    code = compile(f"from __future__ import annotations\n{text}", "controller", "exec")
    known = functions[0].__globals__
    lines = [
        _defined(controller.__name__, name, known[name])
        for name in sorted(_globals(code))
        if name in known and not hasattr(builtins, name) and name != controller.__name__
    ]
    return "\n".join(["from __future__ import annotations", "", *lines, "", "", text])


def _function(member: Any) -> types.FunctionType | None:
    member = getattr(member, "__func__", getattr(member, "fget", member))
    return member if isinstance(member, types.FunctionType) else None


def _text(name: str, function: types.FunctionType) -> str:
    """Return the statement that defines the class ``name`` around ``function``; works for notebooks too."""
    lines = linecache.getlines(function.__code__.co_filename, function.__globals__)
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:  # the file has changed since it was imported
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name and node.end_lineno is not None:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= function.__code__.co_firstlineno <= node.end_lineno:
                return textwrap.dedent("".join(lines[first - 1 : node.end_lineno]))
    return ""


def _globals(code: types.CodeType) -> set[str]:
    """Return the names that ``code`` looks up outside of its functions."""
    return {
        str(instruction.argval)
        for part in _parts(code)
        for instruction in dis.get_instructions(part)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    }


def _parts(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _parts(constant)


def _defined(owner: str, name: str, value: Any) -> str:
    """Return the line that gives ``name`` its value inside the sandbox."""
    if isinstance(value, types.ModuleType) and value.__name__ in MODULES:
        return f"import {value.__name__} as {name}"
    if type(value) in _NUMBERS_AND_TEXT:
        return f"{name} = {value!r}"
    called = getattr(value, "__name__", name)
    if getattr(envs, called, None) is value:
        return f"from envs import {called} as {name}"
    home = getattr(value, "__module__", None)
    if home in MODULES:
        return f"from {home} import {called} as {name}"
    raise InputError(f"{owner} uses {name}, which is outside of the class; move it into the class, or write a file")
