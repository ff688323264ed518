"""Reads the questions that a model is asked: JSONL, tables, Parquet, data sets on disk; with or without gold answers.

A question is a text, or the messages of a chat. In the environment a question of one user message stands as its text,
any other as the JSON of its messages: `messages_of` makes the messages of either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...answers import equivalence, math_is_installed
from ...answers.choice import read_choice
from ...answers.default import default_kind
from ...answers.extraction import Extraction, plain_number
from ...answers.number import read_number
from ...counting import counted
from ...dotted_paths import find
from ...errors import InputError
from ...importing import datasets, jsonl, tables
from ...importing.line import as_text
from ...importing.options import ImportOptions
from ...importing.published import ABSENT_TEXT
from ...importing.rows import FormatReader, ImportedRow, UnreadableRow
from ..exchange import Message

FIELDS = ("question", "messages", "gold_answer", "question_id")
"""The fields of a row that can be mapped."""
PLACEHOLDER = "{question}"
"""Stands for the text of the question in a template."""
_KEYS: Mapping[str, tuple[str, ...]] = {
    "messages": ("messages",),
    "question": ("question", "problem", "prompt", "query", "input", "instruction", "text"),
    "gold_answer": (
        "gold_answer", "gold", "answer", "reference", "reference_answer", "ground_truth", "target", "expected_answer",
        "correct_answer", "label", "solution",
    ),
    "question_id": ("question_id", "id", "problem_id", "task_id", "qid", "unique_id"),
}  # fmt: skip
"""Keys by which files call a field, the surest first. The first one that a row has is taken."""
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class CollectQuestion:
    """A question that the model is asked."""

    messages: tuple[Message, ...]
    text: str
    """What the environment shows; `messages_of` returns ``messages``."""
    gold: str | None = None
    id: str | None = None
    place: str = ""
    """Where it stands in the file, such as ``line 3``."""

    @property
    def key(self) -> str:
        """A hash of the messages: equal questions have equal keys, in whatever file they stand."""
        document = json.dumps([dict(message) for message in self.messages], sort_keys=True)
        return hashlib.sha256(document.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class QuestionOptions:
    """How a file of questions is read."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Paths of fields in a row, for `FIELDS`; other fields are found by their usual keys."""
    template: str | None = None
    """The text of the user's message, with `PLACEHOLDER`; None for the text of the question alone."""
    system: str | None = None
    """The system message before the question; None for none."""
    extract: Extraction | None = None
    """How the answers of branches are found: a gold answer must be one that it can find."""
    extract_gold: Extraction | None = None
    """How a gold answer is found in its text; None to take it as it stands."""
    answers: str | None = None
    """How answers are compared (`envs.answers.equivalence`); None chooses from the gold answers."""
    split: str | None = None
    sheet: str | None = None
    most: int | None = None
    """Take this many questions from the beginning; None for all."""
    allow_skips: bool = False
    """Leave out rows that cannot be used, in place of an error."""


@dataclass(slots=True)
class QuestionFile:
    """The questions of a file."""

    questions: list[CollectQuestion]
    keys: dict[str, str]
    """The key or path at which each field was found."""
    answers: str
    """How answers are compared."""
    notes: list[str] = field(default_factory=list)
    """Facts that the user should know: rows that were left out."""

    @property
    def has_gold(self) -> bool:
        """Whether the questions have gold answers; either all have one, or none has."""
        return self.questions[0].gold is not None


def messages_of(text: str, template: str | None = None, system: str | None = None) -> tuple[Message, ...]:
    """Return the messages with which a model is asked.

    Args:
        text: the question, as an environment holds it.
        template: see `QuestionOptions`; not used for a question that is the JSON of messages.
        system: see `QuestionOptions`.
    """
    messages = _messages_in(text)
    if messages is None:
        content = text if template is None else template.replace(PLACEHOLDER, text)
        messages = ({"role": "user", "content": content},)
    if system is not None and messages[0]["role"] != "system":
        messages = ({"role": "system", "content": system}, *messages)
    return messages


def _messages_in(text: str) -> tuple[Message, ...] | None:
    if not text.startswith('[{"'):
        return None
    try:
        return _messages(json.loads(text))
    except (ValueError, RecursionError):
        return None


