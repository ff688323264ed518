"""Reads the output of batch jobs: of OpenAI's batch endpoint, of `vllm run-batch`, which writes the same lines, and of
Anthropic's message batches.

A line is the response to one request, and its choices (``n`` of the request) are branches. The lines hold neither the
question nor the gold answer: `joins` adds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .jsonl import objects
from .options import ImportOptions
from .rows import ImportedRow, UnreadableRow

SHARED = "shared"
"""The key of a row whose lengths are shares of the tokens of its response."""
_TOGETHER = (
    "usage counts the tokens of several choices together (--tokens shared divides them in proportion to their texts)"
)


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield one row for each response."""
    for found in objects(path):
        if isinstance(found, UnreadableRow):
            yield found
            continue
        place, line = found
        row = _row(line, options)
        yield UnreadableRow(place, row) if isinstance(row, str) else ImportedRow(place, row[0], line, row[1])


def _row(line: dict[str, Any], options: ImportOptions) -> tuple[dict[str, Any], dict[str, list[Any]]] | str:
    """Return the fields of a response and its fields with one value for each branch, or the reason to skip it."""
    if "custom_id" not in line:
        return "no custom_id"
    body = _body(line)
    if isinstance(body, str):
        return body
    texts = _texts(body)
    if not texts:
        return "a response without choices"
    lengths = _lengths(body, texts, options)
    if isinstance(lengths, str):
        return lengths
    fields: dict[str, Any] = {"question_id": line["custom_id"], SHARED: lengths[1]}
    name = body.get("id")
    lists: dict[str, list[Any]] = {"text": texts, "total_tokens": lengths[0]}
    if isinstance(name, str):
        lists["branch"] = [f"{name}/{number}" for number in range(len(texts))]
    return fields, lists


def _body(line: dict[str, Any]) -> dict[str, Any] | str:
    """Return the response to a request, or why there is none."""
    if "result" in line:
        result = line["result"]
        failed = not isinstance(result, dict) or result.get("type") != "succeeded"
        body = None if failed else result.get("message")
    elif "response" in line:
        response = line["response"]
        failed = bool(line.get("error")) or not isinstance(response, dict) or response.get("status_code", 200) != 200
        body = None if failed else response.get("body")
    else:
        return "a request, not a response: import the output file, and give this one by --requests"
    if failed:
        return "the request failed"
    return body if isinstance(body, dict) else "a response without a body"


def _texts(body: dict[str, Any]) -> list[str]:
    """Return the texts of a chat completion, of a completion, of a response, or of a message."""
    choices = body.get("choices")
    if isinstance(choices, list):
        return [_text(choice) for choice in choices if isinstance(choice, dict)]
    output = body.get("output", body.get("content"))
    if not isinstance(output, list):
        return []
    parts = [part for item in output if isinstance(item, dict) for part in _list(item.get("content", [item]))]
    return ["".join(str(part["text"]) for part in parts if isinstance(part, dict) and "text" in part)]


def _text(choice: dict[str, Any]) -> str:
    """Return the text of a choice, with the thoughts in front of it if the server holds them apart."""
    message = choice.get("message")
    if not isinstance(message, dict):
        return str(choice.get("text") or "")
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part["text"]) for part in content if isinstance(part, dict) and "text" in part)
    thoughts = message.get("reasoning_content") or message.get("reasoning")
    if not isinstance(thoughts, str):
        return str(content or "")
    return f"<think>{thoughts}</think>{content}" if content else f"<think>{thoughts}"


def _lengths(body: dict[str, Any], texts: list[str], options: ImportOptions) -> tuple[list[int | None], bool] | str:
    """Return the tokens of each choice and whether they are shares, or the reason why they are not known."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    total = usage.get("completion_tokens", usage.get("output_tokens"))
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        return [None] * len(texts), False
    if len(texts) == 1:
        return [total], False
    counted = [_counted(choice) for choice in _list(body.get("choices"))]
    known = [count for count in counted if count is not None]
    if len(known) == len(texts) and sum(known) == total:
        return list(known), False
    if options.lengths.shared:
        return list(_shares(total, [len(text) for text in texts])), True
    return ([None] * len(texts), False) if options.lengths else _TOGETHER


def _counted(choice: Any) -> int | None:
    """Return the number of tokens that a choice lists, as ids or with their log-probabilities."""
    if not isinstance(choice, dict):
        return None
    if isinstance(choice.get("token_ids"), list):
        return len(choice["token_ids"])
    listed = choice.get("logprobs")
    if not isinstance(listed, dict):
        return None
    tokens = listed.get("content", listed.get("tokens"))
    return len(tokens) if isinstance(tokens, list) else None


def _shares(total: int, weights: list[int]) -> Iterator[int]:
    """Yield whole shares of ``total`` in proportion to ``weights``, which add up to it."""
    weights = weights if any(weights) else [1] * len(weights)
    given = passed = 0
    for weight in weights:
        passed += weight
        share = total * passed // sum(weights) - given
        given += share
        yield share


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
