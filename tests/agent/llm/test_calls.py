"""The journal of calls and its retries, with a scripted provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest

from autotts.agent.llm.budget import LimitReached, LlmBudget, SpendingLimit, SpendingLimits
from autotts.agent.llm.calls import CallJournal, CallSite, RetryPolicy, read_calls
from autotts.agent.llm.chat import PendingRequest, Reply, Turn, WallClock
from autotts.agent.llm.failures import HANDLING, AuthError, CallFailure, FailureKind, RequestRefused, ServiceDown
from autotts.agent.llm.prices import Prices, Usage
from autotts.agent.llm.transcript import HIDDEN, Transcript, redact
from autotts.envs.errors import DamagedFile

from ...stubs.clocks import StubClock

SITE = CallSite(2, "propose", 1)
BODY = {"messages": ["hello"]}
USAGE = Usage(input=100, cache_write=10, cache_read=1000, output=50)
Play = Callable[[PendingRequest], Reply | CallFailure | BaseException]


class ScriptedModel:
    """A provider that follows a list of actions, and answers after the last one."""

    name = "claude-opus-5"

    def __init__(self, *plays: CallFailure | BaseException | Play) -> None:
        self.plays, self.ids = list(plays), list[str]()

    def body(self, system: str, tools: Sequence[Mapping[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
        return dict(BODY)

    async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
        self.ids.append(pending.id)
        play = self.plays.pop(0) if self.plays else Reply(text="done", usage=USAGE)
        if callable(play):
            play = play(pending)
        if isinstance(play, BaseException):
            raise play
        return play


def calls(home: Path, limits: SpendingLimits | None = None, retries: RetryPolicy | None = None) -> CallJournal:
    clock = StubClock()
    return CallJournal(home, 7, Prices(), LlmBudget(limits, clock.now), clock, retries)


def ask(of: CallJournal, model: ScriptedModel, turn: int = 0, body: Mapping[str, Any] = BODY) -> Reply:
    return asyncio.run(of.ask(SITE, turn, model, body))[0]


def test_answer_is_paid_once(tmp_path: Path) -> None:
    model = ScriptedModel()
    for _ in range(3):
        assert ask(calls(tmp_path), model).text == "done"
    assert len(model.ids) == 1
    (call,) = read_calls(tmp_path)
    dollars = Prices().of(model.name).dollars(USAGE)
    assert call.attempts[0].dollars == dollars == calls(tmp_path).budget.spent(2).dollars


def test_key_depends_on_every_part_of_the_request(tmp_path: Path) -> None:
    of = calls(tmp_path)
    keys = {
        of.key(SITE, 0, "m", BODY), of.key(SITE, 1, "m", BODY), of.key(SITE, 0, "n", BODY),
        of.key(SITE, 0, "m", {}), of.key(CallSite(3, "propose", 1), 0, "m", BODY),
        of.key(CallSite(2, "refine", 1), 0, "m", BODY), of.key(CallSite(2, "propose", 0), 0, "m", BODY),
        CallJournal(tmp_path, 8, Prices(), LlmBudget()).key(SITE, 0, "m", BODY),
    }  # fmt: skip
    assert len(keys) == 8
    assert of.key(SITE, 4, "m", {"a": 1, "b": 2}) == of.key(SITE, 4, "m", {"b": 2, "a": 1})
    assert of.key(SITE, 4, "m", BODY).startswith("g002-propose-1-004-")


def test_attempt_is_written_before_it_is_sent(tmp_path: Path) -> None:
    def look(pending: PendingRequest) -> Reply:
        (call,) = read_calls(tmp_path)
        assert [(a.id, a.outcome) for a in call.attempts] == [(pending.id, "sent")]
        return Reply(text="seen")

    assert ask(calls(tmp_path), ScriptedModel(look)).text == "seen"


def test_attempt_in_flight_at_a_kill_is_sent_again_with_the_same_id(tmp_path: Path) -> None:
    model = ScriptedModel(CallFailure("overloaded", "busy"), KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        ask(calls(tmp_path), model)
    of = calls(tmp_path)
    assert of.budget.spent().calls == 1  # the cost of the attempt in flight is unknown
    assert ask(of, model).text == "done"
    key = of.key(SITE, 0, model.name, BODY)
    assert model.ids == [f"{key}-1", f"{key}-2", f"{key}-2"] and of.budget.spent().calls == 2


@pytest.mark.parametrize("kind", [kind for kind, handling in HANDLING.items() if handling == "retry"])
def test_transient_failure_is_retried_with_a_new_id(tmp_path: Path, kind: FailureKind) -> None:
    def some(pending: PendingRequest) -> CallFailure:
        pending.usage = Usage(input=10, output=3)
        return CallFailure(kind, "no")

    of, model = calls(tmp_path), ScriptedModel(some, some, some, some)
    assert ask(of, model).text == "done" and len(set(model.ids)) == 5
    spent = of.budget.spent()
    assert (spent.calls, spent.failed) == (5, 4) and spent.usage == USAGE + Usage(input=40, output=12)
    assert calls(tmp_path).budget.spent() == spent


@pytest.mark.parametrize("kind", [kind for kind, handling in HANDLING.items() if handling == "retry_twice"])
def test_unusable_answer_is_retried_twice(tmp_path: Path, kind: FailureKind) -> None:
    model = ScriptedModel(*[CallFailure(kind, "no")] * 3)
    for _ in range(2):  # the second time, from the journal
        with pytest.raises(CallFailure) as failure:
            ask(calls(tmp_path), model)
        assert failure.value.kind == kind and len(model.ids) == 3


@pytest.mark.parametrize("kind", [kind for kind, handling in HANDLING.items() if handling in ("tell", "shorten")])
def test_failure_for_the_conversation_is_not_retried(tmp_path: Path, kind: FailureKind) -> None:
    model = ScriptedModel(CallFailure(kind, "no"))
    for _ in range(2):
        with pytest.raises(CallFailure):
            ask(calls(tmp_path), model)
    assert len(model.ids) == 1


def test_failure_that_ends_the_run_is_retried_on_resume(tmp_path: Path) -> None:
    model = ScriptedModel(CallFailure("auth", "no key"), CallFailure("bad_request", "no model"))
    with pytest.raises(AuthError, match=r"^no key$"):
        ask(calls(tmp_path), model)
    with pytest.raises(RequestRefused, match=r"^no model$"):
        ask(calls(tmp_path), model)
    assert ask(calls(tmp_path), model).text == "done"


def test_every_failure_has_one_handling() -> None:
    assert set(HANDLING) == set(get_args(FailureKind))


def test_waits_grow_up_to_a_cap_and_end_at_the_deadline(tmp_path: Path) -> None:
    retries = RetryPolicy(first_wait=1, longest_wait=30, deadline=300)
    of = calls(tmp_path, retries=retries)
    model = ScriptedModel(*[CallFailure("overloaded", "busy")] * 100)
    with pytest.raises(ServiceDown, match=r"overloaded \(19 times\): busy"):
        ask(of, model)
    slept = of.clock.slept  # type: ignore[attr-defined]
    assert all(0.5 * 2**i <= wait <= 2**i for i, wait in enumerate(slept[:5]))
    assert max(slept) <= 30 and 270 <= sum(slept) < 300 and len(slept) > 10
    assert len(set(slept)) == len(slept)  # jitter
    assert ask(calls(tmp_path, retries=RetryPolicy(deadline=1e9)), ScriptedModel()).text == "done"


@pytest.mark.parametrize(("asked", "least", "most"), [(5.0, 5.0, 6.25), (0.0, 0.0, 0.0), (9999.0, 120.0, 120.0)])
def test_retry_after_is_honoured_up_to_a_cap(tmp_path: Path, asked: float, least: float, most: float) -> None:
    of = calls(tmp_path)
    ask(of, ScriptedModel(CallFailure("rate_limited", "slow down", asked)))
    (slept,) = of.clock.slept  # type: ignore[attr-defined]
    assert least <= slept <= most


def test_silence_is_a_timeout(tmp_path: Path) -> None:
    class Silent(ScriptedModel):
        async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
            self.ids.append(pending.id)
            if len(self.ids) < 3:
                pending.clock.silent = {pending.id}  # type: ignore[attr-defined]
                await pending.progress(asyncio.Event().wait())
            return Reply(text="done")

    of, model = calls(tmp_path), Silent()
    assert ask(of, model).text == "done" and len(model.ids) == 3
    assert [a.outcome for a in read_calls(tmp_path)[0].attempts] == ["timeout", "timeout", "answered"]
    assert of.clock.now() >= 240


def test_endless_progress_is_cut_at_the_deadline(tmp_path: Path) -> None:
    class Trickling(ScriptedModel):
        async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
            self.ids.append(pending.id)
            while True:
                await pending.progress(self.little(pending))

        async def little(self, pending: PendingRequest) -> None:
            pending.clock.pass_by(50)  # type: ignore[attr-defined]

    of, model = calls(tmp_path, retries=RetryPolicy(deadline=1000)), Trickling()
    with pytest.raises(ServiceDown, match="timeout"):
        ask(of, model)
    assert len(model.ids) == 1 and of.clock.now() <= 1050


def test_error_at_the_deadline_names_the_most_frequent_failure(tmp_path: Path) -> None:
    class Busy(ScriptedModel):
        async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
            self.ids.append(pending.id)
            if len(self.ids) < 4:
                raise CallFailure("overloaded", "busy", 30.0)
            pending.clock.silent = {pending.id}  # type: ignore[attr-defined]
            return await pending.progress(asyncio.Event().wait())  # type: ignore[return-value]

    of, model = calls(tmp_path, retries=RetryPolicy(deadline=150, longest_wait=30)), Busy()
    with pytest.raises(ServiceDown, match=r"^no answer within .* h: overloaded \(3 times\), timeout: busy\. Resume"):
        ask(of, model)
    assert len(model.ids) == 4 and of.clock.now() <= 150
    assert "deadline is reached" in read_calls(tmp_path)[0].attempts[-1].message
    with pytest.raises(ServiceDown, match=r" h: timeout: no progress for 120 s\. "):  # no earlier failures
        ask(calls(tmp_path, retries=RetryPolicy(deadline=130, first_wait=100)), Silent())


class Silent(ScriptedModel):
    async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
        self.ids.append(pending.id)
        pending.clock.silent = {pending.id}  # type: ignore[attr-defined]
        return await pending.progress(asyncio.Event().wait())  # type: ignore[return-value]


def test_limits_are_checked_before_each_attempt(tmp_path: Path) -> None:
    model = ScriptedModel(*[CallFailure("overloaded", "busy")] * 10)
    with pytest.raises(LimitReached, match="3 of at most 3 calls"):
        ask(calls(tmp_path, SpendingLimits(run=SpendingLimit(calls=3))), model)
    assert len(model.ids) == 3 and len(read_calls(tmp_path)[0].attempts) == 3
    assert ask(calls(tmp_path, SpendingLimits(run=SpendingLimit(calls=100))), model).text == "done"


def test_journaled_answer_is_free_even_at_the_limit(tmp_path: Path) -> None:
    model = ScriptedModel()
    ask(calls(tmp_path), model)
    assert ask(calls(tmp_path, SpendingLimits(run=SpendingLimit(dollars=0.0))), model).text == "done"


def test_error_names_a_damaged_file(tmp_path: Path) -> None:
    ask(calls(tmp_path), ScriptedModel())
    (path,) = tmp_path.glob("*.json")
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DamagedFile, match=path.name):
        calls(tmp_path)


def test_spending_sums_over_keys(tmp_path: Path) -> None:
    of = calls(tmp_path)
    keys = [of.key(SITE, turn, "claude-opus-5", BODY) for turn in range(3)]
    for turn in range(2):
        ask(of, ScriptedModel(), turn)
    assert of.spending([*keys, keys[0]]) == of.budget.spent() and of.spending([]).calls == 0


def test_wall_clock() -> None:
    clock = WallClock()

    async def answer() -> int:
        return 5

    async def both() -> tuple[int, bool]:
        await clock.sleep(0)
        never: Awaitable[Any] = asyncio.Event().wait()
        with pytest.raises(TimeoutError):
            await clock.within(0.0, never, "x")
        return await clock.within(60, answer(), "x"), clock.now() <= clock.now()

    assert asyncio.run(both()) == (5, True)


# Secrets


def test_redact_removes_secrets() -> None:
    environment = {
        "ANTHROPIC_API_KEY": "abcdefgh-1", "MY_TOKEN": "yes", "HOME": "/home/somebody",
        "ANTHROPIC_CUSTOM_HEADERS": "x-gate: opensesame99\nx-b: c",
    }  # fmt: skip
    said = "abcdefgh-1 yes /home/somebody opensesame99 sk-ant-0123456789abcdefghij Bearer abcdefghij0123456789.x"
    assert redact(said, environment) == f"{HIDDEN} yes /home/somebody {HIDDEN} {HIDDEN} {HIDDEN}"


def test_journal_and_transcript_contain_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "very-secret-thing")
    model = ScriptedModel(CallFailure("network", "cannot reach very-secret-thing"))
    ask(calls(tmp_path), model)
    assert HIDDEN in read_calls(tmp_path)[0].attempts[0].message
    transcript = Transcript()
    transcript.add("assistant", "I saw very-secret-thing \ud800")
    assert transcript.text() == f"## assistant\nI saw {HIDDEN} ?\n"
