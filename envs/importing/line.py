"""The schema of a branch: the form of a JSONL line, and of the rows of every importer."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from ..environment import FORK_RULES, MAX_PROBES, MAX_TOKENS
from .published import ABSENT_TEXT


def as_text(value: Any) -> str:
    """Return a text or a number as text.

    Raises:
        ValueError: the value is neither.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float) and math.isfinite(value):  # 4.0 means 4 in a table's column with gaps
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"must be text or a number, but is {kind(value)}")


def _branch(value: Any) -> int | str:
    return value if isinstance(value, int) and not isinstance(value, bool) else as_text(value)


def _answer(value: Any) -> str | None:
    return None if value is None or value == ABSENT_TEXT else as_text(value)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():  # a table turns 4 into 4.0 in a column with gaps
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"must be a whole number, but is {kind(value)}")
    return value


def _present(value: str) -> str:
    if value == ABSENT_TEXT:
        raise ValueError(f"is {ABSENT_TEXT}, which means an absent answer")
    return value


_NAME = {"type": ["string", "number"]}

Text = Annotated[str, PlainValidator(as_text), WithJsonSchema(_NAME)]
"""Any text that JSON can hold; a number becomes its text."""
Answer = Annotated[str | None, PlainValidator(_answer), WithJsonSchema({"type": ["string", "number", "null"]})]
"""An answer; null and "ERR" mean an absent answer."""
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS), BeforeValidator(_whole)]

_NUMBER = {"anyOf": [{"type": ["number", "null"]}, {"enum": ["Infinity", "-Infinity"]}]}
Number = Annotated[float | None, WithJsonSchema(_NUMBER)]
SignalName = Annotated[str, Field(pattern=r"^[\w.+-]{1,64}$")]
BranchName = Annotated[int | str, PlainValidator(_branch), WithJsonSchema(_NAME)]
Whole = BeforeValidator(_whole)


class BranchLine(BaseModel):
    """One branch. Other keys are ignored."""

    model_config = ConfigDict(
        title="A branch", json_schema_extra={"anyOf": [{"required": ["question"]}, {"required": ["question_id"]}]}
    )

    question_id: Text | None = Field(None, description="identifies the question; without it, the text does")
    question: Text | None = Field(None, description="the text of the question; without it, the question_id is shown")
    gold_answer: Annotated[Text, AfterValidator(_present)] = Field(
        description="the reference answer; --answers says which answers are equal to it"
    )
    branch: BranchName | None = Field(
        None, description="number or name of the branch, unique within the question; numbers give the order of branches"
    )
    final_answer: Answer = Field(description="null for none")
    total_tokens: Tokens = Field(description="tokens of the whole branch")
    probe_freq: Annotated[int, Field(ge=1, le=MAX_TOKENS), Whole] | None = Field(
        None, description="tokens between two probes; lines with several such numbers get their common multiple"
    )
    probe_answers: Annotated[list[Answer], Field(max_length=MAX_PROBES)] | None = Field(
        None, description="item k is the answer that the model gives if it is stopped after k + 1 intervals"
    )
    probe_cost: Tokens | None = Field(None, description="tokens charged for each probe: the same in all lines")
    signals: dict[SignalName, list[Number]] | None = Field(
        None, description="signals by name: one number for each probe, null for none"
    )
    final_signals: dict[SignalName, Number] | None = Field(
        None, description="signals of the finished branch by name: one number, null for none"
    )
    verifier_scores: Annotated[list[Number], Field(max_length=MAX_PROBES)] | None = Field(
        None,
        description="an external judge's score of the branch after each interval: one for each probe, null for none",
    )
    final_verifier_score: Number = Field(None, description="its score of the finished branch; null for none")
    verify_cost: Tokens | None = Field(
        None, description="tokens charged for each verification: the same in all lines, which then have a verifier"
    )
    parent_branch: BranchName | None = Field(
        None, description="the branch of the question from which this one was forked; null for none"
    )
    fork_depth: Annotated[int, Field(ge=1, le=MAX_PROBES), Whole] | None = Field(
        None, description="intervals that a fork shares with its parent; its probes and its tokens contain them"
    )
    fork_rule: Literal[FORK_RULES] | None = Field(  # type: ignore[valid-type]
        None,
        description="a fork that was not recorded is refused (recorded), or answered by the nearest one (nearest): the"
        " same in all lines, which then have forks",
    )
    correct: bool | None = Field(
        None, description="whether the answer is right, if equality is too strict; a right answer becomes gold_answer"
    )
    answers_compared: Text | None = Field(
        None, description="how answers were compared before the file was written, as --answers: the same in all lines"
    )
    text: str | None = Field(None, description="the output of the model; only --tokens and --extract use it")


FIELDS = tuple(BranchLine.model_fields)


def kind(value: object) -> str:
    """Return the type of ``value`` in words for a user."""
    names = {type(None): "null", bool: "true or false", str: "text", list: "a list", dict: "an object"}
    if isinstance(value, float):
        return "a decimal number" if math.isfinite(value) else "not finite"
    return names.get(type(value), f"of type {type(value).__name__}")


def complaint(error: ValidationError) -> str:
    """Return the first problem of a line as text. The text contains no value, so that equal problems can be counted."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "line"
    if first["type"] == "missing":
        return f"no {name}"
    return f"{name} {first['msg'].removeprefix('Value error, ').removeprefix('Input ')}"
