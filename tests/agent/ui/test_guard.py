"""The guard: no answer without the token, from another name, or for another site; strict headers on each."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from autotts.agent.archive.reader import ArchiveReader
from autotts.agent.cli.listening import listen
from autotts.agent.ui.app import create
from autotts.agent.ui.guard import HEADERS, AccessGuard

TOKEN = "a-token-that-nobody-guesses"
BASE = "http://127.0.0.1:8321"
PATHS = ["/", "/static/app.js", "/api/run", "/api/openapi.json", "/api/events", "/nothing", "/%2e%2e/etc/passwd"]


@pytest.fixture
def client(small: Path) -> TestClient:
    guard = AccessGuard(create(ArchiveReader(small, None, small)), TOKEN, 8321, ("127.0.0.1", "localhost"))
    return TestClient(guard, base_url=BASE, follow_redirects=False)


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(TOKEN[:-1]),
        bearer(""),
        bearer("é"),
        {"cookie": "autotts-8321=wrong"},
        {"cookie": "=;;;\x01"},
        {"cookie": f"autotts-9999={TOKEN}"},
    ],
)
def test_requests_without_the_token_are_refused(client: TestClient, path: str, headers: dict[str, str]) -> None:
    encoded = {name: value.encode() for name, value in headers.items()}
    answer = client.get(path, headers=encoded)  # type: ignore[arg-type]
    assert answer.status_code == 401 and "link" in answer.json()["detail"]
    assert TOKEN not in answer.text and "set-cookie" not in answer.headers


def test_the_link_becomes_a_cookie_that_scripts_cannot_read(client: TestClient) -> None:
    assert client.get("/", params={"token": "wrong"}).status_code == 401
    answer = client.get("/", params={"token": TOKEN})
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert client.get("/api/run").status_code == 200  # by the cookie
    assert client.get("/api/run", params={"token": TOKEN}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:9999", "localhost:8321.evil.example", ""])
def test_other_host_names_are_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/run", headers={**bearer(), "host": host})
    assert answer.status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8321"])
def test_other_origins_are_refused(client: TestClient, origin: str) -> None:
    for path in ("/", "/api/run", "/static/app.js"):
        assert client.get(path, headers={**bearer(), "origin": origin}).status_code == 403
    assert client.post("/api/replay", headers={**bearer(), "origin": origin}).status_code == 403


def test_other_sites_may_only_link_to_the_application(client: TestClient) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    navigation = client.get("/", params={"token": TOKEN}, headers={**cross, "sec-fetch-mode": "navigate"})
    assert navigation.status_code == 303
    assert client.get("/static/app.js", headers={**bearer(), **cross, "sec-fetch-mode": "no-cors"}).status_code == 403


@pytest.mark.parametrize("path", PATHS[:4] + PATHS[5:])
def test_strict_headers_are_on_every_answer(client: TestClient, path: str) -> None:
    for headers in ({}, bearer(), {**bearer(), "origin": "http://evil.example"}):
        answer = client.get(path, headers=headers)
        for name in HEADERS.keys() - {"cache-control"}:
            assert answer.headers[name] == HEADERS[name]
        assert "access-control-allow-origin" not in answer.headers and "server" not in answer.headers
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_only_the_replay_accepts_a_method_that_writes(client: TestClient) -> None:
    paths = client.get("/api/openapi.json", headers=bearer()).json()["paths"]
    writing = {(path, verb) for path, verbs in paths.items() for verb in verbs if verb != "get"}
    assert writing <= {("/api/replay", "post")}
    for verb in ("post", "put", "patch", "delete"):
        assert client.request(verb, "/api/run", headers=bearer()).status_code == 405


def test_browser_that_connects_before_the_server_runs_is_not_refused() -> None:
    with (
        listen("127.0.0.1", 0) as listening,
        socket.create_connection(listening.getsockname(), timeout=20) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
