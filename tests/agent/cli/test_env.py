"""An imported environment in `autotts env show` and `trace --question`: ids of questions, options of the import."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs import catalogue, store
from autotts.envs.errors import InputError

from ...envs.importing.files import jsonl

NAMES = {"question": "prompt", "question_id": "id", "gold_answer": "gold", "final_answer": "said", "total_tokens": "n"}


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data root with the environment ``a/b`` of two questions with eight branches each."""
    monkeypatch.chdir(tmp_path)
    lines = [
        {"id": f"math-{q}", "prompt": f"[b]{q}?", "gold": "4", "said": "4" if b < 2 + 6 * q else "5", "n": 50 + b}
        for q in range(2)
        for b in range(8)
    ]
    maps = [f"{field}={key}" for field, key in NAMES.items()]
    path = jsonl(tmp_path / "x.jsonl", *lines)
    assert main(["env", "import", str(path), "--name", "a/b", "--data", str(tmp_path), "--map", *maps]) == 0
    capsys.readouterr()
    return tmp_path


def test_ids_of_questions_are_kept_and_accepted(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = store.load(catalogue.path_of(home, "a/b"))
    assert env.question_ids == ("math-0", "math-1") and env.label(1) == "1 (math-1)"
    assert [env.question_number(text) for text in ("1", "math-1", "math-0")] == [1, 1, 0]
    for text in ("2", "-1", "math-2", "1" * 5000):
        with pytest.raises(InputError, match="a/b has questions 0 to 1, with ids such as 'math-0', not"):
            env.question_number(text)
    assert main(["trace", "parallel_probe", "--env", "a/b", "--data", str(home), "--question", "math-1"]) == 0
    assert "a/b, question 1 (math-1), beta" in capsys.readouterr().out
    assert main(["env", "export", "a/b", "--data", str(home), "--format", "jsonl", "-o", "out.jsonl"]) == 0
    assert json.loads(Path("out.jsonl").read_text().splitlines()[-1])["question_id"] == "math-1"
    assert main(["env", "import", "out.jsonl", "--data", str(home), "--name", "a/c"]) == 0
    again = store.load(catalogue.path_of(home, "a/c"))
    assert (again.hash, again.question_ids) == (env.hash, env.question_ids)
    assert replace(env, question_ids=(), imported="").hash == env.hash, "the hash depends on scores alone"


def test_show_says_how_an_environment_was_imported(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["env", "show", "a/b", "--data", str(home), "--list-questions"]) == 0
    text = capsys.readouterr().out
    assert "imported with  --format jsonl --map question=prompt question_id=id" in text
    assert "interval       57 tokens, no probes (width only)" in text and "settled" not in text
    assert "one branch     62.5% right" in text and "majority of    4: " in text and "8: 50.0% right" in text
    assert "always solved  1 question: 1 (math-1)" in text and "never solved   no question" in text
    assert "math-0" in text and "2 of 8" in text and "[b]1?" in text


def test_figures_of_uneven_questions_are_on_the_same_questions(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {"question": "q", "gold_answer": "1", "total_tokens": 5}
    rows = [line | {"final_answer": "1"}] * 3 + [line | {"question": "r", "final_answer": "2"}] * 7
    path = jsonl(home / "y.jsonl", *rows)
    assert main(["env", "import", str(path), "--name", "a/d", "--data", str(home)]) == 0
    capsys.readouterr()
    assert main(["env", "show", "a/d", "--data", str(home), "--json", "-"]) == 0
    [shown] = json.loads(capsys.readouterr().out)
    assert shown["summary"]["majority"] == {"1": 50.0, "4": 50.0, "7": 50.0} and shown["question_ids"] == []
    assert shown["imported"] == "--format jsonl"
