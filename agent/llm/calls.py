"""The journal of calls to language models, and the one layer that repeats them.

A call is known by a key that follows from what is asked, and has one file. It is written before each attempt is sent
and after each has ended, so that a run that was killed finds its answers and pays for none twice. The attempt that was
in flight is sent again under the same id: a service that knows ids counts it once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from envs.errors import DamagedFile
from envs.store import write_atomically

from ..records.card import FrozenModel
from .budget import LlmBudget, Spending
from .chat import ChatModel, Clock, PendingRequest, Reply, WallClock
from .failures import HANDLING, AuthError, CallFailure, FailureKind, RequestRefused, ServiceDown
from .prices import CHARACTERS_PER_TOKEN, Price, Prices, Usage

TRANSCRIPT = ".transcript.txt"
"""How the name of a conversation's transcript ends, beside its calls."""
_TYPICAL_ANSWER = 1_500
"""Tokens set aside for an answer that is not there yet."""


class CallAttempt(FrozenModel):
    """One time that a call was sent."""

    id: str
    outcome: FailureKind | Literal["sent", "answered"] = "sent"
    message: str = ""
    usage: Usage = Usage()
    dollars: float = 0.0

    @property
    def spending(self) -> Spending:
        """What it has cost; nothing is known of one in flight."""
        if self.outcome == "sent":
            return Spending()
        return Spending(dollars=self.dollars, usage=self.usage, calls=1, failed=int(self.outcome != "answered"))


@dataclass(frozen=True, slots=True)
class CallSite:
    """Where in a run a conversation belongs."""

    generation: int
    step: str
    slot: int

    def __str__(self) -> str:
        return f"g{self.generation:03d}-{self.step}-{self.slot}"


class Call(FrozenModel):
    """All that is known of a call."""

    key: str
    model: str
    generation: int
    attempts: tuple[CallAttempt, ...] = ()
    reply: Reply | None = None
    failure: FailureKind | None = None
    """Why there will be no answer, where the conversation has to deal with it."""


class RetryPolicy(FrozenModel):
    """How long to go on with a service that does not answer: seconds."""

    silence: float = 120.0
    """Without any progress within an answer."""
    deadline: float = 3600.0
    """From the first attempt at a call until the last may end."""
    first_wait: float = 2.0
    longest_wait: float = 120.0
    """Between two attempts, whatever the service asks for."""


