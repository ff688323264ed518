"""Scores the action logs of archived versions again, and compares the result with what their cards say.

A log shows which actions were taken and what they cost. It does not show that the controller took them without looking
ahead: only a run of the controller with the audit does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from pydantic import ValidationError

from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.errors import InputError
from autotts.envs.scoring import ForgedLog, score
from autotts.envs.statistics import Point, curve
from autotts.envs.store import Environment
from autotts.envs.synthetic.simulated import is_simulated

from ..archive.archive import CARD, LOGS, Archive, unpack_logs
from ..archive.origins import Rescore, RescoredArchive, RescoredVersion, read_origins, record_origins
from ..records.card import Behaviour, Card, EvaluationProtocol
from .behaviour import behaviour

EnvironmentFinder = Callable[[EvaluationProtocol], Sequence[Environment]]
"""Returns the environments of a protocol, by their content hashes; raises `InputError` if one is not at hand."""


class VersionRescorer:
    """Scores versions again; the batches of episodes are kept from one to the next.

    Args:
        found: finds the environments of a protocol.
    """

    def __init__(self, found: EnvironmentFinder) -> None:
        self._found = found
        self._batches: dict[str, tuple[Episodes, Episodes] | str] = {}

    def __call__(self, card: Card, packed: bytes | None) -> RescoredVersion:
        """Return whether the logs of a version give the figures of its card.

        Args:
            card: its card.
            packed: its logs, as the archive stores them; None without logs.
        """
        if not card.curve and card.behaviour is None and not card.ok:
            return RescoredVersion("rescored")
        if packed is None:
            return RescoredVersion("claimed", difference="it has figures, but no action logs")
        batches = self._batch(card.protocol)
        if isinstance(batches, str):
            return RescoredVersion("claimed", reason=batches)
        try:
            difference = next(_differences(card, unpack_logs(packed), *batches), "")
        except ForgedLog as forged:
            difference = f"no controller can have made its action logs ({forged}, episode {forged.episode})"
        except Exception as error:  # damaged bytes make the readers of zip and numpy raise any error
            difference = f"its action logs are damaged ({str(error)[:200]})"
        return RescoredVersion("claimed" if difference else "rescored", difference)

    def _batch(self, protocol: EvaluationProtocol) -> tuple[Episodes, Episodes] | str:
        """Return the episodes of a protocol and those on recorded environments, or the reason why there are none."""
        key = protocol.key()
        if key not in self._batches:
            self._batches.clear()  # one is enough, as the versions of a run share theirs, and it may be large
            try:
                environments = list(self._found(protocol))
                recorded = [env for env in environments if not is_simulated(env.name)] or environments
                self._batches[key] = _episodes(protocol, environments), _episodes(protocol, recorded)
            except InputError as error:
                self._batches[key] = str(error)
        return self._batches[key]


def rescore_archive(
    archive: Archive, rescore: Rescore, each: Callable[[Sequence[str]], Iterable[str]] = iter
) -> RescoredArchive:
    """Score all versions of an archive again; imported ones whose figures are right are no longer claimed.

    Args:
        archive: the archive.
        rescore: scores one version.
        each: called with the ids; yields them one by one, for example to show progress.

    Raises:
        OSError: the origins of versions cannot be written.
    """
    rescored, differences, unchecked = list[str](), dict[str, str](), dict[str, str]()
    for version in each(archive.ids()):
        folder = archive.root / version
        try:
            card = Card.model_validate_json((folder / CARD).read_bytes())  # as it was written: "ok", not "claimed"
            packed = (folder / LOGS).read_bytes() if (folder / LOGS).is_file() else None
        except (OSError, ValidationError) as error:
            differences[version] = f"not readable ({str(error)[:200]})"
            continue
        found = rescore(card, packed)
        if found.difference:
            differences[version] = found.difference
        elif found.figures == "claimed":
            unchecked[version] = found.reason
        elif card.curve:
            rescored.append(version)
    origins = read_origins(archive.root)
    proven = {
        version: origins.imported[version].model_copy(update={"figures": "rescored"})
        for version in rescored if origins.claimed(version) and version in origins.imported
    }  # fmt: skip
    if proven:
        record_origins(archive.root, proven)
        Archive(archive.root).reindex()
    return RescoredArchive(tuple(rescored), differences, unchecked)


def _episodes(p: EvaluationProtocol, environments: Sequence[Environment]) -> Episodes:
    orders = range(p.first_order, p.first_order + p.orders)
    return grid(environments, p.betas, orders, p.max_branches, p.max_tokens)


def _differences(card: Card, logs: Logs, episodes: Episodes, recorded: Episodes) -> Iterator[str]:
    """Yield how the logs differ from the card.

    Raises:
        ForgedLog: a log contains an action that the contract forbids.
    """
    if len(logs) != len(episodes):
        yield f"its action logs have {len(logs):,} episodes, and its protocol {len(episodes):,}"
        return
    check_size(logs, episodes)
    scores = score(episodes, logs)
    found = tuple(curve(scores))
    yield from _of_curves(card.curve, found)
    if card.behaviour is not None:
        again = behaviour(scores.part(recorded), logs.part(0, len(recorded)))
        for name in Behaviour.model_fields:
            if getattr(card.behaviour, name) != getattr(again, name):
                claimed, here = getattr(card.behaviour, name), getattr(again, name)
                yield f"its card claims a {name} of {claimed}, and its action logs give {here}"


def check_size(logs: Logs, episodes: Episodes) -> None:
    """Check that no episode has more records than actions are possible: longer logs would need much memory.

    Call it before logs of somebody else are scored.

    Raises:
        ForgedLog: one has.
    """
    most_probes = max(int(env.probes.max()) for env in episodes.environments)
    most = episodes.max_branches * (2 * most_probes + 5)
    steps = np.diff(logs.record_offsets)
    ends = len(logs.record_offsets) == len(logs) + 1 and int(logs.record_offsets[0]) == 0
    lengths = {int(logs.record_offsets[-1]), len(logs.verbs), len(logs.repeats), len(logs.counts)} if ends else set()
    if len(lengths) != 1 or bool((steps < 0).any()) or int(logs.counts.sum(dtype=np.int64)) != len(logs.indices):
        raise ForgedLog("columns that do not fit together", 0)
    if bool((steps > most).any()) or bool((logs.counts > episodes.max_branches).any()):
        raise ForgedLog("more actions than are possible", int(np.argmax(steps)))


def _of_curves(claimed: Sequence[Point], found: Sequence[Point]) -> Iterator[str]:
    if len(claimed) != len(found):
        yield f"its card has {len(claimed)} points, and its action logs give {len(found)}"
        return
    for before, here in zip(claimed, found, strict=True):
        if before != here:
            place = f"at beta {here.beta:g} on {here.environment}"
            yield (
                f"{place} its card claims {before.accuracy_pct:.2f}% for {before.mean_tokens:,.1f} tokens, and its "
                f"action logs give {here.accuracy_pct:.2f}% for {here.mean_tokens:,.1f}"
            )
