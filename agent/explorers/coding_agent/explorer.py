"""The explorer `command`: runs any coding agent with a command line in a self-contained workspace."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError
from autotts.sandbox.base import log_message

from ...llm.budget import LlmBudget, Spending
from ...llm.prices import Usage
from ...llm.transcript import clean, redact
from ...records.explorer import Brief, Proposal
from ...records.version import Cost
from ...records.workbench import Workbench
from . import headless
from .directory import Step, Workspace, WorkspaceResult, costs, prompts_version
from .server import WorkspaceServer, WorkspaceSession, WorkspaceTools, read_notes

if TYPE_CHECKING:
    from ...archive.run_directory import Ablation

TASK = "Read TASK.md in the current directory, and do what it says, to the end. Nobody can answer questions."

TEMPLATES: dict[str, tuple[str, ...]] = {
    "claude": ("claude", "-p", "{task}", "--output-format", "json", "--allowedTools", "Bash,Read,Edit,Write,Glob,Grep"),
    # codex's own sandbox blocks sockets, including ours, unless the network is allowed
    "codex": ("codex", "exec", "--full-auto", "-c", "sandbox_workspace_write.network_access=true",
              "--skip-git-repo-check", "{task}"),
    "gemini": ("gemini", "--yolo", "-p", "{task}"),
    # aider edits given files and runs one command
    "aider": ("aider", "--yes-always", "--no-git", "--no-check-update", "--read", "TASK.md", "--read", "CONTRACT.md",
              "--test-cmd", "./autotts try", "--auto-test", "--message", "{task}", "controller.py", "rationale.md"),
    "opencode": ("opencode", "run", "{task}"),
}  # fmt: skip
"""Command lines of common coding agents. Options change with versions; a user may give any other command."""
_MODEL = {"claude": "--model", "codex": "--model", "gemini": "--model", "aider": "--model", "opencode": "--model"}

_PASSED = ("PATH", "HOME", "LANG", "TERM")
_LOG = 1 << 20
_TRANSCRIPT = 200_000
_LAST_CALL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class AgentCommand:
    """A coding agent and its limits."""

    command: tuple[str, ...]
    """Program and arguments; ``{task}`` stands for the task."""
    minutes: float = 30.0
    tries: int = 12
    passed: tuple[str, ...] = ()
    """Names of further environment variables to pass to the agent, usually its API key."""

    @classmethod
    def make(
        cls, cli: str, model: str | None = None, minutes: float = 30.0, tries: int = 12, passed: Sequence[str] = ()
    ) -> AgentCommand:
        """Return the agent for ``cli``: the name of a known agent, or a command line.

        Raises:
            InputError: ``cli`` is neither, the program is not installed, or a limit is not positive.
        """
        if cli in TEMPLATES:
            command = TEMPLATES[cli]
            command = (*command[:1], _MODEL[cli], model, *command[1:]) if model and cli != "codex" else command
            command = (*command[:2], _MODEL[cli], model, *command[2:]) if model and cli == "codex" else command
        else:
            try:
                command = tuple(shlex.split(cli))
            except ValueError as error:
                raise InputError(f"coding agent {cli!r}: {error}") from None
            if not any("{task}" in part for part in command):
                names = ", ".join(sorted(TEMPLATES))
                raise InputError(f"coding agent {cli!r}: give one of {names}, or a command line with {{task}} in it")
            command = tuple(part.replace("{model}", model or "") for part in command)
        if shutil.which(command[0]) is None:
            raise InputError(f"coding agent {command[0]!r} is not installed, or not on PATH")
        if not (0 < minutes < math.inf and tries >= 1):
            raise InputError(f"a coding agent needs minutes and tries above 0, not {minutes:g} and {tries}")
        return cls(command, minutes, tries, tuple(passed))

    def command_line(self, task: str) -> list[str]:
        """Return the command line for ``task``."""
        return [part.replace("{task}", task) for part in self.command]

    def environment(self, ours: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables of the agent."""
        given = {name: ours[name] for name in (*_PASSED, *self.passed) if name in ours}
        path = given.get("PATH", os.defpath)
        if shutil.which("python3", path=path) is None:  # the workspace's command needs Python
            path += os.pathsep + str(Path(sys.executable).parent)
        return {**given, "PATH": path}


