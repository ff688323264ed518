"""Kept episodes: what a controller did and saw on a live question, as a line of JSON that can be replayed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..contract.replay import VERBS, ActionLog, Recording
from ..errors import InputError
from .episode import LiveEpisode
from .episode_state import EpisodeState
from .exchange import TokenUse
from .settings import LiveSettings

Count = Annotated[int, Field(ge=0)]


class KeptBranch(BaseModel):
    """A branch of a kept episode. Only what the controller has paid for is in its cells."""

    model_config = ConfigDict(frozen=True)

    cells: tuple[str | None, ...]
    """(depth,) the answer at each depth, of a finished branch the final one last; None where none was shown."""
    tokens: Count
    """Tokens by the contract."""
    finished: bool
    pruned: bool = False
    lost: str = ""
    """Why the branch was lost, or ""."""
    refused_tokens: Count = 0
    """Tokens that its next interval was known to need when it was refused, or 0."""
    text: str | None = None
    """What the model wrote, if texts are kept."""
    signals: dict[str, tuple[float | None, ...]] = {}
    """The signals that the controller has read, by name: one number for each depth, None where it has read none."""
    scores: dict[Count, float | None] = {}
    """The verifier's scores, by depth."""
    origin: Count | None = None
    """Of a fork, the branch that generated the interval at which it was forked."""
    fork_depth: Count = 0
    """The intervals that a fork shares with it."""

    @classmethod
    def of(cls, state: EpisodeState, number: int, text: bool) -> Self:
        """Return the kept form of a branch, with or without its text."""
        branch = state.branches[number]
        read = {depth: found for depth in range(1, branch.depth + 1) if (found := state.read.get((number, depth)))}
        names = sorted({name for found in read.values() for name in found})
        return cls(
            cells=tuple(state.cells(number)),
            tokens=branch.tokens,
            finished=branch.finished,
            pruned=branch.pruned,
            lost=branch.lost,
            refused_tokens=branch.refused_tokens,
            text=branch.text if text else None,
            signals={
                name: tuple(read.get(depth, {}).get(name) for depth in range(1, branch.depth + 1)) for name in names
            },
            scores={depth: score for (of, depth), score in state.scores.items() if of == number},
            origin=branch.origin,
            fork_depth=branch.fork_depth,
        )

    def numbers(self, name: str | None, size: int) -> list[float | None]:
        """Return a signal, or the scores for None, as a recording holds them: as many numbers as answers."""
        depths = range(1, len(self.cells) + 1)
        if name is None:
            found = [self.scores.get(depth) for depth in depths]
        else:
            found = list(self.signals.get(name, (None,) * len(self.cells)))
        return [*found, *[None] * (size - len(found))]

    def column(self) -> tuple[list[str | None], int]:
        """Return the answers of the branch in a recording, the final one last, and its tokens.

        A branch that has not finished gets one more interval, with an absent answer, that nobody has run: the
        controller's actions end before it, and a limit on tokens refuses it where it refused the live one.
        """
        if self.finished:
            return list(self.cells), self.tokens
        return [*self.cells, None], self.tokens + self.refused_tokens


class KeptAction(BaseModel):
    """A record of the action log."""

    model_config = ConfigDict(frozen=True)

    verb: str
    """One of `replay.VERBS`."""
    branches: tuple[Count, ...]
    times: Annotated[int, Field(ge=1)] = 1


