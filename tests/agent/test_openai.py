"""The explorer `openai` against a stub of such an endpoint: the unmodified SDK, a whole discovery, every failure."""

from __future__ import annotations

import importlib
import json
import socketserver
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from agent.bench.tools import Toolbox
from agent.briefing import prompt as briefing
from agent.explorers.base import Brief
from agent.explorers.openai import OpenAI, OpenAIModel
from agent.graph import Discovery, discover
from agent.llm.calls import Calls, Patience, read_calls
from agent.llm.chat import Answered, Result, Results, Said
from agent.llm.failures import AuthError, RequestRefused, ServiceDown
from agent.llm.ledger import Ledger, Limit, LimitReached, Limits, Spending
from agent.llm.prices import Prices, Usage
from agent.llm.session import Bounds
from agent.run import Run, RunConfig
from envs.errors import InputError
from envs.synthetic import default_environments
from sandbox.process import ProcessSandbox
from tests.stubs.chat_api import ChatStub
from tests.stubs.clocks import StubClock
from tests.stubs.conversations import NAMES, StubTools, brief, prompt
from tests.stubs.faults import KINDS, WELL_FORMED, Fault, Faults, Listed, Seeded, never
from tests.stubs.messages_api import KEY, Script
from tests.stubs.scripts import PLANTED, SCRIPTS, discovery, long_discovery, text, tool

MODEL = "gpt-5"


