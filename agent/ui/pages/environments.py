"""The environments of the page Run: what each holds beside answers, and how well its numbers tell right from wrong."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from autotts.envs.environment import Environment
from autotts.envs.errors import InputError
from autotts.envs.roots import without_forks
from autotts.envs.separation import Separation, fate_inheritance, separations
from autotts.envs.signals import SCORE, VERIFIER, meaning

from ...archive.reader import ArchiveReader, RecentlyUsed
from ..answers import PROBLEMS, Answer, At

router = APIRouter(prefix="/api", tags=["environments"], responses=PROBLEMS)

_measured: RecentlyUsed[EnvironmentAnswer] = RecentlyUsed(32)  # by hash: a measurement may take a second


class NumberAnswer(Answer):
    """A signal of an environment, or its verifier."""

    name: str
    unit: str
    comes_with: str
    """What shows it to a controller: an interval, a probe or a verification."""
    higher_is: str
    definition: str
    unfinished: float | None
    """See `envs.separation.Separation`."""
    finished: float | None


class EnvironmentAnswer(Answer):
    """An environment, and what it holds beside answers."""

    name: str
    hash: str
    problem: str
    """Why it cannot be read here; the fields below are then empty."""
    questions: int = 0
    branches: int = 0
    """Without forks."""
    delta: int = 0
    probe_cost: int = 0
    verify_cost: int | None = None
    """Tokens of a verification; None without a verifier."""
    forks: int | None = None
    """Recorded forks; None for an environment without."""
    fork_rule: str = ""
    inheritance: float | None = None
    """See `envs.separation.fate_inheritance`."""
    numbers: tuple[NumberAnswer, ...] = ()


@router.get("/environments")
def environments(reader: At) -> tuple[EnvironmentAnswer, ...]:
    """The environments that the versions were measured on, in the order of the protocol."""
    return tuple(_answer(reader, name, sha256) for name, sha256 in _named(reader).items())


def _named(reader: ArchiveReader) -> dict[str, str]:
    """Return the hashes of the environments of the run; of an archive alone, those of its best version."""
    if reader.run is not None:
        return dict(reader.run.config.environments)
    ranked = reader.view().ranked
    return dict(reader.card(ranked[0].id).protocol.environments) if ranked else {}


def _answer(reader: ArchiveReader, name: str, sha256: str) -> EnvironmentAnswer:
    try:
        env = reader.environment(name, sha256)
        return _measured.get(env.hash, lambda: _measure(env)).model_copy(update={"name": env.name})
    except InputError as problem:
        return EnvironmentAnswer(name=name, hash=sha256, problem=" ".join(str(problem).split()))


def _measure(env: Environment) -> EnvironmentAnswer:
    roots = without_forks(env)
    return EnvironmentAnswer(
        name=env.name,
        hash=env.hash,
        problem="",
        questions=len(env),
        branches=len(roots.final_answers),
        delta=env.delta,
        probe_cost=env.probe_cost,
        verify_cost=env.verify_cost if env.verifier is not None else None,
        forks=len(env.final_answers) - len(roots.final_answers) if env.parents is not None else None,
        fork_rule=env.fork_rule if env.parents is not None else "",
        inheritance=fate_inheritance(env),
        numbers=tuple(_number(env, name, found) for name, found in separations(roots).items()),
    )


def _number(env: Environment, name: str, found: Separation) -> NumberAnswer:
    means = SCORE if name == VERIFIER and env.verifier is not None else meaning(name)
    return NumberAnswer(name=name, **asdict(means), unfinished=found.unfinished, finished=found.finished)
