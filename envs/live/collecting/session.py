"""One command's work on a collection: connect, resume from the journal, collect, and make the environment."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ...defaults import ALTERNATIVES
from ...errors import DamagedFile, InputError
from ..answer_reader import AnswerReader
from ..exchange import Endpoint, TokenUse
from ..settings import LiveSettings
from ..verifier import Verifier
from .assembly import CollectedEnvironment, assemble, described
from .collecting import Collector, CollectStopped
from .collection import BranchCollection, NoProbeAnswers
from .estimate import CollectEstimate, estimate, sample
from .journal import CollectJournal
from .questions import QuestionFile
from .records import SessionBegan
from .servers import CollectServer, check_same_model
from .spending import CollectLimits, SpendingGuard, TokenPrices


@dataclass(frozen=True, slots=True)
class CollectPlan:
    """What is to be collected, and how."""

    name: str
    """Name of the environment."""
    home: Path
    """The work directory, which holds the journal."""
    source: str
    """Name of the file of questions."""
    questions: QuestionFile
    settings: Callable[[str, int | None], LiveSettings]
    """Returns the settings for the name of the model and its context."""
    reader: Callable[[str], AnswerReader]
    """Returns how answers are found and compared, for the name of the model."""
    prices: Callable[[str], TokenPrices | None] = lambda model: None
    """Returns the prices of the model; None if they are not known. Raises `InputError` if they are needed."""
    template: str = ""
    system: str = ""
    limits: CollectLimits = field(default_factory=CollectLimits)
    concurrency: int = 64
    most_lost: float = 0.1
    verifier: Verifier | None = None
    """Scores each branch after each interval, and at its end."""
    fork_at: tuple[int, ...] = ()
    """Intervals after which each branch that still runs is forked."""
    forks: int = 0
    """Forks of a branch at each of them."""
    alternatives: int = ALTERNATIVES
    """Alternatives to each token that the endpoints ask for."""
    restart: bool = False
    dry_run: bool = False


class CollectionStopped(Exception):
    """A limit or a failure ended a collection before all branches were finished. The message is one line."""


@dataclass(slots=True)
class CollectOutcome:
    """The result of a session."""

    collection: BranchCollection
    model: str
    made: CollectedEnvironment | None = None
    """The environment, if all branches are finished."""
    stopped: CollectStopped | None = None
    """Why it ended early."""
    estimate: CollectEstimate | None = None
    """Of a dry run."""
    dollars: float | None = None
    """Spent over all sessions; None if no price is known."""
    seconds: float = 0.0
    """Of this session."""


@dataclass(frozen=True, slots=True)
class CollectSnapshot:
    """What a collection has reached, for a display."""

    collection: BranchCollection
    seconds: float
    """Of this session."""
    generated: int
    """Tokens generated in this session."""
    begun: int
    """Branches that were finished before this session."""


@dataclass(frozen=True, slots=True)
class CollectWatcher:
    """Functions that are told what happens. They must be quick."""

    progress: Callable[[CollectSnapshot], None] = lambda snapshot: None
    notice: Callable[[str], None] = lambda text: None
    """Told in one line, for example that a server is left out."""


async def collect(
    plan: CollectPlan,
    endpoints: Sequence[tuple[str, Callable[[], Any]]],
    watcher: CollectWatcher | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> CollectOutcome:
    """Collect until all branches are finished, or until a limit or a failure ends the session.

    Args:
        plan: what is to be collected.
        endpoints: the address of each server, and a function that returns the coroutine of its `Endpoint`.
        watcher: told what happens.
        clock: returns seconds, from any origin.

    Raises:
        InputError: a server cannot be used, the journal belongs to other arguments, or no probe has an answer.
        DamagedFile: the journal is damaged.
    """
    watcher = watcher or CollectWatcher()
    async with AsyncExitStack() as stack:
        servers = await _connect(endpoints, stack, watcher)
        check_same_model(servers)
        endpoint = servers[0].endpoint
        settings, reader = plan.settings(endpoint.model, endpoint.context), plan.reader(endpoint.model)
        prices = plan.prices(endpoint.model)
        width_only = endpoint.level == "width only"
        if width_only and plan.fork_at:
            raise InputError("--fork-at needs a server that can continue a branch, and this one cannot")
        if plan.verifier is not None:
            stack.push_async_callback(plan.verifier.close)
        collection = BranchCollection(
            plan.questions.questions, settings, reader, servers[0].in_thought, width_only,
            verified=plan.verifier is not None, fork_at=plan.fork_at, forks=plan.forks,
        )  # fmt: skip
        journal = CollectJournal(plan.home, _identity(plan, servers[0], settings), restart=plan.restart)
        stack.callback(journal.close)
        _resume(collection, journal)
        _begin_session(collection, journal, servers)
        outcome = CollectOutcome(collection, endpoint.model)
        guard = SpendingGuard(plan.limits, prices, lambda: _spent(collection), clock)
        before, done = _spent(collection).generated, collection.finished
        collector = Collector(
            collection, servers, journal, guard, concurrency=plan.concurrency, most_lost=plan.most_lost,
            notice=watcher.notice, verifier=plan.verifier,
            observer=lambda: watcher.progress(
                CollectSnapshot(collection, guard.seconds, _spent(collection).generated - before, done)
            ),
        )  # fmt: skip
        chosen = sample(collection) if plan.dry_run else None
        try:
            outcome.stopped = await collector.run(chosen)
        except NoProbeAnswers:
            journal.discard()  # its probes are worth nothing, and another suffix must not be refused
            raise
        outcome.seconds = guard.seconds
        outcome.dollars = None if prices is None else prices.dollars(_spent(collection))
        if chosen is not None:
            outcome.estimate = estimate(collection, chosen, guard.seconds, prices)
        elif outcome.stopped is None:
            outcome.made = assemble(collection, plan.name, _provenance(plan, collection, servers[0]))
        return outcome


async def _connect(
    endpoints: Sequence[tuple[str, Callable[[], Any]]], stack: AsyncExitStack, watcher: CollectWatcher
) -> list[CollectServer]:
    """Connect to all servers; those that cannot be used are left out, if one can.

    Raises:
        InputError: no server can be used.
    """
    servers: list[CollectServer] = []
    problems: list[tuple[str, InputError]] = []
    for name, connect in endpoints:
        try:
            endpoint: Endpoint = await connect()
            stack.push_async_callback(endpoint.close)
            servers.append(await CollectServer.of(name, endpoint))
        except InputError as error:
            problems.append((name, error))
    if not servers:
        raise problems[0][1]
    for name, problem in problems:
        watcher.notice(f"{name} is left out: {problem}")
    return servers


def _identity(plan: CollectPlan, server: CollectServer, settings: LiveSettings) -> dict[str, Any]:
    """Return what the branches depend on. Answers are read anew, so that another extraction asks for nothing again."""
    digest = hashlib.sha256("".join(question.key for question in plan.questions.questions).encode())
    parts = {
        "verifier": plan.verifier.name if plan.verifier is not None else None,
        "fork at": list(plan.fork_at) or None,
        "forks": plan.forks or None,
        "alternatives": plan.alternatives if plan.alternatives != ALTERNATIVES else None,
    }  # a collection without them is what it always was
    return {name: value for name, value in parts.items() if value is not None} | {
        "questions": f"{len(plan.questions.questions)} ({digest.hexdigest()[:12]})",
        "model": server.endpoint.model,
        "chat template": server.template,
        "level": "width only" if server.endpoint.level == "width only" else "continue",
        "branches": settings.max_branches,
        "delta": settings.delta,
        "branch tokens": settings.branch_tokens,
        "sampling": asdict(settings.sampling),
        "seed": settings.seed,
        "probe suffix": settings.probe_suffix,
        "probe tokens": settings.probe_tokens,
    }


def _resume(collection: BranchCollection, journal: CollectJournal) -> None:
    for number, record in enumerate(journal.records(), 2):
        try:
            collection.apply(record)
        except ValueError as error:
            raise DamagedFile(f"{journal.path}: line {number}: {error}; --restart begins anew") from None
    collection.ask_lost_again()


def _begin_session(collection: BranchCollection, journal: CollectJournal, servers: Sequence[CollectServer]) -> None:
    programs = [str(getattr(getattr(s.endpoint, "capabilities", None), "server", "") or "") for s in servers]
    names = [f"{program} at {s.name}" if program else s.name for program, s in zip(programs, servers, strict=True)]
    record = SessionBegan(datetime.now(UTC).isoformat(timespec="seconds"), names)
    journal.append(record)
    collection.apply(record)


def _provenance(plan: CollectPlan, collection: BranchCollection, server: CollectServer) -> dict[str, str]:
    try:
        program = f"autotts {version('autotts-discovery')}"
    except PackageNotFoundError:
        program = "autotts"
    return described(
        collection, model=server.endpoint.model, template=server.template, level=server.endpoint.level,
        program=program, questions=plan.source, template_text=plan.template, system=plan.system,
        verifier="" if plan.verifier is None else plan.verifier.name, alternatives=plan.alternatives,
    )  # fmt: skip


def _spent(collection: BranchCollection) -> TokenUse:
    spent = TokenUse()
    spent.add(collection.use)
    spent.add(collection.probe_use)
    return spent