class Scene:
    """A stub, and a run that asks it."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self._monkeypatch = home, monkeypatch

    def at(self, url: str, key: str = KEY) -> None:
        for name in ("OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"):
            self._monkeypatch.delenv(name, raising=False)
        self._monkeypatch.setenv("OPENAI_API_KEY", key)
        self._monkeypatch.setenv("OPENAI_BASE_URL", url)
        self._monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def stub(self, script: Script = discovery, faults: Faults = never, **more: Any) -> ChatStub:
        stub = ChatStub(script, faults, **more)
        self.at(stub.url)
        return stub

    def calls(
        self, stub: ChatStub | None = None, place: str = "run", limits: Limits | None = None,
        patience: Patience | None = None, prices: Path | None = None,
    ) -> Calls:  # fmt: skip
        clock = StubClock(stub.silent if stub else ())
        ledger = Ledger(limits or Limits(), clock.now)
        return Calls(self.home / place / "calls", 7, Prices(prices), ledger, clock, patience)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def explorer(
    of: Calls, bounds: Bounds | None = None, words: str = "", model: str = MODEL, **more: Any
) -> tuple[OpenAI, list[StubTools]]:
    """Return an explorer, and the list that its tools go to."""
    made: list[StubTools] = []

    def tools(brief: Brief) -> StubTools:
        made.append(StubTools(words=words))
        return made[-1]

    return OpenAI(model, of, prompt, tools, bounds, **more), made


def same_as_server(spent: Spending, stub: ChatStub, model: str = MODEL, prices: Path | None = None) -> None:
    """Check that a ledger has what the server billed, to the token and, by the same prices, to the dollar."""
    assert spent.usage.model_dump() == stub.total()
    price = Prices(prices).of(model)
    billed = sum(price.dollars(Usage.model_validate(bill)) for bill in stub.bills.values())
    assert spent.dollars == pytest.approx(billed, abs=1e-9)


def test_a_proposal(scene: Scene) -> None:
    told: list[dict[str, Any]] = []
    with scene.stub() as stub:
        of = scene.calls(stub)
        asked, tools = explorer(of, report=lambda event, fields: told.append(fields))
        (proposal,) = asked.propose(brief())
    assert "class" in proposal.source and proposal.prompts == "p1" and proposal.data == {"model": MODEL}
    assert {name for name, _ in tools[0].made} == set(NAMES)
    assert proposal.cost.calls == len(stub.ids) == len(set(stub.ids)) == len(read_calls(of.home))
    assert proposal.cost.dollars == pytest.approx(of.ledger.spent().dollars) and proposal.cost.dollars > 0
    assert told[0]["ended"] == "submitted"
    same_as_server(of.ledger.spent(), stub)


def test_a_long_proposal_is_read_from_the_cache_for_its_beginning_never_changes(scene: Scene) -> None:
    with scene.stub(long_discovery) as stub:
        of = scene.calls(stub)
        (proposal,) = explorer(of)[0].propose(brief())
    assert proposal.cost.cached_tokens / proposal.cost.input_tokens > 0.8
    same_as_server(of.ledger.spent(), stub)
    for before, after in pairwise(stub.requests):
        assert after["messages"][: len(before["messages"])] == before["messages"] and after["tools"] == before["tools"]
        assert after["max_completion_tokens"] == 32_000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", [0.0, 0.35, 0.99])
def test_each_fault_is_survived_and_paid_as_the_server_counts(scene: Scene, kind: str, where: float) -> None:
    fault = Fault(kind, where)
    with scene.stub() as stub:
        (fine,) = explorer(scene.calls(stub, "fine"))[0].propose(brief())
    with scene.stub(faults=Listed(*[None] * 5, fault, None, fault)) as stub:
        of = scene.calls(stub)
        (proposal,) = explorer(of)[0].propose(brief())
    assert proposal.source == fine.source and proposal.rationale == fine.rationale
    same_as_server(of.ledger.spent(), stub)
    outcomes = [attempt.outcome for call in read_calls(of.home) for attempt in call.attempts]
    wanted = {
        "reset": "network", "silence": "timeout", "cut": "cut_stream", "error_event": "overloaded",
        "not_utf8": "cut_stream", "not_json": "cut_stream", "refusal": "refused", "prompt_too_long": "context_too_long",
        "malformed_json": "malformed_tool_call", "too_large": "context_too_long",
        **dict.fromkeys(WELL_FORMED, "answered"),
    }.get(kind, kind)  # fmt: skip
    if kind == "cut" and where == 0.0:
        wanted = "network"  # it was never begun
    assert sum(outcome == wanted for outcome in outcomes) >= (0 if kind == "cut" and where > 0.9 else 2)
    assert len(stub.ids) == len(set(stub.ids))


def test_many_faults(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)
    faults = Seeded(11, 0.55)
    with scene.stub(faults=faults) as stub:
        of = scene.calls(stub)
        asked, _ = explorer(of, Bounds(turns=60, useless=20))
        generation, found = 0, {}
        while sum(faults.made.values()) < 200:
            generation += 1
            (found[generation],) = asked.propose(brief(generation))
    assert set(faults.made) == set(KINDS)
    same_as_server(of.ledger.spent(), stub)
    with scene.stub() as stub:
        quiet, _ = explorer(scene.calls(stub, "quiet"))
        assert quiet.propose(brief(generation))[0].source == found[generation].source


def test_a_second_run_pays_nothing(scene: Scene) -> None:
    with scene.stub(faults=Seeded(2, 0.4)) as stub:
        (first,) = explorer(scene.calls(stub))[0].propose(brief())
        sent = len(stub.ids)
        (second,) = explorer(scene.calls(stub))[0].propose(brief())
    assert len(stub.ids) == sent and second == first


# A server of one's own


def test_a_free_server_without_a_key_that_does_not_count(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = scene.home / "prices.json"
    prices.write_text('{"qwen3:8b": {"input": 0, "cache_write": 0, "cache_read": 0, "output": 0}}')
    with scene.stub(key=None, counts=False) as stub:
        monkeypatch.delenv("OPENAI_API_KEY")
        of = scene.calls(stub, prices=prices)
        assert explorer(of, model="qwen3:8b")[0].propose(brief())
        same_as_server(of.ledger.spent(), stub, "qwen3:8b", prices)
    assert stub.keys == {"no-key"} and of.ledger.spent().usage.output > 40 and of.ledger.spent().dollars == 0
    assert "max_completion_tokens" not in stub.requests[0]


def test_an_unknown_price_is_said_in_one_line(scene: Scene) -> None:
    scene.at("http://127.0.0.1:9/v1")
    with pytest.raises(InputError, match=r"qwen3:8b.*0 if it costs nothing.*AUTOTTS_PRICES") as error:
        explorer(scene.calls(), model="qwen3:8b")
    assert "\n" not in str(error.value)


@contextmanager
def saying(*answers: tuple[int, str, bytes]) -> Iterator[str]:
    """Lend an endpoint that gives these answers: status, content type, body; the last one for ever."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, kind, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def chunks(*deltas: Mapping[str, Any], stop: str | None = "tool_calls") -> bytes:
    """Return a stream as terse as a server can make it."""
    told: list[dict[str, Any]] = [{"choices": [{"delta": delta}]} for delta in deltas]
    told += [{"choices": [{"delta": {}, "finish_reason": stop}]}] if stop else []
    return b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in told)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"index": 0, "function": {"name": name, "arguments": json.dumps(arguments)}}


