"""The other end of a workspace's client: a Unix socket behind which the tools are, and the rules for using them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socketserver
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandbox import policy

from ...llm.session import SessionTools, SubmittedCandidate
from ...records.version import METRICS, Direction, Expectation, Metric
from ...tools.submission import LONGEST
from ...tools.toolbox import ToolResult

_LONGEST_ADDRESS = 100  # a socket's path has at most 107 bytes, on some systems 103
_LARGEST_REQUEST = 4 << 20
_REQUEST_SECONDS = 20.0
_MOST_AT_ONCE = 16
_DIRECTIONS: tuple[Direction, ...] = ("less", "same", "more")
_NOT_LOOKS = ("submit", "try_candidate")
_FREE = "not run"  # how the answer to a try begins that cost no evaluation
_FAILED = re.compile(r"try-\d+: failed")
_SHOWN = 2000  # characters of one exchange in the transcript


@dataclass(frozen=True, slots=True)
class RationaleNotes:
    """What a rationale.md says."""

    rationale: str
    parents: tuple[str, ...] = ()
    expects: tuple[Expectation, ...] = ()
    problems: tuple[str, ...] = ()
    """Lines of its header that are not understood, and why."""


def read_notes(text: str) -> RationaleNotes:
    """Return what a rationale.md says: a header between two lines of three dashes, then free text. Never raises."""
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


class WorkspaceSession:
    """Answers what the client asks, whatever it sends, and remembers what was handed in.

    Args:
        tools: that do the work; called by one thread at a time.
        tries: evaluations that may be had.
        start: the source that the workspace began with, which is no proposal.
        known: versions that may be parents, where nobody is there any more to mend a name that is none.
        source_is_fit: told the source that is to be handed in, returns why it must not be, or nothing.
    """

    def __init__(
        self,
        tools: SessionTools,
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
        """What was handed in, and taken."""
        return self._tools.submitted

    def close(self, seconds: float) -> bool:
        """Answer nothing from now on; return whether a call under way came to its end within ``seconds``."""
        self._closed = True
        calm = self._turn.acquire(timeout=seconds)
        if calm:
            self._turn.release()
        return calm

    def transcript(self) -> str:
        """Return all that was asked and answered, one paragraph each."""
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
                asked, reply = "something else", ToolResult("not a request: use ./autotts, as TASK.md says", True)
            except Exception as error:  # a fault of ours must not end the work of an agent that costs money
                told = f"this failed, and not through you: {error}; go on without it"
                asked, reply = "something", ToolResult(told, True)
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
        """Try a source. What the policy refuses, and what was tried before, costs nothing."""
        key = hashlib.sha256(source.encode(errors="replace")).hexdigest()
        if (before := self._tried.get(key)) is not None:
            return self._counted(ToolResult(f"(as before, at no cost)\n{before.text}", before.error))
        refused = policy.check(source)
        if not refused.ok:
            return ToolResult(f"{refused.kind}: {refused.message}\n(not evaluated, and not counted)", True)
        if self.tries_left <= 0:
            return ToolResult("no tries are left: hand in the best that you have with ./autotts submit", True)
        said = self._tools.call("try_candidate", json.dumps({"source": source}))
        self.tries_left -= not said.text.startswith(_FREE)
        failed = said.error or said.text.startswith(_FREE) or bool(_FAILED.match(said.text))
        self._tried[key] = ToolResult(said.text, failed)
        return self._counted(self._tried[key])

    def _counted(self, reply: ToolResult) -> ToolResult:
        return ToolResult(f"{reply.text}\n(tries left: {self.tries_left})", reply.error)

    def submit(self, source: str, notes: RationaleNotes, strict: bool = True) -> ToolResult:
        """Take a source as the round's result, once. With ``strict``, what the notes say must be in order."""
        if self.submitted is not None:
            return ToolResult("not taken: a controller was taken before. Your work is done: end here.", True)
        refused = policy.check(source)
        if not refused.ok:
            return ToolResult(f"not taken: {refused.kind}: {refused.message}", True)
        if source.split() == self._start.split():
            return ToolResult("not taken: this is the controller that you were given", True)
        if why := self._source_is_fit(source):
            return ToolResult(f"not taken: {why}", True)
        problems = list(notes.problems)
        if not notes.rationale:
            problems.append("it has no text: say what you changed, why, and what it should improve")
        if not notes.expects:
            problems.append("its header has no `expects:` line: say what should change against the first parent")
        if strict and problems:
            return ToolResult("not taken: rationale.md: " + "; ".join(problems), True)
        parents = tuple(p for p in notes.parents if strict or p in self._known)
        rationale = notes.rationale if strict else notes.rationale[:LONGEST] or "(no rationale was written)"
        expects = [asdict(expected) for expected in notes.expects]
        arguments = {"source": source, "rationale": rationale, "parents": parents, "expects": expects}
        said = self._tools.call("submit", json.dumps(arguments))
        if said.error:
            return ToolResult(f"not taken: {said.text}", True)
        return ToolResult("taken. Your work is done: end here.")

    def look(self, name: str, pairs: Mapping[str, str]) -> ToolResult:
        """Call one of the read tools with arguments that are still text; without a name, list them."""
        tools = {tool.name: tool for tool in read_commands(self._tools)}
        if not name:
            return ToolResult("\n".join(tool.line() for tool in tools.values()))
        if name not in tools:
            return ToolResult(f"nothing is called {name!r}; there are {', '.join(tools)}", True)
        said = self._tools.call(name, json.dumps(tools[name].typed(pairs)))
        return ToolResult(said.text, said.error)


