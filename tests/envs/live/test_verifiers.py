"""Verifiers: functions of the user's own, and servers; whatever they do ends in a score or in one line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autotts.envs.errors import InputError
from autotts.envs.live.verifier import FunctionVerifier, VerifiedBranch, VerifierFailed, verifier

BRANCH = VerifiedBranch("2+2?", "so 4", False)


async def scored(name: str, *branches: VerifiedBranch) -> list[float | None]:
    made = verifier(name)
    try:
        return [await made.score(branch) for branch in branches]
    finally:
        await made.close()


def test_a_function_of_a_file_is_a_verifier(tmp_path: Path) -> None:
    (tmp_path / "v.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    b: int = 1\n"
        "def good(question, text, finished):\n    return len(question) + len(text)\n"
        "async def later(question, text, finished):\n    return finished\n"
        "class Later:\n    async def __call__(self, question, text, finished):\n        return 0.5\n"
        "made = Later()\n"
        "def text(question, text, finished):\n    return 'x'\n"
        "def none(question, text, finished):\n    return None\n"
    )
    file = tmp_path / "v.py"
    assert asyncio.run(scored(f"{file}:good", BRANCH)) == [8.0]
    assert asyncio.run(scored(f"{file}:later", BRANCH)) == [0.0]
    assert asyncio.run(scored(f"{file}:made", BRANCH)) == [0.5]
    assert asyncio.run(scored(f"{file}:none", BRANCH)) == [None]
    for name, words in (
        (f"{file}:text", "a score is a number or none, but this is of type str"),
        (f"{file}:missing", "no function missing"),
        (f"{tmp_path / 'w.py'}:f", "no such file"),
        ("v", "expected FILE.py:function"),
        ("no.such:f", "cannot import no.such"),
        (f"{file}:A.b", "no function A.b"),
        ("http://", "expected an address"),
        ("http://[::1/score", "expected an address"),
        ("http://host:0/score", "expected an address"),
    ):
        with pytest.raises(InputError, match=words):
            asyncio.run(scored(name, BRANCH))
    assert asyncio.run(scored("autotts.envs.live.tiny.verifier:score", BRANCH)) == [0.5]
    for text, error in (("1 / 0", "ZeroDivisionError"), ("raise SystemExit(3)", "SystemExit")):
        (tmp_path / "bad.py").write_text(text)
        with pytest.raises(InputError, match=f"it cannot be run: {error}"):
            verifier(f"{tmp_path / 'bad.py'}:f")


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        (True, 1.0), (3, 3.0), (np.float32(0.5), 0.5), (np.float64(0.5), 0.5), (np.int64(2), 2.0),
        (float("nan"), "but this is nan$"), (float("-inf"), "but this is -inf$"), (1e300, r"but this is 1e\+300$"),
        (10**400, "but this is inf$"), (1j, "of type complex$"), ([1.0], "of type list$"),
    ],
)  # fmt: skip
def test_a_score_is_a_number_that_an_environment_can_hold(returned: Any, found: Any) -> None:
    judge = FunctionVerifier("v", lambda question, text, finished: returned)
    if isinstance(found, str):
        with pytest.raises(VerifierFailed, match=found):
            asyncio.run(judge.score(BRANCH))
    else:
        assert asyncio.run(judge.score(BRANCH)) == found


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("a\nb"), "ValueError: a"), (StopIteration(), "StopIteration"), (SystemExit(3), "SystemExit: 3"),
        (asyncio.CancelledError(), "CancelledError"), (GeneratorExit(), "GeneratorExit"),
    ],
)  # fmt: skip
def test_whatever_a_function_raises_is_one_line(error: BaseException, line: str) -> None:
    def judge(question: str, text: str, finished: bool) -> float:
        raise error

    with pytest.raises(VerifierFailed, match=f"^--verifier v: {line}$"):
        asyncio.run(asyncio.wait_for(FunctionVerifier("v", judge).score(BRANCH), 30))


@asynccontextmanager
async def server(replies: list[tuple[int, Any]], seen: list[Any]) -> AsyncIterator[str]:
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        seen.append((await request.json(), request.headers.get("Authorization")))
        status, body = replies[min(len(seen) - 1, len(replies) - 1)]
        if body == "never":
            await ended.wait()
        return web.Response(body=body, status=status) if isinstance(body, bytes) else web.json_response(
            body, status=status
        )  # fmt: skip

    ended = asyncio.Event()
    app = web.Application()
    app.router.add_post("/score", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://{runner.addresses[0][0]}:{runner.addresses[0][1]}/score"
    finally:
        ended.set()
        await runner.cleanup()


@pytest.mark.parametrize(
    ("replies", "found"),
    [
        ([(200, {"score": 0.25})], 0.25),
        ([(200, {"score": None})], None),
        ([(503, {}), (429, {}), (200, {"score": 1})], 1.0),
        ([(200, {"value": 1})], "the reply has no score"),
        ([(200, b"{")], "the reply has no score"),
        ([(200, b"\xff\xfe")], "the reply has no score"),
        ([(200, b"")], "the reply has no score"),
        ([(200, b"[" * 100_000)], "the reply has no score"),
        ([(200, b" " * (1 << 20) + b'{"score": 1}')], "the reply has no score"),
        ([(200, {"score": "x"})], "a score is a number"),
        ([(200, b'{"score": NaN}')], "a score is a number or none, but this is nan"),
        ([(200, b'{"score": 1' + b"0" * 400 + b"}")], "a score is a number or none, but this is inf"),
        ([(401, {})], r"it gives no score \(status 401\)"),
        ([(302, {})], r"it gives no score \(status 302\)"),
        ([(500, {})], r"it gives no score \(status 500\)"),
        ([(200, "never")], "it gave no score within 0.5 s"),
    ],
)
def test_a_server_is_a_verifier(monkeypatch: pytest.MonkeyPatch, replies: list[tuple[int, Any]], found: Any) -> None:
    monkeypatch.setenv("AUTOTTS_VERIFIER_KEY", "secret")
    monkeypatch.setattr("autotts.envs.live.verifier.PAUSE", 0.0)
    if replies[0][1] == "never":
        monkeypatch.setattr("autotts.envs.live.verifier.SECONDS", 0.5)
    seen: list[Any] = []

    async def ask() -> float | None:
        async with server(replies, seen) as url:
            (score,) = await scored(url + "?key=hidden", BRANCH)
            return score

    if isinstance(found, str):
        with pytest.raises(VerifierFailed, match=found) as error:
            asyncio.run(ask())
        assert "hidden" not in str(error.value) and "secret" not in str(error.value)
    else:
        assert asyncio.run(ask()) == found
    assert seen[0] == ({"question": "2+2?", "text": "so 4", "finished": False}, "Bearer secret")


def test_names_of_verifiers_hold_no_credentials() -> None:
    assert verifier("https://user:pass@host/score?key=1").name == "host/score"
    assert verifier("http://host/score").name == "http://host/score"
