"""What is bounded: questions, the queue, time; and what ends: clients that leave, the gateway, a controller."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from autotts.agent.serve.records import EpisodeKeeper
from autotts.agent.serve.settings import GatewaySettings
from autotts.envs.errors import InputError
from autotts.envs.live.exchange import LiveActions
from autotts.sandbox.base import SandboxError
from autotts.sandbox.outcome import Candidate

from .running import SHORT, RecordedSource, RunningGateway, ScriptedWorkers, vote
from .test_answers import forever


def gated(**settings: int) -> tuple[asyncio.Event, RunningGateway]:
    """Return a gateway whose branches wait for the event."""
    gate = asyncio.Event()
    return gate, RunningGateway(RecordedSource(gate=gate), settings=GatewaySettings(**settings))  # type: ignore[arg-type]


def test_a_full_queue_is_a_429_with_the_time_to_wait() -> None:
    gate, running = gated(questions=2, queue=1)
    with running, ThreadPoolExecutor() as threads:
        asked = [threads.submit(running.ask) for _ in range(3)]
        admission = running.gateway.admission
        running.wait(lambda: admission.running == 2 and admission.waiting == 1)
        refused = running.ask()
        assert running.client.get("/metrics").text.count("autotts_questions_waiting 1.0") == 1
        running.within(gate.set)
        assert [each.result().status_code for each in asked] == [200, 200, 200]
        assert running.ask().status_code == 200
        running.wait(running.idle)
    assert refused.status_code == 429 and refused.json()["error"]["code"] == "queue_full"
    assert int(refused.headers["retry-after"]) >= 1
    assert running.metric("refused_total", reason="queue_full") == 1


def test_a_deadline_that_passes_in_the_queue_is_a_504() -> None:
    gate, running = gated(questions=1, queue=1)
    with running, ThreadPoolExecutor() as threads:
        first = threads.submit(running.ask)
        running.wait(lambda: running.gateway.admission.running == 1)
        late = running.ask(autotts={"deadline": 0.05})
        running.within(gate.set)
        assert first.result().status_code == 200
    assert late.status_code == 504 and late.json()["error"]["code"] == "deadline_in_queue"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("queued", [False, True])
def test_a_client_that_leaves_ends_its_branches(stream: bool, queued: bool) -> None:
    gate, running = gated(questions=1, queue=1)
    with running, ThreadPoolExecutor() as threads:
        first = threads.submit(running.ask) if queued else None
        admission = running.gateway.admission
        running.wait(lambda: admission.running == int(queued))
        body = b'{"messages":[{"role":"user","content":"x"}],"stream":%s}' % str(stream).lower().encode()
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: "
        with socket.create_connection(("127.0.0.1", httpx.URL(running.url).port), SHORT) as client:
            client.sendall(head + b"%d\r\n\r\n" % len(body) + body)
            running.wait(lambda: admission.waiting if queued else running.source.at_once)
        running.wait(lambda: running.metric("clients_gone_total") == 1)
        running.wait(lambda: not admission.waiting and admission.running == int(queued))
        assert running.within(lambda: running.workers.running) == int(queued)
        running.within(gate.set)
        assert first is None or first.result().status_code == 200
        running.wait(running.idle)
    assert sum(endpoint.cancelled for endpoint in running.source.endpoints) == (0 if queued else 4)
    assert {"event": "client_gone"}.items() <= running.lines[0].items()


def test_ending_lets_running_questions_end_and_refuses_new_ones() -> None:
    gate, running = gated()
    with running, ThreadPoolExecutor() as threads:
        first = threads.submit(running.ask)
        running.wait(lambda: running.source.at_once)
        running.within(lambda: running.server.handle_exit(15, None))
        running.wait(lambda: running.gateway.admission.draining)
        ready, refused = running.client.get("/readyz"), running.ask()
        passed = running.ask(n=2)
        assert running.client.get("/healthz").status_code == 200
        running.within(gate.set)
        assert first.result().status_code == 200
        running.thread.join(SHORT)
        assert not running.thread.is_alive()
    assert (ready.status_code, ready.text) == (503, "the gateway is ending\n")
    assert refused.status_code == passed.status_code == 503 and refused.headers["retry-after"] == "1"
    assert running.source.closed and running.workers.closed


@pytest.mark.parametrize("signals", [1, 2])
def test_questions_that_must_end_now_get_the_vote_so_far(signals: int) -> None:
    """At the second signal, or when the time to end is over."""
    settings = GatewaySettings(questions=1, drain_seconds=600 if signals == 2 else 0)
    workers = ScriptedWorkers(forever)
    with RunningGateway(workers=workers, settings=settings) as running, ThreadPoolExecutor() as threads:
        asked = [threads.submit(running.ask) for _ in range(2)]
        running.wait(lambda: running.gateway.admission.waiting and running.source.episodes)
        for _ in range(signals):
            running.within(lambda: running.server.handle_exit(15, None))
        running.thread.join(SHORT)
        assert not running.thread.is_alive()
        answers = sorted((each.result() for each in asked), key=lambda answer: answer.status_code)
    assert answers[0].json()["autotts"]["result"] == "ended" and answers[0].json()["autotts"]["answer"] == "2"
    assert answers[1].status_code == 504


def test_a_new_controller_takes_over_without_a_dropped_request() -> None:
    """Requests go on while two controllers change places; each is answered by the one it began with."""
    gate = asyncio.Event()

    async def waits(actions: LiveActions, beta: float, seed: int) -> str | None:
        await gate.wait()
        return await vote(actions, beta, seed)

    with RunningGateway(workers=ScriptedWorkers(waits)) as running, ThreadPoolExecutor() as threads:
        old = threads.submit(running.ask)
        running.wait(lambda: running.workers.running)
        running.next_workers["second"] = ScriptedWorkers()
        running.found = Candidate("second", "second")
        running.within(running.server.change_controller)
        running.wait(lambda: running.gateway.controllers.now.name == "second")
        new = running.ask().json()
        assert not running.workers.closed
        running.within(gate.set)
        assert old.result().json()["autotts"]["controller"]["name"] == "first"
        running.wait(lambda: running.workers.closed)
        running.within(running.server.change_controller)
        running.wait(lambda: running.metric("controller_changes_total", result="same") == 1)
    assert new["autotts"]["controller"]["name"] == "second" and running.next_workers["second"].closed


def test_a_controller_that_fails_to_start_changes_nothing() -> None:
    with RunningGateway() as running:
        broken = ScriptedWorkers()
        broken.broken = SandboxError("the source is no controller")
        running.next_workers["broken"] = broken
        running.found = Candidate("broken", "broken")
        running.within(running.server.change_controller)
        running.wait(lambda: running.metric("controller_changes_total", result="failed") == 1)
        answer = running.ask().json()
    assert answer["autotts"]["controller"]["name"] == "first" and broken.closed
    assert running.lines[0]["message"] == "the controller stays as it is: the source is no controller"


def test_fifty_clients_leave_nothing_behind() -> None:
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    with RunningGateway(settings=GatewaySettings(questions=8, queue=60)) as running:
        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(lambda i: running.ask(seed=i, stream=i % 2 == 0), range(200)))
        running.wait(running.idle)
        assert running.within(lambda: len(asyncio.all_tasks())) < 12
    assert {answer.status_code for answer in answers} == {200}
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


def test_all_questions_may_connect_in_one_moment() -> None:
    """None of their connections makes room for another, before its request was read."""
    with (
        RunningGateway(settings=GatewaySettings(questions=150, queue=10)) as running,
        ThreadPoolExecutor(160) as threads,
    ):
        assert running.server.open.limits.without_token >= 160
        port = httpx.URL(running.url).port
        opened = list(threads.map(lambda _: socket.create_connection(("127.0.0.1", port), SHORT), range(160)))
        running.wait(lambda: len(running.server.open) == 160)
        assert running.server.open.dropped == 0
        for each in opened:
            each.close()
        running.wait(lambda: len(running.server.open) == 0)


def test_a_share_of_the_episodes_is_kept(tmp_path: Path) -> None:
    keeper = EpisodeKeeper(tmp_path / "kept", lambda episode, answer: answer.episode, share=0.5)
    with RunningGateway(keeper=keeper) as running:
        ids = [running.ask().json()["autotts"]["episode"] for _ in range(20)]
    kept = keeper.path.read_text().split()
    assert kept == [each for each in ids if keeper.keeps(each)] and 0 < len(kept) < 20
    with pytest.raises(InputError, match="--keep"):
        EpisodeKeeper(keeper.path, lambda episode, answer: "")
