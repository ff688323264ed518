"""What passes through the worker of live questions is bounded, numbered by the worker, and not kept."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from autotts.sandbox.base import SandboxLimits
from autotts.sandbox.live import frames
from autotts.sandbox.live.frames import Frame
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.wire import FRAME
from autotts.sandbox.worker import live
from autotts.sandbox.worker.live import LiveChild, LiveRouter

MOST = 64


@pytest.fixture
def router() -> Iterator[LiveRouter]:
    results, theirs = os.pipe()
    worker: Any = SimpleNamespace(FRAME=FRAME, RESULTS=theirs, results=results, inbox=[])
    worker.receive = lambda: worker.inbox.pop(0)
    router = object.__new__(LiveRouter)
    router.worker, router.filter = worker, "not empty"
    router.most = {kind.encode(): size for kind, size in {"Q": MOST, "A": 12, "F": MOST, "O": 0}.items()}
    router.children, router.by_requests, router.by_replies = {}, {}, {}
    router.poll = live.select.poll()
    yield router
    for descriptor in (results, theirs):
        os.close(descriptor)


def child_of(router: LiveRouter, number: int) -> tuple[LiveChild, int, int]:
    """Return a child whose process is this one, and its ends of the pipes: replies, requests."""
    replies, to_child = os.pipe()
    requests, from_child = os.pipe()
    child = LiveChild(number, os.getpid(), to_child, requests, MOST)
    router.children[number] = router.by_requests[requests] = child
    router.poll.register(requests, live.select.POLLIN)
    return child, replies, from_child


def sent(router: LiveRouter) -> list[tuple[int, Frame]]:
    return list(frames.parse(bytearray(os.read(router.worker.results, 1 << 16)), 7))


def test_a_request_is_numbered_by_the_worker_and_wiped(router: LiveRouter) -> None:
    child, _, requests = child_of(router, 41)
    os.write(requests, struct.pack("<cI", b"Q", 9) + b"secret")
    router.from_child(child, live.select.POLLIN)
    assert child.filled and any(child.inbox)
    os.write(requests, b"...")
    router.from_child(child, live.select.POLLIN)
    assert sent(router) == [(41, (b"Q", 0, b"secret..."))]
    assert not child.filled and not any(child.inbox)
    assert router.poll.poll(0) == []  # until the reply


def test_a_reply_is_wiped_as_it_is_written_even_if_the_pipe_is_full(router: LiveRouter) -> None:
    child, replies, _ = child_of(router, 41)
    message = bytearray(struct.pack("<cI", b"R", 41) + bytes([7]) * 200_000)
    router.worker.inbox.append(message)
    assert router.from_host()
    taken = len(message) - len(child.outbox) - 1
    assert 4096 <= taken < 200_000 and not any(message[1 : 1 + taken]) and child.replies in router.by_replies
    got = b""
    while len(got) < 200_004:
        got += os.read(replies, 1 << 20)
        router.to_child(child)
    assert got == struct.pack("<I", 200_000) + bytes([7]) * 200_000
    assert not any(message[1:]) and router.by_replies == {}


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<cI", b"Q", MOST + 1),
        struct.pack("<cI", b"X", 0),
        struct.pack("<cI", b"A", 13),
        struct.pack("<cI", b"Q", 1) + b"xy",
        bytes(5),
        b"\xff" * 5,
    ],
)
def test_what_is_no_frame_or_one_too_many_ends_the_child(
    data: bytes, router: LiveRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = []
    monkeypatch.setattr(router, "end", lambda child, kill=False: ended.append((child.number, kill)), raising=False)
    child, _, requests = child_of(router, 5)
    os.write(requests, data)
    router.from_child(child, live.select.POLLIN)
    assert sent(router) == [(5, (b"G", 0, b""))]
    assert ended == [(5, True)]


def test_the_first_message_holds_what_a_worker_needs_and_no_file_name() -> None:
    message = frames.begin(Candidate("name of it", "source of it"), SandboxLimits(), 7)
    assert message[8:12] == bytes(4) and b"source of it" in message
    assert b"name of it" not in message and os.getcwd().encode() not in message
