"""Reads plain data from pickles without executing them: nothing is imported, and nothing is called.

`pickle` calls whatever a file names, and a restricted unpickler still runs code of the classes that it lets through.
This reader takes the opcodes from `pickletools.genops`, and builds dictionaries, lists, tuples, texts, bytes, numbers,
true, false and none by itself. The few names below, which arrays of NumPy and times are made of, are recognised as
texts, and their arguments read by code of this module. Every other opcode and every other name ends the reading.
"""

from __future__ import annotations

import io
import pickletools
import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .pickled_arrays import NAMES, PickledArray, PickledName, UnsafePickle, built, reduced

MAX_MEMORY = 4 << 30
"""The largest memory of all values of a pickle, in bytes."""
MAX_DEPTH = 200
"""The largest number of containers that are open at a time."""
_BUFFER = 1 << 16
_ENTRY = 64
"""Bytes that an entry of the stack, of a container or of the memo is counted with, beside its value."""
_KEYS = (str, int, float, bool, bytes, type(None))


def load(file: BinaryIO, size: int, name: str, most: int = MAX_MEMORY) -> Any:
    """Return the value of a pickle of any protocol.

    Lists become `CompactList`, and arrays `PickledArray`. Times become the text ``"time"``.

    Args:
        file: the pickle, from its first byte.
        size: its size in bytes.
        name: what error messages call it.
        most: the largest memory of its values, in bytes.

    Raises:
        InputError: it holds something else than plain data, is damaged, or needs more memory or depth.
    """
    machine = _Machine(_BoundedFile(file, size), most)
    try:
        return machine.run()
    except UnsafePickle as error:
        raise InputError(f"{name}: byte {machine.position:,}: {error}; nothing of it was executed") from None
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"{name}: byte {machine.position:,}: not a readable pickle ({reason})") from None


def read(path: Path) -> Any:
    """Return the value of the pickle at ``path``, see `load`."""
    with path.open("rb", buffering=_BUFFER) as file:
        return load(file, path.stat().st_size, str(path))


def begins_with_text(path: Path) -> bool:
    """Return whether the first value within the dictionary of a pickle is a text."""
    with path.open("rb") as file, suppress(ValueError, OverflowError, MemoryError):
        for opcode, _, _ in pickletools.genops(_BoundedFile(file, path.stat().st_size)):  # type: ignore[arg-type]
            if opcode.name not in _OPENING:
                return "UNICODE" in opcode.name or "STRING" in opcode.name
    return False


