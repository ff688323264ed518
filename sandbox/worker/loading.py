"""Loads a candidate, and puts its errors into words, alike in every interpreter. Standard library only.

The host sends this source to the worker, where `prepare` replaces the few functions whose results depend on the
interpreter: the reference is CPython 3.11. From 3.12 on CPython's `sum` compensates rounding errors, and three
functions of `statistics` calculate otherwise. PyPy computes four functions of `math` itself, and keeps another order of
sets (see `sandbox.worker.sets`).
"""

import ast
import builtins
import importlib
import math
import operator
import re
import statistics
import sys
import types
from functools import reduce
from typing import Any

_SETS: Any = None
_LINES: list[str] = []
"""The source of the candidate."""
_IS_PYPY = sys.implementation.name == "pypy"
COMPILER = (
    "threshold=400,function_threshold=600,trace_eagerness=80,trace_limit=1500,"
    "enable_opts=intbounds:rewrite:virtualize:string:pure:earlyforce:heap"
)
"""How PyPy compiles: soon, in short traces, and none of them unrolled.

A controller branches on what it sees, so that long traces are left soon and compiled again and again with another end.
The champions take a third less time with these settings, half of it while PyPy warms up.
"""


def prepare(sets: str) -> None:
    """Make this interpreter calculate as the reference does.

    Args:
        sets: the source of `sandbox.worker.sets`.
    """
    if sys.version_info >= (3, 12):
        builtins.sum = plain_sum
        statistics.covariance, statistics.correlation = covariance, correlation  # type: ignore[assignment]
        statistics.linear_regression = linear_regression
    if _IS_PYPY:
        global _SETS
        _SETS = types.ModuleType("sets")
        exec(compile(sets, "sets", "exec"), _SETS.__dict__)
        _same_mathematics()
        importlib.import_module("pypyjit").set_param(COMPILER)


def plain_sum(iterable: Any, /, start: Any = 0) -> Any:
    """Return the sum from left to right, each addition rounded by itself."""
    for kind, name, instead in ((str, "strings", "''.join(seq)"), (bytes, "bytes", "b''.join(seq)")):
        if isinstance(start, kind):
            raise TypeError(f"sum() can't sum {name} [use {instead} instead]")
    return reduce(operator.add, iterable, start)


def covariance(x: Any, y: Any, /) -> Any:
    """Return the covariance of a sample."""
    return _products("covariance", x, y)[0] / (len(x) - 1)


def correlation(x: Any, y: Any, /) -> Any:
    """Return Pearson's correlation coefficient."""
    both, first, second = _products("correlation", x, y)
    try:
        return both / math.sqrt(first * second)
    except ZeroDivisionError:
        raise statistics.StatisticsError("at least one of the inputs is constant") from None


def linear_regression(x: Any, y: Any, /, *, proportional: bool = False) -> Any:
    """Return the slope and the intercept of the line of least squares."""
    both, first, _ = _products("linear regression", x, y, centred=not proportional)
    try:
        slope = both / first
    except ZeroDivisionError:
        raise statistics.StatisticsError("x is constant") from None
    ends = 0.0 if proportional else math.fsum(y) / len(x) - slope * (math.fsum(x) / len(x))
    return statistics.LinearRegression(slope=slope, intercept=ends)


def _products(name: str, x: Any, y: Any, centred: bool = True) -> tuple[float, float, float]:
    """Return the sums of the products of deviations: x and y, x and x, y and y."""
    if len(y) != len(x):
        raise statistics.StatisticsError(f"{name} requires that both inputs have same number of data points")
    if len(x) < 2:
        raise statistics.StatisticsError(f"{name} requires at least two data points")
    if centred:
        means = math.fsum(x) / len(x), math.fsum(y) / len(x)
        x, y = ([value - mean for value in values] for values, mean in zip((x, y), means, strict=True))
    return tuple(math.fsum(map(operator.mul, a, b)) for a, b in ((x, y), (x, x), (y, y)))  # type: ignore[return-value]


def _same_mathematics() -> None:
    """Have PyPy take from the C library the functions that CPython takes from there."""
    import ctypes

    library = ctypes.CDLL("libm.so.6")

    def taken(name: str) -> Any:
        function = getattr(library, name)
        function.argtypes, function.restype = [ctypes.c_double], ctypes.c_double
        return lambda value: function(value)

    erf, erfc, log2, of_pypy = taken("erf"), taken("erfc"), taken("log2"), math.log2

    def same_log2(x: Any, /) -> float:
        value = float(x) if not isinstance(x, int) or abs(x) < 1 << 1000 else 0.0
        return log2(value) if 0.0 < value < math.inf else of_pypy(x)

    def degrees(x: Any, /) -> float:
        return float(x) * (180.0 / math.pi)

    math.log2, math.degrees = same_log2, degrees
    math.erf = statistics.erf = lambda x, /: erf(float(x))  # type: ignore[attr-defined]
    math.erfc = lambda x, /: erfc(float(x))


