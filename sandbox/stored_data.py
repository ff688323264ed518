"""Measures the data that a source stores: a controller may hold a rule, and no recorded answers of questions.

The measure is the compressed size of the syntax tree. A program cannot know more than it is long when compressed, so
the bound holds wherever the data are: in strings, in many short literals, in large integers, in the names of variables
or of the members of an enumeration, or in the shape of nested conditions. Comments and layout do not count, because a
program cannot read them.

The largest of our champions and evolved controllers has 3,095 bytes, 1,177 of them in constants and names; the largest
of our baselines, which fits a model, 5,067 and 1,997.
"""

from __future__ import annotations

import ast
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

NOTABLE_VALUES = 2_000
"""Bytes of constants and names from which on a controller is said to store data (a finding)."""
MOST_VALUES = 4_000
"""Bytes of constants and names that a controller may have at most."""
MOST_PROGRAM = 10_000
"""Bytes of a whole program that a controller may have at most."""
_WIDE = 64
"""Bits of an integer from which on its bytes are counted, and not its digits."""


@dataclass(frozen=True, slots=True)
class StoredData:
    """The compressed sizes of a program, in bytes."""

    program: int
    """Of the whole syntax tree, docstrings included: an upper bound of everything that the program knows."""
    values: int
    """The part that constants and names add to the bare structure of the program; docstrings are left out."""

    @property
    def notable(self) -> int:
        """Bytes of constants and names above `NOTABLE_VALUES`; 0 for an ordinary controller."""
        return max(0, self.values - NOTABLE_VALUES)

    @property
    def fault(self) -> str:
        """Why the program stores more data than a controller may, in one line; empty if it does not."""
        if self.values > MOST_VALUES:
            return f"it stores {self.values:,} bytes in constants and names (compressed), of at most {MOST_VALUES:,}"
        if self.program > MOST_PROGRAM:
            return f"the program has {self.program:,} bytes (compressed), of at most {MOST_PROGRAM:,}"
        return ""


def stored_data(tree: ast.Module) -> StoredData:
    """Return the sizes of a program. There is no recursion: a tree may be nested deeper than Python's stack."""
    docstrings = set(_docstrings(tree))
    whole, acting, shape = bytearray(), bytearray(), bytearray()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        head, values = _head(node)
        whole += head + values
        acting += head if node in docstrings else head + values
        shape += head
        waiting += reversed(list(ast.iter_child_nodes(node)))
    return StoredData(_size(whole), max(0, _size(acting) - _size(shape)))


def _size(stream: bytearray) -> int:
    return len(zlib.compress(stream, 9))


def _head(node: ast.AST) -> tuple[bytes, bytes]:
    """Return the kind of a node with the number of its children by field, and its own values: names and constants.

    Both together, in the order of the tree, determine the program, so that nothing in it escapes the measure.
    """
    kind, values = [type(node).__name__], bytearray()
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "kind", "type_comment"):
            continue
        parts = value if isinstance(value, list) else [value]
        children = sum(isinstance(part, ast.AST) for part in parts)
        kind.append(str(children) if isinstance(value, list) else ".x"[children])
        for part in parts:
            if not isinstance(part, ast.AST) and (part is not None or isinstance(node, ast.Constant)):
                values += b" " + type(part).__name__[:2].encode() + _bytes(part)
    return (" ".join(kind) + "\n").encode(), bytes(values) + b"\n"


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode(errors="surrogatepass")
    if type(value) is int and value.bit_length() >= _WIDE:
        return value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return repr(value).encode()


def _docstrings(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value