@pytest.mark.parametrize("answer", [(200, "text/html", b"<html>"), (200, "application/json", b'{"choices": []}')])
def test_what_does_not_stream_is_no_endpoint(scene: Scene, answer: tuple[int, str, bytes]) -> None:
    with saying(answer) as url:
        scene.at(url)
        with pytest.raises(RequestRefused, match=r"does not stream.*OPENAI_BASE_URL"):
            explorer(scene.calls())[0].propose(brief())


def test_a_wrong_path_is_said(scene: Scene) -> None:
    with scene.stub() as stub:
        scene.at(stub.url.removesuffix("/v1"))
        with pytest.raises(RequestRefused, match=r"404.*ends in /v1"):
            explorer(scene.calls(stub))[0].propose(brief())


def test_servers_that_leave_much_out(scene: Scene) -> None:
    """No ids, every call with the index 0, thoughts under another name, a signature that has to come back."""
    one, two = call("list_versions"), call("findings", version="a")
    signed = {**one, "id": "a", "extra_content": {"signature": "s"}}
    submit = call("submit", source="class A(Controller)", rationale="It is short.")
    answers = (
        chunks({"reasoning_content": "Hm. "}, {"reasoning_content": "Let me look."}, {"tool_calls": [signed]},
               {"tool_calls": [{**two, "id": "b"}]}),
        chunks({"tool_calls": [two]}, stop="stop"),
        chunks({"tool_calls": [submit]}),
    )  # fmt: skip
    sent: list[Any] = []
    with saying(*((200, "text/event-stream", answer) for answer in answers)) as url:
        scene.at(url)
        asked, tools = explorer(scene.calls())
        body = OpenAIModel.body

        def watched(self: OpenAIModel, *given: Any) -> dict[str, Any]:
            sent.append(body(self, *given))
            return sent[-1]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(OpenAIModel, "body", watched)
            (proposal,) = asked.propose(brief())
    assert [name for name, _ in tools[0].made] == ["list_versions", "findings", "findings", "submit"]
    first, second = (message for message in sent[-1]["messages"] if message["role"] == "assistant")
    assert first["reasoning_content"] == "Hm. Let me look." and first["content"] is None
    assert [c["id"] for c in first["tool_calls"]] == ["a", "b"]
    assert first["tool_calls"][0]["extra_content"] == {"signature": "s"}
    assert second["tool_calls"][0]["id"].startswith("g001-propose-0-001-")
    assert proposal.cost.output_tokens == 6


