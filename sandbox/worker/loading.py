"""Loads a candidate, and puts its errors into words. Standard library only; the host sends it to the worker."""

import sys
import types
from typing import Any


def load(source: str, base: Any) -> Any:
    """Return the controller class that ``source`` defines.

    Raises:
        NoController: the source defines no controller class, or several.
    """
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    exec(compile(source, "controller.py", "exec"), module.__dict__)
    found = [
        value
        for value in module.__dict__.values()
        if isinstance(value, type) and issubclass(value, base) and value.__module__ == "candidate"
    ]
    leaves = [value for value in found if not any(other is not value and issubclass(other, value) for other in found)]
    if len(leaves) != 1:
        raise NoController(f"expected one Controller subclass, found {len(leaves)}")
    return leaves[0]


class NoController(Exception):
    """The source defines no controller class, or several."""


def explain(error: BaseException, illegal: Any) -> tuple[str, str]:
    """Return (kind of the verdict, message) for an exception that a candidate raised."""
    if isinstance(error, NoController):
        return "contract", str(error)
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "controller.py":
            line = f" (line {trace.tb_lineno})"
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        return "syntax", f"line {error.lineno}: {error.msg}"
    kind = "exception"
    for cause, name in (
        (illegal, "illegal_action"),
        (ImportError, "import"),
        (MemoryError, "memory"),
        (BlockingIOError, "processes"),
        (SystemExit, "exit"),
    ):
        if isinstance(error, cause):
            kind = name
    try:
        said = str(error)
    except BaseException:
        said = "an exception that cannot be shown"
    return kind, f"{type(error).__name__}: {said}{line}"