def compiled(source: str) -> types.CodeType:
    """Return the code of a candidate; nothing of it is executed.

    Raises:
        SyntaxError: it is no Python.
    """
    tree: str | ast.Module = source if _SETS is None else _SETS.rewritten(source)
    code: types.CodeType = compile(tree, "controller.py", "exec")
    return code


def load(source: str, base: Any, code: types.CodeType | None = None) -> Any:
    """Return the controller class that ``source`` defines.

    Args:
        source: the source of the candidate.
        base: the class of all controllers.
        code: what `compiled` returned for the source, if it is at hand.

    Raises:
        NoController: the source defines no controller class, or several.
    """
    module = types.ModuleType("candidate")
    sys.modules["candidate"] = module
    _LINES[:] = source.split("\n")
    if _SETS is not None:
        module.__dict__.update(_SETS.NAMES)
    exec(compiled(source) if code is None else code, module.__dict__)
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
    line, text = "", ""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "controller.py":
            line = f" (line {trace.tb_lineno})"
            text = _LINES[trace.tb_lineno - 1] if 0 < trace.tb_lineno <= len(_LINES) else ""
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
    return kind, f"{type(error).__name__}: {in_common_words(said, text)}{line}"


_WORDS = (
    (r"(float modulo) by zero", r"\1"),
    (r"integer divmod by zero", "integer division or modulo by zero"),
    (r"(.* object is not subscriptable) \(key .*\)", r"\1"),
    (r"('.*') has no length", r"object of type \1 has no len()"),
    (r"int\(\) (.*) or a number, not (.*)", r"int() \1 or a real number, not \2"),
    (r"float\(\) (.*) or a number, not (.*)", r"float() \1 or a real number, not \2"),
    (r"(min|max)\(\) iterable argument is empty", r"\1() arg is an empty sequence"),
    (r"list\.remove\(\): .* is not in list", "list.remove(x): x not in list"),
    (r"(list|tuple) (indices must be integers or slices), not '(.*)'", r"\1 \2, not \3"),
    (r"unsupported operand type for unary abs: (.*)", r"bad operand type for abs(): \1"),
    (r"unsupported operand type for unary neg: (.*)", r"bad operand type for unary -: \1"),
    (r"unsupported operand type for unary pos: (.*)", r"bad operand type for unary +: \1"),
    (r"unsupported operand type for unary ~: (.*)", r"bad operand type for unary ~: \1"),
    (r"out of range: index (\d+) but only \d+ arguments",
     r"Replacement index \1 out of range for positional args tuple"),
    (r"float power", "(34, 'Numerical result out of range')"),
    (r"(.* object has no attribute '.*') and no __dict__ for setting new attributes", r"\1"),
    (r"(cannot import name '.*' from '.*') \(.*\)", r"\1"),
    (r"Exceeds the limit \((\d+)\) (.*)", r"Exceeds the limit (\1 digits) \2; use sys.set_int_max_str_digits() to "
     "increase the limit"),
    (r"sequence item (\d+): expected str, (.*) found", r"sequence item \1: expected str instance, \2 found"),
    (r"chr\(\) arg out of range", "chr() arg not in range(0x110000)"),
    (r"substring not found in string\.\w+", "substring not found"),
    (r"sequence of pairs expected", "dictionary update sequence element #0 has length 1; 2 is required"),
)  # fmt: skip
"""Patterns of what other interpreters say, and CPython 3.11's words."""


def in_common_words(said: str, line: str = "") -> str:
    """Return CPython 3.11's words for what an interpreter says.

    Args:
        said: the text of an error.
        line: the line of the source that raised it.
    """
    if said == "arg is an empty sequence":  # PyPy's does not say of which function
        return f"{'max' if 'max(' in line and 'min(' not in line else 'min'}() {said}"
    if " in " in line and "for " not in line:
        said = re.sub(r"^('\w+') object is not iterable$", r"argument of type \1 is not iterable", said)
    for theirs, ours in _WORDS:
        if re.fullmatch(theirs, said):
            return re.sub(theirs, ours, said, count=1)
    return said
