"""Connections: whoever has the token is served, however many others hold connections; nothing grows without end."""

from __future__ import annotations

import http.client
import logging
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from starlette.types import Receive, Scope, Send

from autotts.agent.cli.listening import listen
from autotts.agent.ui.guard import AccessGuard
from autotts.agent.web.connections import ConnectionLimits, raise_descriptor_limit
from autotts.agent.web.server import BoundedLog, BoundedServer

TOKEN = "a-token-that-nobody-guesses"
FEW = ConnectionLimits(connections=12, without_token=8, request_seconds=600, idle_seconds=600)
HASTY = ConnectionLimits(request_seconds=0.05, idle_seconds=600)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body of the request."""
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Running(ExitStack):
    """A server in a thread, and its clients."""

    def __init__(self, limits: ConnectionLimits | None, log: logging.Handler | None = None) -> None:
        super().__init__()
        listening = self.enter_context(listen("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.server = BoundedServer(AccessGuard(_http(hello), TOKEN, self.port, ("127.0.0.1",)), limits, log)
        self.server.capture_signals = _nothing  # type: ignore[method-assign]
        thread = threading.Thread(target=self.server.run, args=([listening],))
        self.callback(thread.join)
        self.callback(setattr, self.server, "should_exit", True)
        thread.start()

    def connect(self, data: bytes = b"") -> socket.socket:
        """Open a connection, and send ``data``."""
        client = self.enter_context(socket.create_connection(("127.0.0.1", self.port), 60))
        client.sendall(data)
        return client

    def client(self) -> http.client.HTTPConnection:
        """Return a client that keeps its connection."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self.callback(client.close)
        return client

    def ask(self, client: http.client.HTTPConnection | None = None, token: str = TOKEN, body: bytes = b"") -> int:
        """Return the status of the answer to a request."""
        client = client or self.client()
        client.request("POST", "/x", body, {"authorization": f"Bearer {token}"})
        answer = client.getresponse()
        answer.read()
        return answer.status


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _http(app: Callable[..., object]) -> Callable[..., object]:
    async def only(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await app(scope, receive, send)  # type: ignore[misc]

    return only


def ended(client: socket.socket) -> bool:
    """Wait for the end of a connection; return whether it came without an answer."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


def head(running: Running, lines: str = "") -> bytes:
    return f"POST /x HTTP/1.1\r\nhost: 127.0.0.1:{running.port}\r\nauthorization: Bearer {TOKEN}\r\n{lines}".encode()


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Enough descriptors for both sides of 1,100 connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip("this machine allows too few descriptors for the clients")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096 if hard == resource.RLIM_INFINITY else hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"POST /x HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 9\r\n\r\n1"]
)
def test_half_open_connections_keep_nobody_out(descriptors: None, sent: bytes) -> None:
    with Running(ConnectionLimits(request_seconds=600)) as running:
        one = running.client()
        assert running.ask(one) == 200
        for _ in range(1100):
            running.connect(sent)
        assert running.ask() == 200, "a new client with the token is served"
        assert running.ask(one) == 200, "a client that was admitted keeps its connection"
        assert len(running.server.open) <= ConnectionLimits().without_token + 2


def test_the_oldest_connection_without_the_token_makes_room() -> None:
    with Running(FEW) as running:
        clients = [running.connect(b"GET") for _ in range(FEW.without_token + 3)]
        assert all(ended(client) for client in clients[:3])
        clients[3].sendall(b" / HTTP/1.1\r\n\r\n")
        assert clients[3].recv(12) == b"HTTP/1.1 400", "the others are still there"


def test_the_admitted_client_that_was_idle_longest_makes_room_when_all_are_admitted() -> None:
    with Running(FEW) as running:
        clients = [running.client() for _ in range(FEW.connections)]
        assert {running.ask(client) for client in clients} == {200}
        assert running.ask(clients[0]) == 200, "no longer the longest idle"
        assert running.ask() == 200
        assert ended(clients[1].sock) and len(running.server.open) <= FEW.connections
        assert running.ask(clients[0]) == 200


def test_a_client_that_waits_for_its_answer_is_not_dropped() -> None:
    limits = replace(FEW, without_token=FEW.connections)
    with Running(limits) as running:
        busy = [running.connect(head(running, "content-length: 2\r\n\r\n1")) for _ in range(limits.connections - 1)]
        for _ in range(40):
            assert running.ask() == 200  # in the last place, again and again
        for client in busy:
            client.sendall(b"2")
            assert client.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("body", [None, "", "content-length: 9\r\n\r\n1", "transfer-encoding: chunked\r\n\r\n9\r\n1"])
def test_requests_that_never_end_are_dropped(body: str | None) -> None:
    with Running(HASTY) as running:
        assert ended(running.connect(b"" if body is None else head(running, body)))


def test_half_a_second_request_is_dropped_too() -> None:
    with Running(HASTY) as running:
        client = running.client()
        assert running.ask(client) == 200
        client.sock.sendall(b"GET / HT")
        assert ended(client.sock)


def test_large_requests_are_cut_off() -> None:
    with Running(FEW) as running:
        assert running.ask(body=b"x" * 60_000) == 200
        client = running.connect(head(running, "content-length: 99999999\r\n\r\n"))
        with pytest.raises(OSError):
            while True:
                client.sendall(b"x" * 65536)
        assert running.ask() == 200
        long = running.connect(b"GET / HTTP/1.1\r\n")
        with pytest.raises(OSError):
            while True:
                long.sendall(b"a: b\r\n" * 1000)


def test_a_refused_request_ends_its_connection() -> None:
    with Running(FEW) as running:
        client = running.client()
        assert running.ask(client, token="wrong") == 401 and client.sock is None


@pytest.mark.parametrize("descriptors_here", [8, 64, 256, 1024, 1 << 20])
def test_limits_fit_the_descriptors(descriptors_here: int) -> None:
    limits = ConnectionLimits().fitting(descriptors_here)
    assert 1 <= limits.without_token < limits.connections <= 512
    assert limits.connections + limits.backlog <= max(3, descriptors_here * 3 // 4)
    assert raise_descriptor_limit() > 0


def test_the_server_survives_when_descriptors_run_out(descriptors: None) -> None:
    """Limits that are too large for the process: it drops the connections without the token, and goes on."""
    written: list[str] = []
    wide = ConnectionLimits(connections=9999, without_token=9999, backlog=64, request_seconds=600)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Running(wide, BoundedLog(written.append)) as running, ExitStack() as held:
        assert running.ask() == 200
        clients = [running.connect(b"GET") for _ in range(20)]
        spare = held.enter_context(socket.socket())
        resource.setrlimit(resource.RLIMIT_NOFILE, (spare.fileno() + 1, hard))
        try:
            waiting = held.enter_context(socket.socket(fileno=spare.detach()))
            waiting.settimeout(60)
            waiting.connect(("127.0.0.1", running.port))
            assert ended(clients[0])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        waiting.sendall(head(running, "\r\n"))
        assert waiting.recv(12) == b"HTTP/1.1 200"
    assert len(written) <= 10 and any("out of system resource" in text for text in written)


def test_the_log_is_bounded() -> None:
    written: list[str] = []
    now = 0.0
    log = BoundedLog(written.append, per_minute=3, most=5, longest=100, clock=lambda: now)
    logger = logging.Logger("server")
    logger.addHandler(log)
    for minute in range(4):
        now = 60.0 * (minute + 1)
        for i in range(1000):
            logger.warning("bad\x1b[2J request %d of %s", i, "x" * 500)
    assert len(written) == 5 and written[3].startswith("(997 messages left out)\n")
    assert all(len(text) < 250 and "\x1b" not in text for text in written)
    assert log.left_out == 4 * 1000 - 5 - 997


def test_invalid_requests_do_not_fill_the_log() -> None:
    written: list[str] = []
    with Running(FEW, BoundedLog(written.append)) as running:
        for _ in range(50):
            client = running.connect(b"\x16\x03\x01 nonsense\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 400"
        assert running.ask() == 200
    assert 1 <= len(written) <= 10