@dataclass(frozen=True, slots=True)
class ReadCommand:
    """A read tool."""

    name: str
    about: str
    schema: Mapping[str, Any]

    def line(self) -> str:
        """Return how it is called, and what it shows."""
        required = self.schema.get("required", ())
        words = [f"{key}=..." if key in required else f"[{key}=...]" for key in self.schema.get("properties", {})]
        about = textwrap.fill(self.about, 116, initial_indent="    ", subsequent_indent="    ")
        return f"./autotts look {' '.join((self.name, *words))}\n{about}"

    def typed(self, pairs: Mapping[str, str]) -> dict[str, object]:
        """Return arguments in the types of the schema; what does not fit stays text, for the tool to refuse."""
        properties = self.schema.get("properties", {})
        return {key: _typed(value, properties.get(key, {}).get("type")) for key, value in pairs.items()}


def read_commands(tools: SessionTools) -> list[ReadCommand]:
    """Return the read tools."""
    told = (given for given in tools.specifications() if given["name"] not in _NOT_LOOKS)
    return [ReadCommand(given["name"], given["description"], given["input_schema"]) for given in told]


def _typed(value: str, kind: str | None) -> object:
    if kind == "array":
        return value.strip("[]")  # which a tool takes apart
    with suppress(ValueError):
        return int(value) if kind == "integer" else float(value) if kind == "number" else value
    return value


class WorkspaceServer:
    """A desk behind a Unix socket that only this user may open, in a directory of its own with a short path."""

    def __init__(self, desk: WorkspaceSession) -> None:
        self._home = Path(_short_directory())
        self.address = str(self._home / "s")
        server = _Listener(self.address, desk)
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

    def __init__(self, address: str, desk: WorkspaceSession) -> None:
        self.desk = desk
        self.places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away or talks nonsense is its own affair."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = _REQUEST_SECONDS
    server: _Listener

    def handle(self) -> None:
        if not self.server.places.acquire(blocking=False):
            self._send(ToolResult("too many requests at once: send them one after another", True))
            return
        try:
            message = self.rfile.readline(_LARGEST_REQUEST + 1)
            if len(message) > _LARGEST_REQUEST:
                self._send(ToolResult("the request is too large", True))
            elif message:
                self._send(self.server.desk.answer(message))
        finally:
            self.server.places.release()

    def _send(self, reply: ToolResult) -> None:
        self.wfile.write(json.dumps({"text": reply.text, "error": reply.error}).encode() + b"\n")
