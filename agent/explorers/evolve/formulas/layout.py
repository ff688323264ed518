"""Small pieces of text for the sources of controllers."""

from __future__ import annotations

import re
import textwrap

_FROM_ENVS = ("BudgetSpent", "Controller", "Question", "confidence", "leader", "majority")


def quoted(name: str) -> str:
    """Return a signal's name as a Python string in double quotes."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bare(made: str) -> str:
    """Return ``made`` without parentheses around all of it."""
    if not (made.startswith("(") and made.endswith(")")):
        return made
    level = 0
    for position, character in enumerate(made):
        level += (character == "(") - (character == ")")
        if level == 0 and position < len(made) - 1:
            return made
    return made[1:-1]


def imports(body: str) -> str:
    """Return the imports that ``body`` needs."""

    def used(module: str, names: tuple[str, ...]) -> list[str]:
        found = [name for name in names if name == "Controller" or re.search(rf"(?<![.\w`]){name}\b{ends(name)}", body)]
        return [f"from {module} import {', '.join(found)}"] if found else []

    def ends(name: str) -> str:
        return r"\(" if name.islower() and name != "inf" else ""  # names of functions also occur in texts

    lines = used("bisect", ("bisect_left", "insort")) + used("math", ("ceil", "erfc", "exp", "inf", "sqrt"))
    return "\n".join([*lines, "", *used("envs", _FROM_ENVS)]).lstrip("\n")


def joined(*lines: str | bool) -> str:
    """Join the lines that are strings; a line that the formulas do not need is False or empty."""
    return "\n".join(line for line in lines if isinstance(line, str) and line)


_WIDTH = 118


def fitted(source: str) -> str:
    """Return ``source`` with long statements broken into lines, within parentheses."""
    return "\n".join(_fitted(line) for line in source.split("\n"))


_LONG = (
    r"( +)(for )(.*)( in self\.ballots:)()",
    r"( +)(self\.[\w.]+)\((.*)\)()()",
    r"( +)(return |if |[\w.\[\]]+ \+?= )(.*?)(:?)((?:  # [^\"]*)?)",
)
"""Statements that may be long: indentation, start, the part that is broken, end, and comment."""


def _fitted(line: str) -> str:
    if len(line) <= _WIDTH:
        return line
    for pattern in _LONG:
        if found := re.fullmatch(pattern, line):
            indent, start, inner, end, comment = found.groups()
            inner = bare(inner) if pattern == _LONG[-1] else inner  # a tuple in a call needs its parentheses
            deeper = f"{indent}    "
            wrapped = textwrap.fill(inner, _WIDTH, initial_indent=deeper, subsequent_indent=deeper)
            return f"{indent}{start}({comment}\n{wrapped}\n{indent}){end}"
    return line


def pruned(method: str) -> str:
    """Return ``method`` without the lines that give a value to a local name that nothing uses."""
    lines = method.split("\n")
    while True:
        names = [(found[1] if (found := re.match(r" +([a-z]\w*) = ", line)) else "") for line in lines]
        words = [re.findall(r"(?<![.\w])[a-zA-Z_]\w*", line) for line in lines]
        idle = [
            index
            for index, name in enumerate(names)
            if name and sum(each.count(name) for each in words) == names.count(name)
        ]
        if not idle:
            return "\n".join(lines)
        lines = [line for index, line in enumerate(lines) if index not in idle]
