"""The text that a client receives."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotts.agent.serve.final_text import FinalText, answer_text, cut, final_text, split_thoughts
from autotts.agent.serve.served_answer import vote
from autotts.envs.answers.extraction import extraction
from autotts.envs.live.families import FAMILIES, ModelFamily

BOX = "\n</think>\n\nFinal answer: \\boxed{"


@dataclass
class Branch:
    text: str
    tokens: int
    answer: str | None
    finished: bool = True
    pruned: bool = False
    lost: str = ""


BRANCHES = [
    Branch("<think>\nlong\n</think>\n\nIt is 2.", 50, "2"),
    Branch("short\n</think>\nSo 2.", 20, "2"),
    Branch("3", 5, "3"),
    Branch("not yet", 10, "2", finished=False),
]


def test_the_shortest_finished_branch_is_visible_behind_its_thoughts() -> None:
    assert final_text(BRANCHES, "2", BOX) == FinalText("So 2.", "short", "branch", 1)
    assert final_text(BRANCHES[:1], "2", BOX) == FinalText("It is 2.", "long", "branch", 0)
    assert final_text(BRANCHES, "3", BOX) == FinalText("3", "", "branch", 2)


def test_an_answer_of_a_probe_stands_in_the_words_of_the_suffix() -> None:
    assert final_text(BRANCHES[3:], "2", BOX) == FinalText("Final answer: \\boxed{2}", "", "probe", None)
    silent = Branch("thoughts \\boxed{2}\n</think>\n", 9, "2")
    assert final_text([silent], "2", BOX).content == "Final answer: \\boxed{2}"


def test_without_an_answer_the_first_finished_branch_speaks() -> None:
    assert final_text(BRANCHES, None, BOX).content == "It is 2."
    assert final_text(BRANCHES[3:], None, BOX) == FinalText("not yet", "", "no answer", 0)
    assert final_text([], None, BOX) == FinalText("", "", "no answer", None)


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (BOX, "Final answer: \\boxed{42}"),
        ("\nI stop here.\n</think>\n\nThe answer is:", "The answer is: 42"),
        ('\n{"answer": ["', '{"answer": ["42]}'),
        ("\n</think>\n\n", "\\boxed{42}"),
        ("", "\\boxed{42}"),
    ],
)
def test_brackets_of_the_suffix_are_closed(suffix: str, expected: str) -> None:
    assert answer_text("42", suffix) == expected


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.sampled_from(FAMILIES))
def test_the_text_of_a_probe_is_read_as_the_same_answer(answer: str, family: ModelFamily) -> None:
    reader = extraction("--extract", "boxed")
    assert reader is not None
    assert reader.find(answer_text(answer, family.probe_suffix))[0] == answer


@given(st.text(), st.text())
def test_thoughts_and_visible_text_are_parts_of_the_branch(before: str, after: str) -> None:
    thoughts, visible = split_thoughts(f"{before}</think>{after}")
    assert (thoughts in before and visible in after) or "</think>" in after
    assert split_thoughts(visible)[0] == "" and visible == visible.strip()


def test_a_stop_text_cuts_the_visible_part() -> None:
    assert cut("one two three", ("three", "two")) == "one " and cut("one", ()) == "one" and cut("one", ("x",)) == "one"


def test_votes_of_an_answer_and_of_the_second() -> None:
    found = vote({0: "a", 1: "b", 2: "a", 3: None, 4: "a"}, "a")
    assert (found.votes, found.second, found.voters, found.confidence) == (3, 1, 4, 0.8125)
    assert vote({0: "a"}, "b").votes == 0 and vote({}, None).confidence is None
