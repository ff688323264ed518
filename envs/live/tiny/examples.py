"""Makes the examples of the training: whole thoughts with their answer, and thoughts that are cut as by a probe."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import PROBE_SUFFIX
from .questions import LONGEST, SHORTEST, walk
from .teacher import MOST_PASSES, Faults, Teacher
from .vocabulary import END, REQUEST, SYSTEM, THINK, prompt_text

_CUT_ANSWER, _ANSWER, _TALLY = 6.0, 3.0, 4.0
"""Weights of tokens in the loss: of the answer after a cut and after a whole thought, and of the tally, which is what a
network of this size learns last. Other tokens have 1."""


@dataclass(frozen=True, slots=True)
class Example:
    """The token ids of a conversation, and how much the prediction of each counts in the loss."""

    tokens: list[int]
    weights: list[float]


@dataclass(frozen=True, slots=True)
class Stage:
    """What the examples are like at a point of the training, given as ``progress`` from 0 to 1."""

    shortest: int
    longest: int
    passes: int
    faults: Faults
    cut: float
    """The share of the thoughts that are cut."""

    @classmethod
    def at(cls, progress: float) -> Stage:
        """Return the stage: from short walks without faults to the walks of the questions with all faults."""
        grown = min(1.0, max(0.0, (progress - 0.05) / 0.3))
        return cls(
            shortest=round(1 + grown * (SHORTEST - 1)),
            longest=round(3 + grown * (LONGEST - 3)),
            passes=round(2 + grown * (MOST_PASSES - 2)),
            faults=Faults().scaled(min(1.0, max(0.0, (progress - 0.15) / 0.25))),
            cut=0.15 + 0.3 * grown,
        )


class ExampleMaker:
    """Makes examples.

    Args:
        tokenizer: from `vocabulary.make_tokenizer`.
        source: all random numbers come from it.
    """

    def __init__(self, tokenizer: Any, source: random.Random) -> None:
        self._tokenizer = tokenizer
        self._source = source
        self._known: dict[str, list[int]] = {}

    def example(self, stage: Stage, teacher: Teacher) -> Example:
        """Return one example; ``teacher`` has the faults and passes of ``stage``."""
        source = self._source
        asked = walk(source, stage.shortest, stage.longest)
        question = asked.text + (REQUEST if source.random() < 0.1 else "")
        tokens = list(self._tokenizer.encode(prompt_text(question, SYSTEM if source.random() < 0.1 else "")).ids)
        weights = [0.0] * len(tokens)
        thought = teacher.think(asked, source)
        ids = self._ids(f"{THINK}\n")
        implied = [asked.start] * len(ids)
        importance = [1.0] * len(ids)
        for piece, answer in zip(thought.pieces, thought.implied, strict=True):
            more = self._ids(piece)
            ids = ids + more
            implied += [answer] * len(more)
            importance += [_TALLY if " x" in piece else 1.0] * len(more)
        cut = source.random() < stage.cut
        end = source.randint(2, len(ids)) if cut else len(ids)
        tokens += ids[:end]
        weights += importance[:end]
        suffix = self._ids(PROBE_SUFFIX)
        tokens += suffix
        weights += [0.0 if cut else 1.0] * len(suffix)
        answer_ids = self._ids(str(implied[end - 1]))
        tokens += [*answer_ids, *self._ids("}"), *self._ids(END)]
        weights += [_CUT_ANSWER if cut else _ANSWER] * len(answer_ids) + [1.0, 1.0]
        return Example(tokens, weights)

    def batches(self, stage: Stage, tokens: int, several: int) -> Iterator[list[Example]]:
        """Yield about ``several`` batches of at most ``tokens`` tokens with padding, of examples of like lengths."""
        teacher = Teacher(stage.faults, stage.passes)
        pool: list[Example] = []
        total = 0
        while total < tokens * several:
            pool.append(self.example(stage, teacher))
            total += len(pool[-1].tokens)
        pool.sort(key=lambda example: len(example.tokens))
        batches: list[list[Example]] = [[]]
        for example in pool:
            if len(example.tokens) * (len(batches[-1]) + 1) > tokens:
                batches.append([])
            batches[-1].append(example)
        self._source.shuffle(batches)
        yield from batches

    def _ids(self, text: str) -> list[int]:
        """Return the tokens of a piece of text; pieces end where tokens end."""
        if text not in self._known:
            self._known[text] = list(self._tokenizer.encode(text).ids)
        return self._known[text]
