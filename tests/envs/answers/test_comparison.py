"""Equal answers of a question become one at import; nothing else changes."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from autotts.agent.cli.main import main
from autotts.envs import catalogue, store
from autotts.envs.answers import default, equivalences
from autotts.envs.answers.comparison import compare_answers
from autotts.envs.answers.default import default_kind
from autotts.envs.importing import importer, jsonl, published
from autotts.envs.importing.options import ImportOptions
from autotts.envs.store import Environment

from ...environments import environment, random_environment
from ..importing.files import LINE, branches, read
from ..importing.files import jsonl as write

SHARED = Path(__file__).parents[4] / "shared"


def lines(gold: str, *answers: str, question: str = "q") -> list[dict[str, Any]]:
    return [LINE | {"question": question, "gold_answer": gold, "final_answer": answer} for answer in answers]


def finals(env: Environment | None) -> list[list[str | None]]:
    assert env is not None
    return [[answer for answer, _ in found] for _, found in branches(env)]


def test_equal_answers_of_a_question_become_one_and_the_gold_answer_represents_its_class(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl",
        *lines("1/2", "0.5", r"\frac{1}{2}", "2", "2.0", "50%"),
        *lines("0.5", "1/2", "2.0", question="another"),
        *lines("7", "8", "9", question="third"),
    )
    env, report = read(path)
    assert finals(env) == [["1/2", "1/2", "2", "2", "1/2"], ["0.5", "2.0"], ["8", "9"]]
    assert env is not None and env.answers == "number"
    assert report.answers is not None and (report.answers.merged, report.answers.questions) == (5, 2)
    assert (
        "compared as numbers (all gold answers are numbers; --answers exact|text|number|choice|math|"
        in report.lines()[0]
    )
    assert "such as `0.5` with the gold answer `1/2` in question 0" in report.lines()[0]
    assert report.document()["answers"]["kind"] == "number"


def test_probe_answers_are_compared_too_and_absent_ones_stay_absent(tmp_path: Path) -> None:
    line = {"gold_answer": "1000", "final_answer": None, "probe_freq": 100, "probe_answers": ["1,000", None, "$1000"]}
    env, _ = read(write(tmp_path / "x.jsonl", LINE | line))
    assert env is not None and env.probe_answers.tolist() == [1, 0, 1] and env.vocabulary == ("ERR", "1000")


def test_answers_that_a_file_marks_as_right_represent_the_gold_answer_too(tmp_path: Path) -> None:
    half = LINE | {"gold_answer": "seven", "probe_freq": 100, "probe_answers": ["VII."]}
    path = write(tmp_path / "x.jsonl", half | {"final_answer": "vii", "correct": True}, half | {"final_answer": "7"})
    env, _ = read(path, answers="number")
    assert env is not None and finals(env) == [["seven", "seven"]] and (env.probe_answers == env.gold[0]).all()


def test_without_equal_answers_an_environment_keeps_its_content_and_hash() -> None:
    for seed in range(20):
        env = random_environment(Random(seed))
        made, comparison = compare_answers(env, "text")
        assert made.hash == env.hash and made.vocabulary == env.vocabulary and not comparison.merged
        assert made.answers == "text" and env.answers == "exact"


def test_the_kind_is_kept_in_the_file_and_leaves_exact_files_as_they_always_were(tmp_path: Path) -> None:
    env = environment([["AB.", "."], ["A"]], None, ["A", "B"])
    store.save(env, tmp_path / "exact")
    made, _ = compare_answers(env, "text")
    store.save(made, tmp_path / "text")
    assert store.load(tmp_path / "text").answers == "text" and store.load(tmp_path / "exact").answers == "exact"
    assert b'"answers"' not in (tmp_path / "exact").read_bytes()
    assert (tmp_path / "exact").read_bytes() != (tmp_path / "text").read_bytes()
    assert store.load(tmp_path / "text").hash == env.hash


def test_merged_answers_survive_a_round_trip_through_jsonl(tmp_path: Path) -> None:
    env, _ = read(write(tmp_path / "x.jsonl", *lines("3", "2.0", "2", "3.0", "x"), *lines("2", "2.0", question="r")))
    assert env is not None
    (tmp_path / "y.jsonl").write_text("".join(jsonl.write(env)))
    again, report = read(tmp_path / "y.jsonl")
    assert again is not None and (again.hash, again.answers) == (env.hash, "number")
    assert "its lines say so" in report.lines()[0]
    exactly = environment([["A"]], None, ["B"])
    (tmp_path / "z.jsonl").write_text("".join(jsonl.write(exactly)))
    found, _ = read(tmp_path / "z.jsonl")
    assert found is not None and found.answers == "exact"


def test_look_alikes_that_are_left_apart_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", *lines("3", "4"), *lines("1/2", r"\frac{1}{2}", "2", "2.0", question="r"))
    _, report = read(path, answers="exact")
    warning = report.lines()[-1]
    assert r"`1/2` and `\frac{1}{2}` in question 1 are left apart by --answers exact" in warning
    assert "2 such pairs in 1 question" in warning and "--answers number puts them together" in warning
    assert report.document()["answers"]["look_alikes"] == 2
    _, report = read(path, answers="text")
    assert "left apart by --answers text" in report.lines()[-1]
    _, report = read(path, answers="number")
    assert "left apart" not in "".join(report.lines())
    _, report = read(write(tmp_path / "y.jsonl", *lines("B", "(b)", "C")), answers="exact")
    assert "--answers choice puts them together" in report.lines()[-1]


@pytest.mark.parametrize(
    ("golds", "kind", "reason"),
    [
        (["1", "2,000", "3/4"], "number", "all gold answers are numbers"),
        (["033", "204"], "number", "all"),
        (["A", "(b)", "C"], "choice", "letters"),
        ([r"\frac{1}{2}", "3", r"\text{Evelyn}"], "number", "numbers"),
        ([r"\frac{\pi}{2}", "3", r"\text{Evelyn}"], "math", "1 of 3 gold answers are formulas"),
        (["x^2 + 1", "3"], "math", "formulas"),
        (["(1, 2]", "3"], "math", "formulas"),
        (["2", "3", "Paris"], "number", "2 of 3"),
        (["Paris", "London", "yes/no", "and/or", "1945"], "text", "neither"),
        (["Paris", "H2O"], "text", "words"),
    ],
)
def test_the_default_comes_from_the_gold_answers(golds: list[str], kind: str, reason: str) -> None:
    assert default_kind(golds)[0] == kind and reason in default_kind(golds)[1]


def test_letters_are_options_only_if_the_answers_bear_it_out() -> None:
    assert default_kind(["a", "b"], ["a", "b", "(a)", "c"])[0] == "choice"
    assert default_kind(["a", "b"], ["a", "b", "2a", "a + b", "x^2"])[0] == "text"


def test_without_the_packages_of_math_the_default_says_what_is_used_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(default, "math_is_installed", lambda: False)
    monkeypatch.setattr(equivalences, "find_spec", lambda name: None)
    env, report = read(write(tmp_path / "x.jsonl", *lines(r"\sqrt{2}", "2", "2.0")))
    assert finals(env) == [["2", "2"]]
    assert (
        "compared as numbers (1 of 1 gold answers are formulas, but --answers math needs math-verify: pip install"
        in (report.lines()[0])
    )
    with pytest.raises(importer.InputError, match="pip install"):
        read(tmp_path / "x.jsonl", answers="math")


@pytest.mark.data
@pytest.mark.skipif(not (SHARED / "replay").is_dir(), reason="the published replay data is not beside the repository")
def test_published_recordings_are_compared_exactly_unless_asked(tmp_path: Path) -> None:
    path = SHARED / "replay" / "aime24" / "Qwen3-4B.json"
    before = published.read(path, "a/b")
    env, report = importer.read([path], "a/b")
    assert env is not None and env.hash == before.hash
    store.save(before, tmp_path / "before")
    store.save(env, tmp_path / "after")
    assert (tmp_path / "before").read_bytes() == (tmp_path / "after").read_bytes()
    assert (
        "character by character (a published recording keeps its hash; all gold answers are numbers"
        in report.lines()[0]
    )
    assert "left apart by --answers exact" in report.lines()[-1]
    merged, report = importer.read([path], "a/b", options=ImportOptions(answers="number"))
    assert merged is not None and merged.hash != env.hash and merged.answers == "number"
    assert np.array_equal(
        merged.final_answers == np.repeat(merged.gold, 128), env.final_answers == np.repeat(env.gold, 128)
    )


def test_the_command_takes_the_kind_reports_it_and_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "x.jsonl", *lines("B", "(B)", "The answer is b.", "C"))
    data = ["--data", str(tmp_path / "data")]
    arguments = ["env", "import", str(path), "--name", "a/b", *data, "--json", str(tmp_path / "report.json")]
    assert main([*arguments, "--answers", "exact"]) == 0
    shown = capsys.readouterr().out
    assert "answers: compared character by character (--answers exact)" in shown
    assert "look-alikes: `B` and `(B)`" in shown
    assert main([*arguments, "--replace"]) == 0
    assert "answers: compared as options (all gold answers are letters of options; --answers" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["answers"]["merged"] == 2
    assert main(["env", "show", "a/b", *data]) == 0
    shown = capsys.readouterr().out
    assert "  answers        compared as options" in shown and "66.7% right" in shown
    assert main([*arguments, "--replace", "--answers", "guess"]) == 2
    error = capsys.readouterr().err
    assert "--answers guess: use one of exact, text" in error and error.count("\n") == 1
    assert store.load(catalogue.path_of(tmp_path / "data", "a/b")).answers == "choice"
