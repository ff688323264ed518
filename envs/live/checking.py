"""Finds out by asking what a model server can do: more than `envs.live.connecting` needs, with a report for people."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from .capabilities import CheckedAbility, EndpointReport, Found, Server
from .connecting import ServerInquiry
from .dialects import Dialect, choose, limit_field, logprob_fields
from .endpoint import HttpEndpoint
from .exchange import GREEDY, Completion, Passage, Prompt, RequestLost, Sampling, TokenUse
from .failures import AttemptFailed
from .retries import RequestClock, RequestRetries, RetryLimits, SystemClock
from .transport import HttpTransport

_MESSAGES = ({"role": "user", "content": "Tell a story of a lighthouse keeper and his dog, in many words. " * 4},)
_MOST_ALTERNATIVES = (100, 50, 20, 10, 5, 1)
_LONG = 400
"""Tokens of the request that is left before its end."""
_COUNTERS: dict[Server, str] = {
    "vllm": "vllm:generation_tokens_total", "sglang": "sglang:generation_tokens_total",
    "llama.cpp": "llamacpp:tokens_predicted_total",
}  # fmt: skip
"""The counter of generated tokens in the metrics of a server."""


class EndpointCheck:
    """Asks a server, one short request after another.

    Args:
        endpoint: the connected model.
        clock: the time; replaced in tests.
    """

    def __init__(self, endpoint: HttpEndpoint, clock: RequestClock | None = None) -> None:
        self._endpoint, self._found = endpoint, endpoint.capabilities
        self._clock: RequestClock = clock or SystemClock()
        self._transport: HttpTransport = endpoint.transport
        self._rows: list[CheckedAbility] = []
        self._prompt = Prompt(_MESSAGES)
        self._dialect: Dialect = choose(self._found, self._prompt, Passage())

    async def report(self) -> EndpointReport:
        """Ask everything, and return the report.

        Raises:
            InputError: the key or the model is wrong.
            RequestLost: the server does not answer any more.
        """
        found = self._found
        self._prompt = await self._endpoint.prompt(_MESSAGES)
        self._dialect = choose(found, self._prompt, Passage())
        self._row("raw completions", found.completions, self._rendered())
        self._row("prompt as token ids", found.prompt_ids)
        await self._prompt_list()
        self._row("token ids back", found.ids_back, "llama.cpp's own /completion" if found.native else "")
        alternatives = await self._log_probabilities()
        await self._continuation()
        await self._stop_details()
        await self._cached_tokens()
        await self._seeds()
        await self._leaving()
        self._row("longest context", found.context is not None, f"{found.context:,} tokens" if found.context else "")
        opens = found.template_opens_think
        self._rows.append(CheckedAbility(name="template opens <think>", found=_word(opens)))
        return EndpointReport(
            base_url=self._endpoint.base_url, model=found.model, server=found.server, version=found.version,
            level=found.level, context=found.context, alternatives=alternatives, abilities=tuple(self._rows),
            capabilities=found,
        )  # fmt: skip

    def _row(self, name: str, found: bool | None, detail: str = "") -> None:
        self._rows.append(CheckedAbility(name=name, found=_word(found), detail=detail))

    def _rendered(self) -> str:
        if not self._found.completions:
            return ""
        way = {"tokenize messages": "/tokenize", "apply-template": "/apply-template", None: ""}[self._found.rendering]
        return f"the chat template is rendered by {way}" if way else "but nothing renders the chat template"

    async def _prompt_list(self) -> None:
        """Find out whether one request takes several prompts."""
        if not self._found.completions:
            self._row("several prompts in a request", False)
            return
        body = {"model": self._found.model, "prompt": ["one", "two"], "max_tokens": 1}
        document = await self._answer("/completions", body)
        choices = document.get("choices") if document else None
        self._row("several prompts in a request", isinstance(choices, list) and len(choices) == 2)

    async def _log_probabilities(self) -> int:
        """Find out how many alternatives come with the log-probability of a token."""
        most = 0
        if self._found.logprobs:
            for count in _MOST_ALTERNATIVES:
                asked = self._found.model_copy(update={"alternatives": count})
                body = self._body(2) | logprob_fields(asked, self._dialect)
                if await self._answer(self._dialect.path, body) is not None:
                    most = count
                    break
        bound = "or more" if most == _MOST_ALTERNATIVES[0] else "at most"
        self._row("log-probabilities", self._found.logprobs, f"{most} alternatives {bound}" if most else "")
        return most

    async def _continuation(self) -> None:
        """Find out whether chat continues a partial assistant message, whatever raw completions do."""
        inquiry = ServerInquiry(self._transport, RequestRetries(RetryLimits(deadline=60.0), self._clock))
        found = await inquiry.chat(self._found.model_copy(update={"continuation": None, "echoes": False}))
        ways = {
            "flags": "continue_final_message and add_generation_prompt: false", "prefix": "prefix: true",
            "final message": "a final assistant message", None: "a new turn begins",
        }  # fmt: skip
        detail = ways[found.continuation] + (", which is echoed" if found.echoes else "")
        self._row("chat continues an assistant message", found.continuation is not None, detail)

    async def _stop_details(self) -> None:
        """Find out whether a stop text is named, and left out of the text."""
        text = (await self._generate(24, GREEDY)).text
        word = next(iter(re.findall(r"\w+", text[len(text) // 3 :])), "")
        if not word:
            self._row("stop details", None, "the model says nothing to stop at")
            return
        document = await self._answer(self._dialect.path, self._body(24) | {"stop": [word]})
        choice = (document.get("choices") or [document])[0] if document else {}
        named = choice.get("stop_reason") == word or choice.get("stopping_word") == word
        said = choice.get("text") or choice.get("content") or (choice.get("message") or {}).get("content") or ""
        kept = "left in the text" if str(said).endswith(word) else "not in the text"
        self._row("stop details", named, f"the stop text is {kept}" if document else "stop texts are refused")

    async def _cached_tokens(self) -> None:
        """Find out whether the tokens of a prompt that the prefix cache had are reported."""
        use = TokenUse()
        for _ in range(3):  # a cache may need the first request to end
            await self._generate(1, GREEDY, use)
        prompt = use.cached + use.prefilled
        self._row("cached tokens reported", use.cached > 0, f"{use.cached} of {prompt}" if use.cached else "")

    async def _seeds(self) -> None:
        """Find out whether the same seed draws the same tokens, and another seed others."""
        one, same, other = [(await self._generate(24, Sampling(), seed=seed)).text for seed in (1, 1, 2)]
        if one == same == other:
            self._row("seeds respected", None, "all draws are equal")
        else:
            self._row("seeds respected", one == same)

    async def _leaving(self) -> None:
        """Find out whether leaving a request ends its generation, by the server's own counter."""
        names = ("closing a stream ends it", "leaving a request that is not streamed ends it")
        room = _LONG if self._found.context is None else min(_LONG, self._found.context // 2)
        body = self._body(room) | {"ignore_eos": True}
        before, start = await self._counter(), time.perf_counter()
        whole = before is not None and await self._answer(self._dialect.path, body) is not None
        seconds = time.perf_counter() - start
        after = await self._counter() if whole else None
        if before is None or after is None or not 0.9 * room <= after - before <= 1.1 * room:
            why = "the server shows no counter of tokens (/metrics)" if before is None else "its counter tells nothing"
            for name in names:
                self._row(name, None, why)
            return
        for name, leave in zip(names, (self._leave_stream, self._leave_whole), strict=True):
            started = await self._counter() or 0.0
            await leave(body, seconds / 4)
            await self._clock.sleep(1.5 * seconds + 0.5)
            spent = (await self._counter() or 0.0) - started
            self._row(name, spent < 0.8 * room, f"{spent:.0f} of {room} tokens were generated")

    async def _leave_stream(self, body: Mapping[str, Any], seconds: float) -> None:
        url = self._transport.url(self._dialect.path)
        async with aclosing(self._transport.stream(url, {**body, "stream": True})) as events:
            async for _ in events:
                return

    async def _leave_whole(self, body: Mapping[str, Any], seconds: float) -> None:
        await self._quietly(lambda: self._transport.post(self._transport.url(self._dialect.path), body, seconds))

    async def _counter(self) -> float | None:
        """Return the tokens that the server has generated, by its metrics."""
        name = _COUNTERS.get(self._found.server)
        text = await self._quietly(lambda: self._transport.text(f"{self._transport.root}/metrics")) if name else None
        values = re.findall(rf"^{name}(?:\{{.*\}})?\s+(\S+)$", text, re.MULTILINE) if text else []
        return sum(map(float, values)) if values else None

    def _body(self, tokens: int) -> dict[str, Any]:
        """Return a request for so many tokens."""
        limit = limit_field(self._found, self._dialect)
        body = {"model": self._found.model, "temperature": 0.0, limit: tokens}
        return body | dict(self._dialect.start(self._prompt, Passage(), "", ()))

    async def _generate(
        self, tokens: int, sampling: Sampling, use: TokenUse | None = None, seed: int | None = None
    ) -> Completion:
        return await self._endpoint.generate(
            self._prompt, Passage(), max_tokens=tokens, sampling=sampling, use=use or TokenUse(), seed=seed
        )

    async def _answer(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the document with which the server answers; None if it refuses."""
        found = await self._quietly(lambda: self._transport.post(self._transport.url(path), body))
        return found if isinstance(found, dict) else None

    async def _quietly(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        """Return what ``ask`` returns, or None if the server refuses or breaks: llama.cpp's like may reset."""
        try:
            return await ask()
        except AttemptFailed as failure:
            if failure.kind == "unreachable":
                raise RequestLost(f"{self._endpoint.base_url}: {failure.message}") from None
            return None


def _word(found: bool | None) -> Found:
    return "unknown" if found is None else "yes" if found else "no"
