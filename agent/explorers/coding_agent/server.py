"""The server side of a workspace: a Unix socket in front of the tools, and the rules of their use."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socketserver
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from autotts.sandbox import policy

from ...llm.session import SessionTools, SubmittedCandidate
from ...records.version import METRICS, Direction, Expectation, Metric
from ...tools.search_history import MOST_OF_A_CANDIDATE
from ...tools.submission import LONGEST
from ...tools.text import one_line
from ...tools.toolbox import ToolResult

_LONGEST_ADDRESS = 100  # a socket's path has at most 107 bytes, on some systems 103
_LARGEST_REQUEST = 4 << 20
_REQUEST_SECONDS = 20.0
_MOST_AT_ONCE = 16
_DIRECTIONS: tuple[Direction, ...] = ("less", "same", "more")
_NOT_LOOKS = ("submit", "try_candidate")
_SHOWN = 2000  # characters of one exchange in the transcript


@dataclass(frozen=True, slots=True)
class RationaleNotes:
    """The content of a rationale.md."""

    rationale: str
    parents: tuple[str, ...] = ()
    expects: tuple[Expectation, ...] = ()
    problems: tuple[str, ...] = ()
    """Header lines that cannot be understood, with the reason."""


def read_notes(text: str) -> RationaleNotes:
    """Return the content of a rationale.md: a header between two lines of three dashes, then text. Never raises."""
    parents: list[str] = []
    expects: dict[Metric, Expectation] = {}
    problems = []
    lines = text.lstrip("\ufeff").strip().splitlines()
    body = lines
    if lines and lines[0].strip() == "---":
        end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "---"), len(lines))
        body = lines[end + 1 :]
        if end == len(lines):
            problems.append("the header has no second line of three dashes")
        for line in lines[1:end]:
            key, _, value = (part.strip() for part in line.partition(":"))
            words = value.split()
            if key == "parents":
                parents += value.replace(",", " ").split()
            elif key == "expects":
                metric = next((name for name in METRICS if words[:1] == [name]), None)
                direction = next((name for name in _DIRECTIONS if words[1:] == [name]), None)
                if metric and direction:
                    expects[metric] = Expectation(metric, direction)
                elif words:
                    problems.append(f"`{line.strip()}`: after `expects:` comes one of {', '.join(METRICS)}, then one of"
                                    f" {', '.join(_DIRECTIONS)}")  # fmt: skip
            elif line.strip() and not line.lstrip().startswith("#"):
                problems.append(f"`{line.strip()[:80]}`: the header holds lines of `parents:` and `expects:` only")
    rationale = "\n".join(line for line in body if not line.startswith("<!--")).strip()
    return RationaleNotes(rationale, tuple(dict.fromkeys(parents)), tuple(expects.values()), tuple(problems))


class WorkspaceTools(SessionTools, Protocol):
    """The tools of a workspace: their results carry typed values beside the text."""

    def call(self, name: str, arguments: str) -> ToolResult:
        """See `SessionTools.call`."""
        ...


class WorkspaceSession:
    """Answers the client's requests, whatever they contain, and keeps the submission.

    Args:
        tools: the tools, called by one thread at a time.
        tries: evaluations that the agent may use.
        start: the starting source, which is not accepted as a submission.
        known: versions that may be parents of a controller that the agent did not submit itself.
        source_is_fit: given a source to submit, returns why it must not be submitted, or "".
    """

    def __init__(
        self,
        tools: WorkspaceTools,
        tries: int,
        start: str = "",
        known: Iterable[str] = (),
        source_is_fit: Callable[[str], str] = lambda source: "",
    ) -> None:
        self.tries_left = tries
        self._tools = tools
        self._start = start
        self._known = frozenset(known)
        self._source_is_fit = source_is_fit
        self._tried: dict[str, ToolResult] = {}
        self._exchanges: list[str] = []
        self._turn = threading.Lock()
        self._closed = False

    @property
    def submitted(self) -> SubmittedCandidate | None:
        """The accepted submission; None before."""
        return self._tools.submitted

    def close(self, seconds: float) -> bool:
        """Refuse all further requests; return whether a request in progress ended within ``seconds``."""
        self._closed = True
        idle = self._turn.acquire(timeout=seconds)
        if idle:
            self._turn.release()
        return idle

    def transcript(self) -> str:
        """Return all requests and replies, one paragraph each."""
        return "\n\n".join(self._exchanges)

    def answer(self, message: bytes) -> ToolResult:
        """Answer one request. Never raises."""
        with self._turn:
            if self._closed:
                return ToolResult("the time of this workspace is over", True)
            try:
                request = json.loads(message)
                if not isinstance(request, dict):
                    raise ValueError
                asked, reply = self._dispatch(request)
            except (ValueError, RecursionError):
                asked, reply = "invalid request", ToolResult("not a request: use ./autotts, as TASK.md says", True)
            except Exception as error:  # a fault of ours must not end the work of an agent that costs money
                text = f"this failed, and not because of you: {error}; continue without it"
                asked, reply = "request", ToolResult(text, True)
            self._exchanges.append(f"> {asked[:_SHOWN]}\n{reply.text[:_SHOWN]}")
            return reply

    def _dispatch(self, request: Mapping[str, Any]) -> tuple[str, ToolResult]:
        verb = request.get("verb")
        if verb == "try" and isinstance(request.get("source"), str):
            return "try", self.attempt(request["source"])
        if verb == "submit" and isinstance(request.get("source"), str) and isinstance(request.get("notes"), str):
            return "submit", self.submit(request["source"], read_notes(request["notes"]))
        if verb == "look" and isinstance(request.get("name"), str) and isinstance(request.get("arguments"), dict):
            pairs = {str(key): str(value) for key, value in request["arguments"].items()}
            return f"look {request['name']} {pairs or ''}".strip(), self.look(request["name"], pairs)
        raise ValueError

    def attempt(self, source: str) -> ToolResult:
        """Try a source. A source that the policy refuses, or that was tried before, does not count as a try."""
        key = hashlib.sha256(source.encode(errors="replace")).hexdigest()
        if (before := self._tried.get(key)) is not None:
            return self._with_tries_left(ToolResult(f"(same as before, not counted)\n{before.text}", before.error))
        refused = policy.check(source)
        if not refused.ok:
            why = one_line(refused.message, MOST_OF_A_CANDIDATE)
            return ToolResult(f"{refused.kind}: {why}\n(not evaluated, and not counted)", True)
        if self.tries_left <= 0:
            return ToolResult("no tries are left: submit your best controller with ./autotts submit", True)
        tried = self._tools.call("try_candidate", json.dumps({"source": source}))
        self.tries_left -= tried.status in ("ran", "failed")
        self._tried[key] = ToolResult(tried.text, tried.status != "ran")
        return self._with_tries_left(self._tried[key])

    def _with_tries_left(self, reply: ToolResult) -> ToolResult:
        return ToolResult(f"{reply.text}\n(tries left: {self.tries_left})", reply.error)

    def submit(self, source: str, notes: RationaleNotes, strict: bool = True) -> ToolResult:
        """Accept one source as the result. With ``strict``, the notes must be complete and well-formed."""
        if self.submitted is not None:
            return ToolResult("not taken: a controller was taken before. Your work is done: stop here.", True)
        refused = policy.check(source)
        if not refused.ok:
            return ToolResult(f"not taken: {refused.kind}: {one_line(refused.message, MOST_OF_A_CANDIDATE)}", True)
        if source.split() == self._start.split():
            return ToolResult("not taken: this is the controller that you were given", True)
        if why := self._source_is_fit(source):
            return ToolResult(f"not taken: {why}", True)
        problems = list(notes.problems)
        if not notes.rationale:
            problems.append("the text is missing: say what you changed, why, and what it should improve")
        if not notes.expects:
            problems.append("the header has no `expects:` line: say what should change against the first parent")
        if strict and problems:
            return ToolResult("not taken: rationale.md: " + "; ".join(problems), True)
        parents = tuple(p for p in notes.parents if strict or p in self._known)
        rationale = notes.rationale if strict else notes.rationale[:LONGEST] or "(no rationale was written)"
        expects = [asdict(expected) for expected in notes.expects]
        arguments = {"source": source, "rationale": rationale, "parents": parents, "expects": expects}
        submitted = self._tools.call("submit", json.dumps(arguments))
        if submitted.error:
            return ToolResult(f"not taken: {submitted.text}", True)
        return ToolResult("taken. Your work is done: stop here.")

    def look(self, name: str, pairs: Mapping[str, str]) -> ToolResult:
        """Call a read-only tool with arguments in text form; without a name, list these tools."""
        tools = {tool.name: tool for tool in read_commands(self._tools)}
        if not name:
            return ToolResult("\n".join(tool.line() for tool in tools.values()))
        if name not in tools:
            return ToolResult(f"there is no {name!r}; there are {', '.join(tools)}", True)
        shown = self._tools.call(name, json.dumps(tools[name].typed(pairs)))
        return ToolResult(shown.text, shown.error)


@dataclass(frozen=True, slots=True)
class ReadCommand:
    """A read-only tool."""

    name: str
    about: str
    schema: Mapping[str, Any]

    def line(self) -> str:
        """Return the tool's usage and description."""
        required = self.schema.get("required", ())
        words = [f"{key}=..." if key in required else f"[{key}=...]" for key in self.schema.get("properties", {})]
        about = textwrap.fill(self.about, 116, initial_indent="    ", subsequent_indent="    ")
        return f"./autotts look {' '.join((self.name, *words))}\n{about}"

    def typed(self, pairs: Mapping[str, str]) -> dict[str, object]:
        """Return the arguments converted to the schema's types; a value that does not fit stays text and is refused."""
        properties = self.schema.get("properties", {})
        return {key: _typed(value, properties.get(key, {}).get("type")) for key, value in pairs.items()}


