"""Finds explorers, sandboxes and trackers that others have written: ``package.module:object``, or an entry point."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from .errors import InputError

Factory = Callable[..., Any]
"""A class, or a function that returns an object."""


def is_plugin(name: str, group: str) -> bool:
    """Return whether ``name`` is ``package.module:object``, or an entry point of ``group``. Imports nothing."""
    return ":" in name or _entry_point(name, group) is not None


def find_factory(
    kind: str, name: str, group: str, built_in: Sequence[str], needs: Sequence[str] | None = None
) -> Factory:
    """Import the class or function that a user names.

    Args:
        kind: what it makes, for messages: ``explorer``, ``sandbox`` or ``tracker``.
        name: ``package.module:object``, or the name of an entry point. A module is also looked for in the current
            directory, after all other places.
        group: entry points that are considered, such as ``autotts.explorers``.
        built_in: names that the message lists if there is no such object.
        needs: an object with all these attributes stands for itself; None where only classes and functions do.

    Raises:
        InputError: there is no such object, it cannot be imported, or it cannot be called.
    """
    point = _entry_point(name, group)
    target = point.value if point is not None and ":" not in name else name
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        names = ", ".join(dict.fromkeys((*built_in, *sorted(other.name for other in entry_points(group=group)))))
        raise InputError(f"no {kind} {name!r}: use one of {names}, or your own as package.module:object")
    found: Any = _module(f"{kind} {name}", module)
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        raise InputError(f"{kind} {name}: {error}; name a class or a function of {module}") from None
    if needs is not None and not isinstance(found, type) and all(hasattr(found, each) for each in needs):
        return lambda: found
    if not callable(found):
        raise InputError(f"{kind} {name}: it is a {type(found).__name__}, but must be a class or a function")
    factory: Factory = found
    return factory


def make(kind: str, name: str, factory: Factory, needs: Sequence[str], **arguments: Any) -> Any:
    """Call ``factory``, and check that its result has all attributes of the protocol.

    Args:
        kind: what it makes, for messages.
        name: what the user called it.
        factory: see `find_factory`.
        needs: names of the attributes that the protocol demands.
        arguments: of the call.

    Raises:
        InputError: the call fails, or an attribute is missing.
    """
    try:
        made = factory(**arguments)
    except (TypeError, ValueError, AttributeError, ImportError, NotImplementedError) as error:
        how = ", ".join(f"{key}=..." for key in arguments)
        raise InputError(f"{kind} {name}: the call with ({how}) failed: {type(error).__name__}: {error}") from error
    check_attributes(kind, name, made, needs)
    return made


def check_attributes(kind: str, name: str, made: object, needs: Sequence[str]) -> None:
    """Check that ``made`` has all attributes that its protocol demands.

    Raises:
        InputError: one is missing.
    """
    missing = [attribute for attribute in needs if not hasattr(made, attribute)]
    if missing:
        raise InputError(f"{kind} {name}: {type(made).__name__} has no {', '.join(missing)}; see its protocol")


def reference_of(made: object) -> tuple[str, bool]:
    """Return the name of an object, and whether a later process can make an equal one by this name.

    The name is that of a variable of the module of its class, if one holds the object, else that of its class. A class
    serves if it can be imported and called without arguments, and if the result has the same attributes.
    """
    kind = type(made)
    module = sys.modules.get(kind.__module__)
    spec = getattr(module, "__spec__", None)
    home = spec.name if kind.__module__ == "__main__" and spec is not None else kind.__module__
    importable = home != "__main__"
    for name, value in list(vars(module).items()) if module else ():
        if value is made:
            return f"{home}:{name}", importable
    if not importable or "<locals>" in kind.__qualname__:
        return name_of(made), False
    try:
        alike = bool(_state(kind()) == _state(made))
    except Exception:  # a class of the user may raise anything
        alike = False
    return f"{home}:{kind.__qualname__}", alike


def _state(made: object) -> dict[str, Any]:
    slots = [name for kind in type(made).__mro__ for name in getattr(kind, "__slots__", ())]
    return {**getattr(made, "__dict__", {}), **{name: getattr(made, name) for name in slots if hasattr(made, name)}}


def name_of(made: object) -> str:
    """Return ``package.module:Class`` of an object, the name by which a later process can make another one."""
    return f"{type(made).__module__}:{type(made).__qualname__}"


def _entry_point(name: str, group: str) -> EntryPoint | None:
    return next(iter(entry_points(group=group, name=name)), None)


def _module(what: str, name: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:  # the directory of an installed command is not the user's; last, so that it hides nothing
        sys.path.append(here)
    try:
        return import_module(name)
    except Exception as error:  # a module of the user may raise anything
        raise InputError(f"{what}: cannot import {name}: {type(error).__name__}: {error}") from error
