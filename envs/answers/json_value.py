"""Finds a value in the last JSON object of a text."""

from __future__ import annotations

import json
import re
from typing import Any

from ..dotted_paths import find

_START = re.compile(r'\{(?=\s*["}])|\[')
_MOST_ATTEMPTS = 2000
"""Braces at which no JSON begins that are tried in a text: the others may be as many as its characters."""
_TOO_DEEP = 1000
"""Characters that are skipped where brackets nest too deeply to be read."""
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)  # a number keeps its spelling


def last_json_value(text: str, path: str) -> str | None:
    """Return the value at the dotted ``path`` of the last JSON object or list in ``text`` that has one there.

    A number keeps its spelling; a list or an object becomes compact JSON. None if there is no value, or null.
    """
    found: Any = None
    at = failures = 0
    while (start := _START.search(text, at)) is not None and failures < _MOST_ATTEMPTS:
        try:
            value, at = _DECODER.raw_decode(text, start.start())
        except ValueError:
            failures, at = failures + 1, start.end()
            continue
        except RecursionError:
            failures, at = failures + 1, start.end() + _TOO_DEEP
            continue
        here = find(value, path)
        found = found if here is None else here
    if found is None or isinstance(found, str):
        return (found or "").strip() or None
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))