def read_questions(path: Path, options: QuestionOptions) -> QuestionFile:
    """Read the questions of a file or of a directory.

    Raises:
        InputError: it cannot be read; rows have no question, or a gold answer that cannot be read, and the options do
            not allow to leave them out; or no question is left.
    """
    if options.template is not None and PLACEHOLDER not in options.template:
        raise InputError(f"--template: without {PLACEHOLDER}, so that the model would not see the question")
    rows = _QuestionRows(path, options)
    for row in _reader(path)(path, ImportOptions(split=options.split, sheet=options.sheet)):
        if options.most is not None and len(rows.found) >= options.most:
            break
        rows.add(row)
    return rows.result()


def _reader(path: Path) -> FormatReader:
    if not path.exists():
        raise InputError(f"{path}: no such file of questions")
    if path.is_dir() or path.suffix in datasets.SUFFIXES:
        return datasets.read
    return tables.read if path.suffix in (".csv", ".tsv", ".xlsx") else jsonl.read


class _QuestionRows:
    """Takes the questions out of rows, and counts the rows that cannot be used."""

    def __init__(self, path: Path, options: QuestionOptions) -> None:
        self.path, self.options = path, options
        self.found: dict[str, CollectQuestion] = {}
        self.rows = 0
        self.keys: dict[str, str] = dict(options.mapping)
        self.seen: dict[str, None] = {}
        self.without_text: list[str] = []
        self.unreadable: list[str] = []
        self.repeated: list[str] = []
        self.contradicting: list[str] = []

    def add(self, row: ImportedRow | UnreadableRow) -> None:
        self.rows += 1
        if isinstance(row, UnreadableRow):
            self.unreadable.append(f"{row.place}: {row.why}")
            return
        raw = row.raw if isinstance(row.raw, dict) else row.fields
        if len(self.seen) < 100:
            self.seen.update(dict.fromkeys(str(key) for key in raw))
        text = self._text(raw)
        if text is None:
            self.without_text.append(row.place)
            return
        gold, id = self._plain(raw, "gold_answer"), self._plain(raw, "question_id")
        messages = messages_of(text, self.options.template, self.options.system)
        question = CollectQuestion(messages, text, gold, id, row.place)
        before = self.found.setdefault(question.key, question)
        if before is not question:
            (self.repeated if before.gold == gold else self.contradicting).append(row.place)

    def _text(self, raw: Mapping[str, Any]) -> str | None:
        """Return the text of the question of a row, which stands for its messages too; None if there is none."""
        for name in ("messages", "question"):
            if "messages" in self.options.mapping and name == "question":
                continue
            if "question" in self.options.mapping and name == "messages":
                continue
            value = self._value(raw, name)
            if isinstance(value, str) and value.strip():
                return value
            messages = _messages(value)
            if messages is not None:
                alone = len(messages) == 1 and messages[0]["role"] == "user"
                return messages[0]["content"] if alone else json.dumps(messages, ensure_ascii=False)
        return None

    def _plain(self, raw: Mapping[str, Any], name: str) -> str | None:
        value = self._value(raw, name)
        try:
            return None if value is None or value == "" else as_text(value)
        except ValueError:
            return None

    def _value(self, raw: Mapping[str, Any], name: str) -> Any:
        if name in self.options.mapping:
            return find(dict(raw), self.options.mapping[name])
        taken = set(self.options.mapping.values())
        for key in _KEYS[name]:
            if key in raw and raw[key] is not None and key not in taken:
                self.keys.setdefault(name, key)
                return raw[key]
        return None

    def result(self) -> QuestionFile:
        """Return the questions.

        Raises:
            InputError: see `read_questions`.
        """
        notes: list[str] = []
        if self.unreadable:
            self._leave_out(notes, f"cannot be read ({_some(self.unreadable)})", len(self.unreadable))
        if self.without_text:
            keys = ", ".join(key[:40] for key in list(self.seen)[:12])
            where = f"({_some(self.without_text)}); --map question=PATH says where it is; keys: {keys}"
            self._leave_out(notes, f"have no question {where}", len(self.without_text))
        if self.contradicting:
            self._leave_out(
                notes, f"repeat a question with another gold answer ({_some(self.contradicting)})",
                len(self.contradicting),
            )  # fmt: skip
        if self.repeated:
            notes.append(f"{counted(len(self.repeated), 'row')} left out, as they repeat a question")
        if not self.found:
            raise InputError(f"{self.path}: there is no question")
        questions = list(self.found.values())
        golden = [question for question in questions if question.gold is not None]
        if golden and len(golden) < len(questions):
            bare = [question.place for question in questions if question.gold is None]
            self._leave_out(notes, f"have no gold answer, though others do ({_some(bare)})", len(bare))
        if not golden:
            kind = self.options.answers or ("math" if math_is_installed() else "number")
            return QuestionFile(questions, self.keys, kind, notes)
        kept, kind = self._with_gold(golden, notes)
        return QuestionFile(kept, self.keys, kind, notes)

    def _with_gold(self, golden: list[CollectQuestion], notes: list[str]) -> tuple[list[CollectQuestion], str]:
        """Return the questions whose gold answer can be read, and how answers are compared."""
        way = self.options.extract_gold
        golds = {question.key: _gold(question.gold or "", way) for question in golden}
        kind = self.options.answers or default_kind([gold for gold in golds.values() if gold is not None])[0]
        equivalence(kind)  # an unknown kind raises its error
        needs = self._needs(kind)
        kept, wrong = list[CollectQuestion](), list[str]()
        for question in golden:
            gold = golds[question.key]
            if gold is None or not _READS[needs](gold):
                wrong.append(f"{question.place}: {_short(question.gold or '')}")
            else:
                kept.append(replace(question, gold=(plain_number(gold) if kind == "number" else None) or gold))
        if wrong:
            how = f"by --extract-gold {way.name}" if way is not None else f"as {_AS[needs]}"
            hint = "--extract-gold finds the answer in a text, --answers chooses the comparison"
            text = f"have a gold answer that cannot be read {how} ({_some(wrong)}); {hint}"
            self._leave_out(notes, text, len(wrong))
        if not kept:
            raise InputError(f"{self.path}: no question has a gold answer that can be read")
        return kept, kind

    def _needs(self, kind: str) -> str:
        """Return what every gold answer must be, as a key of `_READS`."""
        ways = [way.name for way in self.options.extract.ways] if self.options.extract is not None else []
        for each in ("number", "choice"):
            if self.options.answers == each or ways == [each]:
                return each
        return "any" if self.options.answers in ("exact", "text") else "short"

    def _leave_out(self, notes: list[str], why: str, count: int) -> None:
        """Note rows that are left out.

        Raises:
            InputError: the options do not allow it.
        """
        text = f"{count:,} of {counted(self.rows, 'row')} {why}"
        if not self.options.allow_skips:
            raise InputError(f"{self.path}: {text}; --allow-skips leaves them out")
        notes.append(f"left out: {text}")