def _toolbox(bench: Workbench | None) -> WorkspaceTools:
    if bench is None:
        raise InputError("the explorer `command` needs a workbench in its brief")
    from ...tools.toolbox import Toolbox

    return Toolbox(bench)


class CodingAgentExplorer:
    """An `Explorer` that runs a coding agent in a fresh workspace for each proposal.

    Args:
        agent: the coding agent.
        root: directory of the workspaces; inside the run directory, so that a resumed run finds them.
        hide: directories that the agent must not see (the run, the data root), if this machine can hide them.
        toolbox: returns the tools of a workbench.
        clock: returns seconds, for the time limit.
        report: called with a one-line message when no candidate was made.
        budget: counts spending and enforces limits; the caller records the spending of earlier processes (`spent`).
        ablations: ideas that this run leaves out.
    """

    name = "command"
    one_at_a_time = True
    needs_own_data = False

    def __init__(
        self,
        agent: AgentCommand,
        root: Path,
        hide: Sequence[Path] = (),
        toolbox: Callable[[Workbench | None], WorkspaceTools] = _toolbox,
        clock: Callable[[], float] = time.monotonic,
        report: Callable[[str], None] = log_message,
        budget: LlmBudget | None = None,
        ablations: Sequence[Ablation] = (),
    ) -> None:
        self.agent, self.root = agent, root
        self._hide, self._toolbox, self._clock, self._report = tuple(hide), toolbox, clock, report
        self._budget, self._beta = budget, "beta" not in ablations
        self._stop = threading.Event()

    def propose(self, brief: Brief) -> list[Proposal]:
        """See `Explorer.propose`."""
        return self._work(brief, "propose")

    def refine(self, brief: Brief) -> list[Proposal]:
        """See `Explorer.refine`."""
        return self._work(brief, "refine")

    def close(self) -> None:
        """Stop all running agents, from another thread. Their briefs are asked again when the run resumes."""
        self._stop.set()

    def _work(self, brief: Brief, step: Step) -> list[Proposal]:
        if brief.count < 1:
            return []
        tools = self._toolbox(brief.bench)
        workspace = Workspace(self.root, brief, step, tools, self.agent.tries, self.agent.minutes, self._beta)
        result = workspace.result()
        if result is None:
            with self._paid(brief.generation) as pay:
                result = self._run(workspace, tools)
                workspace.put_result(result)
                pay(result.cost)
        if result.reason:
            self._report(f"{workspace.name}: no candidate: {result.reason}")
            return []
        return [
            Proposal(
                result.source, result.rationale, result.parents, expects=result.expects, cost=result.cost,
                author=self.name, prompts=result.prompts, transcript=result.transcript,
            )
        ]  # fmt: skip

    @contextmanager
    def _paid(self, generation: int) -> Iterator[Callable[[Cost], None]]:
        """Wait until the budget allows another agent, and yield the function that records its cost.

        Raises:
            LimitReached: a spending limit is reached.
        """
        budget = self._budget
        if budget is None:
            yield lambda cost: None
            return
        while True:
            expected = self._expected()
            ticket = budget.reserve(generation, expected)
            if ticket is None:
                budget.wait()
            elif expected == self._expected():
                break
            else:
                budget.release(ticket)  # another agent has finished meanwhile: its cost changes the estimate
        try:
            yield lambda cost: budget.record(generation, _spending(cost))
        finally:
            budget.release(ticket)

    def _expected(self) -> float:
        """Return the expected dollars of a running agent: the mean of finished agents; infinity if there are none."""
        dollars = [cost.dollars for _, cost in costs(self.root)]
        return sum(dollars) / len(dollars) if dollars else math.inf

    def _run(self, workspace: Workspace, tools: WorkspaceTools) -> WorkspaceResult:
        """Run the agent, and return its result.

        Raises:
            KeyboardInterrupt: the agent was stopped from outside: there is no result, and the brief is to be run again.
        """
        headless.sweep(workspace.home)  # processes that a killed run left behind
        session = WorkspaceSession(
            tools, self.agent.tries, workspace.start.source, workspace.shown_versions, _without_secrets
        )
        command, environment = self.agent.command_line(TASK), self.agent.environment(os.environ)
        with WorkspaceServer(session) as server:
            workspace.prepare(server.address)
            try:
                ended = headless.run(
                    command, workspace.home, environment, 60 * self.agent.minutes, self._hide, self._clock, self._stop,
                    _LOG,
                )  # fmt: skip
            except OSError as error:
                ended = headless.AgentExit("ended", None, "", f"{command[0]}: {error}")
            except BaseException:  # Ctrl-C: the agent waits for no answer any more
                session.close(0)
                raise
            session.close(_LAST_CALL_SECONDS)
        if ended.why == "stopped":
            raise KeyboardInterrupt
        log = _log(ended)
        workspace.put_log(log)
        refused = "" if session.submitted else _submit_unsubmitted(workspace, session)
        cost, transcript = cost_of(ended.output), _transcript(session.transcript(), log)
        if session.submitted is None:
            reason = redact(f"{_describe_exit(ended)}; {refused}")
            return WorkspaceResult(key=workspace.key, reason=clean(reason), cost=cost, transcript=transcript)
        done = session.submitted
        return WorkspaceResult(
            key=workspace.key, source=done.source, rationale=clean(redact(done.rationale)),
            parents=done.parents or (workspace.start.id,), expects=done.expects, cost=cost,
            prompts=prompts_version(), transcript=transcript,
        )  # fmt: skip


