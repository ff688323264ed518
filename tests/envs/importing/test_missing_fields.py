"""Files whose fields have other names: what is missing, the options that are suggested, and paths that lead nowhere."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.cli.main import main
from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError

from .files import LINE, jsonl, read

MAP = {"question": "prompt", "gold_answer": "reference", "text": "response", "total_tokens": "num_completion_tokens"}


def generations(answers: int = 3) -> list[dict[str, Any]]:
    """Return lines as another program writes them: two questions with a box, and two with options."""
    texts = [r"so \boxed{4}", r"so \boxed{7}", "The answer is (B).", "The answer is (C)"]
    return [
        {"prompt_id": f"p-{q}", "prompt": f"q{q}", "response": text, "num_completion_tokens": 90, "reference": gold}
        for q, (text, gold) in enumerate(zip(texts, ["4", "7", "B", "C"], strict=True))
        for _ in range(answers)
    ]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_all_missing_fields_are_named_at_once_with_a_command_that_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(generations()[0]))
            writer.writeheader()
            writer.writerows(generations())
    else:
        jsonl(path, *generations())
    given = ["env", "import", str(path), "--name", "a/b", "--data", str(tmp_path)]
    assert main(given) == 2
    problem = capsys.readouterr().err
    assert problem.count("\n") == 1
    assert all(f"no {field}" in problem for field in ("question", "gold_answer", "final_answer", "total_tokens"))
    words = problem.strip().partition("; try: autotts ")[2].split()
    assert words == [
        *given, "--map", "question=prompt", "gold_answer=reference", "question_id=prompt_id", "text=response",
        "total_tokens=num_completion_tokens", "--extract", "boxed", "choice",
    ]  # fmt: skip
    assert main(words) == 0
    assert "one in 12 of 12 texts (boxed 6, choice 6)" in capsys.readouterr().out


def test_suggestions_fit_the_file(tmp_path: Path) -> None:
    def words(line: dict[str, Any], **options: Any) -> str:
        return " ".join(read(jsonl(tmp_path / "x.jsonl", line, line), **options)[1].suggestion)

    line = generations()[0]
    assert words(line | {"text": "I say 4"}).endswith("total_tokens=num_completion_tokens --extract number")
    assert words(line, mapping={"question": "prompt"}).startswith("--map gold_answer=reference text=response")
    bare = {key: value for key, value in line.items() if key != "num_completion_tokens"}
    assert words(bare).endswith("text=response --extract boxed --tokens chars/4")
    assert "total_tokens=usage.completion_tokens" in words(bare | {"usage": {"completion_tokens": 7}})
    several = bare | {"response": ["I say 4", "I say 5"], "completion_tokens": 99}
    assert words(several).endswith("text=response.* --extract number --tokens chars/4"), "99 tokens are those of both"
    assert not words({"prompt": "q", "n": 3}), "nothing is suggested that lacks a field"
    assert not words(LINE)


def test_a_path_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x.jsonl", *generations())
    with pytest.raises(InputError) as error:
        read(path, mapping=MAP | {"gold_answer": "answer", "branch": "n"}, extract=extraction("", "boxed"))
    assert "no line has the key `answer` (--map gold_answer=answer); no line has the key `n`" in str(error.value)
    assert str(error.value).endswith("keys: prompt_id, prompt, response, num_completion_tokens, reference")
    path = jsonl(tmp_path / "y.jsonl", *[line | {"n": None} for line in generations()], generations()[0] | {"n": 5})
    env, _ = read(path, mapping=MAP | {"branch": "n"}, extract=extraction("", "boxed"))
    assert env is not None, "a key that some lines have is no error"
    path = jsonl(tmp_path / "z.jsonl", *generations(), {"prompt": "q9", "response": "4"})
    env, report = read(path, mapping=MAP, extract=extraction("", "boxed"))
    assert "no gold_answer at `reference` (--map gold_answer=reference); no total_tokens at `num_" in report.first()


def test_several_ways_to_extract_are_tried_in_order(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "x.jsonl", *generations())
    env, report = read(path, mapping=MAP, extract=extraction("", "boxed"))
    [warning] = report.warnings
    assert env is not None and warning.name == "unanswered-questions"
    assert "in 2 questions no branch has an answer, such as question 2; --extract boxed choice" in warning.text
    env, report = read(path, mapping=MAP, extract=extraction("", "boxed", "choice", r"(\d)"))
    assert env is not None and not report.warnings and env.vocabulary[1:] == ("4", "7", "B", "C")
    assert r"one in 12 of 12 texts (boxed 6, choice 6, (\d) 0)" in report.notes[0]
    with pytest.raises(InputError, match="--extract: boxed is named twice"):
        extraction("--extract", "boxed", "boxed")


def test_an_option_of_several_ways_may_be_repeated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = jsonl(tmp_path / "x.jsonl", *generations())
    given = ["env", "import", str(path), "--name", "a/b", "--data", str(tmp_path), "--replace"]
    maps = [word for field, key in MAP.items() for word in ("--map", f"{field}={key}")]
    for ways in (["--extract", "boxed", "choice"], ["--extract", "boxed", "--extract", "choice"]):
        assert main([*given, *maps, *ways]) == 0
        assert "(boxed 6, choice 6)" in capsys.readouterr().out
