"""Sets whose order is that of CPython's, for interpreters that keep another. Standard library only.

A candidate may go through a set, and its actions then depend on the order. CPython's order follows from the hashes and
the history of a set: this is its table (Objects/setobject.c), in Python. PyPy keeps the order of insertion. The host
sends this source to `sandbox.worker.worker`; `rewritten` puts these sets in the place of the built-in ones.
"""

import ast
import builtins
import types
from typing import Any

_ALL = (1 << 64) - 1
_PROBES = 9
_EMPTY, _GONE = object(), object()
_SALT = object()  # the hash of a text differs from process to process, as CPython's does
_NONE = 0xFCA86420


def hashed(key: Any) -> int:
    """Return CPython's hash of ``key``, as a number without a sign."""
    kind = type(key)
    if kind is int or kind is float or kind is bool:
        return hash(key) & _ALL
    if kind is str:
        return hash((_SALT, key)) & _ALL
    if kind is tuple:
        total = 2870177450012600261
        for item in key:
            total = (total + hashed(item) * 14029467366897019727) & _ALL
            total = ((total << 31 | total >> 33) * 11400714785074694791) & _ALL
        total = (total + (len(key) ^ 2870177450012600261 ^ 3527539)) & _ALL
        return total if total != _ALL else 1546275796
    return _NONE if key is None else hash(key) & _ALL


def _free(keys: list[Any], mask: int, hash: int) -> int:
    """Return the place of ``keys`` for a new key with this hash: a free one, or a place before it that was freed."""
    place, freed = hash & mask, -1
    while True:
        for near in range(place, place + (_PROBES if place + _PROBES <= mask else 0) + 1):
            key = keys[near]
            if key is _EMPTY:
                return near if freed < 0 else freed
            if key is _GONE:
                freed = near
        hash >>= 5
        place = (place * 5 + 1 + hash) & mask


