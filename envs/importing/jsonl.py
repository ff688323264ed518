"""Reads and writes plain JSONL with one branch on each line; reads one JSON list of branches as well."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..environment import ABSENT, Environment, Numbers
from ..errors import InputError
from .options import ImportOptions
from .rows import ImportedRow, UnreadableRow

MAX_LINE_BYTES = 2**26
"""The largest line in bytes. A longer line is skipped, and never held in memory."""
MAX_LIST_BYTES = 2**29
"""The largest file in bytes that is one JSON list, which is read as a whole."""


def read(path: Path, options: ImportOptions) -> Iterator[ImportedRow | UnreadableRow]:
    """Yield the branches of a file. The keys are the fields of `BranchLine`, or are mapped to them by `--map`."""
    for found in objects(path):
        yield found if isinstance(found, UnreadableRow) else ImportedRow(found[0], found[1], found[1])


def objects(path: Path) -> Iterator[tuple[str, dict[str, Any]] | UnreadableRow]:
    """Yield (place, JSON object) of every line that is not blank, or of every item if the file is one JSON list.

    Raises:
        InputError: the file is compressed or encoded in UTF-16, or its list is too large or not valid.
    """
    with path.open("rb") as file:
        head = file.read(4)
        if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(f"{path}: the file is in UTF-16; convert it to UTF-8")
        if head[:2] == b"\x1f\x8b" or head == b"\x28\xb5\x2f\xfd":
            raise InputError(f"{path}: the file is compressed; unpack it")
        file.seek(3 if head[:3] == b"\xef\xbb\xbf" else 0)
        if _is_list(path):
            yield from _items(path, file.read(MAX_LIST_BYTES + 1))
            return
        number = 0
        while line := file.readline(MAX_LINE_BYTES + 1):
            number += 1
            place = f"line {number}"
            if len(line) > MAX_LINE_BYTES:
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_LINE_BYTES)
                yield UnreadableRow(place, f"longer than {MAX_LINE_BYTES >> 20} MiB")
            elif line.strip():
                found = parse(line)
                yield UnreadableRow(place, found) if isinstance(found, str) else (place, found)


def _is_list(path: Path) -> bool:
    """Return whether the file holds one list of objects. A file that is called JSONL does not."""
    if path.suffix in (".jsonl", ".ndjson"):
        return False
    with path.open("rb") as file:
        head = file.read(2**12).removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] == b"[" and head[1:].lstrip()[:1] == b"{"


def _items(path: Path, data: bytes) -> Iterator[tuple[str, dict[str, Any]] | UnreadableRow]:
    if len(data) > MAX_LIST_BYTES:
        raise InputError(
            f"{path}: a JSON list of more than {MAX_LIST_BYTES >> 20} MiB; write one object a line (JSONL)"
        )
    found = parse(b'{"items": ' + data + b"}")
    if isinstance(found, str):
        raise InputError(f"{path}: {found}")
    for number, item in enumerate(found["items"]):
        place = f"item {number}"
        yield (place, item) if isinstance(item, dict) else UnreadableRow(place, "not a JSON object")


def parse(data: bytes) -> dict[str, Any] | str:
    """Return the JSON object in ``data``, or a text that says what is wrong with it."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError:
        return "not UTF-8"
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg})"
    except _DuplicateKey:
        return "a key with two values"
    except (ValueError, RecursionError):
        return "not JSON (a number or a nesting without end)"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "a list of objects (as a whole file it is called .json)"
    return value if isinstance(value, dict) else "not a JSON object"


class _DuplicateKey(ValueError):
    """An object has a key with two values. `json` itself would silently use the last value."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) != len(pairs):
        raise _DuplicateKey
    return entry


def write(environment: Environment) -> Iterator[str]:
    """Yield ``environment`` as lines from which `read` makes the same environment again."""
    words = environment.vocabulary
    texts = [None if index == ABSENT else word for index, word in enumerate(words)]
    for q, question in enumerate(environment.questions):
        for number, b in enumerate(environment.branches(q)):
            probes = slice(int(environment.probe_offsets[b]), int(environment.probe_offsets[b + 1]))
            line: dict[str, Any] = {
                "question_id": environment.question_ids[q] if environment.question_ids else str(q),
                "question": question,
                "gold_answer": words[environment.gold[q]],
                "branch": number,
                "final_answer": texts[environment.final_answers[b]],
                "total_tokens": int(environment.total_tokens[b]),
                "probe_freq": environment.delta,
                "probe_answers": [texts[answer] for answer in environment.probe_answers[probes].tolist()],
            }
            if environment.probe_cost:
                line["probe_cost"] = environment.probe_cost
            line |= _further(environment, b, probes)
            line["answers_compared"] = environment.answers
            yield json.dumps(line, allow_nan=False) + "\n"


def _further(env: Environment, b: int, probes: slice) -> dict[str, Any]:
    """Return the fields of branch ``b`` that only some environments have. Those of others are as they always were."""
    found: dict[str, Any] = {}
    if env.signals:
        found["signals"] = {name: _numbers(values[probes]) for name, values in sorted(env.signals.items())}
    if env.final_signals:
        found["final_signals"] = {name: _number(values[b].item()) for name, values in sorted(env.final_signals.items())}
    if env.verifier is not None and env.final_verifier is not None:
        found["verifier_scores"] = _numbers(env.verifier[probes])
        found["final_verifier_score"] = _number(env.final_verifier[b].item())
        found["verify_cost"] = env.verify_cost
    if env.parents is not None and env.fork_depths is not None:
        if not env.is_root[b]:
            found |= {"parent_branch": int(env.parents[b]), "fork_depth": int(env.fork_depths[b])}
        found["fork_rule"] = env.fork_rule
    return found


def _numbers(values: Numbers) -> list[float | str | None]:
    return [_number(value) for value in values.tolist()]


def _number(value: float) -> float | str | None:
    """Return ``value`` in a form that JSON can hold: null for not-a-number, a text for the infinities."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