def test_an_answer_without_end_is_left(scene: Scene) -> None:
    endless = chunks(*[{"content": "again "}] * 120, stop=None)
    with saying((200, "text/event-stream", endless)) as url, pytest.MonkeyPatch.context() as patched:
        scene.at(url)
        patched.setattr("agent.explorers.openai.MAX_TOKENS", 100)
        of = scene.calls()
        assert explorer(of, Bounds(useless=1))[0].propose(brief()) == []
    assert [a.outcome for c in read_calls(of.home) for a in c.attempts] == ["cut_short"]


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "message": "You exceeded your current quota"}, AuthError),
        (404, {"code": "model_not_found", "message": "no such model"}, RequestRefused),
        (422, {"message": "unknown field"}, RequestRefused),
        (403, {"message": "not your region"}, AuthError),
    ],
)
def test_what_nobody_but_the_user_can_help(
    scene: Scene, status: int, error: dict[str, str], kind: type[Exception]
) -> None:
    with saying((status, "application/json", json.dumps({"error": error}).encode())) as url:
        scene.at(url)
        with pytest.raises(kind, match=error["message"]):
            explorer(scene.calls())[0].propose(brief())


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error": {"message": "maximum context length is 4096 tokens"}}', "context_too_long"),
        (400, b'{"object": "error", "message": "the prompt is too long", "code": 400}', "context_too_long"),
        (400, b'{"error": {"code": "content_filter", "message": "filtered"}}', "refused"),
        (502, b"<html>bad gateway</html>", "server_error"),
        (504, b"", "timeout"),
        (529, b"[1]", "overloaded"),
        (200, b'data: {"error": {"message": "no capacity", "code": 502}}\n\n', "server_error"),
        (200, b'data: {"error": {"message": "context length exceeded", "code": 400}}\n\n', "context_too_long"),
        (200, b'data: {"choices": 3}\n\n', "cut_stream"),
        (200, b"data: [1]\n\n", "cut_stream"),
        (200, b"", "cut_stream"),
    ],
)
def test_each_error_has_a_name(scene: Scene, status: int, body: bytes, kind: str) -> None:
    submitted = chunks({"tool_calls": [call("submit", source="class A(Controller)", rationale="Short.")]})
    stream = "text/event-stream"
    with saying((status, stream if status == 200 else "application/json", body), (200, stream, submitted)) as url:
        scene.at(url)
        of = scene.calls()
        found = explorer(of)[0].propose(brief())
    outcomes = [a.outcome for c in read_calls(of.home) for a in c.attempts]
    assert outcomes[0] == kind and (found or kind == "context_too_long")


def test_an_endpoint_that_is_not_there(scene: Scene) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=False) as closed:
        closed.server_bind()  # bound, and nobody listens
        scene.at(f"http://127.0.0.1:{closed.server_address[1]}/v1")
        of = scene.calls(patience=Patience(deadline=36))
        with pytest.raises(ServiceDown, match=r"no answer within 0\.01 h"):
            explorer(of)[0].propose(brief())
    assert read_calls(of.home)[0].attempts[0].outcome == "network"


# Keys


def test_a_missing_key_or_a_wrong_address_is_said_before_anything_is_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AuthError, match="set OPENAI_API_KEY in the environment, or OPENAI_BASE_URL"):
        explorer(scene.calls())
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:8000/v1")
    with pytest.raises(InputError, match="no address"):
        explorer(scene.calls())
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\u2026very-secret")
    with pytest.raises(AuthError, match="no header") as error:
        explorer(scene.calls())
    assert "secret" not in str(error.value)


def test_a_wrong_key_ends_the_run_and_is_written_nowhere(scene: Scene) -> None:
    with scene.stub() as stub:
        scene.at(stub.url, key="sk-proj-very-secret-1234567890")
        with pytest.raises(AuthError, match="Incorrect API key") as error:
            explorer(scene.calls(stub))[0].propose(brief())
    assert "very-secret" not in str(error.value)
    files = [path for path in scene.home.rglob("*") if path.is_file()]
    assert files and not any(b"very-secret" in path.read_bytes() for path in files)


def test_secrets_are_not_in_the_transcript(scene: Scene) -> None:
    with scene.stub(lambda body: [text(f"The key is {KEY}."), *discovery(body)]) as stub:
        (proposal,) = explorer(scene.calls(stub))[0].propose(brief())
    assert KEY not in proposal.transcript and "[secret]" in proposal.transcript


def test_a_missing_sdk_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "agent.explorers.openai")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"pip install 'autotts\[openai\]'"):
        importlib.import_module("agent.explorers.openai")


# Limits, and foolish models


