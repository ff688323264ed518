"""Repeats kept episodes in replay, and says whether the controller did the same as it did live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from ..contract.controller import Controller, answer_without_tokens
from ..contract.question import TokensSpent
from ..contract.replay import ActionLog, ReplayQuestion
from .exchange import LiveActions
from .forwarding import ForwardedState
from .kept_episode import KeptEpisode, single_actions


@dataclass(frozen=True, slots=True)
class EpisodeComparison:
    """A kept episode beside its replay."""

    episode: str
    """The id of the episode."""
    differences: tuple[str, ...]
    """A line for each difference; none if the replay gave the same actions, tokens and answer."""

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not self.differences


def replay(episode: KeptEpisode, controller: type[Controller]) -> EpisodeComparison:
    """Play ``controller`` on the revealed part of ``episode``, in this process, and compare.

    For a controller that is not trusted, see `replay_with`.
    """
    question = _question(episode)
    answer, error = None, ""
    try:
        answer = controller(episode.beta, episode.seed).solve(question)
    except TokensSpent:
        pass
    except Exception as raised:  # of the controller: it may raise anything
        error = f"{type(raised).__name__}: {raised}"
    if answer is None and question.tokens_ran_out:
        answer = answer_without_tokens(question)
    return _compared(episode, question, answer, error)


async def replay_with(
    episode: KeptEpisode, solve: Callable[[LiveActions], Awaitable[tuple[str | None, str]]]
) -> EpisodeComparison:
    """Play a controller on the revealed part of ``episode`` by ``solve``, and compare.

    Args:
        episode: the episode.
        solve: plays the controller on live actions, such as in a sandbox; returns its answer, and what went wrong, or
            "".
    """
    actions = ReplayedActions(_question(episode))
    answer, error = await solve(actions)
    return _compared(episode, actions.question, answer, error)


class ReplayedActions(ForwardedState):
    """`LiveActions` that a replay answers: it plays recorded branches where a live question is expected."""

    def __init__(self, question: ReplayQuestion) -> None:
        self.question = self._state = question
        self.max_branches = question.max_branches
        self.max_tokens = question.max_tokens
        self.signals, self.can_verify, self.has_forks = question.signals, question.can_verify, question.has_forks

    async def branch_many(self, n: int) -> list[int]:
        """See `envs.contract.question.Question`, as all actions and properties here."""
        return self.question.branch_many(n)

    async def advance(self, i: int) -> bool:
        return self.question.advance(i)

    async def probe(self, i: int) -> str | None:
        return self.question.probe(i)

    async def prune(self, i: int) -> None:
        self.question.prune(i)

    async def verify(self, i: int) -> float | None:
        return self.question.verify(i)

    async def fork(self, i: int) -> int:
        return self.question.fork(i)

    def signal(self, i: int, name: str) -> float | None:
        return self.question.signal(i, name)

    def can_fork(self, i: int) -> bool:
        return self.question.can_fork(i)

    @property
    def branches_left(self) -> int:
        return self.question.branches_left

    async def step_many(self, indices: Sequence[int]) -> list[tuple[str | None, bool]]:
        return self.question.step_many(indices)

    async def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        return self.question.run_many_to_end(indices)

    @property
    def tokens_ran_out(self) -> bool:
        return self.question.tokens_ran_out


def _question(episode: KeptEpisode) -> ReplayQuestion:
    settings = episode.settings
    return ReplayQuestion(
        episode.as_recording(), range(settings.max_branches), settings.max_branches, settings.max_tokens
    )


def _compared(episode: KeptEpisode, question: ReplayQuestion, answer: str | None, error: str) -> EpisodeComparison:
    found = list(_differing_actions(episode.log, question.finish()))
    for name, live, again in (
        ("verdict", episode.verdict, error or "ok"),
        ("answer", episode.answer, answer),
        ("tokens", episode.tokens, question.tokens),
        ("latency", episode.latency, question.latency),
        ("whether tokens ran out", episode.tokens_ran_out, question.tokens_ran_out),
    ):
        if live != again:
            found.append(f"{name}: {live} live, {again} in replay")
    return EpisodeComparison(episode.id, tuple(found))


def _differing_actions(live: ActionLog, again: ActionLog) -> list[str]:
    first, second = single_actions(live), single_actions(again)
    if first == second:
        return []
    at = next((at for at, (one, two) in enumerate(zip(first, second, strict=False)) if one != two), None)
    if at is None:
        return [f"actions: {len(first)} live, {len(second)} in replay; the first {min(len(first), len(second))} agree"]
    return [f"action {at + 1}: {_shown(*first[at])} live, {_shown(*second[at])} in replay"]


def _shown(verb: str, branches: tuple[int, ...]) -> str:
    return f"{verb} {', '.join(map(str, branches))}"
