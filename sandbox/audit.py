"""The look-ahead audit: does a candidate act the same where everything that it had not paid for is another?

A candidate shares its process with recorded branches that it has not paid to see, and Python cannot hide them. So the
host looks afterwards: it keeps what the action log says was revealed, replaces all else by decoys, and has the episode
played again. A controller that used only what it paid for does the same again; any difference convicts.

What the audit hands out must not give away what the log says, or a cheat could do again what it did without knowing
why. So (1) a process gets at most one episode of each question, whose other episodes would show more of it; (2) decoys
are branches of the same question with answers permuted, of the lengths that such branches have; (3) a random stretch
past what was revealed is left true, so that the border of the decoys is not the border of the log. Order, processes
and the names of answers are others than in the evaluation, which also convicts state, chance and dependence on names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from envs.episodes import Episodes, Logs, ranges
from envs.ledger import branch_tables, ledger
from envs.replay import BRANCH, PROBE, STEP, VERBS
from envs.store import ABSENT

from .base import Candidate, Kind, Sandbox, Verdict
from .wire import Batch, World

SAMPLE = 0.02
"""Share of the episodes that is audited of every candidate."""
LEAST = 100
"""Episodes that are audited at least, if there are so many."""

_CHUNK = 2048
_SPARE = 4
"""Answers that no branch gives, for decoys to give; and decoys that stand in for many unopened branches."""
_INVENTED = -2
_HONEST_REPEATS = 3

Ints = npt.NDArray[np.int64]


def audit(
    candidate: Candidate,
    episodes: Episodes,
    logs: Logs,
    sandbox: Sandbox,
    share: float = 1.0,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Verdict:
    """Play episodes again with decoys for what was not revealed, and return what that proves.

    Args:
        candidate: whose ``logs`` of ``episodes`` the host has accepted (`envs.scoring.score`).
        episodes: the batch.
        logs: of all of it.
        sandbox: to play them in.
        share: part of the episodes that is drawn, in (0, 1], but at least `LEAST` of them.
        seed: of the draw and of the decoys.
        progress: called with the number of episodes that were added.

    Returns:
        ok, or the verdict on the first episode that differs, which names the first differing action.

    Raises:
        SandboxError: the sandbox failed.
    """
    key = hashlib.sha256(f"{seed} {candidate.source}".encode(errors="replace")).digest()
    generator = np.random.default_rng(list(key))
    drawn = _drawn(len(episodes), share, generator)
    decoys = _Decoys(episodes)

    def prepared() -> Iterator[tuple[Ints, Logs, Batch]]:
        for which, group in _chunks(episodes, drawn, generator):
            expected = logs.take(which)
            yield which, expected, decoys.batch(episodes.take(which), expected, group, generator)

    for which, expected, batch in _ahead(prepared()):
        outcome = sandbox.play(candidate, batch, progress)
        if outcome.logs is None:
            verdict = outcome.verdict
            at = int(which[verdict.episode or 0])
            if verdict.kind in ("timeout", "memory"):
                return Verdict(verdict.kind, verdict.message, at)
            return _convict(candidate, episodes, logs, at, sandbox, verdict.message)
        differs = _first_difference(expected, outcome.logs)
        if differs is not None:
            said = _difference(expected, outcome.logs, differs)
            return _convict(candidate, episodes, logs, int(which[differs]), sandbox, said)
    return Verdict("ok")


T = TypeVar("T")


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield ``items``, the next of which is made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _drawn(n: int, share: float, generator: np.random.Generator) -> Ints:
    count = min(n, max(LEAST, round(share * n)))
    drawn: Ints = generator.permutation(n)[:count]
    return drawn


def _chunks(episodes: Episodes, drawn: Ints, generator: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """Yield (episodes, their groups): a group has at most one episode of each question."""
    question = np.stack([episodes.environment[drawn], episodes.question[drawn]])
    _, number = np.unique(question, axis=1, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")  # drawn at random, so each question's episodes are so too
    sizes = np.bincount(number.ravel())
    group = np.empty(len(drawn), np.int64)
    group[order] = ranges(np.zeros_like(sizes), sizes)
    turn = np.lexsort((generator.random(len(drawn)), group))
    drawn, group = drawn[turn], group[turn]
    start = 0
    while start < len(drawn):
        last = group[min(start + _CHUNK, len(drawn)) - 1]
        stop = int(np.searchsorted(group, last, side="right"))
        yield drawn[start:stop], group[start:stop]
        start = stop


def _first_difference(expected: Logs, found: Logs) -> int | None:
    """Return the first episode whose actions or answer differ, or None."""
    ours, theirs = expected.columns(), found.columns()
    if all(np.array_equal(ours[name], theirs[name]) for name in ours):
        return None
    for i in range(len(expected)):
        ours, theirs = expected.part(i, i + 1).columns(), found.part(i, i + 1).columns()
        if not all(np.array_equal(ours[name], theirs[name]) for name in ours):
            return i
    return None


def _difference(expected: Logs, found: Logs, at: int) -> str:
    """Say how the two logs of episode ``at`` differ."""
    ours, theirs = _actions(expected.part(at, at + 1)), _actions(found.part(at, at + 1))
    for number, (one, other) in enumerate(zip([*ours, "its answer"], [*theirs, "its answer"], strict=False)):
        if one != other:
            return f"action {number} was `{one}`, and `{other}` where all that it had not paid for was another"
    return "it gave another answer where all that it had not paid for was another"


def _actions(logs: Logs) -> list[str]:
    offsets = logs.index_offsets
    lines = []
    for r, (verb, times) in enumerate(zip(logs.verbs.tolist(), logs.repeats.tolist(), strict=True)):
        branches = logs.indices[offsets[r] : offsets[r + 1]].tolist()
        named = " ".join(map(str, branches[:8])) + (" ..." if len(branches) > 8 else "")
        lines.append(f"{VERBS[verb]} {named}" + (f" x{times}" if times > 1 else ""))
    return lines


def _convict(candidate: Candidate, episodes: Episodes, logs: Logs, at: int, sandbox: Sandbox, said: str) -> Verdict:
    """Return the verdict on the differing episode ``at``: by itself, on what was recorded, does it come out again?"""
    which = np.array([at])
    alone, expected = episodes.take(which), logs.take(which)
    again = (sandbox.run(candidate, alone).logs for _ in range(_HONEST_REPEATS))
    same = all(found is not None and _first_difference(expected, found) is None for found in again)
    kind: Kind = "rejected: looked ahead" if same else "rejected: not reproducible"
    if not same:
        said = "the episode comes out differently when it is played again (state, chance, time or names of answers)"
    return Verdict(kind, f"{said} [{episodes.describe(at)}]", at)


@dataclass(frozen=True)
class _Columns:
    """The branches that are handed out, one row each, episode by episode."""

    episode: Ints
    position: Ints
    first: Ints
    """(E + 1,) rows of each episode."""
    true: npt.NDArray[np.bool_]
    """Whether the row is a recorded branch, in a part at least."""
    real: Ints
    """The recorded branch."""
    donor: Ints
    """The branch that lends what is replaced."""
    known: Ints
    """Intervals that the log moved it."""
    kept: Ints
    """Cells that may be true."""
    length: Ints
    total: Ints


class _Decoys:
    """Makes worlds in which only what a log revealed is as it was recorded."""

    def __init__(self, episodes: Episodes) -> None:
        environments = episodes.environments
        self.probes, self.totals, self.starts, cells = branch_tables(environments)
        self.bases = np.cumsum([0, *(len(env.final_answers) for env in environments)])
        self.questions = np.cumsum([0, *(len(env) for env in environments)])
        firsts = (env.branch_offsets[:-1] + base for env, base in zip(environments, self.bases, strict=False))
        self.first = np.concatenate(list(firsts))
        self.count = np.concatenate([np.diff(env.branch_offsets) for env in environments])
        self.delta = np.array([env.delta for env in environments], np.int64)
        self.price = np.array([env.probe_cost for env in environments], np.int64)
        owner = np.repeat(np.arange(len(self.count)), self.count)
        self._code(np.repeat(owner, self.probes + 1), cells)

    def _code(self, question: Ints, cells: npt.NDArray[np.int32]) -> None:
        """Number each question's answers from 1, absent ones being 0; ``answers`` leads back."""
        width = int(cells.max(initial=0)) + 1
        keys, inverse = np.unique(question * width + cells, return_inverse=True)
        of, answer = keys // width, keys % width
        present = answer != ABSENT
        rank = np.cumsum(present)
        starts = np.searchsorted(of, np.arange(len(self.count)))
        number = np.where(present, rank - (rank[starts] - present[starts])[of], 0)
        self.cells = number[inverse.ravel()]
        self.sizes = np.bincount(of[present], minlength=len(self.count)) + _SPARE
        self.answers = np.full((len(self.count), int(self.sizes.max()) + 1), _INVENTED, np.int32)
        self.answers[:, 0] = ABSENT
        self.answers[of[present], number[present]] = answer[present]

    def batch(self, episodes: Episodes, logs: Logs, group: Ints, generator: np.random.Generator) -> Batch:
        """Return the episodes, each on a world of its own."""
        E, B = len(episodes), episodes.max_branches
        env = episodes.environment
        question = (self.questions[env] + episodes.question).astype(np.int64)
        branch = episodes.opened + self.bases[env][:, None]
        available = (episodes.opened >= 0).sum(axis=1)
        done = ledger(episodes, logs)
        known, finished = np.zeros(E * B, np.int64), np.zeros(E * B, bool)
        np.maximum.at(known, done.key, done.after)
        finished[done.key[done.ended]] = True
        opened = np.bincount(done.episode[done.verb == BRANCH], minlength=E)

        # the log opened so many; a random number more are true in part; a few decoys stand for all the others
        true = opened + (generator.random(E) ** 2 * (available - opened + 1)).astype(np.int64)
        rows = self._rows(question, branch, known, finished, true, available, self.delta[env], generator)
        stand_in = true[:, None] + generator.integers(0, _SPARE, (E, B))
        orders = np.where(np.arange(B) < true[:, None], np.arange(B), stand_in)

        at = np.concatenate(([0], np.cumsum(rows.length)))
        row = np.repeat(np.arange(len(rows.length)), rows.length)
        depth = np.arange(at[-1]) - at[row]
        start = at[rows.first[done.episode] + done.key % B]
        shown = _shown(done.verb, done.before, done.after, done.ended, start, int(at[-1]))
        shown |= (depth >= rows.known[row]) & (depth < rows.kept[row])
        lent = np.minimum(depth, self.probes[rows.donor][row])
        local = self.cells[np.where(shown, self.starts[rows.real][row] + depth, self.starts[rows.donor][row] + lent)]
        names, others = self._names(question, generator)
        of = rows.episode[row]
        codes = np.where(shown, names[of, local], others[of, local]).astype(np.uint32)
        meaning = np.full(names.shape, _INVENTED, np.int32)
        np.put_along_axis(meaning, names, self.answers[question][:, : names.shape[1]], axis=1)
        ends = at[rows.first]
        worlds = [
            World(
                codes[ends[e] : ends[e + 1]],
                rows.length[rows.first[e] : rows.first[e + 1]].astype(np.uint32),
                rows.total[rows.first[e] : rows.first[e + 1]].astype(np.uint32),
                int(self.delta[env[e]]),
                int(self.price[env[e]]),
                meaning[e],
            )
            for e in range(E)
        ]
        return Batch(
            worlds=worlds,
            world=np.arange(E),
            orders=[order[:n] for order, n in zip(orders.astype(np.int32), available.tolist(), strict=True)],
            order=np.arange(E),
            beta=episodes.beta,
            seed=episodes.seed,
            group=group,
            max_branches=B,
            max_tokens=episodes.max_tokens,
            describe=episodes.describe,
        )

    def _rows(
        self,
        question: Ints,
        branch: Ints,
        known: Ints,
        finished: npt.NDArray[np.bool_],
        true: Ints,
        available: Ints,
        delta: Ints,
        generator: np.random.Generator,
    ) -> _Columns:
        """Draw what each handed-out branch consists of, and how long it is."""
        sizes = true + np.where(true < available, _SPARE, 0)
        episode = np.repeat(np.arange(len(sizes)), sizes)
        position = ranges(np.zeros_like(sizes), sizes)
        is_true = position < true[episode]
        donor = self.first[question][episode]
        donor = donor + (generator.random(len(donor)) * self.count[question][episode]).astype(np.int64)
        real = np.where(is_true, branch[episode, np.where(is_true, position, 0)], donor)
        key = episode * branch.shape[1] + np.where(is_true, position, 0)
        moved = np.where(is_true, known[key], 0)
        ended = is_true & finished[key]
        whole, lent = self.probes[real] + 1, self.probes[donor] + 1
        more = (generator.random(len(real)) * (whole - moved + 1)).astype(np.int64)
        kept = np.where(is_true & (generator.random(len(real)) < 0.5), moved + more, moved)
        full = ended | (kept >= whole)
        kept = np.where(ended, 0, kept)  # what a branch that was run to its end did not show stays hidden
        longer = kept + 1 + (generator.random(len(real)) * lent).astype(np.int64)
        length = np.where(full, whole, np.where(lent > kept, lent, longer))
        tail = 1 + (generator.random(len(real)) * delta[episode]).astype(np.int64)
        total = np.where(lent > kept, self.totals[donor], (length - 1) * delta[episode] + tail)
        total = np.where(full, self.totals[real], total)
        first = np.concatenate(([0], np.cumsum(sizes)))
        return _Columns(episode, position, first, is_true, real, donor, moved, kept, length, total)

    def _names(self, question: Ints, generator: np.random.Generator) -> tuple[Ints, Ints]:
        """Return (E, answers + 1) codes for true cells and for decoys: the same in one episode of four, else others."""
        sizes = self.sizes[question]
        width = int(sizes.max())
        beyond = np.arange(width) >= sizes[:, None]

        def drawn() -> Ints:
            chance = generator.random((len(question), width))
            chance[beyond] = 2.0
            return np.concatenate([np.zeros((len(question), 1), np.int64), chance.argsort(axis=1) + 1], axis=1)

        names, others = drawn(), drawn()
        alike = generator.random(len(question)) < 0.25
        others[alike] = names[alike]
        return names, others


def _shown(
    verb: npt.NDArray[np.uint8], before: Ints, after: Ints, ended: npt.NDArray[np.bool_], start: Ints, size: int
) -> npt.NDArray[np.bool_]:
    """Return (size,) whether an entry of the logs revealed a cell; a branch's cells begin at its entries' ``start``."""
    stepped, probed = verb == STEP, verb == PROBE
    first = np.where(stepped, before, np.where(probed, before - 1, after - 1))
    stop = np.where(probed, before, after)
    useful = stepped | probed | ended
    edges = np.bincount((start + first)[useful], minlength=size + 1) - np.bincount(
        (start + stop)[useful], minlength=size + 1
    )
    shown: npt.NDArray[np.bool_] = np.cumsum(edges)[:size] > 0
    return shown