def read_commands(tools: WorkspaceTools) -> list[ReadCommand]:
    """Return the read-only tools."""
    specifications = (tool for tool in tools.specifications() if tool["name"] not in _NOT_LOOKS)
    return [ReadCommand(tool["name"], tool["description"], tool["input_schema"]) for tool in specifications]


def _typed(value: str, kind: str | None) -> object:
    if kind == "array":
        return value.strip("[]")  # the tool splits the text
    with suppress(ValueError):
        return int(value) if kind == "integer" else float(value) if kind == "number" else value
    return value


class WorkspaceServer:
    """Serves a session on a Unix socket that only this user may open, in a directory with a short path."""

    def __init__(self, session: WorkspaceSession) -> None:
        self._home = Path(_short_directory())
        self.address = str(self._home / "s")
        server = _Listener(self.address, session)
        os.chmod(self.address, 0o600)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="workspace")

    def __enter__(self) -> WorkspaceServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
        shutil.rmtree(self._home, ignore_errors=True)


def _short_directory() -> str:
    made = tempfile.mkdtemp(prefix="autotts-")  # mode 0700
    if len(os.fsencode(made)) + 2 <= _LONGEST_ADDRESS:
        return made
    os.rmdir(made)
    return tempfile.mkdtemp(prefix="autotts-", dir="/tmp")


class _Listener(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: str, session: WorkspaceSession) -> None:
        self.session = session
        self.slots = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore the error: a client may disconnect or send nonsense."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = _REQUEST_SECONDS
    server: _Listener

    def handle(self) -> None:
        if not self.server.slots.acquire(blocking=False):
            self._send(ToolResult("too many requests at once: send them one after another", True))
            return
        try:
            message = self.rfile.readline(_LARGEST_REQUEST + 1)
            if len(message) > _LARGEST_REQUEST:
                self._send(ToolResult("the request is too large", True))
            elif message:
                self._send(self.server.session.answer(message))
        finally:
            self.server.slots.release()

    def _send(self, reply: ToolResult) -> None:
        self.wfile.write(json.dumps({"text": reply.text, "error": reply.error}).encode() + b"\n")