class TableSet:
    """What both kinds of sets share: the table, and the operations that change nothing."""

    __slots__ = ("_fill", "_finger", "_keys", "_mask", "_places")
    __class_getitem__: Any = classmethod(types.GenericAlias)

    def __init__(self, items: Any = ()) -> None:
        self._finger = 0  # where `pop` goes on; it outlives `clear`
        self._empty()
        self._take(items)

    def _empty(self) -> None:
        self._keys: list[Any] = [_EMPTY] * 8
        self._mask, self._fill = 7, 0
        self._places: dict[Any, int] = {}

    def _put(self, key: Any) -> None:
        if key in self._places:
            return
        place = _free(self._keys, self._mask, hashed(key))
        again = self._keys[place] is _GONE
        self._keys[place] = key
        self._places[key] = place
        if again:
            return
        self._fill += 1
        if self._fill * 5 >= self._mask * 3:
            self._resize(len(self._places) * (2 if len(self._places) > 50000 else 4))

    def _drop(self, key: Any) -> bool:
        place = self._places.pop(key, -1)
        if place < 0:
            return False
        self._keys[place] = _GONE
        return True

    def _resize(self, least: int) -> None:
        size = 8
        while size <= least:
            size <<= 1
        self._rebuild(self._items(), size)

    def _rebuild(self, items: list[Any], size: int) -> None:
        keys, mask, places = [_EMPTY] * size, size - 1, {}
        for key in items:
            places[key] = place = _free(keys, mask, hashed(key))
            keys[place] = key
        self._keys, self._mask, self._places, self._fill = keys, mask, places, len(items)

    def _items(self) -> list[Any]:
        return [key for key in self._keys if key is not _EMPTY and key is not _GONE]

    def _take(self, items: Any) -> None:
        """Add all ``items``: as CPython does, a set or a dictionary makes room for all of them first."""
        if isinstance(items, TableSet | dict):
            number = len(items)
            if not number or items is self:
                return
            if (self._fill + number) * 5 >= self._mask * 3:
                self._resize((len(self._places) + number) * 2)
            if isinstance(items, TableSet) and not self._fill:
                if self._mask == items._mask and items._fill == number:
                    self._keys, self._places, self._fill = items._keys[:], items._places.copy(), number
                else:
                    self._rebuild(items._items(), self._mask + 1)
                return
        for key in items:
            self._put(key)

    def _same_kind(self, items: Any = ()) -> Any:
        return (FrozenSet if isinstance(self, FrozenSet) else Set)(items)

    def _without(self, items: Any) -> None:
        if items is self:
            self._empty()
            return
        for key in list(items):
            self._drop(key)
        if self._fill - len(self._places) > self._mask // 4:
            self._resize(len(self._places) * (2 if len(self._places) > 50000 else 4))

    def _either(self, items: Any) -> None:
        if items is self:
            self._empty()
            return
        for key in items if isinstance(items, TableSet | dict) else self._same_kind(items):
            if not self._drop(key):
                self._put(key)

    def copy(self) -> Any:
        return self._same_kind(self)

    def union(self, *others: Any) -> Any:
        made = self.copy()
        for other in others:
            if other is not self:
                made._take(other)
        return made

    def intersection(self, *others: Any) -> Any:
        made = self if others else self.copy()
        for other in others:
            found = made._same_kind()
            less, more = (made, other) if isinstance(other, TableSet) and len(other) > len(made) else (other, made)
            for key in less:
                if key in more:
                    found._put(key)
            made = made.copy() if other is made else found
        return made

    def difference(self, *others: Any) -> Any:
        made = self if others else self.copy()
        for number, other in enumerate(others):
            if number == 0 and isinstance(other, TableSet | dict) and len(self) >> 2 <= len(other):
                made = self._same_kind()
                for key in self:
                    if key not in other:
                        made._put(key)
            else:
                made = self.copy() if number == 0 else made
                made._without(other)
        return made

    def symmetric_difference(self, other: Any) -> Any:
        made = self._same_kind(other)
        made._either(self)
        return made

    def isdisjoint(self, other: Any) -> bool:
        return not any(key in self._places for key in other)

    def issubset(self, other: Any) -> bool:
        other = other if isinstance(other, TableSet) else Set(other)
        return len(self) <= len(other) and all(key in other for key in self._places)

    def issuperset(self, other: Any) -> bool:
        return all(key in self._places for key in other)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: Any) -> bool:
        if isinstance(key, Set):
            key = FrozenSet(key)
        return key in self._places

    def __iter__(self) -> Any:
        number = len(self._places)
        for key in self._keys:
            if key is not _EMPTY and key is not _GONE:
                yield key
                if len(self._places) != number:
                    raise RuntimeError("Set changed size during iteration")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TableSet) and self._places.keys() == other._places.keys()

    __hash__: Any = None

    def __le__(self, other: Any) -> Any:
        return self.issubset(other) if isinstance(other, TableSet) else NotImplemented

    def __lt__(self, other: Any) -> Any:
        return len(self) < len(other) and self.issubset(other) if isinstance(other, TableSet) else NotImplemented

    def __ge__(self, other: Any) -> Any:
        return other.issubset(self) if isinstance(other, TableSet) else NotImplemented

    def __gt__(self, other: Any) -> Any:
        return len(other) < len(self) and other.issubset(self) if isinstance(other, TableSet) else NotImplemented

    def __or__(self, other: Any) -> Any:
        return self.union(other) if isinstance(other, TableSet) else NotImplemented

    def __and__(self, other: Any) -> Any:
        return self.intersection(other) if isinstance(other, TableSet) else NotImplemented

    def __sub__(self, other: Any) -> Any:
        return self.difference(other) if isinstance(other, TableSet) else NotImplemented

    def __xor__(self, other: Any) -> Any:
        return self.symmetric_difference(other) if isinstance(other, TableSet) else NotImplemented

    def __repr__(self) -> str:
        name, inside = type(self).__name__, ", ".join(map(repr, self))
        if not inside:
            return f"{name}()"
        return f"{{{inside}}}" if name == "set" else f"{name}({{{inside}}})"


class Set(TableSet):
    """A set that can be changed."""

    __slots__ = ()

    def add(self, key: Any) -> None:
        self._put(key)

    def discard(self, key: Any) -> None:
        self._drop(key)

    def remove(self, key: Any) -> None:
        if not self._drop(key):
            raise KeyError(key)

    def pop(self) -> Any:
        if not self._places:
            raise KeyError("pop from an empty set")
        place = self._finger & self._mask
        while self._keys[place] is _EMPTY or self._keys[place] is _GONE:
            place = place + 1 if place < self._mask else 0
        key = self._keys[place]
        self._drop(key)
        self._finger = place + 1
        return key

    def clear(self) -> None:
        self._empty()

    def update(self, *others: Any) -> None:
        for other in others:
            self._take(other)

    def difference_update(self, *others: Any) -> None:
        for other in others:
            self._without(other)

    def intersection_update(self, *others: Any) -> None:
        made = self.intersection(*others)
        self._keys, self._mask, self._fill, self._places = made._keys[:], made._mask, made._fill, made._places.copy()

    def symmetric_difference_update(self, other: Any) -> None:
        self._either(other)

    def __ior__(self, other: Any) -> Any:
        return self._changed(self.update, other)

    def __isub__(self, other: Any) -> Any:
        return self._changed(self.difference_update, other)

    def __iand__(self, other: Any) -> Any:
        return self._changed(self.intersection_update, other)

    def __ixor__(self, other: Any) -> Any:
        return self._changed(self.symmetric_difference_update, other)

    def _changed(self, change: Any, other: Any) -> Any:
        if not isinstance(other, TableSet):
            return NotImplemented
        change(other)
        return self