class CallJournal:
    """The calls of one run.

    Args:
        home: the journal's directory.
        seed: the run's.
        prices: what they cost.
        budget: what has been spent; the journal's calls are added to it at once.
        clock: the time.
        patience: how long to go on.

    Raises:
        Damaged: a file of the journal is damaged.
    """

    def __init__(
        self, home: Path, seed: int, prices: Prices, budget: LlmBudget, clock: Clock | None = None,
        patience: RetryPolicy | None = None,
    ) -> None:  # fmt: skip
        self.home, self.seed, self.prices, self.budget = home, seed, prices, budget
        self.clock: Clock = clock or WallClock()
        self.patience = patience or RetryPolicy()
        for call in read_calls(home):
            for attempt in call.attempts:
                budget.record(call.generation, attempt.spending)

    def key(self, place: CallSite, turn: int, model: str, body: Mapping[str, Any]) -> str:
        """Return the key of a call: a file's name that tells a person where it belongs."""
        request = json.dumps([self.seed, place.generation, place.step, place.slot, turn, model, body], sort_keys=True)
        digest = hashlib.sha256(request.encode()).hexdigest()[:16]
        return f"{place}-{turn:03d}-{digest}"

    async def ask(self, place: CallSite, turn: int, model: ChatModel, body: Mapping[str, Any]) -> tuple[Reply, Call]:
        """Return the model's answer, from the journal if it is there, and the call as it was made.

        Raises:
            Failure: there is none, and the conversation has to deal with it.
            ExplorerError: there is none, and nobody but the user can help.
            LimitReached: it would cost more than is allowed.
        """
        key = self.key(place, turn, model.name, body)
        call = self.get(key) or Call(key=key, model=model.name, generation=place.generation)
        if call.reply is not None:
            return call.reply, call
        if call.failure is not None:
            raise CallFailure(call.failure, call.attempts[-1].message)
        price, deadline = self.prices.of(model.name), self.clock.now() + self.patience.deadline
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: self._again(key, error)), wait=self._wait(key),
            # an attempt that would begin at the deadline could only be cut
            stop=lambda state: self.clock.now() + state.upcoming_sleep >= deadline, sleep=self.clock.sleep,
            reraise=True,
        )  # fmt: skip
        try:
            await retrying(self._attempt, call, price, deadline, model, body)
        except CallFailure as failure:
            before = sum(attempt.outcome != "sent" for attempt in call.attempts)
            raise self._final(key, failure, before) from None
        done = self.get(key)
        assert done is not None and done.reply is not None
        return done.reply, done

    async def _attempt(
        self, call: Call, price: Price, deadline: float, model: ChatModel, body: Mapping[str, Any]
    ) -> None:
        """Send once, unless the limits forbid; the journal knows before and after."""
        call = self.get(call.key) or call
        guess = Usage(input=len(json.dumps(body)) // CHARACTERS_PER_TOKEN, output=_TYPICAL_ANSWER)
        while (ticket := self.budget.reserve(call.generation, price.dollars(guess))) is None:
            await asyncio.to_thread(self.budget.wait)
        try:
            if not call.attempts or call.attempts[-1].outcome != "sent":
                sent = CallAttempt(id=f"{call.key}-{len(call.attempts) + 1}")
                call = call.model_copy(update={"attempts": (*call.attempts, sent)})
                self._put(call)
            sending = PendingRequest(call.attempts[-1].id, self.clock, self.patience.silence, deadline)
            try:
                reply = await model.reply(body, sending)
            except CallFailure as failure:
                self._end(call, price, sending.usage, failure.kind, failure.message)
                raise
            self._end(call, price, reply.usage, "answered", "", reply)
        finally:
            self.budget.release(ticket)

    def _end(
        self, call: Call, price: Price, usage: Usage, outcome: FailureKind | Literal["answered"], message: str,
        reply: Reply | None = None,
    ) -> None:  # fmt: skip
        ended = CallAttempt(
            id=call.attempts[-1].id, outcome=outcome, message=message, usage=usage, dollars=price.dollars(usage)
        )
        self._put(call.model_copy(update={"attempts": (*call.attempts[:-1], ended), "reply": reply}))
        self.budget.record(call.generation, ended.spending)

    def _again(self, key: str, error: BaseException) -> bool:
        """Whether the failure is one after which the same is asked once more."""
        if not isinstance(error, CallFailure):
            return False
        if HANDLING[error.kind] != "retry_twice":
            return HANDLING[error.kind] == "retry"
        call = self.get(key)
        return call is not None and sum(a.outcome == error.kind for a in call.attempts) < 3

    def _wait(self, key: str) -> Any:
        """Return tenacity's waiting: twice as long each time with jitter, or what the service asks for."""
        rng = random.Random(key)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, CallFailure) else None
            longest = self.patience.longest_wait
            seconds = min(longest, self.patience.first_wait * 2.0 ** min(state.attempt_number - 1, 30))
            seconds *= rng.uniform(0.5, 1.0)
            if asked is not None and asked >= 0:
                seconds = min(longest, asked * rng.uniform(1.0, 1.25))
            return seconds

        return wait

    def _final(self, key: str, failure: CallFailure, before: int) -> Exception:
        """Return what the end of all attempts means to the caller, to whom the first ``before`` are old news."""
        handling, call = HANDLING[failure.kind], self.get(key)
        if failure.kind == "auth":
            return AuthError(failure.message)
        if handling == "end_run":
            return RequestRefused(failure.message)
        if handling == "retry":
            cause = _cause(call.attempts[before:] if call is not None else ())
            return ServiceDown(f"no answer within {self.patience.deadline / 3600:g} h: {cause}. Resume when it is back")
        if call is not None:
            self._put(call.model_copy(update={"failure": failure.kind}))
        return failure

    def spending(self, keys: Sequence[str]) -> Spending:
        """Return what the calls with these keys have cost."""
        calls = [call for key in dict.fromkeys(keys) if (call := self.get(key)) is not None]
        return sum((attempt.spending for call in calls for attempt in call.attempts), Spending())

    def get(self, key: str) -> Call | None:
        """Return a call of the journal, or None.

        Raises:
            Damaged: its file is damaged.
        """
        return _read(self.home / f"{key}.json")

    def _put(self, call: Call) -> None:
        write_atomically(self.home / f"{call.key}.json", call.model_dump_json().encode())

    def put_transcript(self, place: CallSite, text: str) -> Path:
        """Keep a conversation as far as it has come, and return where: not all lead to a version, which has its own."""
        path = self.home / f"{place}{TRANSCRIPT}"
        write_atomically(path, text.encode())
        return path


def read_calls(home: Path) -> list[Call]:
    """Return all calls of a journal; none if there is no such directory.

    Raises:
        Damaged: a file is damaged.
    """
    return [call for path in sorted(home.glob("g*.json")) if (call := _read(path)) is not None]


def _cause(attempts: Sequence[CallAttempt]) -> str:
    """Return how often each failure was met, and the last words of the most frequent: the very last attempt may only
    have been cut at the deadline."""
    counts = Counter(attempt.outcome for attempt in attempts).most_common()
    words = next((a.message for a in reversed(attempts) if counts and a.outcome == counts[0][0]), "")
    return ", ".join(f"{kind} ({number} times)" if number > 1 else kind for kind, number in counts) + f": {words}"


def _read(path: Path) -> Call | None:
    try:
        return Call.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        raise DamagedFile(f"{path}: damaged; remove it, and resume: that one call is made again") from None
