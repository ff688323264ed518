"""Reads and writes the JSON in which the recorded branches of the paper were published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..store import ABSENT, MAX_PROBES, MAX_TOKENS, Environment
from .intervals import beyond_end

ABSENT_TEXT = "ERR"
"""The text of an absent answer in the published files."""


def read(path: Path, name: str, probe_cost: int = 0) -> Environment:
    """Read the published JSON: a list of questions with their branches (see `docs/data.md`).

    Raises:
        InputError: the file is missing, is not JSON, or is not of this form; the message names the place.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(document, list) or not document:
        raise InputError(f"{path}: expected a list of questions, and at least one")
    reader = _PublishedReader(path)
    for index, entry in enumerate(document):
        reader.question(index, entry)
    environment = reader.environment(name, probe_cost)
    environment.check()
    return environment


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. `json` itself would silently use the last of two values with one key.

    Raises:
        ValueError: a key has two values.
    """
    entry = dict(pairs)
    if len(entry) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"an object has two values for {_short(next(key for key in keys if keys.count(key) > 1))}")
    return entry


def _short(value: object) -> str:
    """Return the `repr` of ``value``, cut off after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


_KINDS = {str: "text", int: "a whole number", list: "a list"}


class _PublishedReader:
    """Builds columns question by question. Every error names the file and the place in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.delta: int | None = None
        self.words: dict[str, int] = {ABSENT_TEXT: ABSENT}
        self.questions: list[str] = []
        self.gold: list[int] = []
        self.branch_counts: list[int] = []
        self.probe_counts: list[int] = []
        self.probes: list[int] = []
        self.finals: list[int] = []
        self.totals: list[int] = []

    def question(self, index: int, entry: object) -> None:
        place = f"question {index}"
        if not isinstance(entry, dict):
            raise self.error(place, "not an object")
        text = self.get(entry, "question", str, place)
        gold = self.get(entry, "gold_answer", str, place)
        if gold == ABSENT_TEXT:
            raise self.error(place, f"gold_answer is {ABSENT_TEXT!r}, which means an absent answer")
        delta = self.get(entry, "probe_freq", int, place)
        if not 0 < delta <= MAX_TOKENS:
            raise self.error(place, f"probe_freq is {_short(delta)}, but must be between 1 and {MAX_TOKENS}")
        if self.delta not in (None, delta):
            raise self.error(place, f"probe_freq is {delta}, but {self.delta} in earlier ones; JSONL may have both")
        self.delta = delta
        branches = self.get(entry, "each_branch", list, place)
        if not branches:
            raise self.error(place, "each_branch is empty")
        self.questions.append(text)
        self.gold.append(self.word(gold))
        self.branch_counts.append(len(branches))
        first = len(self.finals)
        for number, branch in enumerate(branches):
            self.branch(f"{place}, branch {number}", branch)
        if "final_answers_trace" in entry:
            finals = [self.answer(answer, place) for answer in self.get(entry, "final_answers_trace", list, place)]
            if finals != self.finals[first:]:
                raise self.error(place, "final_answers_trace differs from the final answers of each_branch")

    def branch(self, place: str, branch: object) -> None:
        if not isinstance(branch, list) or len(branch) != 3:
            raise self.error(place, "expected [probe_answers, total_tokens, final_answer]")
        probes, total, final = branch
        if not isinstance(probes, list):
            raise self.error(place, "probe_answers is not a list")
        if len(probes) > MAX_PROBES:
            raise self.error(place, f"{len(probes)} probes, but at most {MAX_PROBES} are possible")
        if isinstance(total, bool) or not isinstance(total, int) or not 0 <= total <= MAX_TOKENS:
            raise self.error(
                place, f"total_tokens is {_short(total)}, but must be a whole number between 0 and {MAX_TOKENS}"
            )
        delta = self.delta or 0
        if beyond_end(len(probes), delta, total):
            raise self.error(place, f"{len(probes)} probes every {delta} tokens, but a length of {total} tokens")
        self.probe_counts.append(len(probes))
        self.probes += [self.answer(answer, place) for answer in probes]
        self.totals.append(total)
        self.finals.append(self.answer(final, place))

    def answer(self, answer: object, place: str) -> int:
        if not isinstance(answer, str):
            raise self.error(place, f"an answer is {_short(answer)}, but must be a string ({ABSENT_TEXT!r} for none)")
        return self.word(answer)

    def word(self, text: str) -> int:
        return self.words.setdefault(text, len(self.words))

    def get(self, entry: dict[str, Any], key: str, kind: type[Any], place: str) -> Any:
        value = entry.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(place, f"{key} is missing, or is not {_KINDS[kind]}")
        return value

    def error(self, place: str, what: str) -> InputError:
        return InputError(f"{self.path}: {place}: {what}")

    def environment(self, name: str, probe_cost: int) -> Environment:
        def offsets(counts: list[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
            return np.concatenate(([0], np.cumsum(counts))).astype(np.int32)

        def column(values: list[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
            return np.array(values, np.int32)

        return Environment(
            name=name,
            delta=self.delta or 0,
            probe_cost=probe_cost,
            questions=tuple(self.questions),
            vocabulary=tuple(self.words),
            gold=column(self.gold),
            branch_offsets=offsets(self.branch_counts),
            probe_offsets=offsets(self.probe_counts),
            probe_answers=column(self.probes),
            final_answers=column(self.finals),
            total_tokens=column(self.totals),
        )


def write(environment: Environment) -> str:
    """Return ``environment`` as published JSON. The format has no place for signals, a verifier and the probe cost.

    Raises:
        InputError: the environment has forks, which would become branches of their own.
    """
    if environment.parents is not None:
        raise InputError(f"{environment.name} has forks, which the published JSON cannot hold: write --format jsonl")
    words = environment.vocabulary
    document = []
    for q, text in enumerate(environment.questions):
        branches = []
        for b in environment.branches(q):
            probes = environment.probe_answers[environment.probe_offsets[b] : environment.probe_offsets[b + 1]]
            final = words[environment.final_answers[b]]
            branches.append([[words[answer] for answer in probes], int(environment.total_tokens[b]), final])
        document.append(
            {
                "question": text,
                "final_answers_trace": [branch[2] for branch in branches],
                "each_branch": branches,
                "gold_answer": words[environment.gold[q]],
                "probe_freq": environment.delta,
            }
        )
    return json.dumps(document)
