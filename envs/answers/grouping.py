"""Groups the answers to one question into classes of equal ones."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from .equivalences import Equivalence


def group(answers: Iterable[str], equivalence: Equivalence, gold: Sequence[str] = ()) -> dict[str, str]:
    """Return the representative of each answer.

    An answer belongs to the class of the first representative that is the same. The classes are opened in a fixed
    order: the gold answers first, which all belong to one class, then shorter texts before longer ones, and texts of
    one length by their characters. The result therefore does not depend on the order of ``answers``.

    Args:
        answers: the answers to one question, with any repetitions.
        equivalence: which answers are the same.
        gold: right answers. The first one represents all of them.

    Returns:
        A representative for each different text in ``answers`` and ``gold``.
    """
    representative = dict.fromkeys(gold, gold[0]) if gold else {}
    known: dict[Hashable, list[str]] = {}
    for text in representative:
        for mark in equivalence.marks(text):
            known.setdefault(mark, []).append(text)
    opened = {text: place for place, text in enumerate(representative)}
    for answer in sorted(set(answers) - representative.keys(), key=lambda text: (len(text), text)):
        marks = tuple(equivalence.marks(answer))
        candidates = {text for mark in marks for text in known.get(mark, ())}
        for text in sorted(candidates, key=opened.__getitem__):
            if equivalence.same(text, answer):
                representative[answer] = representative[text]
                break
        else:
            representative[answer] = answer
            opened[answer] = len(opened)
            for mark in marks:
                known.setdefault(mark, []).append(answer)
    return representative
