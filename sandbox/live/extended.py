"""Signals, a verifier and forks of a live question, as far as its controller declares that it uses them."""

from __future__ import annotations

import struct
from typing import Protocol, cast

from autotts.envs.contract.question import NO_FORKS, NO_VERIFIER, IllegalAction
from autotts.envs.declarations import Declarations
from autotts.envs.live.exchange import LiveActions

_FLOAT = struct.Struct("<f")


class ExtendedActions(Protocol):
    """What `LiveActions` may have beside answers, with the rules of `envs.contract.question.Question`.

    A live question that has none of it needs none of these members.
    """

    signals: tuple[str, ...]
    can_verify: bool
    has_forks: bool
    """Whether branches can be forked at all."""

    async def verify(self, i: int) -> float | None: ...
    async def fork(self, i: int) -> int: ...
    def signal(self, i: int, name: str) -> float | None: ...
    def can_fork(self, i: int) -> bool: ...
    @property
    def active(self) -> list[int]: ...
    @property
    def branches_left(self) -> int: ...


class DeclaredActions:
    """The part of `ExtendedActions` that a controller declares: it gets nothing else.

    Args:
        actions: the question.
        declared: what the controller declares.
    """

    def __init__(self, actions: LiveActions, declared: Declarations) -> None:
        self._actions = cast(ExtendedActions, actions)
        signals: tuple[str, ...] = tuple(getattr(actions, "signals", ()))
        verifier, forks = bool(getattr(actions, "can_verify", False)), bool(getattr(actions, "has_forks", False))
        self.missing = declared.missing(signals, verifier, forks)
        """What the controller needs, and the question does not have, in words."""
        self.signals = declared.shown(signals)
        self.can_verify = verifier and bool(declared.verifier)
        self.has_forks = forks and bool(declared.forks)

    @property
    def branches_left(self) -> int | None:
        """The number of branches that may be opened; None for a controller without forks."""
        return self._actions.branches_left if self.has_forks else None

    def values(self, i: int) -> tuple[float | None, ...]:
        """Return the values of `signals` of branch ``i``, rounded as recorded ones are."""
        return tuple(_rounded(self._actions.signal(i, name)) for name in self.signals)

    def forks(self) -> list[list[int] | int]:
        """Return the end of a reply: the branches that can be forked, and `branches_left`; [] without forks."""
        if not self.has_forks:
            return []
        return [[i for i in self._actions.active if self._actions.can_fork(i)], self._actions.branches_left]

    async def verify(self, i: int) -> float | None:
        """Verify branch ``i``.

        Raises:
            IllegalAction: see `Question.verify`.
        """
        if not self.can_verify:
            raise IllegalAction(NO_VERIFIER)
        return _rounded(await self._actions.verify(i))

    async def fork(self, i: int) -> int:
        """Fork branch ``i``.

        Raises:
            IllegalAction: see `Question.fork`.
        """
        if not self.has_forks:
            raise IllegalAction(NO_FORKS)
        return await self._actions.fork(i)


def _rounded(value: float | None) -> float | None:
    """Return a number as float32; None for NaN."""
    if value is None or value != value:
        return None
    rounded: float = _FLOAT.unpack(_FLOAT.pack(value))[0]
    return rounded
