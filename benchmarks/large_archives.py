"""An archive of many versions in a directory or in PostgreSQL, and the seconds that lists and choices take on it.

Used by `python -m benchmarks.growth --versions 100000 --store postgresql`. The versions are copies of those of the
shipped archive `evolve` with other figures; their files are written without waiting for the disk.
"""

from __future__ import annotations

import json
import random
import time
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from autotts.agent import population
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.index import ArchiveIndex
from autotts.agent.archive.layout import CARD, MANIFEST, SOURCE, sha256
from autotts.agent.archive.overview import overview_of
from autotts.agent.archive.run_directory import RunConfig
from autotts.agent.archive.shipped import DISCOVERED
from autotts.agent.archive.storage.addresses import archive_of, located
from autotts.agent.archive.storage.stored_path import AnyPath, StoredPath
from autotts.agent.loop.state import SlotRequest
from autotts.agent.loop.step_context import StepContext
from autotts.agent.population.overfitting.beliefs import BeliefCache, with_beliefs
from autotts.agent.population.overfitting.contributions import Contribution, PanelCells
from autotts.agent.population.parents import choose_parents
from autotts.agent.population.program_form import program_shape
from autotts.agent.records.belief import Belief
from autotts.agent.records.card import Card
from autotts.agent.records.index_row import IndexRow
from autotts.agent.records.version import ScalingCurve

from .processor_time import Clock

POPULATION = 16
QUESTIONS = 30
GROUPS = 32
"""Groups of questions behind a belief, as with 30 questions or more."""
_TOGETHER = 2000


def measure(store: str, versions: int, home: Path) -> None:
    """Build the archive, and print the seconds of each question to it.

    Args:
        store: ``directory`` or ``postgresql``.
        versions: number of versions.
        home: directory of the run; PostgreSQL keeps its run in a database that is dropped in the end.
    """
    with ExitStack() as stack:
        place: AnyPath = home
        clock = Clock()
        if store == "postgresql":
            from tests.postgres.server import running_postgres

            server = stack.enter_context(running_postgres())
            clock = Clock(server.pid)
            place = located(f"{server.url(server.new_database())}/large")
        began = time.perf_counter()
        cards = list(_cards(versions))
        build(archive_of(place), cards, place)
        print(f"{versions:,} versions in {store}, made in {time.perf_counter() - began:.0f} s", flush=True)
        _ask(place, cards, clock)


def _ask(place: AnyPath, cards: list[Card], clock: Clock) -> None:
    root = archive_of(place)
    clock.title()
    clock.command("autotts lineage, whole process", ["lineage", "--archive", str(root)])
    clock.command("autotts status, whole process", ["status", str(place)])
    clock.application(["--archive", str(root)], ["/api/run", "/api/lineage"])
    plain, known = known_beliefs(cards)
    clock.timed("beliefs of a generation", lambda: with_beliefs(plain, lambda version: None, known))
    believed = with_beliefs(plain, lambda version: None, known)
    clock.timed("parent choice of a generation, given beliefs", lambda: parent_choice(believed, _config_of()))
    clock.timed("the overview, computed anew from all rows", lambda: overview_of(ArchiveIndex(root).view().rows))


def known_beliefs(cards: Sequence[Card]) -> tuple[list[Card], BeliefCache]:
    """Return the cards without beliefs, and what a driver knows of them after the generation before the last one."""
    plain, chance = [card.model_copy(update={"belief": None}) for card in cards], np.random.default_rng(0)
    question = np.tile(np.arange(QUESTIONS, dtype=np.int32), 4)
    cells = PanelCells(("a", "b", "c", "d"), np.repeat(np.arange(4, dtype=np.int32), QUESTIONS), question)
    at, known = population.budgets(plain), BeliefCache()
    for card in plain:
        if card.ok:
            values = chance.normal(60, 20, len(question))
            known.contributions[card.id] = Contribution(cells, values, at.tobytes(), card.protocol.simulated)
    known.measured([card for card in plain[:-POPULATION] if card.ok], at)
    return plain, known


def parent_choice(cards: Sequence[Card], config: RunConfig) -> None:
    """Choose the parents of a generation among cards in memory, as a run does: credits, islands, parents."""
    request = SlotRequest(
        generation=cards[-1].generation + 1, step="propose", pending=[], slot=0, island=0, count=POPULATION
    )
    context = StepContext.of(request, cards, cards, config, None)
    members = context.island_members(0, config.islands)
    shapes = lambda version: program_shape(_SOURCE)  # noqa: E731
    chosen = choose_parents(members, POPULATION, 0, True, context.objectives, shapes, context.arms)
    assert len(chosen) == POPULATION and context.credits


