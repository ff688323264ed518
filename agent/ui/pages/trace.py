"""The page Trace: one episode in full, a list of notable episodes, and the replay of an episode in a sandbox."""

from __future__ import annotations

import threading
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import Field

from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.scoring import ForgedLog
from autotts.sandbox.base import SandboxError
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import evaluate
from autotts.sandbox.outcome import Candidate
from autotts.sandbox.sealed_extras import declared_by

from ...archive.reader import ArchiveReader, EnvironmentMissing
from ...diagnosis.drawing import DrawnEpisode, draw_episode
from ...records.workbench import EpisodeKind
from ...tools.episode_search import KINDS, PAIRED, select_episodes
from ..answers import PROBLEMS, Answer, At
from ..code import stated

router = APIRouter(prefix="/api", tags=["trace"], responses=PROBLEMS)

_PAGE = 50
_replaying = threading.Lock()

Name = Annotated[str, Query(max_length=200)]
Question = Annotated[int, Query(ge=0, le=2**31 - 1)]
Beta = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Order = Annotated[int, Query(ge=0, le=2**62)]


class ListedEpisodeAnswer(Answer):
    """An episode in a list."""

    environment: str
    question: int
    beta: float
    order: int
    correct: bool
    tokens: int
    other_correct: bool | None
    """Result of the other version in the same episode, if there is one."""
    other_tokens: int | None


class EpisodesAnswer(Answer):
    """Episodes of one kind, the worst of each question first."""

    version: str
    kind: str
    kinds: tuple[str, ...]
    other: str | None
    """The version for comparison: the requested one, or the first parent with scores."""
    environments: dict[str, int]
    """Number of questions of each environment."""
    betas: tuple[float, ...]
    orders: tuple[int, int]
    """First branch order, and number of branch orders."""
    total: int
    """Number of episodes of this kind."""
    of: int
    """Number of all episodes."""
    found: tuple[ListedEpisodeAnswer, ...]
    """One page of the list."""


@router.get("/episodes/{version}")
def episodes(
    reader: At, version: str, kind: EpisodeKind = "wrong", other: Name | None = None, environment: Name | None = None,
    beta: Beta | None = None, question: Question | None = None, offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> EpisodesAnswer:  # fmt: skip
    """The episodes of one kind of a version."""
    tried = reader.measured(version)
    batch, scores = tried.scores.episodes, tried.scores
    other = other or _parent(reader, version)
    against = reader.measured(other) if other else None
    if against and not _same(batch, against.scores.episodes):
        if kind in PAIRED:
            raise InputError(f"{version} and {other} were not tried on the same episodes: there is nothing to pair")
        against = None
    if kind in PAIRED and against is None:
        raise InputError(f"{version} has no parent with scores: name another version to compare it with")
    which = select_episodes(kind, tried, against, beta).which
    if environment is not None:
        which = which[batch.environment[which] == _position(batch, environment)]
    if question is not None:
        which = which[batch.question[which] == question]
    orders = np.unique(batch.order)
    return EpisodesAnswer(
        version=version, kind=kind, kinds=KINDS, other=other if against else None,
        environments={env.name: len(env) for env in batch.environments}, betas=tuple(np.unique(batch.beta).tolist()),
        orders=(int(orders[0]), len(orders)), total=len(which), of=len(batch),
        found=tuple(
            ListedEpisodeAnswer(
                environment=batch.environments[batch.environment[e]].name, question=int(batch.question[e]),
                beta=float(batch.beta[e]), order=int(batch.order[e]), correct=bool(scores.correct[e]),
                tokens=int(scores.tokens[e]),
                other_correct=bool(against.scores.correct[e]) if against else None,
                other_tokens=int(against.scores.tokens[e]) if against else None,
            )
            for e in which[offset : offset + _PAGE].tolist()
        ),
    )  # fmt: skip


def _parent(reader: ArchiveReader, version: str) -> str | None:
    view = reader.view()
    row = view.by_id[reader.existing(version)]
    return next((p for p in row.parents if p in view.by_id and view.by_id[p].ok), None)


def _same(a: Episodes, b: Episodes) -> bool:
    columns = ("environment", "question", "beta", "order")
    same_data = [env.hash for env in a.environments] == [env.hash for env in b.environments]
    return same_data and all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns)


def _position(batch: Episodes, environment: str) -> int:
    names = [env.name for env in batch.environments]
    if environment not in names:
        raise EnvironmentMissing(f"no environment {environment[:80]!r}: there are {', '.join(names)}")
    return names.index(environment)


@router.get("/trace/{version}")
def trace(
    reader: At, version: str, environment: Name, question: Question, beta: Beta, order: Order
) -> DrawnEpisode:  # fmt: skip
    """An episode from the archive's action logs."""
    card = reader.card(version)
    batch, logs = reader.batch(card)
    here = (batch.environment == _position(batch, environment)) & (batch.question == question) & (batch.order == order)
    matches = np.flatnonzero(here & np.isclose(batch.beta, beta))
    if not len(matches):
        p = card.protocol
        raise EnvironmentMissing(
            f"{version} was not recorded there: it was tried at beta {', '.join(f'{b:g}' for b in p.betas)}, on branch "
            f"orders {p.first_order} to {p.first_order + p.orders - 1}; a replay in the sandbox can show any other"
        )
    return _episode(reader, batch, logs, int(matches[0]), version)


class ReplayRequest(Answer):
    """The episode to replay."""

    version: Annotated[str, Field(max_length=200)]
    environment: Annotated[str, Field(max_length=200)]
    question: Annotated[int, Field(ge=0, le=2**31 - 1)]
    beta: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    order: Annotated[int, Field(ge=0, le=2**62)]


@router.post("/replay")
def replay(request: Request, reader: At, wanted: ReplayRequest) -> DrawnEpisode:
    """Replay one episode of an archived version in a sandbox; the result is not stored."""
    card = reader.card(wanted.version)
    if card.verdict.startswith("rejected"):
        raise InputError(f"{card.id} is not played: {card.verdict}")
    named = [env for env in reader.environments(card.protocol) if env.name == wanted.environment]
    if not named:
        raise EnvironmentMissing(f"no environment {wanted.environment[:80]!r} that {card.id} was tried on")
    if wanted.question >= len(named[0]):
        raise EnvironmentMissing(f"{named[0].name} has questions 0 to {len(named[0]) - 1}, not {wanted.question}")
    batch = grid(named, [wanted.beta], [wanted.order], card.protocol.max_branches, card.protocol.max_tokens)
    only = batch.only(wanted.question)
    if not _replaying.acquire(blocking=False):
        raise InputError("another replay is at work: try again in a moment")
    try:
        with open_sandbox(request.app.state.sandbox, limits=request.app.state.limits) as sandbox:
            result = evaluate(Candidate(card.id, reader.source(card.id)), only, sandbox)
    except SandboxError as error:
        raise InputError(f"the sandbox cannot be used: {error}") from None
    finally:
        _replaying.release()
    if result.logs is None:
        raise InputError(f"{card.id} failed: {result.verdict.kind}: {result.verdict.message}")
    return _episode(reader, only, result.logs, 0, card.id, played=True)


def _episode(
    reader: ArchiveReader, batch: Episodes, logs: Logs, index: int, version: str, played: bool = False
) -> DrawnEpisode:  # fmt: skip
    try:
        source = reader.source(version)
        return draw_episode(batch, logs, index, version, stated(source), played, declared_by(source))
    except ForgedLog as forged:
        raise DamagedFile(f"version {version} has logs that no controller can have made ({forged})") from None
