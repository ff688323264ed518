"""Lines of batch outputs: every endpoint, lengths of choices, and damaged lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.importing.options import Lengths

from .files import branches, jsonl, read

LAST = extraction("--extract", "last-line")


def response(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a line of a batch output."""
    return {"custom_id": "a", "response": {"status_code": 200, "body": body}, "error": None} | more


def chat(*texts: str, tokens: int = 10, **more: Any) -> dict[str, Any]:
    choices = [{"message": {"content": text}} | more for text in texts]
    return {"choices": choices, "usage": {"completion_tokens": tokens}}


def taken(tmp_path: Path, *lines: Any, **options: Any) -> Any:
    """Return the answers and tokens of the branches, or the first reason why there are none."""
    (tmp_path / "gold.jsonl").write_text(json.dumps({"id": "a", "answer": "4"}))
    env, report = read(jsonl(tmp_path / "x.jsonl", *lines), extract=LAST, gold=tmp_path / "gold.jsonl", **options)
    return branches(env)[0][1] if env is not None else report.first()


def message(**fields: Any) -> dict[str, Any]:
    return response({"choices": [{"message": fields}], "usage": {"completion_tokens": 9}})


PARTS = [{"type": "text", "text": "so\n"}, {"type": "text", "text": "4"}]
ENDPOINTS = {
    "chat": (response(chat("so\n4")), ("4", 10)),
    "nothing said": (response(chat("")), (None, 10)),
    "parts": (message(content=PARTS), ("4", 9)),
    "thoughts": (message(content="4", reasoning="or\n5"), ("4", 9)),
    "thoughts cut off": (message(content=None, reasoning_content="or\n5"), (None, 9)),
    "completion": (response({"choices": [{"text": "4"}], "usage": {"completion_tokens": 3}}), ("4", 3)),
    "response": (
        response({"output": [{"type": "reasoning"}, {"content": PARTS}], "usage": {"output_tokens": 7}}),
        ("4", 7),
    ),
    "message": (
        {
            "custom_id": "a",
            "result": {"type": "succeeded", "message": {"content": PARTS, "usage": {"output_tokens": 8}}},
        },
        ("4", 8),
    ),
}


@pytest.mark.parametrize(("line", "found"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_the_answers_of_every_endpoint_are_read(tmp_path: Path, line: Any, found: Any) -> None:
    assert taken(tmp_path, line) == [found]


def test_lengths_of_choices_are_counted_shared_or_refused(tmp_path: Path) -> None:
    listed = response(chat("4", "5", tokens=4, logprobs={"content": [{}, {}]}))
    assert taken(tmp_path, listed) == [("4", 2), ("5", 2)]
    ids = response(chat("4", "5", tokens=6, token_ids=[1, 2, 3]))
    assert taken(tmp_path, ids) == [("4", 3), ("5", 3)]
    less = response(chat("4", "5", tokens=5, logprobs={"content": [{}, {}]}))
    assert "--tokens shared" in taken(tmp_path, less), "tokens that are not listed were generated too"
    assert taken(tmp_path, response(chat("4444", "55", tokens=10)), lengths=Lengths(shared=True)) == [
        ("4444", 6), ("55", 4),
    ]  # fmt: skip
    assert taken(tmp_path, less, lengths=Lengths(each=100)) == [("4", 100), ("5", 100)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"custom_id": "a", "response": None, "error": {"code": "batch_expired"}}, "the request failed"),
        ({"custom_id": "a", "response": {"status_code": 429, "body": {}}}, "the request failed"),
        ({"custom_id": "a", "result": {"type": "errored"}}, "the request failed"),
        ({"custom_id": "a", "response": {"status_code": 200}}, "a response without a body"),
        (response({"choices": []}), "a response without choices"),
        (response({"choices": [3]}), "a response without choices"),
        (response(chat("4", tokens=-1)), "no total_tokens"),
        ({"custom_id": "a", "body": {}}, "a request, not a response"),
        ({"custom_id": [], "response": {"status_code": 200, "body": chat("4")}}, "no question_id by which --gold"),
    ],
)
def test_lines_without_an_answer_are_skipped(tmp_path: Path, line: Any, why: str) -> None:
    assert why in taken(tmp_path, line)
