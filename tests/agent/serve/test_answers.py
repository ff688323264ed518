"""Answers of the gateway: texts, usage, the object `autotts`, streams, deadlines, and controllers that fail."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from autotts.agent.serve.settings import GatewaySettings
from autotts.envs.contract.replay import Recording
from autotts.envs.errors import InputError
from autotts.envs.live.exchange import LiveActions, RequestLost
from autotts.envs.live.verifier import VerifierFailed
from autotts.sandbox.base import SandboxError
from autotts.sandbox.outcome import Verdict

from .running import ASK, RecordedSource, RunningGateway, ScriptedWorkers, events


async def steps_one(actions: LiveActions, beta: float, seed: int) -> str | None:
    """Step the first branch once, and answer what the probe shows."""
    await actions.branch_many(1)
    return (await actions.step_many([0]))[0][0]


async def forever(actions: LiveActions, beta: float, seed: int) -> str | None:
    """End one branch, and never answer."""
    await actions.branch_many(2)
    await actions.run_many_to_end([0])
    await asyncio.Event().wait()
    return None


async def nothing(actions: LiveActions, beta: float, seed: int) -> str | None:
    """Answer nothing, of branches that have ended."""
    await actions.run_many_to_end(await actions.branch_many(2))
    return None


async def no_branch(actions: LiveActions, beta: float, seed: int) -> str | None:
    """Open no branch."""
    return None


def test_the_answer_is_the_shortest_finished_branch_of_the_winner() -> None:
    with RunningGateway() as running:
        answer = running.ask(seed=7).json()
    assert answer["object"] == "chat.completion" and answer["model"] == "fake"
    [choice] = answer["choices"]
    assert choice["message"]["content"] == "0:25;\\boxed{2}" and choice["finish_reason"] == "stop"
    details = answer["autotts"]
    assert details["answer"] == "2" and details["text_from"] == "branch" and details["branch"] == 0
    assert details["votes"] == {"answer": 2, "second": 1, "all": 3} and details["confidence"] == 0.6875
    assert details["branches"] == {"opened": 4, "finished": 4, "pruned": 0, "lost": 0}
    assert details["beta"] == 0.5 and details["seed"] == 7 and details["result"] == "ok"
    assert details["controller"]["name"] == "first" and len(details["controller"]["hash"]) == 64
    assert details["tokens"]["episode"] == 96 and details["critical_path"]["tokens"] == 37
    assert answer["usage"]["completion_tokens"] == 96
    assert answer["id"] == f"chatcmpl-{details['episode']}"


def test_a_probes_answer_comes_in_the_words_of_its_suffix() -> None:
    with RunningGateway(workers=ScriptedWorkers(steps_one)) as running:
        answer = running.ask().json()
    assert answer["choices"][0]["message"]["content"] == "\\boxed{1}"
    assert answer["autotts"]["text_from"] == "probe" and answer["autotts"]["branch"] is None
    assert answer["usage"]["completion_tokens"] == 13  # an interval, and what the probe really cost


def test_beta_limits_and_seed_come_from_the_request() -> None:
    seen: list[tuple[float, int, int, int | None]] = []

    async def sees(actions: LiveActions, beta: float, seed: int) -> str | None:
        seen.append((beta, seed, actions.max_branches, actions.max_tokens))
        return await steps_one(actions, beta, seed)

    source = RecordedSource(max_tokens=500)
    with RunningGateway(source, ScriptedWorkers(sees), GatewaySettings(beta=0.25)) as running:
        running.ask(seed=3)
        running.ask(beta=0.75, seed=2**31 + 3, max_tokens=40)
        running.ask(autotts={"beta": 0, "max_branches": 2, "max_tokens": 5000}, seed=3)
        running.ask(max_completion_tokens=60, autotts={"max_branches": 99}, seed=3)
    assert seen == [(0.25, 3, 4, 500), (0.75, 3, 4, 40), (0, 3, 2, 500), (0.25, 3, 4, 60)]


def test_the_end_of_the_tokens_is_a_finish_reason() -> None:
    with RunningGateway() as running:
        answer = running.ask(max_tokens=50).json()
    assert answer["choices"][0]["finish_reason"] == "length" and answer["usage"]["completion_tokens"] <= 50


def test_fields_that_change_nothing_are_named() -> None:
    with RunningGateway() as running:
        answer = running.ask(temperature=0, top_p=None, user="me", stop=["boxed"]).json()
    assert answer["autotts"]["unused"] == ["temperature"]
    assert answer["choices"][0]["message"]["content"] == "0:25;\\"


def test_a_stream_has_the_text_then_the_usage_then_the_end() -> None:
    with RunningGateway() as running:
        chunks = events(running.ask(stream=True, seed=7, stream_options={"include_usage": True}))
        plain = events(running.ask(stream=True, seed=7))
    first, text, end, last = chunks
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text["choices"][0]["delta"] == {"content": "0:25;\\boxed{2}"} and text["usage"] is None
    assert end["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert last["choices"] == [] and last["usage"]["completion_tokens"] == 96 and last["autotts"]["answer"] == "2"
    assert [chunk.get("autotts", {}).get("answer") for chunk in plain] == [None, None, "2"]
    assert all("usage" not in chunk for chunk in plain) and len({chunk["id"] for chunk in chunks}) == 1


def test_progress_and_thoughts_come_as_reasoning_if_asked() -> None:
    async def thinks(actions: LiveActions, beta: float, seed: int) -> str | None:
        await actions.branch_many(1)
        while not (result := (await actions.step_many([0]))[0])[1]:
            pass
        return result[0]

    with RunningGateway(workers=ScriptedWorkers(thinks)) as running:
        chunks = events(running.ask(stream=True, autotts={"progress": True, "reasoning": True}))
        whole = running.ask(autotts={"reasoning": True}).json()
    reasoning = [chunk["choices"][0]["delta"].get("reasoning_content") for chunk in chunks]
    assert [line for line in reasoning if line] == [
        "1 branch, 1 running, 10 tokens; 1 of 1 say 1\n",
        "1 branch, 1 running, 20 tokens; 1 of 1 say 2\n",
        "1 branch, 0 running, 25 tokens; 1 of 1 say 2\n",
    ]
    assert whole["choices"][0]["message"]["reasoning_content"] == ""  # this model thinks without tags


def test_a_silent_stream_gets_comments() -> None:
    gate = asyncio.Event()
    settings = GatewaySettings(keep_alive_seconds=0.01)
    with ExitStack() as stack:
        running = stack.enter_context(RunningGateway(RecordedSource(gate=gate), settings=settings))
        asking = running.client.stream("POST", "/v1/chat/completions", json=ASK | {"stream": True})
        lines = stack.enter_context(asking).iter_lines()
        while next(lines) != ": working":
            pass
        running.within(gate.set)
        rest = list(lines)
    assert rest[-2:] == ["data: [DONE]", ""]


def test_after_the_deadline_the_vote_so_far_is_the_answer() -> None:
    with RunningGateway(workers=ScriptedWorkers(forever)) as running:
        answer = running.ask(autotts={"deadline": 0.2}).json()
        stream = events(running.ask(autotts={"deadline": 0.2}, stream=True))
        running.wait(running.idle)
        assert running.metric("episodes_total", controller="first", result="deadline") == 2
    assert answer["autotts"]["result"] == stream[-1]["autotts"]["result"] == "deadline"
    assert answer["autotts"]["answer"] == "2" and answer["choices"][0]["finish_reason"] == "length"


def test_after_the_deadline_requests_of_branches_end() -> None:
    with RunningGateway(RecordedSource(gate=asyncio.Event())) as running:
        answer = running.ask(autotts={"deadline": 0.1}).json()
        assert running.within(lambda: running.source.at_once) == 0
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "", "refusal": None},
            "logprobs": None,
            "finish_reason": "length",
        }
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (None, "illegal_answer"), (SandboxError("no worker is left"), "sandbox"),
        (VerifierFailed("--verifier v: it gives no score"), "verifier"),
    ],
)  # fmt: skip
def test_what_fails_leaves_the_vote_of_what_was_revealed(error: Exception | None, kind: str) -> None:
    async def fails(actions: LiveActions, beta: float, seed: int) -> str | None:
        await actions.run_many_to_end(await actions.branch_many(2))
        if error is not None:
            raise error
        return "4"

    verdict = None if error else Verdict("illegal_answer", "no branch had shown it")
    with RunningGateway(workers=ScriptedWorkers(fails, verdict)) as running:
        answer = running.ask().json()
        assert running.metric("verdicts_total", kind=kind) == 1
    details = answer["autotts"]
    assert details["result"] == "fallback" and details["answer"] == "2"
    assert details["verdict"]["kind"] == kind and running.lines[0]["verdict"]["kind"] == kind


def test_no_answer_is_the_text_of_the_first_finished_branch() -> None:
    with RunningGateway(workers=ScriptedWorkers(nothing)) as running:
        answer = running.ask().json()
        assert running.metric("answers_total", text_from="no answer") == 1
    assert answer["choices"][0]["message"]["content"] == "0:25;\\boxed{2}"
    assert answer["autotts"]["result"] == "no answer" and answer["autotts"]["confidence"] is None


def test_an_episode_without_any_text_is_answered_by_the_model() -> None:
    with RunningGateway(workers=ScriptedWorkers(no_branch, Verdict("exception", "broken"))) as running:
        answer = running.ask(beta=0.1).json()
        stream = events(running.ask(stream=True))
    assert answer["choices"][0]["message"]["content"] == "passed" and answer["autotts"]["text_from"] == "model"
    assert answer["usage"]["completion_tokens"] == 7 and stream[1]["choices"][0]["delta"] == {"content": "passed"}
    assert running.upstream.bodies[0] == ASK | {"stream": False}


@pytest.mark.parametrize(
    "error", [RequestLost("no answer in 600 seconds"), InputError("the key is wrong")], ids=lambda e: type(e).__name__
)
def test_a_model_that_is_away_is_a_502_that_says_so(error: Exception) -> None:
    with RunningGateway(RecordedSource(fails=error)) as running:
        answer, stream = running.ask(), running.ask(stream=True)
        running.wait(running.idle)
    expected = {"message": f"the model's server: {error}", "type": "server_error", "param": None}
    assert answer.status_code == 502 and answer.json() == {"error": expected | {"code": "model_unavailable"}}
    assert stream.status_code == 200 and "model_unavailable" in stream.text and "[DONE]" not in stream.text


def test_an_episode_whose_branches_are_all_lost_is_a_502() -> None:
    with RunningGateway(RecordedSource(losses={(branch, 0) for branch in range(4)})) as running:
        answer = running.ask()
    assert answer.status_code == 502 and "lost every branch" in answer.json()["error"]["message"]


def test_an_error_of_our_own_names_itself() -> None:
    async def breaks(actions: LiveActions, beta: float, seed: int) -> str | None:
        raise ZeroDivisionError("a mistake")

    with RunningGateway(workers=ScriptedWorkers(breaks)) as running:
        answer = running.ask()
        running.wait(running.idle)
    assert answer.status_code == 500
    assert answer.json()["error"]["message"] == "the gateway failed: ZeroDivisionError: a mistake"


def test_the_log_tells_figures_and_no_texts() -> None:
    secret = Recording.of([["a-secret-answer"]], [10], 10)
    with RunningGateway(RecordedSource(secret)) as running:
        running.ask(messages=[{"role": "user", "content": "a-secret-question"}])
    [line] = running.lines
    assert line["event"] == "episode" and line["usage"]["completion_tokens"] == 10 and not line["streamed"]
    assert "secret" not in str(line)