def test_a_limit_is_overrun_by_no_more_than_the_call_in_flight(scene: Scene) -> None:
    with scene.stub(long_discovery, Seeded(3, 0.3)) as stub:
        of = scene.calls(stub, limits=Limits(run=Limit(dollars=0.03)))
        with pytest.raises(LimitReached, match=r"of at most \$0\.03"):
            for generation in range(100):
                explorer(of)[0].propose(brief(generation))
    most = max(a.dollars for c in read_calls(of.home) for a in c.attempts)
    assert 0.03 <= of.ledger.spent().dollars < 0.03 + most
    same_as_server(of.ledger.spent(), stub)


@pytest.mark.parametrize("script", ["looping", "silent", "talking", "megabyte", "repeating"])
def test_a_foolish_model_is_left(scene: Scene, script: str) -> None:
    with scene.stub(SCRIPTS[script]) as stub:
        of = scene.calls(stub)
        assert explorer(of)[0].propose(brief()) == []
    assert len(stub.ids) <= 12 and max(map(len, stub.bodies)) < 60_000
    same_as_server(of.ledger.spent(), stub)


@pytest.mark.parametrize("script", ["odd", "gullible", "attacking"])
def test_what_a_hostile_model_writes_is_carried_as_text(scene: Scene, script: str) -> None:
    with scene.stub(SCRIPTS[script]) as stub:
        asked, _ = explorer(scene.calls(stub), words=PLANTED)
        for proposal in asked.propose(brief()):
            assert proposal.source.encode() and proposal.transcript.encode()


def test_words_of_ours_keep_the_turns(scene: Scene) -> None:
    with scene.stub() as stub:
        asked, _ = explorer(scene.calls(stub))
        assert asked.propose(brief())
    reply = read_calls(scene.home / "run" / "calls")[0].reply
    assert reply is not None
    results = Results((Result(reply.tool_calls[0], "no", error=True),), "2 answers are left.")
    model = OpenAIModel("m", None)  # type: ignore[arg-type]
    body = model.body("rules", [], [Said("a"), Said("b"), Answered(reply), results])
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][1]["content"] == "a\n\nb" and "tools" not in body
    assert body["messages"][3]["content"] == "Error:\nno\n\n2 answers are left."


# A whole discovery


def test_three_rounds_with_all_tools(scene: Scene) -> None:
    worlds = default_environments(questions=4, branches=16)[:2]
    config = RunConfig(
        explorer="openai", model=MODEL, generations=3, population=2, seeds=1, betas=(0.0, 0.5, 1.0), max_branches=16,
        environments={world.name: world.hash for world in worlds},
    )  # fmt: skip
    made: list[Toolbox] = []

    def tools(brief: Brief) -> Toolbox:
        assert brief.bench is not None
        made.append(Toolbox(brief.bench))
        return made[-1]

    run = Run.create(scene.home / "run", config, worlds)
    with scene.stub(faults=Seeded(8, 0.1)) as stub, ProcessSandbox(1) as sandbox:
        of = scene.calls(stub)
        discover(Discovery(run, OpenAI(MODEL, of, briefing, tools), sandbox, ledger=of.ledger))
    cards = [card for card in run.archive.cards() if card.generation > 0]
    assert len(cards) == 6 and all(card.ok for card in cards), [(c.id, c.verdict, c.message) for c in cards]
    assert {card.generation for card in cards} == {1, 2, 3} and all(card.outcome for card in cards)
    used = {c["function"]["name"] for r in stub.requests for m in r["messages"] for c in m.get("tool_calls", [])}
    assert used | {"submit"} == set(NAMES)
    assert 0 < sum(card.cost.dollars for card in cards) <= of.ledger.spent().dollars
    same_as_server(of.ledger.spent(), stub)
    told = b"".join(stub.bodies).decode().lower()
    assert not any(world.name.lower() in told for world in worlds)


def test_the_stub_refuses_what_such_an_endpoint_would(scene: Scene) -> None:
    def forgetful(body: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [tool("list_versions")]

    with scene.stub(forgetful) as stub, pytest.MonkeyPatch.context() as patched:
        patched.setattr("agent.explorers.openai._results", lambda turn: [])
        asked, _ = explorer(scene.calls(stub))
        assert asked.propose(brief()) == []
    assert len(stub.ids) == 2
