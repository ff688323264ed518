"""Verifiers of a live model: a function of the user's own, or a server that scores over HTTP."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np

from ..errors import InputError
from ..extras import install_command
from ..plugins import find_factory
from .exchange import Message

KEY_VARIABLE = "AUTOTTS_VERIFIER_KEY"
"""Environment variable with the key of a verifier's server, which is sent as a bearer token."""
_ATTEMPTS = 4
PAUSE = 0.2
"""Seconds before the second attempt, half of them; they double with each."""
SECONDS = 120.0
"""The longest time of one verification over HTTP."""
_LARGEST = float(np.finfo(np.float32).max)
"""The largest score: environments hold scores as float32."""
_CONCURRENT = 16
_MOST_BYTES = 1 << 20


class VerifierFailed(InputError):
    """A verifier gives no score that can be used. The message is one line, and names it."""


@dataclass(frozen=True, slots=True)
class VerifiedBranch:
    """What a verifier sees of a branch."""

    question: str
    """The last message of the prompt: the question in its template."""
    text: str
    """Everything that the model has generated in the branch."""
    finished: bool

    def document(self) -> dict[str, Any]:
        """Return the JSON document that a server gets."""
        return {"question": self.question, "text": self.text, "finished": self.finished}

    @classmethod
    def of(cls, messages: Sequence[Message], text: str, finished: bool) -> VerifiedBranch:
        """Return the branch of a prompt that has generated ``text``."""
        return cls(messages[-1]["content"], text, finished)


class Verifier(Protocol):
    """Scores branches. Higher is better. Safe to call from many tasks of one event loop at once."""

    name: str
    """What the user called it, without credentials."""

    async def score(self, branch: VerifiedBranch) -> float | None:
        """Return the score of ``branch``, or None if it has none.

        Raises:
            VerifierFailed: it fails.
        """
        ...

    async def close(self) -> None:
        """Close its connections."""
        ...


def verifier(text: str) -> Verifier:
    """Return the verifier that a user names: ``FILE.py:function``, ``package.module:function``, or an address.

    Raises:
        InputError: there is none.
    """
    if text.startswith(("http://", "https://")):
        return HttpVerifier(_address(text))
    file, colon, name = text.rpartition(":")
    if not colon:
        raise InputError(f"--verifier {text[:80]}: expected FILE.py:function, or the address of a server")
    if not file.endswith(".py"):
        return FunctionVerifier(text, find_factory("verifier", text, "autotts.verifiers", ()))
    function = getattr(_module(Path(file)), name, None)
    if not callable(function):
        raise InputError(f"--verifier {text[:80]}: {file} has no function {name}")
    return FunctionVerifier(f"{Path(file).name}:{name}", function)


def _address(text: str) -> str:
    try:
        split = urlsplit(text)
        good = bool(split.hostname) and (split.port is None or split.port > 0)
    except ValueError:
        good = False
    if not good:
        raise InputError("--verifier: expected an address such as http://127.0.0.1:9000/score")
    return text


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_autotts_verifier_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"--verifier {path}: no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a file of the user may raise anything
        raise InputError(f"--verifier {path}: it cannot be run: {type(error).__name__}: {_line(error)}") from error
    return module


class FunctionVerifier:
    """Calls ``function(question, text, finished)``, which returns a number or None; it may be a coroutine function.

    Args:
        name: what error messages and provenance call it.
        function: gets the question, the text of the branch so far, and whether it is finished. Plain functions run in
            threads, several at a time.
    """

    def __init__(self, name: str, function: Callable[[str, str, bool], Any]) -> None:
        self.name = name
        self._function = function

    async def score(self, branch: VerifiedBranch) -> float | None:
        arguments = branch.question, branch.text, branch.finished
        try:
            if inspect.iscoroutinefunction(self._function):
                found = await self._function(*arguments)
            else:
                found = await asyncio.to_thread(self._call, arguments)
                if inspect.isawaitable(found):
                    found = await found
        except VerifierFailed:
            raise
        except (Exception, SystemExit) as error:  # a function of the user may raise anything
            raise self._failed(error) from error
        return checked_score(self.name, found)

    def _call(self, arguments: tuple[str, str, bool]) -> Any:
        """Call the function in a thread, from which no error but ours may come: some of them stop the event loop."""
        try:
            return self._function(*arguments)
        except BaseException as error:
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> VerifierFailed:
        what = ": ".join(filter(None, (type(error).__name__, _line(error))))
        return VerifierFailed(f"--verifier {self.name}: {what}")

    async def close(self) -> None:
        pass


class HttpVerifier:
    """Asks a server for scores: it gets ``{"question", "text", "finished"}`` by POST, and answers ``{"score": 0.5}``.

    A status of 429 or from 500 on, and a lost connection, are tried again, `_ATTEMPTS` times in all, but for no more
    than `SECONDS`. The key of `KEY_VARIABLE` is sent as a bearer token.

    Args:
        url: the address.
    """

    def __init__(self, url: str) -> None:
        self.name = url.partition("?")[0].rpartition("@")[2] if "@" in url else url.partition("?")[0]
        self._url = url
        self._session: Any = None  # made within the loop that uses it

    async def score(self, branch: VerifiedBranch) -> float | None:
        try:
            async with asyncio.timeout(SECONDS):
                return await self._score(branch)
        except TimeoutError:
            raise VerifierFailed(f"--verifier {self.name}: it gave no score within {SECONDS:g} s") from None

    async def _score(self, branch: VerifiedBranch) -> float | None:
        problem = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE * 2**attempt)
            status, body = await self._post(branch)
            if status == 200:
                if not isinstance(body, dict) or "score" not in body:
                    raise VerifierFailed(f"--verifier {self.name}: the reply has no score")
                return checked_score(self.name, body["score"])
            problem = f"status {status}" if status else str(body)
            if status and status != 429 and status < 500:
                break
        raise VerifierFailed(f"--verifier {self.name}: it gives no score ({problem})")

    async def _post(self, branch: VerifiedBranch) -> tuple[int, Any]:
        """Return the status, 0 for none, and the document of the reply, or what went wrong."""
        aiohttp = _aiohttp()
        if self._session is None:
            key = os.environ.get(KEY_VARIABLE, "")
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_CONCURRENT), timeout=aiohttp.ClientTimeout(total=None),
                headers={"Authorization": f"Bearer {key}"} if key else None, trust_env=True,
            )  # fmt: skip
        try:
            async with self._session.post(self._url, json=branch.document(), allow_redirects=False) as reply:
                if reply.status != 200:
                    return reply.status, None
                data = await reply.content.read(_MOST_BYTES)
        except (aiohttp.ClientError, ConnectionError) as error:
            return 0, _line(error) or type(error).__name__
        try:
            return 200, json.loads(data)
        except (ValueError, RecursionError):
            return 200, None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def checked_score(name: str, found: Any) -> float | None:
    """Return a score as a number; None if there is none.

    Raises:
        VerifierFailed: it is something else, such as NaN or a number that float32 cannot hold.
    """
    if found is None:
        return None
    wrong = f"--verifier {name}: a score is a number or none, but this is"
    if not isinstance(found, Real):
        raise VerifierFailed(f"{wrong} of type {type(found).__name__}")
    try:
        score = float(found)
    except OverflowError:
        score = math.inf
    if not abs(score) <= _LARGEST:
        raise VerifierFailed(f"{wrong} {score:g}")
    return score


def _aiohttp() -> Any:
    try:
        import aiohttp
    except ImportError:
        raise InputError(f"a verifier over HTTP needs aiohttp: {install_command('live')}") from None
    return aiohttp


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]
