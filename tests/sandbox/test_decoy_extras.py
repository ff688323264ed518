"""Decoys keep every signal, score and fork that a log revealed, and change the others in every episode."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.envs import Controller, IllegalAction, Question, TokensSpent
from autotts.envs.contract.action_log import ADVANCE, RUN, STEP, VERIFY
from autotts.envs.contract.controller import answer_without_tokens
from autotts.envs.contract.recording import Numbers, Recording
from autotts.envs.contract.replay import ReplayQuestion, kind
from autotts.envs.declarations import Declarations
from autotts.envs.episodes import Episodes, grid
from autotts.sandbox.audit.decoys import Decoys
from autotts.sandbox.audit.look_ahead import audit_batches
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.sealing import SealedQuestion
from autotts.sandbox.wire import SealedBatch

from ..environments import limited, pack, replay, scripted
from ..envs.contract.test_ledger import made
from ..envs.extended import extended_environment

VERBS = ("branch", "advance", "probe", "step", "step", "lane", "run", "prune", "verify", "fork", "fork")


class Sensitive(Controller):
    """Acts by chance, and the chance depends on everything that it could read at each moment."""

    optional_signals = ("confidence", "answer_x", "only_final")
    verifier = "optional"
    forks = "optional"

    def solve(self, question: Question) -> str | None:
        names: dict[str | None, int] = {None: 0}
        seen: list[str | None] = [None]
        self.told: list[Any] = []
        for _ in range(self.random.randint(0, 40)):
            latest = question.latest_answers
            self.told.append((
                [(i, names.setdefault(answer, len(names))) for i, answer in latest.items()],
                question.tokens, question.latency, question.active, question.branches_left, question.max_branches,
                [(question.depth(i), question.finished(i), question.can_fork(i)) for i in range(question.width)],
                [[question.signal(i, name) for i in range(question.width)] for name in question.signals],
            ))  # fmt: skip
            chance = Random(repr((self.beta, self._seed, self.told)))
            try:
                shown = self._act(question, chance)
            except TokensSpent:
                if chance.random() < 0.1:
                    raise
                self.told.append("spent")
                continue
            except IllegalAction:
                self.told.append("illegal")
                continue
            self.told.append([names.setdefault(x, len(names)) if isinstance(x, str) else x for x in shown])
            seen += [x for x in shown if isinstance(x, str)]
        return Random(repr(self.told)).choice(seen)

    def _act(self, question: Question, chance: Random) -> list[Any]:
        verb, active = chance.choice(VERBS), question.active
        if verb == "branch" or not active:
            question.branch_many(chance.randint(0, 2))
            return []
        i, some = chance.choice(active), chance.sample(active, chance.randint(1, len(active)))
        if verb == "fork":
            able = [i for i in active if question.can_fork(i)]
            return [question.fork(chance.choice(able or active))]
        if verb == "lane":
            return [x for _ in range(chance.randint(1, 3)) for answer, _ in question.step_many(some) for x in [answer]]
        if verb == "run":
            return list(question.run_many_to_end(some))
        if verb == "step":
            return list(question.step(i, *question.signals))
        if verb == "verify":
            return [question.verify(chance.randrange(question.width))]
        if verb == "prune":
            question.prune(i)
            return []
        return [getattr(question, verb)(i)]


class Answers(Sensitive):
    """The same, and declares nothing."""

    optional_signals = ()
    verifier = ""
    forks = ""


def recording(sealed: SealedQuestion, words: tuple[str, ...]) -> Recording:
    """Return a sealed question as a recording, with the answers of the environment."""
    texts = [None if m == 0 else words[m] if m > 0 else f"invented {c}" for c, m in enumerate(sealed.meaning.tolist())]
    ends = np.cumsum(sealed.lengths)[:-1]
    offsets = [0, *np.cumsum(sealed.lengths).tolist()]
    extras = sealed.extras
    more: dict[str, Any] = {}
    if extras is not None:
        more["signals"] = {name: Numbers(column.tolist(), offsets) for name, column in extras.signals.items()}
        if extras.verifier is not None:
            more.update(verifier=Numbers(extras.verifier.tolist(), offsets), verify_cost=extras.verify_cost)
        if extras.parents is not None and extras.fork_depths is not None:
            more.update(parents=extras.parents.tolist(), fork_depths=extras.fork_depths.tolist())
            more.update(fork_rule=extras.fork_rule)
    columns = [[(texts[code], False) for code in part.tolist()] for part in np.split(sealed.cells, ends)]
    for column in columns:
        column[-1] = column[-1][0], True
    return Recording(columns, sealed.totals.tolist(), sealed.delta, sealed.probe_cost, **more)


def on_decoys(maker: type[Controller], episodes: Episodes, batch: SealedBatch, e: int) -> ReplayQuestion:
    """Return the question of episode ``e`` after a controller has played its decoys in this process."""
    env = episodes.environments[int(episodes.environment[e])]
    held = recording(batch.questions[e], env.vocabulary)
    question = kind(maker)(held, batch.orders[e].tolist(), batch.max_branches, batch.max_tokens)
    controller = maker(float(episodes.beta[e]), int(episodes.order[e]))
    try:
        answer = controller.solve(question)
    except TokensSpent:
        answer = None
    if answer is None and question.tokens_ran_out:
        answer = answer_without_tokens(question)
    question.finish()
    question.answer = answer  # type: ignore[attr-defined]
    return question


def batches(maker: type[Controller], episodes: Episodes, number: int) -> list[tuple[np.ndarray, SealedBatch]]:
    """Return the decoys of a full audit of a controller, and which episodes they are for."""
    logs = pack(replay(maker, episodes), episodes)
    key = AuditSecret(number.to_bytes(32, "little"), nonce=bytes).key("")
    made = audit_batches(episodes, logs, 1.0, key, 2, Declarations.of(maker))
    return [(chunk.which, batch) for chunk, batch in made]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    rule=st.sampled_from(("recorded", "nearest")),
    max_branches=st.integers(1, 9),
    max_tokens=st.none() | st.integers(1, 300),
    maker=st.sampled_from((Sensitive, Sensitive, Answers)),
)
def test_a_controller_plays_decoys_as_it_played_the_recording(
    seed: int, rule: str, max_branches: int, max_tokens: int | None, maker: type[Controller]
) -> None:
    episodes = limited(grid([made(seed, rule)], (0.5,), range(seed, seed + 2), max_branches), max_tokens)
    played = replay(maker, episodes)
    for which, batch in batches(maker, episodes, seed):
        for at, e in enumerate(which.tolist()):
            question, answer = played[e]
            other = on_decoys(maker, episodes.take(which), batch, at)
            assert question.finish().pack() == other.log.pack(), episodes.describe(e)
            assert answer == other.answer, episodes.describe(e)  # type: ignore[attr-defined]


class Unforked(Sensitive):
    """The same, without forks."""

    forks = ""


def revealed_numbers(question: ReplayQuestion) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Return the (branch, cell) pairs of which signals of intervals, and of which scores, could have been read."""
    log, at, depth = question.finish(), 0, dict[int, int]()
    scores: set[tuple[int, int]] = set()
    for verb, times, count in zip(log.verbs, log.repeats, log.counts, strict=True):
        for i in log.indices[at : at + count]:
            if verb == RUN:
                depth[i] = len(question._columns[i])
            depth[i] = depth.get(i, 0) + times * (verb in (STEP, ADVANCE))
            if verb == VERIFY:
                scores.add((i, depth[i] - 1))
        at += count
    ran = {(i, d) for i, reached in depth.items() for d in range(reached)}
    return ran, scores if question._recording.verify_cost else scores | ran


