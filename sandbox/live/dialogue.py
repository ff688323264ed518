"""Answers the requests of one controller with the verbs of a live question, with tokens in place of answers."""

from __future__ import annotations

import json
import secrets
from array import array
from collections.abc import Iterable
from typing import Any

from autotts.envs.contract import remote
from autotts.envs.contract.question import IllegalAction
from autotts.envs.contract.replay import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERIFY
from autotts.envs.declarations import Declarations
from autotts.envs.live.exchange import LiveActions

from ..kept_logs import BadFrame
from ..outcome import Verdict
from .extended import DeclaredActions
from .frames import TOKEN, largest_request

IDLE_REQUESTS = 4096
"""Requests that may change nothing, and 4 more for each branch of a request that spends or opens something."""


class LiveDialogue:
    """The host's side of one controller. It believes nothing that the controller says.

    Args:
        actions: the question.
        declared: what the controller declares that it uses beside answers.
    """

    def __init__(self, actions: LiveActions, declared: Declarations | None = None) -> None:
        self._actions = actions
        self.declared = DeclaredActions(actions, declared or Declarations())
        self._tokens: dict[str, str] = {}
        self._answers: dict[str, str] = {}
        self._idle_left = IDLE_REQUESTS

    async def reply(self, request: bytes) -> bytes:
        """Take the action of ``request``, and return the reply.

        Raises:
            BadFrame: the bytes are no request, or the controller asks without end and changes nothing.
        """
        verb, numbers = self._parsed(request)
        actions = self._actions
        before = (actions.tokens, actions.width)
        error: list[str] | None = None
        result: Any = None
        try:
            result = await self._act(verb, numbers)
            touched: Iterable[int] = numbers
        except IllegalAction as raised:
            kind = next(name for name, base in remote.ERRORS.items() if isinstance(raised, base))
            error = [kind, str(raised)[:500]]
            touched = [i for i in dict.fromkeys(numbers) if 0 <= i < actions.width]
        if verb == BRANCH:
            touched = range(before[1], actions.width)
        elif verb == FORK:
            touched = [*touched, *range(before[1], actions.width)]
        self._count(before != (actions.tokens, actions.width), len(numbers))
        states = self._states(touched) if verb != remote.LATEST else []
        reply = [error, result, actions.tokens, actions.latency, actions.can_step, actions.tokens_ran_out, states]
        reply += self.declared.forks()
        return json.dumps(reply, separators=(",", ":")).encode()

    def answer(self, token: bytes) -> str | None:
        """Return the answer that ``token`` stands for on this question, None for no token.

        Raises:
            BadFrame: no reply has shown this token.
        """
        try:
            return self._answers[token.decode("ascii")] if token else None
        except (KeyError, UnicodeDecodeError):
            message = "the answer is not one that a branch had shown"
            raise BadFrame(Verdict("illegal_answer", message)) from None

    def _parsed(self, request: bytes) -> tuple[int, list[int]]:
        most = largest_request(self._actions.max_branches)
        if not 1 <= len(request) <= most or len(request) % 8 != 1 or request[0] > remote.LATEST:
            raise BadFrame(Verdict("protocol", "garbage among the requests"))
        numbers = array("q", request[1:]).tolist()
        wanted = {STEP: len(numbers), RUN: len(numbers), remote.LATEST: 0}.get(request[0], 1)
        if len(numbers) != wanted:
            raise BadFrame(Verdict("protocol", "garbage among the requests"))
        return request[0], numbers

    async def _act(self, verb: int, numbers: list[int]) -> Any:
        """Take an action, and return its result with tokens in place of answers."""
        actions = self._actions
        if verb == STEP:
            return [(self._token(answer), ended) for answer, ended in await actions.step_many(numbers)]
        if verb == RUN:
            return list(map(self._token, await actions.run_many_to_end(numbers)))
        if verb == BRANCH:
            return await actions.branch_many(numbers[0])
        if verb == ADVANCE:
            return await actions.advance(numbers[0])
        if verb == PROBE:
            return self._token(await actions.probe(numbers[0]))
        if verb == PRUNE:
            return await actions.prune(numbers[0])
        if verb == VERIFY:
            return await self.declared.verify(numbers[0])
        if verb == FORK:
            return await self.declared.fork(numbers[0])
        return [(i, self._token(answer)) for i, answer in actions.latest_answers.items()]

    def _token(self, answer: str | None) -> str | None:
        """Return the token of an answer, newly drawn when this question first shows the answer."""
        if answer is None:
            return None
        token = self._tokens.get(answer)
        while token is None:
            drawn = secrets.token_hex(TOKEN // 2)
            if drawn not in self._answers:
                self._tokens[answer] = token = drawn
                self._answers[drawn] = answer
        return token

    def _states(self, touched: Iterable[int]) -> list[tuple[Any, ...]]:
        """Return (index, depth, state, and the value of each declared signal) of each branch of ``touched``."""
        actions, running = self._actions, frozenset(self._actions.active)

        def state(i: int) -> int:
            if i in running:
                return remote.RUNNING
            return remote.FINISHED if actions.finished(i) else remote.PRUNED

        return [(i, actions.depth(i), state(i), *self.declared.values(i)) for i in touched]

    def _count(self, changed: bool, branches: int) -> None:
        """Count a request, so that a controller cannot ask for ever.

        Raises:
            BadFrame: too many requests have changed nothing.
        """
        self._idle_left += 4 * branches if changed else -1
        if self._idle_left < 0:
            raise BadFrame(Verdict("timeout", "its requests change nothing any more"))
