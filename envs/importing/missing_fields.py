"""Names the fields that a branch lacks, and suggests options that give them from the keys of the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ..answers.extraction import boxed, choice, number
from ..dotted_paths import find
from .options import ImportOptions

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "question": ("prompt", "problem", "query", "input", "instruction"),
    "question_id": ("prompt_id", "problem_id", "task_id", "qid"),
    "gold_answer": (
        "reference", "reference_answer", "ground_truth", "gold", "target", "expected_answer", "correct_answer",
        "answer", "label", "solution",
    ),
    "text": ("response", "responses", "completion", "completions", "generation", "generations", "output", "outputs"),
    "final_answer": ("prediction", "predicted_answer", "extracted_answer", "model_answer"),
    "total_tokens": (
        "num_completion_tokens", "completion_tokens", "output_tokens", "num_output_tokens", "num_tokens", "n_tokens",
        "usage.completion_tokens", "usage.output_tokens",
    ),
}  # fmt: skip
"""Keys by which other programs call a field, the surest first."""
_MOST_ROWS = 1000


def missing_fields(fields: Mapping[str, Any], options: ImportOptions) -> list[tuple[str, str]]:
    """Return each field that a branch lacks, with a text that says which options give it."""
    text, lengths, lacks = fields.get("text"), options.lengths, []

    def lack(name: str, hint: str) -> None:
        path = options.mapping.get(name)
        lacks.append((name, f"no {name} at `{path}` (--map {name}={path})" if path else hint))

    if fields.get("question") is None and fields.get("question_id") is None:
        lack("question", "no question, and no question_id (--map says where one is)")
    if fields.get("gold_answer") is None:
        lack("gold_answer", "no gold_answer (--map says where it is, --gold joins a table of gold answers)")
    if options.extract is not None and not isinstance(text, str):
        lack("text", "no text for --extract (--map text=PATH says where it is)")
    elif options.extract is None and "final_answer" not in fields:
        lack("final_answer", "no final_answer (--extract finds it in the text, --map says where it is)")
    if fields.get("total_tokens") is None and not (lengths.each or (lengths.characters and isinstance(text, str))):
        source = "a text" if lengths.characters else "usage"
        lack(
            "total_tokens",
            f"neither total_tokens nor {source} for --tokens"
            if lengths
            else "no total_tokens (--map says where they are, --tokens estimates them)",
        )
    return lacks


class OptionSuggestion:
    """Collects the keys of rows that lack fields, and suggests options; nothing is read by them.

    Args:
        options: the options that the user gave.
    """

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self._rows = 0
        self._lacks: dict[str, None] = {}
        self._paths: dict[str, Counter[str]] = {name: Counter() for name in _SYNONYMS}
        self._ways: Counter[str] = Counter()
        """The number of texts in which each way to extract finds an answer that the ways before it do not."""
        self._texts = False

    def add(self, raw: Any, lacks: list[str], text: Any) -> None:
        """Record a row: its keys, the fields that it lacks, and the field ``text`` if it has one."""
        self._lacks.update(dict.fromkeys(lacks))
        if self._rows >= _MOST_ROWS or not isinstance(raw, dict):
            return
        self._rows += 1
        names = {re.sub(r"[\s-]+", "_", str(key).strip().lower()): str(key) for key in reversed(raw)}
        for name, synonyms in _SYNONYMS.items():
            for synonym in synonyms:
                first, dot, rest = synonym.partition(".")
                if first in names and (star := _fits(name, find(raw, path := names[first] + dot + rest))) is not None:
                    self._paths[name][path + star] += 1
        self._texts = self._texts or isinstance(text, str)
        texts = [text] if isinstance(text, str) else self._candidates(raw)
        for one in texts[:4]:
            way = next((way.__name__ for way in (boxed, choice, number) if way(one[-20_000:])), None)
            self._ways[way or ""] += 1

    def _candidates(self, raw: Any) -> list[str]:
        for path in self._paths["text"]:
            value = find(raw, path)
            if value is not None:
                return value if isinstance(value, list) else [value]
        return []

    def words(self) -> list[str]:
        """Return the words of the options that probably give the missing fields; none if a field cannot be found."""
        options, words = self._options, list[str]()
        taken, mapped = set(options.mapping.values()), dict[str, str]()

        def known(name: str) -> bool:
            ranked = (path for path in self._ranked(name) if path not in taken)
            if name == "total_tokens":  # a number beside a list of texts counts the tokens of all of them
                ranked = (path for path in ranked if ("*" in path) == ("*" in mapped.get("text", "")))
            path = next(ranked, None)
            if path is None or name in options.mapping:
                return False
            mapped[name] = path
            taken.add(path)
            return True

        for name in ("question", "gold_answer"):
            if name in self._lacks and not known(name):
                return []
        if "question" in mapped:
            known("question_id")
        if "final_answer" in self._lacks and not known("final_answer"):
            if not self._texts and not known("text"):
                return []
            words = ["--extract", *self._extract()]
        if "text" in self._lacks and not known("text"):
            return []
        if "total_tokens" in self._lacks and not known("total_tokens"):
            if not (self._texts or "text" in mapped or known("text")):
                return []
            words += ["--tokens", "chars/4"]
        return [*(["--map"] if mapped else []), *(f"{name}={path}" for name, path in mapped.items()), *words]

    def _ranked(self, name: str) -> Iterator[str]:
        """Yield the paths of a field that most of the rows have, the surest first."""
        paths = self._paths[name]
        order = {synonym: place for place, synonym in enumerate(_SYNONYMS[name])}
        plain = {path: re.sub(r"[\s-]+", "_", path.removesuffix(".*").lower()) for path in paths}
        for path in sorted(paths, key=lambda path: order.get(plain[path], len(order))):
            if 2 * paths[path] > self._rows:
                yield path

    def _extract(self) -> list[str]:
        found = [way for way in ("boxed", "choice") if 20 * self._ways[way] > self._ways.total()]
        return found or ["number"]


def _fits(name: str, value: Any) -> str | None:
    """Return what ``--map`` needs after the path of a value, ``.*`` for a list, or None if it is no such field."""
    if name == "text":
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return ".*"
        return "" if isinstance(value, str) else None
    if name == "total_tokens":
        if isinstance(value, list) and value and all(isinstance(item, int) for item in value):
            return ".*"
        whole = isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdecimal())
        return "" if whole and not isinstance(value, bool) else None
    return "" if isinstance(value, str | int | float) and not isinstance(value, bool) else None