_SOURCE = "class A:\n    def solve(self, question):\n        return None\n"


def _cards(versions: int) -> Iterator[Card]:
    """Yield lean cards with beliefs, by generation and id."""
    shipped = Archive(DISCOVERED / "evolve").cards()
    start, found = ([card for card in shipped if (card.generation > 0) == later] for later in (False, True))
    chance, noise = random.Random(0), np.random.default_rng(0)
    ids: list[str] = []
    for number in range(versions):
        base = start[number] if number < len(start) else found[number % len(found)]
        generation = 0 if number < len(start) else 1 + number // POPULATION
        values = base.mean_curve.values.copy()
        if generation and len(values):
            values[:, 1] = np.clip(values[:, 1] + noise.normal(0, 2), 0, 100)
            values[:, 2] *= np.exp(noise.normal(0, 0.05))
        curve = ScalingCurve(values)
        belief = Belief(curve, 1.0, 0.5, array("d", noise.normal(0, 1, GROUPS))) if base.ok else None
        id = base.id if not generation else f"g{generation:04d}-{number:08x}"
        parents = (chance.choice(ids[-200:]),) if generation else ()
        card = base.model_copy(update={"id": id, "generation": generation, "parents": parents, "belief": belief})
        card.__dict__["mean_curve"] = curve
        ids.append(id)
        yield card


def build(root: AnyPath, cards: list[Card], home: AnyPath) -> None:
    """Write the versions and the derived files of the archive."""
    template = Archive(DISCOVERED / "evolve").card(next(card.id for card in cards if card.ok and card.generation == 0))
    _config(home)
    source, rows = _SOURCE.encode(), [IndexRow.of(card) for card in cards]
    for first in range(0, len(cards), _TOGETHER):
        some = cards[first : first + _TOGETHER]
        files = []
        for card in some:
            update = {"id": card.id, "generation": card.generation, "parents": card.parents, "verdict": card.verdict}
            content = {CARD: template.model_copy(update=update).model_dump_json(indent=1).encode(), SOURCE: source}
            manifest = {name: sha256(data) for name, data in content.items()}
            files.append(content | {MANIFEST: json.dumps(manifest, indent=1).encode()})
        if isinstance(root, StoredPath):
            _insert(root, some, files, rows[first : first + _TOGETHER])
        else:
            for card, content in zip(some, files, strict=True):
                (root / card.id).mkdir(parents=True)
                for name, data in content.items():
                    (root / card.id / name).write_bytes(data)
    Archive(root).write_derived(rows)


def _config_of() -> RunConfig:
    protocol = Archive(DISCOVERED / "evolve").cards()[0].protocol
    return RunConfig(environments=dict(protocol.environments), generations=100_000, population=POPULATION)


def _config(home: AnyPath) -> None:
    config = _config_of()
    if isinstance(home, Path):
        home.mkdir(parents=True, exist_ok=True)
    (home / "config.json").write_bytes(config.model_dump_json(indent=1).encode())


def _insert(root: StoredPath, cards: list[Card], files: list[dict[str, bytes]], rows: list[IndexRow]) -> None:
    """Add versions in one transaction, as `PostgresStorage.add` does one by one."""
    import hashlib

    from autotts.agent.archive.storage.postgres.rows import insert_version
    from autotts.agent.archive.storage.postgres.storage import PostgresStorage

    storage = root.storage
    assert isinstance(storage, PostgresStorage)
    place = storage.made()

    def work(connection: Any) -> None:
        for card, content, row in zip(cards, files, rows, strict=True):
            insert_version(connection, place, card.id, hashlib.sha256(content[MANIFEST]).digest(), row)
        blobs = {hashlib.sha256(data).digest(): data for content in files for data in content.values()}
        cursor = connection.cursor()
        query = "INSERT INTO autotts.blobs (sha256, data) VALUES (%s, %s) ON CONFLICT DO NOTHING"
        cursor.executemany(query, list(blobs.items()))
        cursor.executemany(
            "INSERT INTO autotts.version_files (storage, version, name, sha256) VALUES (%s, %s, %s, %s)",
            [
                (place, card.id, name, hashlib.sha256(data).digest())
                for card, content in zip(cards, files, strict=True) for name, data in content.items()
            ],
        )  # fmt: skip

    storage.server.run(work)
