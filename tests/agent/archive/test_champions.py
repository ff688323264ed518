"""The champions: known by name, short, lawful, and described by pages that are true of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agent.archive import resolve
from agent.archive.champions import champion, champion_names, champion_source
from agent.explorers.evolve.genome import Genome
from agent.explorers.evolve.render import render
from benchmarks.champion_pages import description
from envs.errors import InputError
from sandbox import policy

PAGES = Path(__file__).parents[3] / "docs" / "champions"


def test_there_are_three_champions_and_a_swift_one() -> None:
    assert champion_names() == ["frugal", "balanced", "accurate", "swift"]


@pytest.mark.parametrize("name", champion_names())
def test_a_champion_is_short_lawful_and_audited(name: str) -> None:
    archive, version = champion(name)
    source = champion_source(name)
    assert source.count("\n") < 150
    assert policy.check(source).ok
    assert archive.card(version).verdict == "ok"
    assert archive.verify() == []
    assert archive.logs(version).answer.size


@pytest.mark.parametrize("name", champion_names())
def test_a_page_is_true_of_its_champion(name: str) -> None:
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


def test_champions_are_found_by_name_wherever_a_controller_or_a_version_is() -> None:
    assert resolve.controller("balanced").source == champion_source("balanced")
    archive, version = resolve.version("balanced")
    assert archive.source(version) == champion_source("balanced")


def test_no_other_name_is_a_champion() -> None:
    with pytest.raises(InputError, match="frugal, balanced, accurate, swift"):
        champion("thrifty")
