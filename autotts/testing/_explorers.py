"""The check of an explorer: asked as the loop asks it, on a small environment, alone and in whole runs."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.loop.briefs import BriefBuilder
from autotts.agent.loop.candidate_store import CandidateStore
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery, ExplorerFailed
from autotts.agent.loop.state import DiscoveryState
from autotts.agent.records.explorer import EXPLORER_ATTRIBUTES, Brief, Explorer, LimitReached, Proposal
from autotts.envs.errors import InputError
from autotts.envs.plugins import check_attributes, name_of
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox

from ._errors import ConformanceError, demand

_GENERATIONS = 2
_SIDE_BY_SIDE = 4

Step = Literal["propose", "refine"]


@dataclass(frozen=True, slots=True)
class ExplorerReport:
    """What a conforming explorer did."""

    name: str
    proposals: int
    """Proposals that were looked at."""
    verdicts: Mapping[str, int]
    """Candidates of a small run, by verdict."""
    limited: bool
    """Whether it raised `LimitReached` at least once, so that less could be checked."""


def check_explorer(explorer: Explorer, environment: Environment | None = None) -> ExplorerReport:
    """Check an explorer.

    It has all attributes of the protocol. In two small runs with the same seed it proposes the same candidates, at
    least one of which runs. On the briefs of these runs, and without parents and front, it returns no more proposals
    than it is asked for, each with a source, a rationale, known parents and plain JSON as data. The same brief again,
    in another thread and after `close`, gives the same proposals. It raises nothing but `LimitReached`.

    Args:
        explorer: an object; it is asked some twenty times. Its candidates run as plain processes.
        environment: what candidates run on; a small synthetic one if None.

    Raises:
        ConformanceError: it does not do one of these.
    """
    try:
        check_attributes("explorer", name_of(explorer), explorer, EXPLORER_ATTRIBUTES)
    except InputError as error:
        raise ConformanceError(str(error)) from None
    demand(
        isinstance(explorer.name, str) and explorer.name.isidentifier(),
        f"name is {explorer.name!r}, but must be a short identifier",
    )
    world = environment or generate(default_models()["synthetic/tiny"], "check/tiny", questions=4, branches=16)
    with tempfile.TemporaryDirectory() as home:
        check = _ExplorerCheck(explorer, world, Path(home))
        check.runs()
        check.briefs()
        return ExplorerReport(explorer.name, check.proposals, check.verdicts, check.limited)


class _ExplorerCheck:
    def __init__(self, explorer: Explorer, world: Environment, home: Path) -> None:
        self.explorer, self.world, self.home = explorer, world, home
        self.sandbox = ProcessSandbox()
        self.proposals = 0
        self.verdicts: Mapping[str, int] = {}
        self.limited = False

    # Whole runs

    def runs(self) -> None:
        first = self._run("first")
        self._close()
        second = self._run("second")
        cards = [card for card in first.archive.cards() if card.generation > 0]
        self.verdicts = Counter(card.verdict for card in cards)
        if self.limited:
            return
        demand(bool(cards), f"{self.explorer.name} proposed nothing new in {_GENERATIONS} generations")
        failed = next((f"{card.verdict}: {card.message}" for card in cards if not card.ok), "")
        demand(
            any(card.ok for card in cards),
            f"none of the {len(cards)} candidates of {self.explorer.name} ran to its end; the first was {failed}",
        )
        demand(
            first.archive.ids() == second.archive.ids(),
            f"{self.explorer.name} proposed other candidates in a second run with the same seed: draw random numbers "
            "from Random(brief.seed), and keep nothing from one call to the next",
        )

    def _run(self, name: str) -> Run:
        config = RunConfig(
            explorer=name_of(self.explorer), generations=_GENERATIONS, population=4, orders=1, betas=(0.0, 1.0),
            max_branches=16, environments={self.world.name: self.world.hash},
        )  # fmt: skip
        run = Run.create(self.home / name, config, [self.world])
        try:
            discover(Discovery(run, self.explorer, self.sandbox))
        except ExplorerFailed as error:
            raise ConformanceError(str(error)) from None
        except Exception as error:
            raise ConformanceError(f"a run ended with {type(error).__name__}: {error}") from error
        self.limited |= any(getattr(line.event, "stopped", "") != "" for line in run.events())
        return run

    def _close(self) -> None:
        for _ in range(2):
            try:
                self.explorer.close()
            except Exception as error:
                raise ConformanceError(f"close raised {type(error).__name__}: {error}") from error

    # Single briefs

    def briefs(self) -> None:
        run = Run(self.home / "first")
        builder = BriefBuilder(CandidateStore(run, self.sandbox.name), self.explorer, self.sandbox)
        known = set(run.archive.ids())
        steps: tuple[Step, ...] = ("propose", "refine")
        for step in steps:
            for generation in (1, _GENERATIONS + 1):
                state: Any = {"generation": generation, "step": step, "pending": []}
                brief = self._brief(builder, state)
                self._asked(step, brief, known, f"generation {generation}")
            bare = replace(brief, parents=(), front=(), mates=(), lessons=(), credits={}, arms={})
            self._asked(step, bare, known, "a brief without versions")

    @staticmethod
    def _brief(builder: BriefBuilder, state: DiscoveryState) -> Brief:
        return builder.brief(builder.requests(state)[0])[1]

    def _asked(self, step: Step, brief: Brief, known: set[str], where: str) -> None:
        ask: Callable[[Brief], Sequence[Proposal] | None] = getattr(self, f"_{step}")
        counts = (1,) if self.explorer.one_at_a_time else (1, 3)
        for count in counts:
            counted = replace(brief, count=count)
            place = f"{step} ({where}, count {count})"
            proposals = ask(counted)
            if proposals is None:
                continue
            self.proposals += len(proposals)
            demand(len(proposals) <= count, f"{place} returned {len(proposals)} proposals")
            for proposal in proposals:
                _check_proposal(proposal, known, place)
            self._repeats(ask, counted, proposals, place)

    def _repeats(
        self, ask: Callable[[Brief], Sequence[Proposal] | None], brief: Brief, first: Sequence[Proposal], place: str
    ) -> None:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            together = list(pool.map(lambda _: ask(brief), range(_SIDE_BY_SIDE)))
        self._close()
        for again, when in ((together[0], "side by side"), (together[-1], "side by side"), (ask(brief), "after close")):
            demand(
                again is None or _content(again) == _content(first),
                f"{place} returned other proposals for the same brief, asked again {when}",
            )

    def _propose(self, brief: Brief) -> Sequence[Proposal] | None:
        return self._answer(self.explorer.propose, brief, "propose")

    def _refine(self, brief: Brief) -> Sequence[Proposal] | None:
        return self._answer(self.explorer.refine, brief, "refine")

    def _answer(self, method: Callable[[Brief], list[Proposal]], brief: Brief, step: str) -> Sequence[Proposal] | None:
        """Return the proposals; None where the explorer says that a limit is reached."""
        try:
            proposals = method(brief)
        except LimitReached:
            self.limited = True
            return None
        except Exception as error:
            raise ConformanceError(f"{step} raised {type(error).__name__}: {error}") from error
        demand(
            isinstance(proposals, list) and all(isinstance(proposal, Proposal) for proposal in proposals),
            f"{step} must return a list of Proposal, and returned {type(proposals).__name__}",
        )
        return proposals


def _check_proposal(proposal: Proposal, known: set[str], place: str) -> None:
    demand(isinstance(proposal.source, str) and bool(proposal.source.strip()), f"{place}: a proposal has no source")
    demand(bool(str(proposal.rationale).strip()), f"{place}: a proposal has no rationale")
    unknown = sorted(set(proposal.parents) - known)
    demand(not unknown, f"{place}: a proposal has the unknown parent {unknown[0] if unknown else ''!r}")
    try:
        same = json.loads(json.dumps(dict(proposal.data))) == dict(proposal.data)
    except (TypeError, ValueError):
        same = False
    demand(same, f"{place}: the data of a proposal is not plain JSON")


def _content(proposals: Sequence[Proposal]) -> list[tuple[object, ...]]:
    return [(p.source, p.rationale, tuple(p.parents), dict(p.data), tuple(p.expects)) for p in proposals]