class KeptEpisode(BaseModel):
    """One live episode. `KeptEpisode.of` makes it, `as_recording` and `as_environment` give its revealed part."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    id: str = Field(default_factory=lambda: secrets.token_hex(8))
    controller: str
    """The name of the controller."""
    controller_hash: str = ""
    """The SHA-256 of its source, or ""."""
    beta: Annotated[float, Field(ge=0, le=1)]
    seed: int = 0
    """The seed of the controller's own `random`. That of the model's requests is in the settings."""
    model: str = ""
    """The name of the model at its server."""
    messages: tuple[Mapping[str, str], ...]
    """The question."""
    settings: LiveSettings
    extract: str = ""
    """How answers were found in texts."""
    answers: str = "exact"
    """How answers were compared."""
    verdict: str = "ok"
    """How the controller ended; only an episode that is ok replays as a whole."""
    answer: str | None
    """The answer of the controller."""
    gold: str | None = None
    """The reference answer, if it is known."""
    branches: tuple[KeptBranch, ...]
    actions: tuple[KeptAction, ...]
    tokens: Count
    """Tokens spent, by the contract."""
    latency: Count
    """Tokens on the critical path, by the contract."""
    tokens_ran_out: bool = False
    use: TokenUse = Field(default_factory=TokenUse)
    """Real tokens of branches."""
    probe_use: TokenUse = Field(default_factory=TokenUse)
    """Real tokens of probes."""
    seconds: Annotated[float, Field(ge=0)] = 0.0
    """Seconds on the critical path."""
    elapsed: Annotated[float, Field(ge=0)] = 0.0
    """Seconds from the question to the answer."""
    notes: tuple[str, ...] = ()
    """A line for each request that was lost."""
    signals: tuple[str, ...] = ()
    """The names of the signals for which the controller has asked."""
    verifier: bool = False
    """Whether the controller has asked a verifier."""
    forks: bool = False
    """Whether the controller has asked for forks."""

    @classmethod
    def of(
        cls,
        episode: LiveEpisode,
        *,
        controller: str,
        beta: float,
        answer: str | None,
        seed: int = 0,
        text: bool = False,
        **more: Any,
    ) -> Self:
        """Return the kept form of an episode that has ended.

        Args:
            episode: the episode.
            controller: the name of the controller.
            beta: its beta.
            answer: its answer.
            seed: the seed of its `random`.
            text: whether the texts of the branches are kept.
            more: further fields: ``id``, ``controller_hash``, ``verdict``, ``gold``.
        """
        return cls(
            controller=controller,
            beta=beta,
            seed=seed,
            answer=answer,
            model=episode.model,
            messages=episode.prompt.messages,
            settings=episode.settings,
            extract=episode.answer_names["extract"],
            answers=episode.answer_names["answers"],
            branches=tuple(KeptBranch.of(episode.state, number, text) for number in range(episode.width)),
            signals=tuple(sorted(episode.state.names_read)),
            verifier=episode.state.used_verifier,
            forks=episode.state.used_forks,
            actions=tuple(kept_actions(episode.log)),
            tokens=episode.tokens,
            latency=episode.latency,
            tokens_ran_out=episode.tokens_ran_out,
            use=episode.use,
            probe_use=episode.probe_use,
            seconds=episode.seconds,
            elapsed=episode.elapsed,
            notes=tuple(episode.notes),
            **more,
        )

    @classmethod
    def read(cls, line: str | bytes) -> Self:
        """Return the episode in a line of JSON.

        Raises:
            InputError: the line holds none.
        """
        try:
            return cls.model_validate_json(line)
        except (ValidationError, InputError) as error:
            reason = error.errors(include_url=False)[0] if isinstance(error, ValidationError) else None
            where = f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}" if reason else str(error)
            raise InputError(f"not a kept episode: {where}") from None

    def line(self) -> str:
        """Return the episode as one line of JSON, without the line break."""
        return self.model_dump_json()

    @property
    def question(self) -> str:
        """The text of the question: the content of the last message."""
        return self.messages[-1].get("content", "") if self.messages else ""

    @property
    def log(self) -> ActionLog:
        """The action log."""
        log = ActionLog()
        for action in self.actions:
            log.add(VERBS.index(action.verb), action.branches, action.times)
        return log

    def columns(self) -> list[tuple[list[str | None], int]]:
        """Return (answers, tokens) of each branch that the budget allowed: those never opened have no probes."""
        opened = [branch.column() for branch in self.branches]
        return opened + [([None], 0)] * (self.settings.max_branches - len(opened))

    def as_recording(self) -> Recording:
        """Return the revealed part as a recording, with the branches in the order in which they were opened."""
        columns = self.columns()
        answers, tokens = [column for column, _ in columns], [tokens for _, tokens in columns]
        never = [KeptBranch(cells=(), tokens=0, finished=False)] * (len(columns) - len(self.branches))
        branches = [*self.branches, *never]

        def numbers(name: str | None) -> list[list[float | None]]:
            return [branch.numbers(name, len(column)) for branch, column in zip(branches, answers, strict=True)]

        return Recording.of(
            answers, tokens, self.settings.delta, self.settings.probe_cost,
            signals={name: numbers(name) for name in self.signals},
            verifier=numbers(None) if self.verifier else None,
            verify_cost=self.settings.verify_cost if self.verifier else 0,
            parents=[-1 if b.origin is None else b.origin for b in branches] if self.forks else None,
            fork_depths=[branch.fork_depth for branch in branches] if self.forks else (),
        )  # fmt: skip


def kept_actions(log: ActionLog) -> Iterator[KeptAction]:
    """Yield the records of ``log``."""
    at = 0
    for verb, times, count in zip(log.verbs, log.repeats, log.counts, strict=True):
        yield KeptAction(verb=VERBS[verb], branches=tuple(log.indices[at : at + count]), times=times)
        at += count


def single_actions(log: ActionLog) -> list[tuple[str, tuple[int, ...]]]:
    """Return the actions of ``log`` one by one: (verb, branches).

    Logs record repeated steps together, depending on whether the controller passes them as tuples or as lists. So
    actions are compared one by one.
    """
    return [(action.verb, action.branches) for action in kept_actions(log) for _ in range(action.times)]


def read_episodes(path: Path) -> Iterator[KeptEpisode]:
    """Yield the episodes in a file of lines; a last line that was cut off is left out.

    Raises:
        InputError: the file cannot be read, or a line holds no episode.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return
                if not line.isspace():
                    try:
                        yield KeptEpisode.read(line)
                    except InputError as error:
                        raise InputError(f"{path}, line {number}: {error}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