def _gold(text: str, way: Extraction | None) -> str | None:
    found = way.find(text)[0] if way is not None else text.strip()
    return None if not found or found == ABSENT_TEXT else found


_LONG = 200
"""Characters of the longest gold answer, unless it is compared as text by the user's own choice: a longer one is a
whole solution, to which no answer is ever equal."""
_READS: Mapping[str, Callable[[str], bool]] = {
    "number": lambda gold: read_number(gold) is not None,
    "choice": lambda gold: "".join(read_choice(gold) or ()).isalpha(),
    "short": lambda gold: len(gold) <= _LONG and "\n" not in gold,
    "any": lambda gold: True,
}
_AS = {"number": "a number", "choice": "the letter of an option", "short": "a short answer", "any": "an answer"}


def _messages(value: Any) -> tuple[Message, ...] | None:
    """Return the messages of a chat, or None if ``value`` holds none."""
    if not isinstance(value, Collection) or isinstance(value, str | bytes | Mapping) or not value:
        return None
    made = list(_each_message(value))
    if None in made or not any(message and message["content"].strip() for message in made):
        return None
    return tuple(message for message in made if message is not None)


def _each_message(value: Collection[Any]) -> Iterator[dict[str, str] | None]:
    for item in value:
        role, content = (item.get("role"), item.get("content")) if isinstance(item, Mapping) else (None, None)
        if isinstance(content, list):  # parts, of which only texts can be asked
            texts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
            content = None if None in texts else "".join(map(str, texts))
        yield {"role": role, "content": content} if isinstance(role, str) and isinstance(content, str) else None


def _some(places: list[str]) -> str:
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return ", ".join(places[:_SHOWN]) + more


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 40 else f"{line[:24]}...{line[-13:]}")
