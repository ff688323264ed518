"""The curves of chosen controllers on one protocol: read from the archive if stored there, otherwise measured."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from autotts.envs import catalogue
from autotts.envs.errors import InputError
from autotts.envs.statistics import MEAN, Point
from autotts.envs.store import Environment
from autotts.envs.synthetic.simulated import recorded
from autotts.sandbox.outcome import Candidate

from ...archive.measurements import figures
from ...archive.reader import ArchiveReader
from ...records.card import Card, EvaluationProtocol


@dataclass(frozen=True, slots=True)
class PlottedController:
    """A controller to be drawn."""

    candidate: Candidate
    reader: ArchiveReader | None = None
    """The archive that contains the controller; None if no archive does."""
    card: Card | None = None

    @property
    def stored_curves(self) -> list[tuple[EvaluationProtocol, tuple[Point, ...]]]:
        """The curves that the archive has of the controller, each with its protocol."""
        measured = figures(self.reader, self.card) if self.reader and self.card else ()
        return [(protocol, curve) for _, protocol, curve in measured]


def protocol(
    chosen: Sequence[PlottedController],
    patterns: Sequence[str] | None,
    reader: ArchiveReader,
    default: EvaluationProtocol,
) -> EvaluationProtocol:
    """Return the protocol on which to draw ``chosen``: that of the first stored curve that fits, to run little.

    Args:
        chosen: the controllers.
        patterns: names of environments, or shell patterns; None for the environments of the first stored curve.
        reader: finds environments that no stored curve names.
        default: the protocol if no stored curve fits; its environments are used if there are no ``patterns``.

    Raises:
        InputError: a pattern matches no environment.
    """
    protocols = [p for each in chosen for p, _ in each.stored_curves]
    if patterns is None:
        return _of(protocols[0], recorded(list(protocols[0].environments))) if protocols else default
    for p in protocols:
        names = [name for pattern in patterns for name in _matching(p.environments, pattern)]
        if all(_matching(p.environments, pattern) for pattern in patterns):
            return _of(p, list(dict.fromkeys(names)))
    return default.model_copy(update={"environments": _hashes(patterns, reader)})


def _of(p: EvaluationProtocol, names: Sequence[str]) -> EvaluationProtocol:
    chosen = {name: p.environments[name] for name in names}
    return p.model_copy(update={"environments": chosen, "simulated": 0.0})


def _matching(names: dict[str, str], pattern: str) -> list[str]:
    return [pattern] if pattern in names else fnmatch.filter(names, pattern)


def _hashes(patterns: Sequence[str], reader: ArchiveReader) -> dict[str, str]:
    from autotts.envs.synthetic.model import default_environments

    embedded = {env.name: env.hash for env in default_environments()}
    hashes: dict[str, str] = {}
    for pattern in patterns:
        try:
            hashes |= {env.name: env.hash for env in catalogue.find(reader.data, [pattern])}
        except InputError:
            names = _matching(embedded, pattern)
            if not names:
                raise
            hashes |= {name: embedded[name] for name in names}
    return hashes


def stored(chosen: PlottedController, wanted: EvaluationProtocol) -> tuple[Point, ...] | None:
    """Return the stored points of ``chosen`` under the protocol ``wanted``, or None if there are none.

    They include the mean over environments if the stored mean is over exactly the wanted environments.
    """
    for protocol, curve in chosen.stored_curves:
        same = protocol.model_copy(update={"environments": wanted.environments, "simulated": 0.0}) == wanted
        if same and wanted.environments.items() <= protocol.environments.items():
            whole = set(recorded(list(protocol.environments))) == set(wanted.environments)
            return tuple(p for p in curve if p.environment in wanted.environments or (whole and p.environment == MEAN))
    return None


def protocol_environments(wanted: EvaluationProtocol, readers: Sequence[ArchiveReader]) -> tuple[Environment, ...]:
    """Return the environments of ``wanted``, each from the first of ``readers`` that has it.

    Raises:
        InputError: no reader has an environment.
    """
    return tuple(_environment(name, sha256, readers) for name, sha256 in wanted.environments.items())


def _environment(name: str, sha256: str, readers: Sequence[ArchiveReader]) -> Environment:
    for reader in readers[1:]:
        try:
            return reader.environment(name, sha256)
        except InputError:
            continue
    return readers[0].environment(name, sha256)
