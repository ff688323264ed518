"""Files of questions: which fields are found, which rows are refused, and how messages come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.errors import InputError
from autotts.envs.live.collecting.questions import QuestionOptions, messages_of, read_questions


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2 + 2?"}]


@pytest.mark.parametrize(
    ("row", "text", "gold"),
    [
        ({"question": "2 + 2?", "answer": 4}, "2 + 2?", "4"),
        ({"problem": "2 + 2?", "solution": "4.0"}, "2 + 2?", "4"),
        ({"prompt": [{"role": "user", "content": "2 + 2?"}], "target": "4"}, "2 + 2?", "4"),
        ({"messages": CHAT, "gold": "4"}, json.dumps(CHAT), "4"),
        ({"question": "2 + 2?"}, "2 + 2?", None),
        ({"question": "?", "text": "shadowed"}, "?", None),
    ],
)  # fmt: skip
def test_fields_are_found_by_their_usual_keys(row: dict[str, Any], text: str, gold: str | None, tmp_path: Path) -> None:
    found = read_questions(written(tmp_path / "q.jsonl", [row]), QuestionOptions())
    assert [(question.text, question.gold) for question in found.questions] == [(text, gold)]
    assert found.has_gold == (gold is not None)
    assert messages_of(text) == found.questions[0].messages


def test_options_name_other_fields_and_shape_the_message(tmp_path: Path) -> None:
    file = written(tmp_path / "q.jsonl", [{"a": {"b": "2 + 2?"}, "c": "so it is #### 4", "answer": "no"}])
    options = QuestionOptions(
        mapping={"question": "a.b", "gold_answer": "c"}, template="Q: {question}\nA:", system="Think.",
        extract_gold=extraction("--extract-gold", "number"),
    )  # fmt: skip
    question = read_questions(file, options).questions[0]
    assert question.gold == "4" and question.text == "2 + 2?"
    assert question.messages == (
        {"role": "system", "content": "Think."}, {"role": "user", "content": "Q: 2 + 2?\nA:"},
    )  # fmt: skip
    with pytest.raises(InputError, match="would not see"):
        read_questions(file, QuestionOptions(template="Answer!"))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([{"question": "a"}, {"id": 7}, {"question": " "}], r"2 of 3 rows have no question \(line 2, line 3\)"),
        ([{"question": "a", "answer": 1}, {"question": "a", "answer": 2}], "1 of 2 rows repeat a question with"),
        ([{"question": "a", "answer": 1}, {"question": "b"}], "1 of 2 rows have no gold answer, though others do"),
        ([{"question": "a", "answer": "1"}, {"question": "b", "answer": "so\n#### 1"}], r"short answer \(line 2: 'so"),
        ([{"question": "a", "answer": "ERR"}, {"question": "b", "answer": "1"}], "1 of 2 rows have a gold answer"),
        ([], "there is no question"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used_are_counted_and_named(rows: list[Any], why: str, tmp_path: Path) -> None:
    file = written(tmp_path / "q.jsonl", rows)
    with pytest.raises(InputError, match=why) as raised:
        read_questions(file, QuestionOptions())
    assert len(str(raised.value).splitlines()) == 1
    if rows:
        kept = read_questions(file, QuestionOptions(allow_skips=True))
        assert len(kept.questions) == 1 and kept.notes[0].startswith("left out: ")


def test_gold_must_be_one_that_the_extraction_finds(tmp_path: Path) -> None:
    file = written(tmp_path / "q.jsonl", [{"question": f"{n}?", "answer": answer} for n, answer in enumerate("AB2")])
    for kind in ("choice", "number"):
        with pytest.raises(InputError, match=r"of 3 rows have a gold answer that cannot be read as .*line"):
            read_questions(file, QuestionOptions(extract=extraction("--extract", kind)))


def test_repeated_questions_are_asked_once_and_the_beginning_can_be_taken(tmp_path: Path) -> None:
    file = written(tmp_path / "q.jsonl", [{"question": text} for text in "aabc"])
    found = read_questions(file, QuestionOptions(most=2))
    assert [question.text for question in found.questions] == ["a", "b"]
    assert found.notes == ["1 row left out, as they repeat a question"]


def test_data_set_and_table_are_read(tmp_path: Path) -> None:
    samples = Path(__file__).parents[2] / "importing" / "samples"
    for path in (samples / "datasets" / name for name in ("rows.parquet", "saved", "rows.csv")):
        split = "test" if path.is_dir() else None
        found = read_questions(path, QuestionOptions(split=split, allow_skips=True))
        assert found.questions and found.has_gold
    with pytest.raises(InputError, match="no such file of questions"):
        read_questions(tmp_path / "no.jsonl", QuestionOptions())
