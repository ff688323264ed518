"""What `evolve` writes of a genome today acts as what it wrote earlier, which the shipped archive keeps."""

from __future__ import annotations

import random

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.champions import champion, champion_names, champion_source, found_source
from autotts.agent.archive.shipped import shipped_root
from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.explorers.evolve.genome import Genome
from autotts.agent.explorers.evolve.render import render
from autotts.agent.records.explorer import Brief
from autotts.agent.records.version import BriefVersion
from autotts.envs.contract.controller import answer_without_tokens
from autotts.envs.contract.replay import Recording, ReplayQuestion, shuffled
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.outcome import Candidate
from tests.agent.explorers.evolve.test_evolve import compiled

ARCHIVE = Archive(shipped_root("shipped:evolve"))
EVOLVED = {card.id: Genome.from_json(card.data["genome"]) for card in map(ARCHIVE.card, ARCHIVE.ids()) if card.data}


def played(source: str, recording: Recording, rng: random.Random) -> tuple[str | None, bytes]:
    """Return the answer and the log of an episode; the same ``rng`` draws the same episode."""
    question = ReplayQuestion(
        recording,
        shuffled(len(recording.total_tokens), rng.randrange(1000)),
        rng.choice((4, 20, 64)),
        rng.choice((None, None, 30, 200, 1000)),
    )
    answer = compiled(source)(rng.choice((0.0, 0.4, 0.8, 1.0))).solve(question)
    if answer is None and question.tokens_ran_out:
        answer = answer_without_tokens(question)
    return answer, question.finish().pack()


def recording(rng: random.Random) -> Recording:
    """Return up to 40 branches that often change their minds, with intervals of ten tokens."""
    usual = rng.choice(("a", "b", None))
    columns = [
        [usual if rng.random() < 0.5 else rng.choice((None, "a", "b", "c", "d")) for _ in range(rng.randint(1, 20))]
        for _ in range(rng.randint(1, 40))
    ]
    return Recording.of(columns, [10 * len(column) - 3 for column in columns], 10, rng.choice((0, 3)))


@pytest.mark.parametrize("version", EVOLVED)
def test_every_genome_acts_as_its_archived_source(version: str) -> None:
    earlier, now = ARCHIVE.source(version), render(EVOLVED[version])
    assert earlier != now, "the archive keeps what it found"
    rng = random.Random(version)
    for _ in range(12):
        branches, seed = recording(rng), rng.random()
        assert played(earlier, branches, random.Random(seed)) == played(now, branches, random.Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("name", champion_names())
def test_champions_act_as_they_were_found(name: str) -> None:
    episodes = grid(default_environments(), (0.0, 0.5, 1.0), range(2))
    with ProcessSandbox(2) as sandbox:
        logs = [
            sandbox.run(Candidate(name, each), episodes).logs for each in (found_source(name), champion_source(name))
        ]
    assert logs[0] is not None and logs[1] is not None
    ours, theirs = (each.columns() for each in logs if each is not None)
    assert all((ours[column] == theirs[column]).all() for column in ours)


def test_a_genome_whose_earlier_source_is_known_is_not_proposed_again() -> None:
    archive, version = champion("balanced")
    card = archive.card(version)
    known = BriefVersion(version, archive.source(version), (), (), dict(card.data))
    brief = Brief(3, 2, 8, (known,), (known,))
    assert champion_source("balanced") not in {each.source for each in EvolveExplorer().propose(brief)}