_OPENING = ("PROTO", "FRAME", "EMPTY_DICT", "MARK", "DICT", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE")


class CompactList:
    """A list of a pickle. One of nothing but decimal numbers, or of nothing but whole ones, takes 8 bytes a number."""

    __slots__ = ("_items", "_numbers")

    def __init__(self) -> None:
        self._items: list[Any] = []
        self._numbers: array[Any] | None = None

    def __len__(self) -> int:
        return len(self._items if self._numbers is None else self._numbers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items if self._numbers is None else self._numbers)

    @property
    def is_compact(self) -> bool:
        """Whether it holds numbers of one kind, and nothing else."""
        return self._numbers is not None

    @property
    def numbers(self) -> npt.NDArray[np.float64] | None:
        """The numbers of a list that holds nothing else, or None."""
        if self._numbers is None:
            return None if self._items else np.zeros(0)
        return np.array(self._numbers, np.float64)

    def extend(self, values: Sequence[Any]) -> None:
        """Add ``values`` at the end."""
        kind = values.typecode if isinstance(values, array) else _kind(values)
        mine = self._numbers.typecode if self._numbers is not None else "" if self._items else kind
        if values and kind and kind == mine:
            self._numbers = array(kind) if self._numbers is None else self._numbers
            self._numbers.extend(values if isinstance(values, array) else array(kind, values))
        elif values:
            if self._numbers is not None:
                self._items, self._numbers = list(self._numbers), None
            self._items.extend(values)


def _kind(values: Sequence[Any]) -> str:
    """Return the type of an array that can hold ``values``, or ''."""
    kinds = set(map(type, values))
    if kinds == {float}:
        return "d"
    return "q" if kinds == {int} and min(values) >= -(1 << 63) and max(values) < 1 << 63 else ""


class _BoundedFile:
    """A file that never reads, or makes room for, more bytes than it has: opcodes may declare any length."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file if isinstance(file, io.BufferedReader) else io.BufferedReader(file)  # type: ignore[type-var]
        self._size = size

    def tell(self) -> int:
        return self._file.tell()

    def read(self, count: int) -> bytes:
        return self._file.read(max(0, min(count, self._size - self._file.tell())))

    def readline(self) -> bytes:
        return self._file.readline()

    def numbers(self) -> array[Any] | None:
        """Take the opcodes of numbers that come next, as far as they are of one kind, and at most `_AHEAD` bytes.

        `pickletools` yields them one at a time, and files of log-probabilities hold hundreds of millions.
        """
        found: array[Any]
        start = self._file.tell()
        ahead = self._file.read(_AHEAD)
        if ahead[:1] == b"G":
            rows = np.frombuffer(ahead, np.uint8, 9 * (len(ahead) // 9)).reshape(-1, 9)
            other = np.flatnonzero(rows[:, 0] != ord("G"))
            count = int(other[0]) if len(other) else len(rows)
            found = array("d", rows[:count, 1:].copy().view(">f8").astype(np.float64).tobytes())
            end = 9 * count
        else:
            found, end = array("q"), 0
            while end + 5 <= len(ahead) and (width := _WIDTHS.get(ahead[end])):
                found.append(int.from_bytes(ahead[end + 1 : end + 1 + width], "little", signed=width == 4))
                end += 1 + width
        self._file.seek(start + end)
        return found or None


_AHEAD = 9 * 1024
"""Bytes of a thousand decimal numbers, which `pickle` writes between two marks."""
_WIDTHS = {ord("J"): 4, ord("M"): 2, ord("K"): 1}
"""The bytes of the whole number behind each opcode."""


class _Machine:
    """The stack machine of pickles, for plain data alone."""

    def __init__(self, file: _BoundedFile, most: int) -> None:
        self.position = 0
        """The place of the opcode that is being read, in bytes."""
        self._file = file
        self._left = most
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._name = ""

    def run(self) -> Any:
        for opcode, argument, position in pickletools.genops(self._file):  # type: ignore[arg-type]
            self.position, self._name = position or 0, opcode.name
            if opcode.name == "STOP":
                (value,) = self._stack
                return value
            action = _ACTIONS.get(opcode.name)
            if action is None:
                raise UnsafePickle(f"opcode {opcode.name}: only plain data and arrays of numbers are read")
            action(self, argument)
        raise ValueError("no end")

    def push(self, value: Any) -> None:
        self._take(sys.getsizeof(value) + _ENTRY if isinstance(value, str | bytes | int | bytearray) else 2 * _ENTRY)
        self._stack.append(value)

    def constant(self, value: Any) -> None:
        if type(value) is int and value.bit_length() > 64:
            raise UnsafePickle("a whole number of more than 64 bits")
        self.push(value)

    def mark(self, _: Any) -> None:
        if len(self._marks) >= MAX_DEPTH:
            raise UnsafePickle(f"more than {MAX_DEPTH} open containers")
        self._take(_ENTRY)
        self._marks.append(len(self._stack))
        if self._stack and isinstance(self._stack[-1], CompactList) and (run := self._file.numbers()) is not None:
            self._take(8 * len(run))
            self._stack.append(_Run(run))

    def pop(self) -> Any:
        if self._marks and len(self._stack) <= self._marks[-1]:
            raise ValueError("a mark where a value is needed")
        top = self._stack[-1]
        if not isinstance(top, _Run):
            return self._stack.pop()
        value = top.numbers.pop()
        if not top.numbers:
            self._stack.pop()
        return value

    def popped(self) -> list[Any]:
        """Return the values since the last mark."""
        parts = self._popped_parts()
        return [value for part in parts for value in (part.numbers if isinstance(part, _Run) else (part,))]

    def _popped_parts(self) -> list[Any]:
        start = self._marks.pop()
        values = self._stack[start:]
        del self._stack[start:]
        return values

    def tuple_of(self, values: list[Any]) -> None:
        self._take(8 * len(values))
        self.push(tuple(values))

    def list_of_marked(self, _: Any) -> None:
        made = CompactList()
        made.extend(self.popped())
        self.push(made)

    def append(self, _: Any) -> None:
        value = self.pop()
        self._list().extend([value])

    def appends(self, _: Any) -> None:
        parts = self._popped_parts()
        target = self._list()
        if parts and isinstance(parts[0], _Run):
            target.extend(parts.pop(0).numbers)
        target.extend(parts)
        if target.is_compact:
            self._left += _ENTRY * len(parts)  # these numbers have moved into an array

    def _list(self) -> CompactList:
        target = self._stack[-1]
        if not isinstance(target, CompactList):
            raise ValueError("no list to append to")
        return target

    def dict_of_marked(self, _: Any) -> None:
        made: dict[Any, Any] = {}
        self._set(made, self.popped())
        self.push(made)

    def set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._set(self._stack[-1], [key, value])

    def set_items(self, _: Any) -> None:
        values = self.popped()
        self._set(self._stack[-1], values)

    def _set(self, target: Any, values: list[Any]) -> None:
        if not isinstance(target, dict) or len(values) % 2:
            raise ValueError("no dictionary to add to")
        self._take(_ENTRY * len(values))
        for key, value in zip(values[::2], values[1::2], strict=True):
            plain = isinstance(key, _KEYS) or (
                isinstance(key, tuple) and len(key) <= 8 and all(isinstance(part, _KEYS) for part in key)
            )
            if not plain:  # the hash of anything deeper might have no end
                raise UnsafePickle(f"a key that is {type(key).__name__}")
            target[key] = value

    def put(self, number: Any) -> None:
        self._take(2 * _ENTRY)
        top = self._stack[-1]
        if isinstance(top, _Run):
            top = top.numbers[-1]
        self._memo[len(self._memo) if self._name == "MEMOIZE" else int(number)] = top

    def get(self, number: Any) -> None:
        self._take(_ENTRY)
        self._stack.append(self._memo[int(number)])

    def name(self, text: Any) -> None:
        if self._name == "STACK_GLOBAL":
            last, first = self.pop(), self.pop()
        else:
            first, _, last = str(text).partition(" ")
        if not isinstance(first, str) or not isinstance(last, str) or (first, last) not in NAMES:
            raise UnsafePickle(f"opcode {self._name}: {str(first)[:60]}.{str(last)[:60]} is not plain data")
        self.push(PickledName(first, last))

    def reduce(self, _: Any) -> None:
        arguments, name = self.pop(), self.pop()
        made = reduced(name, arguments)
        self._take(made.values.nbytes if isinstance(made, PickledArray) else 0)
        self.push(made)

    def build(self, _: Any) -> None:
        state = self.pop()
        self._take(built(self._stack[-1], state))

    def ignore(self, _: Any) -> None:
        pass

    def drop(self, _: Any) -> None:
        self.pop()

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UnsafePickle("its values need more memory than is allowed")


class _Run:
    """Numbers on the stack that were taken together."""

    __slots__ = ("numbers",)

    def __init__(self, numbers: array[Any]) -> None:
        self.numbers = numbers


def _made(value: Callable[[], Any]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.push(value())


def _popped_tuple(count: int) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.tuple_of([machine.pop() for _ in range(count)][::-1])


_CONSTANTS = (
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
    "BYTEARRAY8",
)  # fmt: skip
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _Machine.ignore),
    **dict.fromkeys(_CONSTANTS, _Machine.constant),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    "NONE": _made(lambda: None),
    "NEWTRUE": _made(lambda: True),
    "NEWFALSE": _made(lambda: False),
    "EMPTY_DICT": _made(dict),
    "EMPTY_LIST": _made(CompactList),
    "EMPTY_TUPLE": _made(tuple),
    "TUPLE1": _popped_tuple(1),
    "TUPLE2": _popped_tuple(2),
    "TUPLE3": _popped_tuple(3),
    "TUPLE": lambda machine, _: machine.tuple_of(machine.popped()),
    "LIST": _Machine.list_of_marked,
    "DICT": _Machine.dict_of_marked,
    "MARK": _Machine.mark,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "POP": _Machine.drop,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}
"""What each opcode does. Those that are not here end the reading."""