class FrozenSet(TableSet):
    """A set that cannot be changed, and can be a key."""

    __slots__ = ()

    def __hash__(self) -> int:
        total = 0
        for key in self._places:
            one = hashed(key)
            total ^= ((one ^ 89869747 ^ (one << 16)) * 3644798167) & _ALL
        total ^= (len(self) + 1) * 1927868237
        total ^= (total >> 11) ^ (total >> 25)
        return ((total * 69069 + 907133923) & _ALL) - (1 << 63)


Set.__name__ = Set.__qualname__ = "set"
FrozenSet.__name__ = FrozenSet.__qualname__ = "frozenset"


def of_view(value: Any) -> Any:
    """Return ``value``, or a `Set` if it is a built-in set: what operators make of the keys of dictionaries."""
    return Set(iter(value)) if type(value) is builtins.set else value


NAMES = {"set": Set, "frozenset": FrozenSet, "<set>": Set, "<frozenset>": FrozenSet, "<of view>": of_view}
"""What a candidate's module holds before its source runs. No source can name the last three."""


def rewritten(source: str) -> Any:
    """Return the source as a tree in which sets are those of this module; or as it is, if it has none."""
    tree = ast.parse(source, "controller.py")
    kinds = {type(node) for node in ast.walk(tree)}
    views = any(isinstance(node, ast.Attribute) and node.attr in ("keys", "items") for node in ast.walk(tree))
    if views or ast.Set in kinds or ast.SetComp in kinds:
        tree = ast.fix_missing_locations(_Rewriter(views).visit(tree))
    return tree


class _Rewriter(ast.NodeTransformer):
    """Replaces displays and comprehensions of sets, and what operators make of views of dictionaries."""

    def __init__(self, views: bool) -> None:
        self._views = views

    def visit_Set(self, node: ast.Set) -> ast.AST:
        constant = all(isinstance(item, ast.Constant) for item in node.elts)
        self.generic_visit(node)
        items = ast.Tuple(node.elts, ast.Load())
        # CPython makes three constants or more a frozen set when it compiles
        made = _call("<frozenset>", items, node) if constant and len(node.elts) >= 3 else items
        return _call("<set>", made, node)

    def visit_SetComp(self, node: ast.SetComp) -> ast.AST:
        self.generic_visit(node)
        return _call("<set>", ast.copy_location(ast.GeneratorExp(node.elt, node.generators), node), node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        kept = {id(item) for item, test in zip(node.comparators, node.ops, strict=True) if _constant(item)
                and isinstance(test, ast.In | ast.NotIn)}  # fmt: skip
        node.left = self.visit(node.left)
        node.comparators = [item if id(item) in kept else self.visit(item) for item in node.comparators]
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        node.iter = _frozen(node.iter)
        return self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.AST:
        node.iter = _frozen(node.iter)
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if self._views and isinstance(node.op, ast.Sub | ast.BitAnd | ast.BitOr | ast.BitXor):
            return _call("<of view>", node, node)
        return node


def _constant(node: ast.AST) -> bool:
    return isinstance(node, ast.Set) and all(isinstance(item, ast.Constant) for item in node.elts)


def _frozen(node: ast.expr) -> ast.expr:
    """Return the frozen set that CPython makes of a display of constants that a loop goes through."""
    if isinstance(node, ast.Set) and _constant(node):
        return _call("<frozenset>", ast.copy_location(ast.Tuple(node.elts, ast.Load()), node), node)
    return node


def _call(name: str, argument: ast.expr, at: ast.expr) -> ast.Call:
    called = ast.Call(ast.copy_location(ast.Name(name, ast.Load()), at), [argument], [])
    return ast.copy_location(called, at)
