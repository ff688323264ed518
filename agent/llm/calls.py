"""The journal of LLM calls, and the only layer that retries them.

A call has a key, computed from the request, and one file. The file is written before each attempt is sent and after
each attempt ends. A killed run therefore finds its answers again and pays for none twice. An attempt that was in flight
is sent again with the same id: a provider that supports idempotency keys charges for it once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from autotts.envs.errors import DamagedFile
from autotts.envs.kept_file import KeptDirectory, KeptFile
from autotts.envs.seals import read_sealed, write_sealed

from ..records.card import FrozenModel
from .budget import LlmBudget, Spending
from .chat import ChatModel, Clock, PendingRequest, Reply, WallClock
from .failures import HANDLING, AuthError, CallFailure, FailureKind, RequestRefused, ServiceDown
from .prices import CHARACTERS_PER_TOKEN, UNKNOWN, Price, Prices, Usage

_LOG = logging.getLogger(__name__)

TRANSCRIPT = ".transcript.txt"
"""Suffix of a transcript's file name, beside the files of its calls."""
_TYPICAL_ANSWER = 1_500
"""Tokens reserved for an answer that has not arrived yet."""


class CallAttempt(FrozenModel):
    """One attempt at a call."""

    id: str
    outcome: FailureKind | Literal["sent", "answered"] = "sent"
    message: str = ""
    usage: Usage = Usage()
    dollars: float = 0.0
    priced: bool = True
    """Whether the price of the model was known."""

    @property
    def spending(self) -> Spending:
        """The cost of the attempt; empty while the attempt is in flight."""
        if self.outcome == "sent":
            return Spending()
        return Spending(
            dollars=self.dollars, usage=self.usage, calls=1, failed=int(self.outcome != "answered"),
            unpriced=int(not self.priced),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CallSite:
    """The position of a conversation in a run: generation, step and slot."""

    generation: int
    step: str
    slot: int

    def __str__(self) -> str:
        return f"g{self.generation:03d}-{self.step}-{self.slot}"


class Call(FrozenModel):
    """The journal's record of a call."""

    key: str
    model: str
    generation: int
    attempts: tuple[CallAttempt, ...] = ()
    reply: Reply | None = None
    failure: FailureKind | None = None
    """Why the call finally failed, if the conversation has to handle the failure."""


class RetryPolicy(FrozenModel):
    """How long to retry a provider that does not answer. All values are seconds."""

    silence: float = 120.0
    """Longest time without progress within an answer."""
    deadline: float = 3600.0
    """Time from the first attempt until the last attempt must end."""
    first_wait: float = 2.0
    longest_wait: float = 120.0
    """Longest wait between two attempts, even if the provider asks for more."""


class CallJournal:
    """The LLM calls of one run.

    Args:
        home: the journal's directory.
        seed: the run's seed, part of each key.
        prices: prices by model.
        budget: counts spending; the calls already in the journal are recorded at once.
        clock: the time; replaced in tests.
        retries: how long to retry.

    Raises:
        DamagedFile: a file of the journal is damaged.
    """

    def __init__(
        self, home: Path | KeptDirectory, seed: int, prices: Prices, budget: LlmBudget, clock: Clock | None = None,
        retries: RetryPolicy | None = None,
    ) -> None:  # fmt: skip
        self.home, self.seed, self.prices, self.budget = home, seed, prices, budget
        self.clock: Clock = clock or WallClock()
        self.retries = retries or RetryPolicy()
        for call in read_calls(home):
            for attempt in call.attempts:
                budget.record(call.generation, attempt.spending)

    def key(self, site: CallSite, turn: int, model: str, body: Mapping[str, Any]) -> str:
        """Return the key of a call: a file name that shows the call's position in the run."""
        request = json.dumps([self.seed, site.generation, site.step, site.slot, turn, model, body], sort_keys=True)
        digest = hashlib.sha256(request.encode()).hexdigest()[:16]
        return f"{site}-{turn:03d}-{digest}"

    async def ask(self, site: CallSite, turn: int, model: ChatModel, body: Mapping[str, Any]) -> tuple[Reply, Call]:
        """Return the model's answer, from the journal if it is there, and the journal's record of the call.

        Raises:
            CallFailure: the call failed, and the conversation has to handle the failure.
            ExplorerError: the call failed, and only the user can help.
            LimitReached: a spending limit is reached.
        """
        key = self.key(site, turn, model.name, body)
        call = self.get(key) or Call(key=key, model=model.name, generation=site.generation)
        if call.reply is not None:
            return call.reply, call
        if call.failure is not None:
            raise CallFailure(call.failure, call.attempts[-1].message)
        price, deadline = self.prices.of(model.name), self.clock.now() + self.retries.deadline
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: self._should_retry(key, error)), wait=self._wait(key),
            # an attempt that begins at the deadline would be cut off at once
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
        """Send one attempt within the limits; write the journal before and after."""
        call = self.get(call.key) or call
        guess = Usage(input=len(json.dumps(body)) // CHARACTERS_PER_TOKEN, output=_TYPICAL_ANSWER)
        while (ticket := self.budget.reserve(call.generation, price.dollars(guess))) is None:
            await asyncio.to_thread(self.budget.wait)
        try:
            if not call.attempts or call.attempts[-1].outcome != "sent":
                sent = CallAttempt(id=f"{call.key}-{len(call.attempts) + 1}")
                call = call.model_copy(update={"attempts": (*call.attempts, sent)})
                self._put(call)
            pending = PendingRequest(call.attempts[-1].id, self.clock, self.retries.silence, deadline)
            try:
                reply = await model.reply(body, pending)
            except CallFailure as failure:
                self._end(call, price, pending.usage, failure.kind, failure.message)
                raise
            self._end(call, price, reply.usage, "answered", "", reply)
        finally:
            self.budget.release(ticket)

    def _end(
        self, call: Call, price: Price, usage: Usage, outcome: FailureKind | Literal["answered"], message: str,
        reply: Reply | None = None,
    ) -> None:  # fmt: skip
        ended = CallAttempt(
            id=call.attempts[-1].id, outcome=outcome, message=message, usage=usage, dollars=price.dollars(usage),
            priced=price is not UNKNOWN,
        )  # fmt: skip
        self._put(call.model_copy(update={"attempts": (*call.attempts[:-1], ended), "reply": reply}))
        _LOG.debug("%s: %s, %d tokens in, %d out", ended.id, outcome, usage.prompt, usage.output)
        self.budget.record(call.generation, ended.spending)

    def _should_retry(self, key: str, error: BaseException) -> bool:
        """Return whether the same request should be sent again after ``error``."""
        if not isinstance(error, CallFailure):
            return False
        if HANDLING[error.kind] != "retry_twice":
            return HANDLING[error.kind] == "retry"
        call = self.get(key)
        return call is not None and sum(a.outcome == error.kind for a in call.attempts) < 3

    def _wait(self, key: str) -> Any:
        """Return tenacity's wait function: exponential with jitter, or as long as the provider asks."""
        rng = random.Random(key)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, CallFailure) else None
            longest = self.retries.longest_wait
            seconds = min(longest, self.retries.first_wait * 2.0 ** min(state.attempt_number - 1, 30))
            seconds *= rng.uniform(0.5, 1.0)
            if asked is not None and asked >= 0:
                seconds = min(longest, asked * rng.uniform(1.0, 1.25))
            return seconds

        return wait

    def _final(self, key: str, failure: CallFailure, before: int) -> Exception:
        """Return the exception to raise after the last attempt; the first ``before`` attempts predate this call."""
        handling, call = HANDLING[failure.kind], self.get(key)
        if failure.kind == "auth":
            return AuthError(failure.message)
        if handling == "end_run":
            return RequestRefused(failure.message)
        if handling == "retry":
            cause = _cause(call.attempts[before:] if call is not None else ())
            return ServiceDown(f"no answer within {self.retries.deadline / 3600:g} h: {cause}. Resume when it is back")
        if call is not None:
            self._put(call.model_copy(update={"failure": failure.kind}))
        return failure

    def spending(self, keys: Sequence[str]) -> Spending:
        """Return the total cost of the calls with these keys."""
        calls = [call for key in dict.fromkeys(keys) if (call := self.get(key)) is not None]
        return sum((attempt.spending for call in calls for attempt in call.attempts), Spending())

    def get(self, key: str) -> Call | None:
        """Return the call with this key, or None.

        Raises:
            DamagedFile: the call's file is damaged.
        """
        return _read(self.home / f"{key}.json")

    def _put(self, call: Call) -> None:
        write_sealed(self.home / f"{call.key}.json", call.model_dump_json().encode())

    def put_transcript(self, site: CallSite, text: str) -> str:
        """Write a conversation's transcript so far, also without a version; return its path below the run."""
        path = self.home / f"{site}{TRANSCRIPT}"
        write_sealed(path, text.encode())
        return f"{self.home.name}/{path.name}"


def read_calls(home: Path | KeptDirectory) -> list[Call]:
    """Return all calls of a journal; an empty list if the directory does not exist.

    Raises:
        DamagedFile: a file is damaged.
    """
    paths = sorted(home.glob("g*.json"), key=lambda path: path.name)
    return [call for path in paths if (call := _read(path)) is not None]


def _cause(attempts: Sequence[CallAttempt]) -> str:
    """Return the count of each kind of failure, and the last message of the most frequent kind. (The very last attempt
    may only have been cut at the deadline.)"""
    counts = Counter(attempt.outcome for attempt in attempts).most_common()
    words = next((a.message for a in reversed(attempts) if counts and a.outcome == counts[0][0]), "")
    return ", ".join(f"{kind} ({number} times)" if number > 1 else kind for kind, number in counts) + f": {words}"


def _read(path: Path | KeptFile) -> Call | None:
    try:
        return Call.model_validate_json(read_sealed(path))
    except FileNotFoundError:
        return None
    except (ValidationError, DamagedFile):
        raise DamagedFile(f"{path}: damaged. Remove the file and resume: only that call is repeated") from None
