"""Families of models, and the suffixes of their probes."""

from __future__ import annotations

import pytest

from autotts.envs.errors import InputError
from autotts.envs.live.families import FAMILIES, PLAIN, family_of, probe_suffix, suffix_after


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("Qwen/Qwen3-1.7B", "qwen"),
        ("QwQ-32B", "qwen"),
        ("Qwen3-4B-Instruct-2507", "plain"),
        ("Qwen2.5-7B-Instruct", "plain"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "deepseek"),
        ("deepseek-reasoner", "deepseek"),
        ("gpt-4.1", "plain"),
    ],
)
def test_family_follows_from_the_name_of_the_model(model: str, family: str) -> None:
    assert family_of(model).name == family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_suffix_of_a_family_is_found_by_its_name_and_opens_the_answer(family: object) -> None:
    assert probe_suffix(family.name) == family.probe_suffix  # type: ignore[attr-defined]
    assert family.probe_suffix.endswith("{")  # type: ignore[attr-defined]


def test_escapes_of_a_suffix_are_line_breaks_and_backslashes_alone() -> None:
    assert probe_suffix(r"\n</think>\n\nFinal answer: \boxed{") == "\n</think>\n\nFinal answer: \\boxed{"
    assert probe_suffix(r"so \\n is \text{") == r"so \n is \text{"


@pytest.mark.parametrize(("text", "error"), [("", "is empty"), (" ", "is empty"), ("qwn", "did you mean qwen?")])
def test_suffix_without_meaning_is_refused(text: str, error: str) -> None:
    with pytest.raises(InputError, match=error.replace("?", r"\?")):
        probe_suffix(text)


def test_a_thought_that_has_ended_is_not_ended_again() -> None:
    suffix = probe_suffix("deepseek")
    assert suffix_after("<think>one", suffix) == suffix
    assert suffix_after("<think>one</think> so", suffix) == "\n\nFinal answer: \\boxed{"
    assert suffix_after("no thoughts </think>", PLAIN.probe_suffix) == PLAIN.probe_suffix
