"""Rebuilds arrays and numbers of NumPy from the parts that a pickle holds (see `pickles`), and imports nothing."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

_CODE = re.compile(r"[fiu][1248]|b1")
_TIMES = ("datetime", "date", "time", "timedelta")
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
NAMES = {
    *((module, name) for module in _MULTIARRAY for name in ("_reconstruct", "scalar")),
    *((module, "_frombuffer") for module in _NUMERIC),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    ("__builtin__", "bytes"),
    *(("datetime", name) for name in _TIMES),
}
"""The names of modules and their parts that a pickle may contain."""


class UnsafePickle(Exception):
    """A pickle holds something else than plain data."""


class PickledName:
    """A name of `NAMES`, which stands for itself: nothing is imported."""

    __slots__ = ("module", "name")

    def __init__(self, module: str, name: str) -> None:
        self.module = module
        self.name = name


class PickledArray:
    """An array of numbers; it has none before its state has been read."""

    __slots__ = ("values",)

    def __init__(self, values: npt.NDArray[Any] | None = None) -> None:
        self.values = np.zeros(0) if values is None else values


class _Kind:
    """The kind of the numbers of an array: ``f2`` and its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str) -> None:
        self.code = code
        self.order = "="

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


def reduced(name: Any, arguments: Any) -> Any:
    """Return what a name of `NAMES` makes of its arguments.

    Raises:
        UnsafePickle: it is another name.
        ValueError: the arguments have another form.
    """
    if not isinstance(name, PickledName) or not isinstance(arguments, tuple):
        raise UnsafePickle("opcode REDUCE: a call of something that is not plain data")
    if name.name == "encode":
        text, way = arguments
        if way != "latin1":
            raise ValueError("bytes in another form")
        return text.encode("latin1")
    if name.name == "bytes" and not arguments:  # no bytes, in old protocols
        return b""
    if name.name == "dtype":
        code = arguments[0]
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise UnsafePickle(f"an array of {str(code)[:20]!r}: only numbers are read")
        return _Kind(code)
    if name.name == "scalar":
        kind, data = arguments
        return _array(data, kind, (1,)).tolist()[0]
    if name.name == "_frombuffer":
        data, kind, shape, order = arguments
        return PickledArray(_array(data, kind, shape, "F" if order == "F" else "C"))
    if name.name == "_reconstruct":
        return PickledArray()
    if name.module == "datetime":
        return "time"
    raise UnsafePickle(f"opcode REDUCE: a call of {name.module}.{name.name}")


def built(target: Any, state: Any) -> int:
    """Give an array, or the kind of its numbers, the state that a pickle holds; return its bytes.

    Raises:
        UnsafePickle: the target is something else.
        ValueError: the state has another form.
    """
    if isinstance(target, _Kind):
        order = state[1]
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise UnsafePickle("an array of records: only numbers are read")
        target.order = order
        return 0
    if isinstance(target, PickledArray):
        _, shape, kind, by_columns, data = state
        target.values = _array(data, kind, shape, "F" if by_columns else "C")
        return target.values.nbytes
    raise UnsafePickle("opcode BUILD: a state of something that is not plain data")


def _array(data: Any, kind: Any, shape: Any, order: str = "C") -> npt.NDArray[Any]:
    if not isinstance(kind, _Kind) or not isinstance(data, bytes | bytearray) or not isinstance(shape, tuple):
        raise UnsafePickle("an array of objects: only numbers are read")
    if len(shape) > 4 or not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("a shape of another form")
    if math.prod(shape) * kind.dtype.itemsize != len(data):
        raise ValueError("an array whose size is not the one that it declares")
    return np.frombuffer(bytes(data), kind.dtype).reshape(shape, order="F" if order == "F" else "C")
