"""Reads whole numbers that are spelled in English: ``seven``, ``twenty-one``, ``three hundred and five``."""

from __future__ import annotations

from fractions import Fraction

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ONES = {word: n for n, word in enumerate(_SMALL.split())}
_TENFOLD = {word: 10 * n for n, word in enumerate(_TENS.split(), 2)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
NOT_UNITS = frozenset(
    ["not", "no", "least", "most", "more", "less", "than", "about", "around", "or", "and", "if", "when", "for", "plus",
     "dozen", "hundred", *SCALES]
)  # fmt: skip
"""Words that are no unit, and change the value of a number before them."""
_THIRDS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
PARTS = {"half": Fraction(1, 2), **{
    f"{above}{mark}{name}{'s' * (count > 1)}": Fraction(count, below)
    for name, below in _THIRDS.items() for mark in " -" for above, count in (
        ("a", 1), ("one", 1), ("two", 2), ("three", 3), ("four", 4), ("five", 5), ("seven", 7)
    )
}}  # fmt: skip
"""Fractions in words: ``half``, ``one third``, ``three-quarters``."""
_WHOLE = {"dozen": 12, "a dozen": 12, "a hundred": 100, "a thousand": 1000, "a million": 10**6}


def read_spelled(text: str) -> int | None:
    """Return the number that ``text`` spells, or None."""
    text = text.lower()
    if text in _WHOLE:
        return _WHOLE[text]
    total = group = 0
    last = 10**15
    for word in text.replace("-", " ").split():
        if word in _ONES or word in _TENFOLD:
            value = _ONES.get(word, _TENFOLD.get(word, 0))
            size = 10 if word in _TENFOLD else 1
            if last <= size or (last == 10 and value > 9):  # two, three: no number
                return None
            group, last = group + value, size
        elif word == "hundred" and 0 < group < 100:
            group, last = group * 100, 100
        elif word in SCALES and 0 < group < 1000 and SCALES[word] < (total or 10**15):
            total, group, last = total + group * SCALES[word], 0, SCALES[word]
        elif word != "and" or last < 100:
            return None
    return total + group if last != 10**15 else None


def leading_number(text: str) -> tuple[int, str] | None:
    """Return the number with which ``text`` begins, and the rest; None if it begins with none."""
    words = text.split()
    for count in range(min(len(words), 12), 0, -1):
        if words[count - 1].lower() != "and" and (value := read_spelled(" ".join(words[:count]))) is not None:
            return value, " ".join(words[count:])
    return None
