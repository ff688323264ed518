"""Connects to a model server: finds out by asking, with few requests, what it can do."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

from autotts.envs.errors import InputError

from .capabilities import Capabilities, Continuation, LimitField, Server
from .dialects import (
    ChatContinuation,
    ChatWhole,
    Dialect,
    NativeTokens,
    RawText,
    RawTokens,
    limit_field,
    logprob_fields,
    sampling_fields,
)
from .endpoint import HttpEndpoint
from .exchange import Completion, Passage, Prompt, Sampling
from .failures import AttemptFailed
from .rendering import PromptRenderer
from .replies import ReplyReader
from .retries import RequestClock, RequestRetries, RetryLimits, SystemClock
from .transport import HttpTransport

AWAY = 3.0
"""Seconds to wait for a server that accepts no connection: most likely its address is wrong, or it is not started."""
LOADING = 120.0
"""Seconds to wait for a server that says that it is loading."""
_OWNERS: dict[str, Server] = {"vllm": "vllm", "llamacpp": "llama.cpp", "sglang": "sglang", "library": "ollama"}
_CONTINUATIONS: tuple[Continuation, ...] = ("flags", "prefix", "final message")
_MESSAGES = ({"role": "user", "content": "Repeat these words, and nothing else: alpha bravo charlie delta echo"},)
_BEGUN, _NEXT = "alpha bravo", "charlie"
"""A partial answer to the messages, and the word with which a model that continues it begins."""
_FEW = 4
"""Tokens of each completion that is asked for."""


async def connect(
    base_url: str, model: str | None = None, api_key: str | None = None, *, timeout: float = 600.0,
    concurrency: int = 512, alternatives: int = 0, capabilities: Capabilities | None = None,
    limits: RetryLimits | None = None, clock: RequestClock | None = None,
) -> HttpEndpoint:  # fmt: skip
    """Return the endpoint of a model, after a few short requests.

    Args:
        base_url: the address of the OpenAI-compatible interface, such as ``http://127.0.0.1:8000/v1``.
        model: the name of the model; None if the server has only one.
        api_key: the key, if the server wants one.
        timeout: seconds that a request may take, with all its retries.
        concurrency: the most requests in flight; others wait for their turn.
        alternatives: the alternatives to ask for with each token, for the entropy; 0 for none, which is quicker.
        capabilities: what the server can do, from an earlier connection: then nothing is asked.
        limits: how long to wait for the server, in place of ``timeout``.
        clock: the time; replaced in tests.

    Raises:
        InputError: there is no server, no such model, or the key is wrong. The message is one line.
    """
    limits, clock = limits or RetryLimits(deadline=timeout), clock or SystemClock()
    transport = HttpTransport(base_url, api_key, limits, concurrency)
    if capabilities is None:
        asking = RequestRetries(replace(limits, deadline=min(LOADING, limits.deadline), longest_wait=2.0), clock, AWAY)
        try:
            capabilities = await ServerInquiry(transport, asking).capabilities(model)
        except AttemptFailed as failure:
            await transport.close()
            raise InputError(f"{transport.shown_url}: {failure.message}") from None
        except BaseException:
            await transport.close()
            raise
    if capabilities.logprobs and alternatives:
        capabilities = capabilities.model_copy(update={"alternatives": alternatives})
    return HttpEndpoint(transport, capabilities, limits, clock)


class ServerInquiry:
    """Asks a server what it can do. Each question is one short request.

    Args:
        transport: the connections to the server.
        retries: how long to wait for it.
    """

    def __init__(self, transport: HttpTransport, retries: RequestRetries) -> None:
        self._transport, self._retries = transport, retries

    async def capabilities(self, model: str | None) -> Capabilities:
        """Return what the server can do for a model.

        Raises:
            AttemptFailed: the server does not answer.
            InputError: it has no such model.
        """
        listed = await self._models()
        name = _chosen(model, listed, self._transport.shown_url)
        entry = next((each for each in listed if each.get("id") == name), listed[0] if listed else {})
        server = _OWNERS.get(str(entry.get("owned_by")), "unknown")
        found = Capabilities(model=name, server=server, context=_positive(entry.get("max_model_len")))
        found = await self._template(found)
        found = await self._raw(found)
        if not found.can_continue:
            found = await self.chat(found)
        return found

    async def _models(self) -> list[dict[str, Any]]:
        """Return the models that the server lists; nothing if it has no list."""
        try:
            document = await self._get(f"{self._transport.base_url}/models")
        except AttemptFailed as failure:
            if failure.status in (404, 405, 501):
                return []
            raise
        data = document.get("data") if isinstance(document, dict) else None
        return [each for each in data or () if isinstance(each, dict) and isinstance(each.get("id"), str)]

    async def _template(self, found: Capabilities) -> Capabilities:
        """Find out how messages are rendered and texts tokenised."""
        root, update = self._transport.root, dict[str, Any]()
        body = {"model": found.model, "prompt": "a", "content": "a"}
        if await self._answers(f"{root}/tokenize", body):
            update["tokenize"] = "prompt"
            if await self._answers(f"{root}/apply-template", {"model": found.model, "messages": list(_MESSAGES)}):
                update |= {"tokenize": "content", "rendering": "apply-template", "server": "llama.cpp"}
            elif await self._answers(f"{root}/tokenize", {"model": found.model, "messages": list(_MESSAGES)}):
                update["rendering"] = "tokenize messages"
        if update.get("server", found.server) == "llama.cpp":
            update |= await self._properties()
        elif found.server == "unknown" and update:
            update["server"] = "vllm" if "rendering" in update else "sglang"
        if update.get("server", found.server) in ("vllm", "sglang"):
            update["version"] = await self._version()
        return found.model_copy(update=update)

    async def _properties(self) -> dict[str, Any]:
        """Return the version of llama.cpp and the context of one of its slots, in tokens."""
        try:
            document = await self._get(f"{self._transport.root}/props")
        except AttemptFailed:
            return {}
        found = {"version": _text(document, "build_info")}
        settings = document.get("default_generation_settings") if isinstance(document, dict) else None
        context = _positive(settings.get("n_ctx")) if isinstance(settings, dict) else None
        return found if context is None else {**found, "context": context}

    async def _version(self) -> str | None:
        """Return the version of vLLM or SGLang, if it says it."""
        try:
            return _text(await self._get(f"{self._transport.root}/version"), "version")
        except AttemptFailed:
            return None

    async def _raw(self, found: Capabilities) -> Capabilities:
        """Find out whether raw prompts are continued, as token ids or as text, and what comes back with them."""
        prompt = Prompt(_MESSAGES, str(_MESSAGES[0]["content"]), None)
        if found.rendering is not None:
            with_ids = found.model_copy(update={"prompt_ids": True})
            prompt = await self._retries.run(
                lambda _: PromptRenderer(self._transport, with_ids).prompt(_MESSAGES), lambda _: None
            )
        opens = None if prompt.text is None or found.rendering is None else prompt.text.rstrip().endswith("<think>")
        found = found.model_copy(update={"template_opens_think": opens})
        dialects: list[Dialect] = [RawText()]
        if prompt.token_ids:
            dialects = [*([NativeTokens()] if found.server == "llama.cpp" else []), RawTokens(), *dialects]
        for dialect in dialects:
            tried = await self._try(found, dialect, prompt, Passage())
            if tried is not None:
                ids, native = not isinstance(dialect, RawText), isinstance(dialect, NativeTokens)
                return tried[0].model_copy(update={"completions": True, "native": native, "prompt_ids": ids})
        return found

    async def chat(self, found: Capabilities) -> Capabilities:
        """Find out whether a partial assistant message is continued, and what comes back with it.

        Raises:
            InputError: the server does not answer in chat either.
        """
        prompt, begun = Prompt(_MESSAGES), Passage(_BEGUN)
        # llama.cpp ignores flags, and would seem to understand them
        kinds: tuple[Continuation, ...] = ("final message",) if found.server == "llama.cpp" else _CONTINUATIONS
        for kind in kinds:
            tried = await self._try(found, ChatContinuation(kind), prompt, begun)
            if tried is None:
                continue
            with_kind, done = tried
            echoes = done.text.startswith(_BEGUN)
            named = kind == "flags" and found.server in ("vllm", "sglang")
            if echoes or named or done.text.strip().startswith(_NEXT):
                return with_kind.model_copy(update={"continuation": kind, "echoes": echoes})
        tried = await self._try(found, ChatWhole(), prompt, Passage())
        if tried is None:
            raise InputError(f"{self._transport.shown_url}: model {found.model} answers neither completions nor chat")
        return tried[0]

    async def _try(
        self, found: Capabilities, dialect: Dialect, prompt: Prompt, passage: Passage
    ) -> tuple[Capabilities, Completion] | None:
        """Ask for a few tokens, with fewer fields each time that the server refuses.

        Returns:
            what came back and which fields were taken, and the completion; None if the server refuses all of it.
        """
        limits: tuple[LimitField, ...] = ("max_tokens", "max_completion_tokens") if dialect.chat else ("max_tokens",)
        for name, sampler, logprobs in product(limits, (True, False), (True, False)):
            asked = found.model_copy(
                update={"limit_field": name, "sampler_fields": sampler, "logprobs": logprobs, "ids_back": True}
            )
            body = {"model": found.model, limit_field(asked, dialect): _FEW, **dialect.start(prompt, passage, "", ())}
            body |= sampling_fields(asked, Sampling()) | logprob_fields(asked, dialect)
            try:
                reader, done = await self._reply(dialect.path, body)
            except AttemptFailed as failure:
                if failure.status in (404, 405):
                    return None
                continue
            back = {"ids_back": reader.has_ids, "logprobs": reader.has_logprobs}
            return asked.model_copy(update=back), done
        return None

    async def _reply(self, path: str, body: dict[str, Any]) -> tuple[ReplyReader, Completion]:
        """Return the reply to a request for a completion.

        Raises:
            AttemptFailed: the server refuses the request.
            InputError: the key or the model is wrong.
        """
        reader = ReplyReader(complete=True)
        try:
            reader.read(await self._post(self._transport.url(path), body))
            return reader, reader.completion(None, None)[0]
        except AttemptFailed as failure:
            if failure.kind == "user" and failure.status not in (404, 405):
                raise InputError(f"{self._transport.shown_url}: {failure.message}") from None
            if failure.status or failure.kind == "garbled":
                raise
            raise InputError(f"{self._transport.shown_url}: {failure.message}") from None

    async def _answers(self, url: str, body: dict[str, Any]) -> bool:
        """Return whether the server answers a request."""
        try:
            await self._post(url, body)
        except AttemptFailed as failure:
            if failure.status:
                return False
            raise
        return True

    async def _get(self, url: str) -> Any:
        return await self._retries.run(lambda _: self._transport.get(url), lambda _: None)

    async def _post(self, url: str, body: dict[str, Any]) -> Any:
        return await self._retries.run(lambda left: self._transport.post(url, body, left), lambda _: None)


def _chosen(model: str | None, listed: list[dict[str, Any]], url: str) -> str:
    """Return the name of the model.

    Raises:
        InputError: the server has no such model, or more than one and none is named.
    """
    names = [str(each["id"]) for each in listed]
    few = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    if model is None:
        if len(names) == 1:
            return names[0]
        raise InputError(f"{url}: name a model: it lists {few}" if names else f"{url} lists no models: name one")
    if names and model not in names:
        raise InputError(f"{url} has no model {model}: it lists {few}")
    return model


def _positive(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None


def _text(document: Any, name: str) -> str | None:
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None
