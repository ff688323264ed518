"""The session between a run and a user's own agent: the run waits until the agent submits a candidate."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from autotts.envs.errors import DamagedFile
from autotts.sandbox.base import SandboxError, log_message

from ... import population
from ...archive.best import choose
from ...archive.run_directory import Run
from ...archive.run_report import read_report
from ...llm.session import ConversationPrompt
from ...llm.transcript import Transcript, clean
from ...records.card import SCREENED
from ...records.events import CandidateEvaluated, Event, GenerationArchived, GenerationStarted, SlotAnswered
from ...records.explorer import Brief, Proposal
from ...tools.toolbox import Toolbox, ToolResult

PATIENCE = 40.0
"""Seconds that a call waits for the next task. Most clients cancel a call after a minute."""
_LOOK_UP = 0.5
"""Seconds between two checks for signals while the run waits."""
_IN_TRANSCRIPT = 20_000
"""Largest number of characters of one part of a transcript."""


class ClientLeft(Exception):
    """The client has left. The open task begins again when a client resumes the run."""


@dataclass
class McpTask:
    """The task of one proposal."""

    prompt: ConversationPrompt
    before: str
    """Result of the last round, in words."""
    tools: Toolbox
    parents: tuple[str, ...]
    transcript: Transcript = field(default_factory=Transcript)

    def text(self, rules: bool) -> str:
        """Return the text of the task for the agent; with `rules`, the rules too."""
        parts = [self.before, self.prompt.system if rules else "", self.prompt.first]
        return "\n\n".join(part.strip() for part in parts if part.strip())

    def proposal(self, client: str) -> Proposal:
        """Return the submitted candidate as a proposal."""
        done = self.tools.submitted
        assert done is not None
        return Proposal(
            source=done.source, rationale=done.rationale, parents=done.parents or self.parents, expects=done.expects,
            data={"client": client}, prompts=self.prompt.version, transcript=self.transcript.text(),
        )  # fmt: skip


class McpSession:
    """Passes tasks from the thread of a run to the threads of a client's calls. Safe to use from all threads.

    Args:
        task: makes a task from a brief and its step ("propose" or "refine").
        patience: seconds that a call waits for the next task.
    """

    def __init__(self, task: Callable[[Brief, str], McpTask], patience: float = PATIENCE) -> None:
        self.client = ""
        """Name of the client, as it gives it."""
        self._make, self._patience = task, patience
        self._changed = threading.Condition()
        self._one_call = threading.Lock()  # tools store drafts: only one call may use them at a time
        self._task: McpTask | None = None
        self._over: ToolResult | None = None
        self._gone = False
        self._doing = "the run is being opened"
        self._knows_rules = False

    # For the run

    def ask(self, brief: Brief, step: str) -> list[Proposal]:
        """Wait for the submission of the agent, and return it.

        Raises:
            ClientLeft: the client has left before it submitted a candidate.
        """
        task = self._make(brief, step)
        with self._changed:
            self._task = task
            self._changed.notify_all()
            # a signal just before a wait does not end the wait, so the waits are short
            while not self._changed.wait_for(lambda: self._gone or task.tools.submitted is not None, _LOOK_UP):
                pass
            if task.tools.submitted is None:
                raise ClientLeft
            self._doing = "what was submitted is being tried"
        return [task.proposal(self.client)]

    def report(self, event: Event) -> None:
        """Follow the events of the run, as its listener.

        Raises:
            ClientLeft: the client has left, so the run stops.
        """
        with self._changed:
            match event:
                case SlotAnswered():  # the submission is safe on disk
                    self._task = None
                    self._changed.notify_all()
                case GenerationStarted(generation=0):
                    self._doing = "the hand-written controllers are being evaluated"
                case CandidateEvaluated() if event.of > 1:
                    self._doing = f"{event.position} of {event.of} hand-written controllers have been evaluated"
                case GenerationArchived() if event.generation > 0:
                    self._doing = "the run makes its final evaluation"
            if self._gone:
                raise ClientLeft

    def finish(self, text: str, error: bool = False) -> None:
        """End the run for the client: all calls from now on return ``text``."""
        with self._changed:
            self._over = ToolResult(text, error)
            self._changed.notify_all()

    def say(self, doing: str) -> None:
        """Set the reason that calls return while there is no task."""
        with self._changed:
            self._doing = doing

    def left(self, seconds: float = 0.0) -> bool:
        """Return whether the client has left, or leaves within ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._gone, seconds)

    # For the client

    def leave(self) -> None:
        """Note that the client has left, and wake all waiting threads."""
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def call(self, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        """Call a tool; errors are part of the result."""
        task = self._wait()
        if isinstance(task, ToolResult):
            return task if name == "task" else ToolResult(task.text, error=True)
        if name == "task":
            if not set(arguments) <= {"rules"} or not isinstance(arguments.get("rules", False), bool):
                return ToolResult("task takes no arguments but rules, which is true or false", error=True)
            rules = bool(arguments.get("rules")) or not self._knows_rules
            self._knows_rules = True
            return ToolResult(clean(task.text(rules)))
        with self._one_call:
            result = self._call(task, name, arguments)
        if name == "submit" and not result.error:
            with self._changed:
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._task is not task or self._over is not None or self._gone)
                if self._task is task:
                    return ToolResult("not accepted: the run has ended; call `task`", error=True)
            return ToolResult(f"{result.text}. Call `task` for what came of it, and for the next one.")
        return result

    def _call(self, task: McpTask, name: str, arguments: Mapping[str, Any]) -> ToolResult:
        try:
            result = task.tools.call(name, arguments)
        except (DamagedFile, SandboxError) as error:
            log_message(f"{name}: {error}")
            result = ToolResult(f"{name}: a failure that is not yours ({type(error).__name__}); try again", error=True)
        task.transcript.add(f"call of {name}", _cut(_readable(arguments)))
        task.transcript.add(f"{'error' if result.error else 'result'} of {name}", _cut(result.text))
        return result

    def _wait(self) -> McpTask | ToolResult:
        """Return the open task, or the reason why there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._task or self._over or self._gone, self._patience)
            if self._over is not None:
                return self._over
            if self._gone:
                return ToolResult("the session is over", error=True)
            return self._task or ToolResult(f"No task yet: {self._doing}. Call `task` again.")


class McpExplorer:
    """The `Explorer` whose proposals come from the client of a session."""

    name = "mcp"
    one_at_a_time = True
    needs_own_data = False

    def __init__(self, session: McpSession) -> None:
        self._session = session

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return the submission of the agent.

        Raises:
            ClientLeft: the client has left.
        """
        return self._session.ask(brief, "propose")

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return the submission of the agent.

        Raises:
            ClientLeft: the client has left.
        """
        return self._session.ask(brief, "refine")

    def close(self) -> None:
        """End all waiting; called from another thread."""
        self._session.leave()


def host(session: McpSession, run: Run, discover: Callable[[], None]) -> None:
    """Run a discovery whose explorer waits for ``session``; then pass the end of the run to the client.

    Args:
        session: the session of the client.
        run: the run.
        discover: runs the discovery until its end.

    Raises:
        ClientLeft: the client has left before the end.
        Exception: any error of ``discover``; the client's next call says that the run has failed.
    """
    try:
        discover()
        session.finish(conclusion(run))
    except Exception as error:
        if session.left():  # a sandbox that was running raises its own error
            raise ClientLeft from error
        session.finish(f"The run has failed ({type(error).__name__}). Its terminal shows the reason.", error=True)
        raise


def last_round(run: Run, brief: Brief) -> str:
    """Return the number of this round, and the result of the last one."""
    cards = run.archive.cards_with_beliefs()
    at = population.budgets(cards)
    first = choose(population.ranked(cards), at)
    lines = [f"Round {brief.generation} of {run.config.generations}."]
    for card in cards:
        if card.generation != brief.generation - 1 or card.generation == 0:
            continue
        if card.ok and first is not None:
            best = f"the best so far is {first.id} with {population.quality(first, at):.2f}"
            lines.append(f"The last round made {card.id}: quality {population.quality(card, at):.2f}; {best}.")
        else:
            said = brief.bench.sanitize(card.message) if brief.bench is not None else ""
            how = "was given up" if card.verdict == SCREENED else f"failed: {card.verdict}"
            lines.append(f"The last round's {card.id} {how}: {said}")
        if card.outcome and "history" not in run.config.ablations:
            lines.append(card.outcome)
    return "\n".join(lines)


def conclusion(run: Run) -> str:
    """Return the end of a finished run in words: the best version, and qualities on fresh branch orders.

    Figures on held-out questions are for the user alone: the agent may work on another run next.
    """
    report = read_report(run)
    if report is None:
        return "The run is over."
    if report.held_out:
        return f"The run is over. The best is {report.best}. Its report has the figures on the held-out questions."
    lines = [f"  {name}: {quality:.2f}" for name, quality in sorted(report.measured.items(), key=lambda item: -item[1])]
    head = f"The run is over. The best is {report.best}. Quality on fresh branch orders of the same questions:"
    return "\n".join([head, *lines])


def _readable(arguments: Mapping[str, Any]) -> str:
    """Return arguments as text for people: a source keeps its lines."""
    lines = (f"{k}:\n{v}" if isinstance(v, str) and "\n" in v else f"{k}: {v}" for k, v in arguments.items())
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _IN_TRANSCRIPT else f"{text[:_IN_TRANSCRIPT]}\n({len(text):,} characters in all)"
