"""A stub of every kind of model server on loopback, with recorded branches, injected faults, and counts of its own.

    with StubServer([StubQuestion.of("1+1?", [["3", "2", "2"]], [120], 50)], flavour="vllm") as server:
        ... server.base_url, server.counts, server.by_request

It runs in a thread of its own; in a benchmark, in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .stub_faults import Fault, FaultPlan
from .stub_flavours import FLAVOURS, Flavour, StubRefusal
from .stub_http import StubConnection, StubRequest
from .stub_model import StubBranch, StubCache, StubModel, StubQuestion, StubVocabulary, split
from .stub_replies import GenerationReply

__all__ = ["FLAVOURS", "Fault", "FaultPlan", "StubBranch", "StubQuestion", "StubServer"]

MODEL = "stub-model"


@dataclass
class StubCounts:
    """What the server itself counts. Tokens of a prompt are counted for requests that were answered."""

    attempts: int = 0
    """Requests for completions that were received."""
    completed: int = 0
    """Requests that were answered whole."""
    generated: int = 0
    """Tokens of the completions that were answered whole."""
    prefilled: int = 0
    cached: int = 0
    wasted: int = 0
    """Tokens that were generated for requests that failed, or whose client left."""
    aborted: int = 0
    """Requests whose client left before the end."""


class StubServer:
    """See the module.

    Args:
        questions: what the model knows; other questions are answered with the words after their last colon.
        flavour: the server to play: a name of `FLAVOURS`.
        model: the name of the model.
        key: the key that requests must carry; None for none.
        context: the longest prompt and completion together, in tokens.
        opens_think: whether the chat template opens a thought.
        delay: seconds before each reply.
        token_delay: seconds before each token of a stream.
        hold: whether each completion waits, after the first token of a stream, until `release` or the client leaves.
        faults: the faults to inject.
        cache_block: tokens of a block of the prefix cache; 0 for none.
        branch_of_seed: the branch of its question that a request with this seed opens; None for the next one.
        usage: whether replies have a usage.
        port: the port; 0 for any free one.
    """

    def __init__(
        self, questions: Sequence[StubQuestion] = (), *, flavour: str = "vllm", model: str = MODEL,
        key: str | None = None, context: int = 100_000, opens_think: bool = False, delay: float = 0.0,
        token_delay: float = 0.0, hold: bool = False, faults: FaultPlan | None = None, cache_block: int = 16,
        branch_of_seed: Callable[[int], int | None] | None = None, usage: bool = True, port: int = 0,
    ) -> None:  # fmt: skip
        self.flavour: Flavour = FLAVOURS[flavour]
        self.model_name, self.key, self.context, self.port = model, key, context, port
        self.delay, self.token_delay, self.holding = delay, token_delay, hold
        self.model = StubModel(questions, opens_think, branch_of_seed)
        self.opens_think, self.usage = opens_think, usage
        self.vocabulary = StubVocabulary()
        self.cache = StubCache(cache_block)
        self.faults = faults
        self.counts = StubCounts()
        self.by_request: dict[tuple[str, int | None], StubCounts] = defaultdict(StubCounts)
        """Counts by the text of the prompt and the seed."""
        self.in_flight = 0
        self.most_in_flight = 0
        self.paths: dict[str, int] = defaultdict(int)
        """Requests by path."""
        self.connections: set[StubConnection] = set()
        self.refusing = 0
        """Connections that a server which restarts still refuses."""
        self.changed = threading.Condition()
        self.released = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def root(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        """The address of the OpenAI-compatible interface."""
        return f"{self.root}/v1"

    async def start(self) -> None:
        """Listen, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(
            lambda: StubConnection(self), "127.0.0.1", self.port, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()

    def reset_counts(self) -> None:
        """Forget what was counted, such as the requests of connecting."""
        self.counts = StubCounts()
        self.by_request.clear()
        self.paths.clear()

    def release(self) -> None:
        """Let all held requests go on, and hold none any more."""
        self.holding = False
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.released.set)

    def wait_until(self, reached: Callable[[], bool], seconds: float = 20.0) -> bool:
        """Wait, in another thread than the server's, until a count is reached; return whether it was."""
        with self.changed:
            return self.changed.wait_for(reached, seconds)

    def note(self) -> None:
        """Tell those who wait that a count has changed."""
        with self.changed:
            self.changed.notify_all()

    def restart(self) -> None:
        """Close all connections, as the end of a process does, and refuse a few new ones."""
        self.refusing = 3
        for connection in list(self.connections):
            connection.close()

    def __enter__(self) -> Self:
        started = threading.Event()

        async def serve() -> None:
            self.released = asyncio.Event()
            await self.start()
            started.set()
            self._stopping = asyncio.Event()
            await self._stopping.wait()
            await self.stop()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True, name="stub server")
        self._thread.start()
        assert started.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(lambda: self._stopping.set())
        self._thread.join(20)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def handle(self, request: StubRequest, connection: StubConnection) -> None:
        """Answer one request, unless it came as the connection was closed."""
        if not connection.open:
            return
        self.paths[request.path] += 1
        try:
            if request.path == "/metrics" and self.flavour.tokenize:
                connection.reply(200, self._metrics().encode(), kind="text/plain")
                return
            if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
                raise StubRefusal(401, f"Incorrect API key provided: {request.headers.get('authorization', '')[7:]}")
            document = self._page(request)
            if document is not None:
                connection.reply(200, json.dumps(document).encode())
                return
            await GenerationReply(self, request, connection).send()
        except StubRefusal as refusal:
            connection.reply(refusal.status, json.dumps(refusal.body).encode())

    def _metrics(self) -> str:
        name = "vllm:generation_tokens_total" if self.flavour.tokenize == "vllm" else "llamacpp:tokens_predicted_total"
        total = self.counts.generated + self.counts.wasted
        return f'# HELP {name}\n{name}{{model_name="{self.model_name}"}} {total}.0\n'

    def _page(self, request: StubRequest) -> Any:
        """Return the document at a path; None for a request that generates.

        Raises:
            StubRefusal: there is nothing at this path.
        """
        body, kind = request.body, self.flavour.tokenize
        match request.path:
            case "/v1/models":
                entry = {"id": self.model_name, "object": "model", "owned_by": self.flavour.owned_by}
                if self.flavour.name in ("vllm", "sglang"):
                    entry["max_model_len"] = self.context
                return {"object": "list", "data": [entry]}
            case "/tokenize" if kind and (kind == "vllm" or "content" in body):
                text = self.model.render(body["messages"]) if "messages" in body else self._text(body)
                return {"tokens": self.vocabulary.ids(split(text)), "max_model_len": self.context}
            case "/detokenize" if kind:
                return {"prompt" if kind == "vllm" else "content": self.vocabulary.text(body["tokens"])}
            case "/apply-template" if kind == "llama.cpp":
                return {"prompt": self.model.render(body["messages"])}
            case "/props" if kind == "llama.cpp":
                return {"default_generation_settings": {"n_ctx": self.context}, "total_slots": 4}
            case "/version" if kind == "vllm":
                return {"version": "0.0.stub"}
            case "/v1/completions" if self.flavour.raw:
                return None
            case "/completion" if kind == "llama.cpp":
                return None
            case "/v1/chat/completions":
                return None
        raise StubRefusal(404, "Not Found", "not_found")

    def _text(self, body: dict[str, Any]) -> str:
        return str(body["prompt"] if self.flavour.tokenize == "vllm" else body["content"])
