"""The recorded branches of all environments of a batch as columns, from which an audit draws its decoys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes
from autotts.envs.log_entries import branch_columns, cells_of
from autotts.envs.store import ABSENT, Environment

from ..sealing import INVENTED
from .codes import CodeDrawing, NumberedAnswers, number_answers, smallest_prime

SPARE = 4
"""The number of invented answers, which only decoys give; also the number of decoys that replace unopened branches."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class RecordedTables:
    """N branches of Q questions, numbered through all environments, and their cells.

    Attributes:
        probes: (N,) intervals of each branch but its last one.
        totals: (N,) its tokens.
        starts: (N,) its first cell.
        bases: the first branch of each environment, and N.
        questions: the first question of each environment, and Q.
        first: (Q,) the first branch of each question.
        count: (Q,) its branches.
        delta: of each environment, the tokens of an interval.
        price: of each environment, the tokens of a probe.
        cells: the answers of all cells, numbered from 1 within each question; 0 for an absent one.
        sizes: (Q,) the answers of each question, and the spare ones.
        frequent: (Q, 2) the numbers of its two most frequent final answers.
        answers: (Q, A) the answer in the vocabulary for each number.
        codes: draws the codes of answers.
    """

    def __init__(self, episodes: Episodes) -> None:
        environments = episodes.environments
        self.probes, self.totals, self.starts = columns = branch_columns(environments)
        self.branches = (*columns, np.zeros(0, np.int32))  # the entries of the logs are used without answers
        self.bases = np.cumsum([0, *(len(env.final_answers) for env in environments)])
        self.questions = np.cumsum([0, *(len(env) for env in environments)])
        firsts = (env.branch_offsets[:-1] + base for env, base in zip(environments, self.bases, strict=False))
        self.first = np.concatenate(list(firsts))
        self.count = np.concatenate([np.diff(env.branch_offsets) for env in environments])
        self.delta = np.array([env.delta for env in environments], np.int64)
        self.price = np.array([env.probe_cost for env in environments], np.int64)
        self._code(environments)

    def _code(self, environments: Sequence[Environment]) -> None:
        """Number the answers of each question from 1; an absent answer is 0. ``answers`` maps the numbers back.

        One environment after another: the numbers of its cells take a fiftieth of the memory of the work on them.
        """
        self.cells = np.empty(int(self.starts[-1] + self.probes[-1]) + 1, np.uint16)
        done: list[NumberedAnswers] = []
        for e, env in enumerate(environments):
            branches, cells = slice(int(self.bases[e]), int(self.bases[e + 1])), cells_of(env)
            first = int(self.starts[branches.start])
            owner = np.repeat(np.arange(len(env)), np.diff(env.branch_offsets))
            here = self.cells[first : first + len(cells)]
            done.append(number_answers(owner, self.probes[branches], cells, len(env), SPARE, here))
        self.sizes = np.concatenate([each.sizes for each in done])
        self.frequent = np.concatenate([each.frequent for each in done])
        self.answers = np.full((len(self.count), int(self.sizes.max()) + 1), INVENTED, np.int32)
        self.answers[:, 0] = ABSENT
        for base, each in zip(self.questions.tolist(), done, strict=False):
            self.answers[base + each.question, each.number] = each.answer
        self.codes = CodeDrawing(smallest_prime(int(self.sizes.max())))
