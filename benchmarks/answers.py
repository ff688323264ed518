"""Measures how long it takes to grade a million answers, for each kind of comparison: `python benchmarks/answers.py`.

The answers are those of 500 questions with 2,000 answers each: right ones in many spellings, wrong ones, and words.
Equal strings are compared once, as in an import. With `--distinct`, no two answers of a question are equal strings,
which is the worst case.
"""

from __future__ import annotations

import argparse
import time
from random import Random

from autotts.envs.answers import equivalence, group

QUESTIONS = 500
ANSWERS = 2000
SPELLINGS = {
    "text": ("{w}", "{w}.", "**{w}**", "{w}  ", "The {w}", "{w} or {v}"),
    "number": ("{n}", "{n:,}", "{n}.0", "${n}$", "\\boxed{{{n}}}", "The answer is {n}.", "{n} cm", "\\frac{{{m}}}{{2}}",
               "{n}%", "-{n}", "{n} + t", "m + n"),
    "choice": ("{c}", "({c})", "{c}.", "**{c}**", "\\text{{({c})}}", "Option {c}", "The answer is {c}.", "{c}) {n}"),
    "math": ("{n}", "\\frac{{{m}}}{{2}}", "\\sqrt{{{n}}}", "{n}\\sqrt{{2}}", "({n}, {m}]", "\\{{{n}, {m}\\}}",
             "x = {n}", "{n} + \\frac{{t}}{{2}}", "{n}\\text{{ cm}}", "\\left( {n} \\right)", "x > {n}", "{n}\\%"),
}  # fmt: skip
FOR_LIBRARY = "\\gcd({n}, {m})"
"""A formula that only math-verify reads. One in 5,000 answers: in the published recordings, 47 of 435,571."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--distinct", action="store_true", help="no two equal strings in a question")
    distinct = parser.parse_args().distinct
    print(f"{QUESTIONS * ANSWERS:,} answers to {QUESTIONS} questions")
    print(f"{'kind':8} {'strings':>10} {'classes':>9} {'right':>9} {'seconds':>8} {'on a core':>10}")
    for kind in ("exact", *SPELLINGS):
        questions = [_answers(kind, Random(f"{kind} {question}"), distinct) for question in range(QUESTIONS)]
        used = equivalence(kind)
        began, busy = time.perf_counter(), time.process_time()
        strings = classes = right = 0
        for answers in questions:
            gold = answers[0]
            representatives = group(answers, used, [gold])
            strings += len(representatives)
            classes += len(set(representatives.values()))
            right += sum(representatives[answer] == gold for answer in answers)
        print(
            f"{kind:8} {strings:10,} {classes:9,} {right:9,} {time.perf_counter() - began:8.1f}"
            f" {time.process_time() - busy:10.1f}",
            flush=True,
        )


def _answers(kind: str, random: Random, distinct: bool) -> list[str]:
    """Return the answers to one question. Values are few and skewed, as those of a model are; the first is the gold."""
    spellings = SPELLINGS.get(kind, ("{n}",))
    start = random.randrange(1000, 10**6)

    def one(spelling: str, values: int) -> str:
        return _answer(spelling, start + int(values * random.random() ** 3))

    answers = [one(spellings[0], 40)]
    known = set(answers)
    while len(answers) < ANSWERS:
        rare = kind == "math" and random.random() < 1 / 5000
        answer = one(FOR_LIBRARY if rare else random.choice(spellings), 1_000_000 if distinct else 40)
        if not distinct or kind == "choice" or answer not in known:
            known.add(answer)
            answers.append(answer)
    return answers


def _answer(spelling: str, n: int) -> str:
    return spelling.format(n=n, m=2 * n, w=f"word{n}", v=f"word{n + 1}", c="ABCDEFGHIJ"[n % 10])


if __name__ == "__main__":
    main()
