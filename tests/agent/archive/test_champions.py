"""The champions: known by name, short, lawful, and described by pages that are true of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from autotts.agent.archive import resolve
from autotts.agent.archive.archive import sha256
from autotts.agent.archive.champions import champion, champion_names, champion_source, found_source, is_shipped_source
from autotts.agent.explorers.evolve.genome import Genome
from autotts.agent.explorers.evolve.render import render
from autotts.envs.errors import InputError
from autotts.sandbox import policy
from autotts.sandbox.outcome import Candidate
from benchmarks.champion_pages import description

PAGES = Path(__file__).parents[3] / "docs" / "champions"


def test_there_are_three_champions_and_one_with_low_latency() -> None:
    assert champion_names() == ["frugal", "balanced", "accurate", "swift"]


@pytest.mark.parametrize("name", champion_names())
def test_champions_are_short_and_pass_policy_and_audit(name: str) -> None:
    archive, version = champion(name)
    source = champion_source(name)
    assert source.count("\n") < 200
    assert policy.check(source).ok
    assert archive.card(version).verdict == "ok"
    assert archive.verify() == []
    assert archive.logs(version).answer.size


@pytest.mark.parametrize("name", champion_names())
def test_page_of_a_champion_matches_its_card(name: str) -> None:
    """What it says of how it works is what the source says, and the source is what the genome renders to."""
    archive, version = champion(name)
    page, source = (PAGES / f"{name}.md").read_text(encoding="utf-8"), champion_source(name)
    assert page.startswith("\n".join(description(name, version, archive.root.name, source)))
    words = ast.get_docstring(ast.parse(source)) or ""
    assert all(point in page for point in words.split("\n\n"))
    genome = Genome.from_json(archive.card(version).data["genome"])
    assert render(genome) == source
    for constant in genome.spans:
        low, middle, high = (f"{genome.value(constant, beta):.4g}" for beta in (0.0, 0.5, 1.0))
        assert f"| `{constant}` | {low} | {middle} | {high} |" in page


def test_names_of_champions_resolve_to_controllers_and_versions() -> None:
    assert resolve.controller("balanced").source == champion_source("balanced")
    archive, version = resolve.find_version("balanced")
    assert archive.source(version) == found_source("balanced") != champion_source("balanced")


@pytest.mark.parametrize("name", champion_names())
def test_a_champion_ships_as_it_was_found_and_as_it_runs(name: str) -> None:
    for source in (champion_source(name), found_source(name)):
        assert is_shipped_source(sha256(source.encode())) and resolve.shipped([Candidate(name, source)])


def test_unknown_name_of_a_champion_is_an_error() -> None:
    with pytest.raises(InputError, match="frugal, balanced, accurate, swift"):
        champion("thrifty")
