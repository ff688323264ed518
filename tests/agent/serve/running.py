"""A gateway on recorded branches, with scripted controllers, on a real socket."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from autotts.agent.cli.listening import listen
from autotts.agent.serve.gateway import Gateway
from autotts.agent.serve.gateway_guard import ApiKeys
from autotts.agent.serve.pass_through import PassThrough
from autotts.agent.serve.records import EpisodeKeeper, EpisodeLog
from autotts.agent.serve.server import GatewayServer
from autotts.agent.serve.settings import GatewaySettings
from autotts.agent.serve.tracing import Tracing
from autotts.envs.contract.controller import majority
from autotts.envs.contract.question import TokensSpent
from autotts.envs.contract.replay import Recording
from autotts.envs.live.episode import LiveEpisode
from autotts.envs.live.exchange import LiveActions, Message
from autotts.envs.live.settings import LiveSettings
from autotts.sandbox.outcome import Candidate, Verdict

from ...envs.live.fake_endpoint import SUFFIX, FakeEndpoint, fake_reader

Script = Callable[[LiveActions, float, int], Awaitable[str | None]]
"""A controller as a coroutine: it gets the actions, beta and the seed."""
RECORDING = Recording.of([["1", "2", "2"], ["3", "3"], ["2", "2", "2", "2"], [None, None]], [25, 14, 37, 20], 10)
"""Four branches of 10-token intervals: the answers 2, 3, 2, and none."""
ASK = {"model": "fake", "messages": [{"role": "user", "content": "a question"}]}
SHORT = 30.0
"""Seconds after which a test that waits has failed."""


async def vote(actions: LiveActions, beta: float, seed: int) -> str | None:
    """Run all branches to their ends, and vote."""
    answers = await actions.run_many_to_end(await actions.branch_many(actions.max_branches))
    return majority(answer for answer in answers if answer is not None)


@dataclass
class RecordedSource:
    """Opens episodes on the branches of a recording."""

    recording: Recording = field(default_factory=lambda: RECORDING)
    max_tokens: int | None = None
    gate: asyncio.Event | None = None
    """If set, all requests of branches wait for it."""
    losses: set[tuple[int, int]] = field(default_factory=set)
    fails: Exception | None = None
    """Raised when an episode is opened."""
    model: str = "fake"
    probe_suffix: str = SUFFIX
    endpoints: list[FakeEndpoint] = field(default_factory=list)
    episodes: list[LiveEpisode] = field(default_factory=list)
    closed: bool = False

    def __post_init__(self) -> None:
        self.step_tokens = self.recording.delta
        self.max_branches = len(self.recording.total_tokens)
        self.settings = LiveSettings(
            delta=self.recording.delta,
            max_branches=self.max_branches,
            branch_tokens=1000 * self.recording.delta,
            probe_suffix=self.probe_suffix,
        )

    async def open(
        self, messages: Sequence[Message], seed: int, max_branches: int, max_tokens: int | None
    ) -> LiveEpisode:
        if self.fails is not None:
            raise self.fails
        endpoint = FakeEndpoint(self.recording, seed=seed, gate=self.gate, losses=self.losses)
        settings = replace(self.settings, seed=seed, max_branches=max_branches, max_tokens=max_tokens)
        self.endpoints.append(endpoint)
        self.episodes.append(LiveEpisode(endpoint, await endpoint.prompt(messages), fake_reader(), settings))
        return self.episodes[-1]

    async def close(self) -> None:
        self.closed = True

    @property
    def at_once(self) -> int:
        """Requests that run now."""
        return sum(endpoint.at_once for endpoint in self.endpoints)


@dataclass
class Scripted:
    """The outcome of a script."""

    answer: str | None = None
    verdict: Verdict = field(default_factory=lambda: Verdict("ok"))


class ScriptedWorkers:
    """Plays a script in place of a controller."""

    def __init__(self, script: Script = vote, verdict: Verdict | None = None) -> None:
        self.script, self.verdict = script, verdict or Verdict("ok")
        self.ready = self.closed = False
        self.broken: Exception | None = None
        self.running = 0

    async def start(self) -> None:
        if self.broken is not None:
            raise self.broken
        self.ready = True

    async def solve(self, actions: LiveActions, beta: float, seed: int) -> Scripted:
        assert not self.closed
        self.running += 1
        try:
            answer = await self.script(actions, beta, seed)
        except TokensSpent:  # as the contract says
            answer = majority(answer for answer in actions.latest_answers.values() if answer is not None)
        finally:
            self.running -= 1
        return Scripted(answer if self.verdict.ok else None, self.verdict)

    async def close(self) -> None:
        self.ready, self.closed = False, True


class Upstream:
    """The server of the model, for requests that pass through: keeps their bodies, and answers as it is told."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[httpx.Headers] = []
        self.up = True
        self.answer: Callable[[dict[str, Any]], httpx.Response] = self.usual

    def usual(self, body: dict[str, Any]) -> httpx.Response:
        """Answer with a chat completion."""
        if body.get("stream"):
            text = 'data: {"choices":[{"index":0,"delta":{"content":"passed"}}]}\n\ndata: [DONE]\n\n'
            return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})
        choice = {"index": 0, "message": {"role": "assistant", "content": "passed"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"choices": [choice], "usage": {"prompt_tokens": 5, "completion_tokens": 7}})

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        if not self.up:
            raise httpx.ConnectError("refused", request=request)
        if request.method == "GET":
            return httpx.Response(200, json={"data": []})
        self.bodies.append(json.loads(request.content))
        self.headers.append(request.headers)
        return self.answer(self.bodies[-1])


