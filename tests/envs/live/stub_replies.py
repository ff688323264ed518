"""How the stub server answers a request for a completion: checks, faults, the reply whole or as a stream, counts."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from .stub_faults import Fault
from .stub_flavours import OPENAI_FIELDS, StubRefusal, logprobs_of, usage_of, wanted_logprobs
from .stub_http import StubConnection, StubRequest
from .stub_model import END, StubGeneration, split

if TYPE_CHECKING:
    from .stub_server import StubServer

_REFUSALS: dict[Fault, tuple[int, str]] = {
    "429": (429, "Rate limit reached"), "500": (500, "Internal error"), "503": (503, "Loading model"),
}  # fmt: skip
_IMPOSSIBLE = (10**9, -5, "many", None)
"""Counts of tokens that cannot be true."""


class GenerationReply:
    """The reply to one request for a completion.

    Args:
        server: the server.
        request: the request.
        connection: where the reply goes.

    Raises:
        StubRefusal: the played server refuses the request.
    """

    def __init__(self, server: StubServer, request: StubRequest, connection: StubConnection) -> None:
        self._server, self._body, self._connection = server, request.body, connection
        self._native, self._chat = request.path == "/completion", request.path.endswith("/chat/completions")
        self._check()
        self._prompt, self._echo = self._prompt_and_echo()
        prompt = self._body.get("prompt")
        self._ids = prompt if isinstance(prompt, list) else server.vocabulary.ids(split(self._prompt))
        self._sent = self._cached = 0
        self._counted = False
        self._limit = self._most_tokens()

    def _check(self) -> None:
        flavour, body = self._server.flavour, self._body
        if flavour.checks_model and body.get("model") != self._server.model_name:
            raise StubRefusal(flavour.checks_model, f"The model `{body.get('model')}` does not exist.", "NotFoundError")
        unknown = set(body) - OPENAI_FIELDS
        if flavour.strict and unknown:
            raise StubRefusal(flavour.strict, f"Unknown parameter: {min(unknown)}")
        if flavour.raw == "text" and isinstance(body.get("prompt"), list):
            raise StubRefusal(400, "prompt must be a string")
        if self._chat and flavour.new_limit_field and "max_tokens" in body:
            raise StubRefusal(400, "Unsupported parameter: use 'max_completion_tokens' instead of 'max_tokens'")
        self._logprobs = wanted_logprobs(flavour, body, self._chat)

    def _prompt_and_echo(self) -> tuple[str, str]:
        """Return the prompt as text, and what the played server repeats of it."""
        prompt, way = self._body.get("prompt"), self._server.flavour.chat
        if not self._chat:
            text = prompt if isinstance(prompt, str) else self._server.vocabulary.text(prompt or ())
            return text, ""
        messages = self._body["messages"]
        last = messages[-1]
        continues = last["role"] == "assistant" and (
            way in ("echo", "plain")
            or (way == "flags" and bool(self._body.get("continue_final_message")))
            or (way == "prefix" and last.get("prefix") is True)
        )
        text = self._server.model.render(messages, continues)
        return text, last["content"] if continues and way == "echo" else ""

    def _most_tokens(self) -> int:
        """Return the most tokens to generate.

        Raises:
            StubRefusal: prompt and completion do not fit into the context.
        """
        asked = self._body.get("n_predict" if self._native else "max_tokens", self._body.get("max_completion_tokens"))
        if asked is None and self._server.flavour.name in ("vllm", "sglang") and not self._chat:
            asked = 16
        left = self._server.context - len(self._ids)
        if left <= 0 or (self._server.flavour.limit_is_checked and asked is not None and asked > left):
            self._refuse_context(asked or 0, self._server.context)
        return left if asked is None or asked < 0 else min(asked, left)

    def _refuse_context(self, asked: int, context: int) -> None:
        prompt = len(self._ids)
        if self._server.flavour.name == "llama.cpp":
            said = f"request ({prompt} tokens) exceeds the available context size ({context} tokens)"
            raise StubRefusal(400, said, "exceed_context_size_error", n_prompt_tokens=prompt, n_ctx=context)
        raise StubRefusal(
            400,
            f"This model's maximum context length is {context} tokens. However, you requested {asked + prompt} tokens "
            f"({prompt} in the messages, {asked} in the completion).",
        )

    async def send(self) -> None:
        """Count and answer.

        Raises:
            StubRefusal: a fault of the plan, or the context is full.
        """
        server = self._server
        seed = self._body.get("seed")
        counts = (server.counts, server.by_request[self._prompt, seed])
        for each in counts:
            each.attempts += 1
        fault = server.faults.next() if server.faults else None
        if fault in _REFUSALS:
            status, said = _REFUSALS[fault]
            raise StubRefusal(status, said)
        if fault == "context full":
            self._refuse_context(self._limit, len(self._ids))
        if fault in ("reset", "restart"):
            server.restart() if fault == "restart" else self._connection.close()
            return
        server.in_flight += 1
        server.most_in_flight = max(server.most_in_flight, server.in_flight)
        server.note()
        self._generation, self._counts = self._generated(seed), counts
        try:
            await (self._stream if self._body.get("stream") else self._reply)(self._generation, fault)
        except asyncio.CancelledError:
            for each in counts:
                each.aborted += 1
            raise
        finally:
            if not self._counted:
                self._count(whole=False)

    def _generated(self, seed: int | None) -> StubGeneration:
        generation = self._server.model.generate(self._prompt, self._limit, seed)
        if self._body.get("ignore_eos") and generation.pieces[-1:] == [END]:
            generation.pieces[-1:] = [" more"] * (self._limit - len(generation.pieces) + 1)
            generation.finish_reason = "length"
        return generation

    def _count(self, whole: bool) -> None:
        """Count the request; before the last byte, so that a client which has its reply finds it counted."""
        self._counted = True
        cached = self._cached if whole else 0
        for each in self._counts:
            each.completed += whole
            each.generated += len(self._generation.pieces) if whole else 0
            each.wasted += 0 if whole else self._sent
            each.cached += cached
            each.prefilled += len(self._ids) - cached if whole else 0
        if not whole:
            self._generation.release()
        self._server.in_flight -= 1
        self._server.note()

    async def _pause(self, first: bool) -> None:
        """Wait as long as the server is told to."""
        server = self._server
        if first and server.holding:
            await server.released.wait()
        seconds = server.delay if first else server.token_delay
        if seconds:
            await asyncio.sleep(seconds)

    async def _reply(self, generation: StubGeneration, fault: Fault | None) -> None:
        """Send the whole reply."""
        self._sent = len(generation.pieces) if self._server.flavour.runs_on else 0
        await self._pause(True)
        self._sent = len(generation.pieces)
        if fault == "silent":
            await asyncio.Event().wait()
        if fault == "lost reply":
            self._connection.close()
            return
        if fault == "garbage":
            self._connection.reply(200, b'{"choices": [{"te')
            return
        self._cached = self._server.cache.hit(self._ids)
        choice = self._choice(generation.pieces, self._echo)
        choice["finish_reason"] = generation.finish_reason
        document = json.dumps(self._document(choice, self._usage(len(generation.pieces), fault))).encode()
        if fault == "cut":
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(document)}\r\n\r\n"
            self._connection.write(head.encode() + document[: len(document) // 2])
            self._connection.close()
            return
        if not self._connection.open:
            return
        self._count(whole=True)
        self._connection.reply(200, document)

    async def _stream(self, generation: StubGeneration, fault: Fault | None) -> None:
        """Send the reply token by token."""
        connection, pieces = self._connection, generation.pieces
        connection.begin_stream()
        stop = len(pieces) // 2 if fault in ("cut", "silent", "garbage") else len(pieces)
        for number, piece in enumerate(pieces[:stop]):
            if number or not self._server.holding:
                await self._pause(False)
            connection.event(json.dumps(self._document(self._choice([piece], "" if number else self._echo), None)))
            self._sent += connection.open
            if not number:
                await self._pause(True)
        if fault == "silent":
            await asyncio.Event().wait()
        if fault == "garbage":
            connection.event('{"choices": [{"te')
        if fault in ("cut", "garbage", "lost reply"):
            connection.close()
            return
        self._cached = self._server.cache.hit(self._ids)
        if not connection.open:
            return
        self._count(whole=True)
        usage = self._usage(len(pieces), fault)
        last = self._choice([], "")
        last["finish_reason"] = generation.finish_reason
        together = self._native or self._server.flavour.name == "transformers"
        connection.event(json.dumps(self._document(last, usage if together else None)))
        if not together and (self._body.get("stream_options") or {}).get("include_usage") and self._server.usage:
            connection.event(json.dumps({"choices": [], "usage": usage}))
        if not self._native:
            connection.event("[DONE]")
        connection.end_stream()

    def _choice(self, pieces: list[str], echo: str) -> dict[str, Any]:
        """Return a choice with these tokens."""
        server = self._server
        text = echo + "".join(piece for piece in pieces if piece != END)
        choice: dict[str, Any] = {"index": 0, "finish_reason": None}
        if self._chat:
            choice["delta" if self._body.get("stream") else "message"] = {"role": "assistant", "content": text}
        else:
            choice["text"] = text
        if self._logprobs is not None and pieces:
            form = "chat" if self._chat or self._native else server.flavour.logprobs
            ids = server.flavour.name == "llama.cpp"
            choice["logprobs"] = logprobs_of(form, pieces, self._logprobs, server.vocabulary, ids)
        if (self._body.get("return_token_ids") and server.flavour.ids_back) or self._native:
            choice["token_ids"] = server.vocabulary.ids(pieces)
        return choice

    def _usage(self, generated: int, fault: Fault | None) -> dict[str, Any]:
        usage = usage_of(self._server.flavour, len(self._ids), self._cached, generated)
        if fault == "wrong usage":
            usage["completion_tokens"] = _IMPOSSIBLE[generated % len(_IMPOSSIBLE)]
        return usage

    def _document(self, choice: dict[str, Any], usage: dict[str, Any] | None) -> dict[str, Any]:
        usage = usage if self._server.usage else None
        if not self._native:
            return {"object": "completion", "choices": [choice], **({"usage": usage} if usage else {})}
        reason = choice["finish_reason"]
        document: dict[str, Any] = {
            "content": choice["text"],
            "tokens": choice["token_ids"],
            "stop": reason is not None,
        }
        if "logprobs" in choice:
            document["completion_probabilities"] = choice["logprobs"]["content"]
        if usage is not None:
            document |= {
                "stop_type": "limit" if reason == "length" else "eos", "tokens_predicted": usage["completion_tokens"],
                "tokens_evaluated": usage["prompt_tokens"],
                "timings": {"cache_n": self._cached},
            }  # fmt: skip
        return document
