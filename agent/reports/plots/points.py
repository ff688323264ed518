"""The points of chosen controllers on one protocol: from the archive where they are written down, else measured now."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from envs import catalogue
from envs.errors import InputError
from envs.statistics import MEAN, Point
from envs.store import Environment
from envs.synthetic.simulated import recorded
from sandbox.outcome import Candidate

from ...archive.measurements import figures
from ...archive.reader import ArchiveReader
from ...records.card import Card, EvaluationProtocol


@dataclass(frozen=True, slots=True)
class PlottedController:
    """A controller to be drawn."""

    candidate: Candidate
    place: ArchiveReader | None = None
    """The archive that it is in; None of what is in none."""
    card: Card | None = None

    @property
    def known(self) -> list[tuple[EvaluationProtocol, tuple[Point, ...]]]:
        """What is written down of it."""
        found = figures(self.place, self.card) if self.place and self.card else ()
        return [(protocol, curve) for _, protocol, curve in found]


def protocol(
    chosen: Sequence[PlottedController],
    patterns: Sequence[str] | None,
    place: ArchiveReader,
    default: EvaluationProtocol,
) -> EvaluationProtocol:
    """Return on what ``chosen`` are to be drawn: that of the first with figures there, so that the fewest are run.

    Args:
        chosen: the controllers.
        patterns: names of environments, or shell patterns; None are those of the first with figures.
        place: where environments are looked for that no figures name.
        default: what else there is where nobody has figures; its environments are for no ``patterns``.

    Raises:
        InputError: a pattern stands for no environment.
    """
    known = [p for each in chosen for p, _ in each.known]
    if patterns is None:
        return _of(known[0], recorded(list(known[0].environments))) if known else default
    for p in known:
        names = [name for pattern in patterns for name in _matching(p.environments, pattern)]
        if all(_matching(p.environments, pattern) for pattern in patterns):
            return _of(p, list(dict.fromkeys(names)))
    return default.model_copy(update={"environments": _hashes(patterns, place)})


def _of(p: EvaluationProtocol, names: Sequence[str]) -> EvaluationProtocol:
    chosen = {name: p.environments[name] for name in names}
    return p.model_copy(update={"environments": chosen, "simulated": 0.0})


def _matching(names: dict[str, str], pattern: str) -> list[str]:
    return [pattern] if pattern in names else fnmatch.filter(names, pattern)


def _hashes(patterns: Sequence[str], place: ArchiveReader) -> dict[str, str]:
    from envs.synthetic.model import default_environments

    embedded = {env.name: env.hash for env in default_environments()}
    found: dict[str, str] = {}
    for pattern in patterns:
        try:
            found |= {env.name: env.hash for env in catalogue.find(place.data, [pattern])}
        except InputError:
            names = _matching(embedded, pattern)
            if not names:
                raise
            found |= {name: embedded[name] for name in names}
    return found


def stored(chosen: PlottedController, wanted: EvaluationProtocol) -> tuple[Point, ...] | None:
    """Return the points of ``chosen`` that are written down under ``wanted``, or None if they are not.

    The mean over environments is among them if it is over those that are wanted.
    """
    for found, curve in chosen.known:
        same = found.model_copy(update={"environments": wanted.environments, "simulated": 0.0}) == wanted
        if same and wanted.environments.items() <= found.environments.items():
            whole = set(recorded(list(found.environments))) == set(wanted.environments)
            return tuple(p for p in curve if p.environment in wanted.environments or (whole and p.environment == MEAN))
    return None


def protocol_environments(wanted: EvaluationProtocol, places: Sequence[ArchiveReader]) -> tuple[Environment, ...]:
    """Return the environments of ``wanted`` from wherever one of ``places`` has them.

    Raises:
        InputError: one is not at hand.
    """
    return tuple(_world(name, sha256, places) for name, sha256 in wanted.environments.items())


def _world(name: str, sha256: str, places: Sequence[ArchiveReader]) -> Environment:
    for place in places[1:]:
        try:
            return place.world(name, sha256)
        except InputError:
            continue
    return places[0].world(name, sha256)
