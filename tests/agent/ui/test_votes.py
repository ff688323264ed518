"""The vote on the page Trace: what the log shows of it, and whether the controller's own weights decided."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import Opens

pytestmark = pytest.mark.browser


@pytest.fixture
def page(watch: Opens, small_link: str) -> Page:
    return watch(small_link).open("compare", "#difference")


def branch(cells: list[int], seen: list[int], pruned: int = -1, ended: int = -1) -> dict[str, Any]:
    return {"cells": cells, "seen": seen, "pruned": pruned, "ended": ended}


BRANCHES = [
    branch([1, 1, 1], [0, 1, 2], ended=2),
    branch([2, 2], [0, 1], ended=1),
    branch([1, 2, 2], [0, 1, -1]),
    branch([3, 3], [0, 1], pruned=2),
    branch([2], [-1]),
]  # fmt: skip


def vote(page: Page, step: int, answer: int) -> tuple[list[dict[str, Any]], str]:
    """Return the rows after a step, and the sentence about the answer given."""
    episode = {"branches": BRANCHES, "answer": answer}
    rows, told = page.evaluate(
        "async ([episode, step]) => { const { tally, verdict } = await import('/static/vote.js');"
        " const rows = tally(episode, step); return [rows, verdict(episode, rows, (a) => `answer ${a}`)]; }",
        [episode, step],
    )
    return rows, told


def test_votes_are_counted_by_what_became_of_each_branch(page: Page) -> None:
    rows, _ = vote(page, 2, 1)
    assert [(row["answer"], row["votes"]) for row in rows] == [(2, 2), (1, 1), (3, 0)]
    second, first, third = rows
    assert (first["finished"], first["running"], first["pruned"], first["depth"]) == (1, 0, 0, 3)
    assert (second["finished"], second["running"], second["depth"]) == (1, 1, 2)
    assert (third["pruned"], third["depth"]) == (1, None)
    assert [round(row["share"]) for row in rows] == [67, 33, 0]


def test_earlier_steps_know_nothing_of_later_ones(page: Page) -> None:
    rows, _ = vote(page, 0, 1)
    assert {row["answer"]: (row["running"], row["finished"], row["pruned"]) for row in rows} == {
        1: (2, 0, 0), 2: (1, 0, 0), 3: (1, 0, 0),
    }  # fmt: skip


def test_answer_with_fewer_votes_came_from_the_controllers_own_weights(page: Page) -> None:
    assert "its own weights or rules decided" in vote(page, 2, 1)[1]
    assert "a plain majority gives the same" in vote(page, 2, 2)[1]
    assert "(0): its own weights" in vote(page, 2, 3)[1]
    assert vote(page, 2, 0)[1] == "The controller gave no answer."


def test_vote_stands_below_the_picture(watch: Opens, small_link: str) -> None:
    page = watch(small_link).open("trace/g001-child", "#votes-g001-child")
    expect(page.locator("#verdict-g001-child")).to_contain_text("votes")
    expect(page.locator("section[aria-label='The vote of g001-child']")).to_contain_text("no log holds them")
    page.get_by_role("button", name="First step").click()
    expect(page.locator("#verdict-g001-child")).to_have_count(0)
