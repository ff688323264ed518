"""When a request is sent again, how long it waits, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from autotts.envs.errors import InputError
from autotts.envs.live.capabilities import Capabilities
from autotts.envs.live.connecting import connect
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.exchange import Completion, Passage, RequestLost, Sampling, TokenUse
from autotts.envs.live.failures import RETRIED, AttemptFailed, FaultKind, error_text, failure_of_status
from autotts.envs.live.retries import RequestRetries, RetryLimits

from .clocks import InstantClock
from .stub_server import Fault, FaultPlan, StubQuestion, StubServer

MESSAGES = [{"role": "user", "content": "q"}]


def one(endpoint: HttpEndpoint, use: TokenUse | None = None) -> Awaitable[Completion]:
    async def run() -> Completion:
        prompt = await endpoint.prompt(MESSAGES)
        return await endpoint.generate(
            prompt, Passage(), max_tokens=5, sampling=Sampling(), use=use or TokenUse(), seed=1
        )

    return run()


def faulty(
    kind: Fault, total: int, task: Callable[[HttpEndpoint], Awaitable[object]], deadline: float = 60.0
) -> InstantClock:
    """Run a task against a server whose first attempts fail; return the clock, which knows the waits."""
    clock, question = InstantClock(), StubQuestion.of("q", [["1"]], [20], 5)

    async def run() -> None:
        limits = RetryLimits(deadline=deadline, longest_wait=8.0, silence=1.0, reply=1.0)
        endpoint = await connect(server.base_url, limits=limits, clock=clock)
        clock.slept.clear()
        server.faults = FaultPlan(total, [kind], share=1.0)
        try:
            await task(endpoint)
        finally:
            await endpoint.close()

    with StubServer([question]) as server:
        asyncio.run(run())
    return clock


def test_the_wait_doubles_up_to_the_longest() -> None:
    slept = faulty("500", 6, one).slept
    for wait, longest in zip(slept, [0.5, 1, 2, 4, 8, 8], strict=True):
        assert longest / 2 <= wait <= longest


def test_a_server_that_never_answers_loses_the_request_at_its_deadline() -> None:
    async def lost(endpoint: HttpEndpoint) -> None:
        with pytest.raises(RequestLost, match="503: Loading model") as caught:
            await one(endpoint)
        assert "\n" not in str(caught.value)

    clock = faulty("503", 10**6, lost, deadline=40.0)
    assert 20 < sum(clock.slept) <= 40


def test_a_connection_that_was_closed_is_tried_again_at_once_and_counted() -> None:
    use = TokenUse()
    clock = faulty("lost reply", 1, lambda endpoint: one(endpoint, use))
    assert clock.slept == [0.0]
    assert (use.generated, use.cancelled, use.requests, use.retries) == (5, 5, 2, 1)


@pytest.mark.parametrize(
    ("status", "headers", "body", "kind", "wait"),
    [
        (429, {"retry-after": "7"}, b"", "busy", 7.0),
        (429, {"retry-after": "Thu, 01 Jan 1970 00:01:00 GMT"}, b"", "busy", 50.0),
        (429, {"retry-after": "soon"}, b'{"error": {"message": "slow"}}', "busy", None),
        (429, {}, b'{"error": {"message": "pay", "code": "insufficient_quota"}}', "user", None),
        (503, {}, b'{"error": {"message": "Loading model"}}', "busy", None),
        (502, {}, b"<html>Bad gateway</html>", "server", None),
        (401, {}, b'{"error": "no"}', "user", None),
        (404, {}, b'{"detail": "Not Found"}', "user", None),
        (400, {}, b'{"error": {"message": "The model `x` does not exist"}}', "user", None),
        (400, {}, b'{"error": {"type": "exceed_context_size_error", "message": "too long"}}', "context", None),
        (400, {}, b'{"message": "maximum context length is 10 tokens"}', "context", None),
        (422, {}, b'{"detail": [{"loc": ["body", "min_p"], "msg": "extra"}]}', "refused", None),
        (302, {}, b"", "user", None),
    ],
)
def test_a_status_is_understood(
    status: int, headers: dict[str, str], body: bytes, kind: FaultKind, wait: float | None
) -> None:
    failure = failure_of_status(status, headers, body, now=10.0)
    assert (failure.kind, failure.retry_after, failure.status) == (kind, wait, status)
    assert str(status) in str(failure) and "\n" not in str(failure)


def test_the_text_of_an_error_is_one_bearable_line() -> None:
    assert error_text(b"") == ""
    assert error_text(b"<html>") == ""
    assert error_text(b"a\n\nb") == "a b"
    assert len(error_text(b"x" * 10_000)) <= 300
    assert error_text(b'{"error": "plain"}') == "plain"
    assert error_text(b'["odd"]') == '["odd"]'


def test_failures_that_another_attempt_cannot_mend_are_not_retried() -> None:
    async def run(kind: FaultKind) -> int:
        attempts = 0

        async def attempt(_: float) -> None:
            nonlocal attempts
            attempts += 1
            raise AttemptFailed(kind, "x")

        with pytest.raises(AttemptFailed):
            await RequestRetries(RetryLimits(deadline=100.0), InstantClock()).run(attempt, lambda _: None)
        return attempts

    kinds: tuple[FaultKind, ...] = (
        "busy",
        "server",
        "unreachable",
        "cut",
        "silent",
        "garbled",
        "user",
        "refused",
        "context",
    )
    for kind in kinds:
        assert (asyncio.run(run(kind)) > 1) == (kind in RETRIED)


def test_a_key_that_stops_being_right_ends_the_command_and_is_not_shown() -> None:
    async def run() -> None:
        saved = Capabilities(
            model="stub-model", completions=True, prompt_ids=True, tokenize="prompt", rendering="tokenize messages"
        )
        endpoint = await connect(server.base_url, None, "key-that-is-wrong", capabilities=saved)
        with pytest.raises(InputError, match="401") as caught:
            await one(endpoint)
        assert "key-that-is-wrong" not in str(caught.value)
        await endpoint.close()

    with StubServer(key="another") as server:
        asyncio.run(run())


def test_cancelling_a_stream_counts_what_had_arrived() -> None:
    async def run() -> TokenUse:
        endpoint, use, arrived = await connect(server.base_url), TokenUse(), asyncio.Event()
        prompt = await endpoint.prompt(MESSAGES)
        server.holding = True
        task = asyncio.create_task(
            endpoint.generate(
                prompt, Passage(), max_tokens=5, sampling=Sampling(), use=use, on_text=lambda _: arrived.set()
            )
        )
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.wait_until, lambda: server.counts.aborted == 1)
        await endpoint.close()
        return use

    with StubServer([StubQuestion.of("q", [["1"]], [20], 5)]) as server:
        use = asyncio.run(run())
    assert (use.cancelled, use.generated) == (1, 0) == (server.counts.wasted, 0)
