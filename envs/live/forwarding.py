"""The state of a question that another object holds, for classes that put something before its actions."""

from __future__ import annotations

from typing import Protocol


class QuestionState(Protocol):
    """The state of `envs.contract.question.Question`, by whatever it is held."""

    def finished(self, i: int) -> bool: ...
    def depth(self, i: int) -> int: ...
    @property
    def active(self) -> list[int]: ...
    @property
    def width(self) -> int: ...
    @property
    def tokens(self) -> int: ...
    @property
    def latency(self) -> int: ...
    @property
    def latest_answers(self) -> dict[int, str | None]: ...
    @property
    def can_step(self) -> bool: ...


class ForwardedState:
    """Answers from the `QuestionState` in ``_state``, which a subclass sets. Name it before an abstract base class."""

    _state: QuestionState

    def finished(self, i: int) -> bool:
        """See `envs.contract.question.Question`, as all members here."""
        return self._state.finished(i)

    def depth(self, i: int) -> int:
        return self._state.depth(i)

    @property
    def active(self) -> list[int]:
        return self._state.active

    @property
    def width(self) -> int:
        return self._state.width

    @property
    def tokens(self) -> int:
        return self._state.tokens

    @property
    def latency(self) -> int:
        return self._state.latency

    @property
    def latest_answers(self) -> dict[int, str | None]:
        return self._state.latest_answers

    @property
    def can_step(self) -> bool:
        return self._state.can_step