def cells_of_branch(sealed: SealedQuestion, row: int, column: np.ndarray) -> list[float | None]:
    start = int(sealed.lengths[:row].sum())
    return [None if x != x else x for x in column[start : start + int(sealed.lengths[row])].tolist()]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), max_branches=st.integers(1, 6), free=st.booleans())
def test_every_column_of_numbers_has_a_visible_decoy(seed: int, max_branches: int, free: bool) -> None:
    env = extended_environment(Random(seed))
    env = replace(env, verify_cost=0 if free else 7)
    episodes = grid([env], (0.5,), range(3), max_branches)
    played = replay(Unforked, episodes)
    for which, batch in batches(Unforked, episodes, seed):
        for at, e in enumerate(which.tolist()):
            question = played[e][0]
            ran, scored = revealed_numbers(question)
            held, sealed = question._recording, batch.questions[at]
            assert sealed.extras is not None and sealed.extras.verifier is not None and held.verifier is not None
            for name, seen in (("confidence", ran), ("only_final", ran), ("", scored)):
                true = held.signals[name] if name else held.verifier
                found = sealed.extras.signals[name] if name else sealed.extras.verifier
                hidden = differs = False
                for i, row in enumerate(batch.orders[at].tolist()):
                    recorded = [None if x != x else x for x in true[question._order[i]]]
                    given_numbers = cells_of_branch(sealed, row, found)
                    for d, value in enumerate(recorded):
                        other = given_numbers[d] if d < len(given_numbers) else "none"
                        assert (i, d) not in seen or other == value, "a revealed number changed"
                        hidden |= (i, d) not in seen
                        differs |= other != value
                assert differs == hidden, (name, episodes.describe(e))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), rule=st.sampled_from(("recorded", "nearest")), max_branches=st.integers(1, 12))