class RunningGateway(ExitStack):
    """A gateway on a socket of its own, in a thread with its own event loop.

    Args:
        source: opens episodes.
        workers: those of the first controller; `next_workers` are those of the ones after it.
        settings: the settings.
        keys: the keys of clients.
        keeper: keeps episodes.
        tracing: opens spans.
    """

    def __init__(
        self,
        source: RecordedSource | None = None,
        workers: ScriptedWorkers | None = None,
        settings: GatewaySettings | None = None,
        keys: Sequence[str] = (),
        keeper: EpisodeKeeper | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        super().__init__()
        self.source, self.workers = source or RecordedSource(), workers or ScriptedWorkers()
        self.next_workers: dict[str, ScriptedWorkers] = {"first": self.workers}
        self.upstream = Upstream()
        self.lines: list[dict[str, Any]] = []
        self.found = Candidate("first", "first")
        client = httpx.AsyncClient(transport=httpx.MockTransport(self.upstream.handle))
        self.gateway = Gateway(
            self.source,
            lambda candidate: self.next_workers[candidate.source],
            PassThrough("http://model/v1", "a-secret-key", client),
            settings,
            EpisodeLog(lambda line: self.lines.append(json.loads(line))),
            keeper,
            tracing,
        )
        listening = self.enter_context(listen("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.server = GatewayServer(self.gateway, ApiKeys(keys), lambda: self.found)
        self.loop: asyncio.AbstractEventLoop
        started = threading.Event()

        async def run() -> None:
            self.loop = asyncio.get_running_loop()
            await self.gateway.controllers.take_over(self.found)
            started.set()
            await self.server.serve(sockets=[listening])
            await self.gateway.close()

        self.thread = threading.Thread(target=asyncio.run, args=(run(),))
        self.callback(self.thread.join)
        self.callback(setattr, self.server, "should_exit", True)
        self.thread.start()
        started.wait(SHORT)
        self.client = self.enter_context(httpx.Client(base_url=self.url, timeout=SHORT))

    def ask(self, **fields: Any) -> httpx.Response:
        """Send a request for a chat completion."""
        return self.client.post("/v1/chat/completions", json=ASK | fields)

    def within(self, work: Callable[[], Any]) -> Any:
        """Return the result of ``work``, called in the event loop of the gateway."""

        async def called() -> Any:
            return work()

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(SHORT)

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until ``condition`` holds in the event loop of the gateway."""

        async def waiting() -> None:
            while not condition():
                await asyncio.sleep(0.001)

        asyncio.run_coroutine_threadsafe(asyncio.wait_for(waiting(), SHORT), self.loop).result(SHORT)

    def metric(self, name: str, **labels: str) -> float:
        """Return a figure."""
        return self.gateway.metrics.registry.get_sample_value(f"autotts_{name}", labels) or 0.0

    def idle(self) -> bool:
        """Whether nothing is left of any request."""
        admission = self.gateway.admission
        return not (admission.running or admission.waiting or self.workers.running or self.source.at_once)


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a stream that has ended as it should."""
    lines = [line for line in response.text.split("\n\n") if line and not line.startswith(":")]
    assert lines.pop() == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines]
