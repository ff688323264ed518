"""Connects to a live model, and asks it questions with controllers."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from autotts.agent.archive import resolve
from autotts.agent.live.asking import LiveAnswer
from autotts.agent.live.asking import ask as ask_live
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.connecting import connect as connect_to_server
from autotts.envs.live.defaults import reader_for, settings_for
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.exchange import Level, Message
from autotts.envs.live.question import LiveQuestion, run_live
from autotts.envs.live.settings import LiveSettings
from autotts.envs.live.verifier import Verifier
from autotts.envs.live.verifier import verifier as find_verifier
from autotts.sandbox.live.workers import LiveWorkers

from ._discovery_run import warn
from ._sources import AnyController, candidate_of


class LiveModel:
    """A model behind a server; `connect` returns it. It is a context manager, and closes its connections at the end.

    Attributes:
        endpoint: the connection, for `LiveQuestion.open` with settings of your own.
    """

    def __init__(self, endpoint: HttpEndpoint, opened: ExitStack) -> None:
        self.endpoint = endpoint
        self._opened = opened

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.endpoint.model

    @property
    def level(self) -> Level:
        """What the server lets a controller do with a branch: ``full``, ``continue`` or ``width only``."""
        return self.endpoint.level

    def question(
        self, messages: Sequence[Message] | str, *, extract: Sequence[str] = (), answers: str | None = None,
        verifier: str | Verifier | None = None, **settings: Any,
    ) -> LiveQuestion:  # fmt: skip
        """Return a live question, for code that you trust: any controller's ``solve`` takes it.

        Args:
            messages: the question as a text, or as chat messages.
            extract: the ways to find an answer in a text, as ``--extract`` takes them.
            answers: how answers are compared, as ``--answers`` takes it.
            verifier: scores branches: ``FILE.py:function``, the address of a server, or a verifier of your own.
            settings: ``delta``, ``branches``, ``branch_tokens``, ``max_tokens``, ``probe_suffix``, ``probe_tokens``,
                ``sampling``, ``seed``, ``verify_cost`` and ``group_tokens``: the options of ``autotts ask``.

        Raises:
            InputError: the server or a setting cannot be used.
        """
        reader, chosen = self._asked(extract, answers, settings)
        return LiveQuestion.open(self.endpoint, messages, chosen, reader, verifier=_verifier(verifier))

    def ask(
        self,
        controller: AnyController,
        question: Sequence[Message] | str,
        *,
        beta: float = 0.5,
        sandbox: str = "auto",
        extract: Sequence[str] = (),
        answers: str | None = None,
        verifier: str | Verifier | None = None,
        **settings: Any,
    ) -> LiveAnswer:
        """Ask one question with a controller in the sandbox, as ``autotts ask`` does.

        Args:
            controller: see `evaluate`.
            question: a text, or chat messages.
            beta: the budget knob of the controller, in [0, 1].
            sandbox: where the controller runs; see `evaluate`.
            extract: see `question`, as for all other arguments.
            answers: how answers are compared.
            verifier: see `question`.
            settings: how the model is asked.

        Raises:
            CandidateFailed: the controller cannot be loaded.
            InputError: the controller, the server or a setting cannot be used.
            SandboxError: the sandbox failed.
        """
        candidate = candidate_of(controller)
        reader, chosen = self._asked(extract, answers, settings)
        messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
        trusted = sandbox == "auto" and resolve.shipped([candidate])

        async def one() -> LiveAnswer:
            name = "process" if trusted else sandbox
            async with LiveWorkers.open(candidate, name, questions=1, notice=warn) as workers:
                found, _ = await ask_live(
                    self.endpoint, workers, messages, reader, chosen, beta, verifier=_verifier(verifier)
                )
            return found

        return run_live(one())

    def _asked(
        self, extract: Sequence[str], answers: str | None, settings: dict[str, Any]
    ) -> tuple[AnswerReader, LiveSettings]:
        reader = reader_for(self.model, extract, answers)
        return reader, settings_for(self.model, self.endpoint.context, **settings)

    def close(self) -> None:
        """Close all connections, and end the server that `connect` has started. May be called twice."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _verifier(given: str | Verifier | None) -> Verifier | None:
    return find_verifier(given) if isinstance(given, str) else given


def connect(
    base_url: str | None = None, model: str | None = None, *, api_key: str | None = None, timeout: float = 600.0,
    concurrency: int = 64, alternatives: int = 0,
) -> LiveModel:  # fmt: skip
    """Connect to a model behind an OpenAI-compatible server, and find out what the server can do.

    Args:
        base_url: the address, such as ``http://127.0.0.1:8000/v1``; None starts a server with the tiny model that
            ships (needs the extra ``live``), which ends with the connection.
        model: the name of the model; None for the only one of the server.
        api_key: the key of the server, if it wants one. It is written nowhere.
        timeout: seconds of a request at most, with all its retries.
        concurrency: requests at a time.
        alternatives: likeliest tokens to ask for with each token: entropies and DeepConf's signals need two or more.

    Raises:
        InputError: there is no server, no such model, or the key is wrong.
    """
    with ExitStack() as stack:
        if base_url is None:
            from autotts.envs.live.tiny.server import TinyServer

            tiny = stack.enter_context(TinyServer())
            base_url, model = tiny.base_url, tiny.model
        connecting = connect_to_server(
            base_url, model, api_key, timeout=timeout, concurrency=concurrency, alternatives=alternatives
        )
        endpoint = run_live(connecting)
        stack.callback(lambda: run_live(endpoint.close()))
        return LiveModel(endpoint, stack.pop_all())
