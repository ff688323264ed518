"""A program that asks math-verify. It runs as a process of its own: a hang or a crash of the library does no harm.

It reads requests from standard input, and writes answers to standard output, one JSON document a line::

    {"read": "x^2"}          {"points": [[1.2, 0.0], [0.7, 0.0]]}
    {"read": "1+1"}          {"points": [[2.0, 0.0], [2.0, 0.0]], "exact": ["2", "1"]}
    {"read": "[1,2)"}        {"collection": "[)", "items": [...]}
    {"read": "x > y"}        {"other": true}, for anything else that it can read, and {} if it cannot
    {"same": ["A", "B"]}     {"same": true}

It imports nothing of this project, so that it can be started as a file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from typing import Any

SAMPLES = 2
"""The number of sample points, at which expressions are compared."""
INFINITY = 7.7e200
"""Stands for infinity: no formula that people write has this value."""
_MEMORY = 4 << 30
"""Bytes of address space."""


def sample_value(name: str, sample: int) -> float:
    """Return the value of the variable ``name`` at a sample point: a number between 0.6 and 2.6."""
    digest = hashlib.sha256(f"{sample}:{name}".encode()).digest()
    return 0.6 + int.from_bytes(digest[:6], "big") / 2**47


def main() -> None:
    """Answer requests until standard input ends."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    out = sys.stdout
    sys.stdout = sys.stderr  # a library may print
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        with contextlib.suppress(Exception, RecursionError):  # the library may raise anything: no answer, then
            answer = _read(request["read"]) if "read" in request else {"same": _same(*request["same"])}
        print(json.dumps(answer), file=out, flush=True)


_PARSED: dict[str, Any] = {}


def _parsed(text: str) -> Any:
    """Return the last expression that math-verify finds in a formula, or None."""
    if text not in _PARSED:
        from math_verify import LatexExtractionConfig, parse
        from sympy import Set

        if len(_PARSED) > 10_000:
            _PARSED.clear()
        found = parse(f"${text}$", extraction_config=[LatexExtractionConfig()], fallback_mode="no_fallback",
                      parsing_timeout=5, raise_on_error=False)  # fmt: skip
        expression = found[0] if found and not isinstance(found[0], str) else None
        if isinstance(expression, Set):
            expression = expression.doit()  # an intersection, for example
        _PARSED[text] = expression
    return _PARSED[text]


def _read(text: str) -> dict[str, Any]:
    parsed = _parsed(text)
    return {} if parsed is None else _written(parsed)


def _written(value: Any) -> dict[str, Any]:
    """Return a value of SymPy as a JSON document."""
    from sympy import EmptySet, Expr, FiniteSet, Interval, Tuple, Union

    if getattr(value, "is_Matrix", False):
        rows, columns = value.shape
        return _collection(f"{rows} x {columns} matrix", list(value))
    if isinstance(value, Expr):
        return _number(value)
    if isinstance(value, Interval):
        brackets = ("(" if value.left_open else "[") + (")" if value.right_open else "]")
        return _collection(brackets, [value.start, value.end])
    if isinstance(value, Tuple):
        return _collection("()", list(value))
    if isinstance(value, (FiniteSet, Union, EmptySet)):
        return _written(value.args[0]) if len(value.args) == 1 else _collection("set", list(value.args))
    return {"other": True}


def _collection(kind: str, items: list[Any]) -> dict[str, Any]:
    return {"collection": kind, "items": [_written(item) for item in items]}


def _number(value: Any) -> dict[str, Any]:
    from sympy import Rational, oo

    if value in (oo, -oo):
        return {"points": [[INFINITY if value == oo else -INFINITY, 0.0]] * SAMPLES}
    points = []
    for sample in range(SAMPLES):
        values = {symbol: sample_value(_plain(symbol.name), sample) for symbol in value.free_symbols}
        number = complex(value.subs(values).doit().evalf(15))
        points.append([number.real, number.imag])
    exact = None if value.free_symbols else value.doit()
    if isinstance(exact, Rational):
        return {"points": points, "exact": [str(exact.p), str(exact.q)]}
    return {"points": points}


def _plain(name: str) -> str:
    return name.replace("{", "").replace("}", "").replace("\\", "")


def _same(first: str, second: str) -> bool:
    from math_verify import verify

    one, other = _parsed(first), _parsed(second)
    if one is None or other is None:
        return False
    pairs = ((one, other), (other, one))
    return any(verify([a], [b], strict=True, timeout_seconds=5, raise_on_error=False) for a, b in pairs)


if __name__ == "__main__":
    main()
