"""Looks values up in decoded JSON by dotted paths, such as ``choices.*.message.content``."""

from __future__ import annotations

from typing import Any

_NOWHERE = object()


def leads_somewhere(value: Any, path: str) -> bool:
    """Return whether there is a value at ``path``, be it None; or a value in whose place the path needs a list."""
    before, star, _ = path.partition(".*")
    if star and not isinstance(items := find(value, before, _NOWHERE), list):
        return items is not _NOWHERE
    found = find(value, path, _NOWHERE)
    return (
        any(item is not _NOWHERE for item in found)
        if "*" in path and isinstance(found, list)
        else (found is not _NOWHERE)
    )


def find(value: Any, path: str, nothing: Any = None) -> Any:
    """Return the value at the dotted ``path``, or ``nothing`` if there is none.

    A part of a path is a key, which may itself contain dots, the index of a list item, ``*`` for all items of a list,
    or a key with a star, which stands for several keys: ``sample_*`` gives a list, ``sample_2`` before ``sample_10``.
    """
    if not path:
        return value
    if isinstance(value, dict):
        end = len(path)
        while end > 0:
            if path[:end] in value:
                return find(value[path[:end]], path[end + 1 :], nothing)
            end = path.rfind(".", 0, end)
        part, _, rest = path.partition(".")
        keys = _matching(value, part)
        return [find(value[key], rest, nothing) for key in keys] if keys else nothing
    part, _, rest = path.partition(".")
    if isinstance(value, list) and part == "*":
        return [find(item, rest, nothing) for item in value]
    if isinstance(value, list) and part.isdecimal() and int(part[:9]) < len(value):
        return find(value[int(part[:9])], rest, nothing)
    return nothing


def _matching(value: dict[Any, Any], part: str) -> list[Any]:
    """Return the keys that ``part``, a key with a star, stands for: in the order of the numbers at its place."""
    if "*" not in part or part == "*":
        return []
    before, _, after = part.partition("*")
    keys = [key for key in value if isinstance(key, str) and len(key) >= len(part) - 1]
    keys = [key for key in keys if key.startswith(before) and key.endswith(after)]

    def order(key: str) -> tuple[int, str]:
        middle = key[len(before) : len(key) - len(after)].strip()
        return (int(middle), "") if middle.isdecimal() and len(middle) < 10 else (2**31, "")

    return sorted(keys, key=order)