def test_forks_share_the_cells_of_their_parents_and_change_in_number(seed: int, rule: str, max_branches: int) -> None:
    env = made(seed, rule)
    episodes = grid([env], (0.5,), range(3), max_branches)
    for _, batch in batches(Sensitive, episodes, seed):
        for sealed, order in zip(batch.questions, batch.orders, strict=True):
            extras = sealed.extras
            assert extras is not None and extras.parents is not None and extras.fork_depths is not None
            starts = (np.cumsum(sealed.lengths) - sealed.lengths).astype(int)
            columns = [sealed.cells, *extras.signals.values(), extras.verifier]
            for row, (parent, depth) in enumerate(zip(extras.parents, extras.fork_depths, strict=True)):
                assert parent < row and (parent < 0 or 1 <= depth < sealed.lengths[row])
                for column in columns if parent >= 0 else ():
                    own, other = (column[starts[r] : starts[r] + depth] for r in (row, parent))
                    assert np.array_equal(own, other, equal_nan=column is not sealed.cells)
            forks = np.flatnonzero(extras.parents >= 0)
            assert sorted(set(order.tolist()) & set(forks.tolist())) == forks.tolist()


def test_what_is_declared_does_not_change_the_answers_of_decoys() -> None:
    """Equal logs get equal answers, whatever else a candidate gets: all other draws come later."""
    env = extended_environment(Random(5))
    episodes = grid([env], (0.5,), range(4), 3)
    logs = pack(replay(Answers, episodes), episodes)
    group = np.zeros(len(episodes), np.int64)
    found = []
    for declared in (Declarations(), Declarations(signals=("confidence",), verifier="needed")):
        chance = AuditSecret(bytes(32), nonce=bytes).key("").generator("decoys")
        batch = Decoys(episodes, declared).batch(episodes, logs, group, chance)
        found.append([(q.cells.tolist(), q.lengths.tolist(), q.totals.tolist()) for q in batch.questions])
        assert all((q.extras is None) == (not declared.names) for q in batch.questions)
    assert found[0] == found[1]


def test_what_costs_nothing_changes_no_decoy() -> None:
    """Else a cheat tells its audit one bit for nothing: by a run, by as many steps, or by asking a free verifier."""

    def opened(question: Question) -> list[int]:
        return question.branch_many(min(2, question.branches_left))

    def runs(question: Question, _: float) -> None:
        question.run_many_to_end(opened(question))

    def steps(question: Question, _: float) -> None:
        opened(question)
        while question.active:
            question.step_many(question.active)

    def verifies(question: Question, _: float) -> None:
        question.run_many_to_end(opened(question))
        question.verify_many(range(question.width))

    env = replace(extended_environment(Random(5)), verify_cost=0)
    episodes = grid([env], (0.5,), range(6), 3)
    declared = Declarations(signals=("confidence", "answer_x"), verifier="needed")
    found = []
    for solve in (runs, steps, verifies):
        maker = scripted(solve)
        maker.signals, maker.verifier = declared.signals, declared.verifier
        logs = pack(replay(maker, episodes), episodes)
        chance = AuditSecret(bytes(32), nonce=bytes).key("").generator("decoys")
        batch = Decoys(episodes, declared).batch(episodes, logs, np.zeros(len(episodes), np.int64), chance)
        found.append([[column.tobytes() for column in (q.cells, q.totals, *numbers(q))] for q in batch.questions])
    assert found[0] == found[1] == found[2]


def numbers(sealed: SealedQuestion) -> list[np.ndarray]:
    assert sealed.extras is not None and sealed.extras.verifier is not None
    return [*sealed.extras.signals.values(), sealed.extras.verifier]