def spent(root: Path) -> dict[int, Spending]:
    """Return the cost of a run's workspaces so far, by generation."""
    spending: dict[int, Spending] = {}
    for generation, cost in costs(root):
        spending[generation] = spending.get(generation, Spending()) + _spending(cost)
    return spending


def _spending(cost: Cost) -> Spending:
    usage = Usage(
        input=cost.input_tokens - cost.cached_tokens, cache_read=cost.cached_tokens, output=cost.output_tokens
    )
    return Spending(dollars=cost.dollars, usage=usage, calls=cost.calls)


def _submit_unsubmitted(workspace: Workspace, session: WorkspaceSession) -> str:
    """Submit the content of controller.py, because the agent did not; return why that is impossible, or ""."""
    source, notes, why = workspace.handed_in()
    if source is None:
        return f"nothing was submitted, and {why}"
    reply = session.submit(source, read_notes(notes), strict=False)
    return f"nothing was submitted, and controller.py was {reply.text}" if reply.error else ""


def _without_secrets(source: str) -> str:
    return "it contains a secret of this machine" if redact(source) != source else ""


def _describe_exit(ended: headless.AgentExit) -> str:
    if ended.why != "ended":
        return f"the agent was killed because its {ended.why}"
    last = " ".join((ended.errors.strip() or ended.output.strip()).splitlines()[-1:])[-200:]
    return f"the agent ended with code {ended.code}" + (f" ({last})" if ended.code != 0 and last else "")


def _log(ended: headless.AgentExit) -> str:
    return clean(redact(f"# {_describe_exit(ended)}\n# output\n{ended.output}\n# errors\n{ended.errors}\n"))


def _transcript(exchanges: str, log: str) -> str:
    return clean(redact(exchanges))[:_TRANSCRIPT] + "\n\n" + log[-_TRANSCRIPT:]


def cost_of(output: str) -> Cost:
    """Return the cost that an agent reports in its last JSON line with ``total_cost_usd``; else one free call."""
    for line in reversed(output.splitlines()[-50:]):
        try:
            report = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(report, dict) and "total_cost_usd" in report:
            usage = report.get("usage")
            usage = usage if isinstance(usage, dict) else {}
            cached = _count(usage.get("cache_read_input_tokens"))
            fresh = _count(usage.get("input_tokens")) + _count(usage.get("cache_creation_input_tokens"))
            dollars = report["total_cost_usd"]
            valid = isinstance(dollars, (int, float)) and math.isfinite(dollars) and dollars >= 0
            return Cost(
                float(dollars) if valid else 0.0, fresh + cached, cached, _count(usage.get("output_tokens")),
                max(1, _count(report.get("num_turns"))),
            )  # fmt: skip
    return Cost(calls=1)


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
