"""Measures whether every known cheat is convicted, and how likely a miss is: `python -m benchmarks.cheat_budget`.

Each file of `tests/sandbox/cheats/` is evaluated and then audited in full, many times with a fresh secret each, on
1,200 episodes in which it cheats in 60 or fewer, and as often on a sample (for information). Those of the directory
`beyond`, which look at signals, scores or forks, play 320 episodes on questions that have them, where a probe and a
verification have a price, and cheat in 40 or fewer. An audit is watched, and goes on after the first conviction, so
that the table shows in how many of the cheated episodes the candidate is seen.

The chance of a miss is estimated as (1 - q)^n. n is the number of processes of an audit; q is the lower 95% bound
(Clopper-Pearson) of the chance that one of them shows a difference. Processes differ, and by the inequality of the
means this estimate is then too high, never too low. It takes the processes of an audit as independent: none of them
knows of the others. The column p is the like bound for a single cheated episode in a full audit, which plays it twice:
a cheat that looks in k episodes and leaves no sign elsewhere is missed with probability (1 - p)^k.

Sized for about 30 minutes on two idle cores with 20 audits of each cheat. Exits with 1 if any audit missed a cheat.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from autotts.envs.episodes import Episodes, Logs, grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.envs.synthetic.parts import SimulatedParts, with_parts
from autotts.envs.synthetic.strength import Strength
from autotts.envs.synthetic.trees import ForkPlan
from autotts.sandbox.audit.look_ahead import AUDIT_SHARE, audit
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import open_sandbox
from autotts.sandbox.evaluation import LoggedEvaluation, evaluate
from autotts.sandbox.outcome import Candidate, SandboxOutcome
from autotts.sandbox.wire import SealedBatch
from benchmarks.binomial import lower_bound

CHEATS = Path(__file__).parents[1] / "tests" / "sandbox" / "cheats"
AUDITS = 20
SIGNS = ("carry_policy", "carry_choice", "memory_", "time_end")
"""Cheats that are seen by their signs in other episodes, so that a single episode says nothing of them."""
RARE = (1, 2, 3, 5, 10, 20)
"""Numbers of cheated episodes for which the chance of a miss is printed."""


@dataclass(frozen=True)
class CheatRecord:
    """The audits of one cheat."""

    cheat: str
    no_score: str
    """The verdict of its evaluation, if it has no score to win; else empty."""
    episodes: int = 0
    """Episodes in which it answers or pays otherwise than it would without looking."""
    right: int = 0
    """More right answers than without looking."""
    tokens: int = 0
    """More tokens than without looking."""
    audits: int = 0
    convicted: int = 0
    sampled: int = 0
    """Convictions by audits of a sample."""
    seen: int = 0
    """Cheated episodes that were seen, over all audits."""
    processes: int = 0
    """Processes of all full audits."""
    differing: int = 0
    """Processes of all full audits in which an episode differed."""

    @property
    def chance(self) -> float:
        """The lower 95% bound of the chance that a full audit sees one cheated episode."""
        return lower_bound(self.seen, self.audits * self.episodes) if self.episodes else 1.0

    @property
    def missed(self) -> float:
        """The expected number of misses in one audit."""
        if self.no_score or not self.audits:
            return 0.0
        return float((1 - lower_bound(self.differing, self.processes)) ** (self.processes / self.audits))

    @property
    def fails(self) -> bool:
        """Whether it has a score, and either an audit missed it or it gains nothing, so that it shows nothing."""
        return not self.no_score and (self.convicted < self.audits or not self.episodes)


@dataclass
class AuditNotes:
    """What was seen during one audit."""

    episodes: set[int] = field(default_factory=set)
    """The episodes that differed."""
    processes: int = 0
    differing: int = 0
    failed: bool = False
    """Whether the candidate failed in the audit, which convicts it as well."""


class WatchedSandbox:
    """A sandbox in which an audit finds no difference, and which notes the episodes that differ.

    Args:
        inner: the sandbox that runs the candidate.
        episodes: the whole batch.
        logs: the logs of its evaluation.
    """

    def __init__(self, inner: Sandbox, episodes: Episodes, logs: Logs, notes: AuditNotes) -> None:
        self.name, self.notes = inner.name, notes
        self._inner, self._episodes, self._logs = inner, episodes, logs

    @contextmanager
    def reusing_workers(self) -> Iterator[WatchedSandbox]:
        """See `Sandbox.reusing_workers`."""
        with self._inner.reusing_workers() as reusing:
            yield WatchedSandbox(reusing, self._episodes, self._logs, self.notes)

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.run`."""
        return self._inner.run(candidate, episodes, progress)

    def play(
        self, candidate: Candidate, batch: SealedBatch, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.play`."""
        outcome = self._inner.play(candidate, batch, progress)
        if outcome.logs is None:
            self.notes.failed, self.notes.processes = True, self.notes.processes + 1
            self.notes.differing += 1
            return outcome
        number = {self._episodes.describe(i): i for i in range(len(self._episodes))}
        which = np.array([number[batch.describe(i)] for i in range(len(batch))])
        expected = self._logs.take(which)
        differs = different(expected, outcome.logs)
        self.notes.episodes.update(which[differs].tolist())
        self.notes.processes += len(np.unique(batch.group))
        self.notes.differing += len(np.unique(batch.group[differs]))
        return replace(outcome, logs=expected)

    def close(self) -> None:
        """The caller closes the sandbox."""


def different(one: Logs, other: Logs) -> list[int]:
    """Return the episodes whose actions or answers differ."""

    def columns(logs: Logs, i: int) -> list[bytes]:
        return [column.tobytes() for column in logs.part(i, i + 1).columns().values()]

    return [i for i in range(len(one)) if columns(one, i) != columns(other, i)]


def batch() -> Episodes:
    """Return 1,200 episodes, of which most cheats cheat in 60 or fewer (beta 0.5, branch order 7)."""
    environment = generate(list(default_models().values())[2], "cheated/model", questions=60, branches=64)
    return grid([environment], [0.2, 0.5], range(10), max_branches=32)


def batch_beyond(questions: int = 40, orders: int = 4) -> Episodes:
    """Return a smaller batch on questions with signals, a verifier and forks; each has 2 x ``orders`` episodes."""
    parts = SimulatedParts(
        signals={"confidence": Strength(0.6, 0.9), "answer_confidence": Strength(0.6, 0.9)},
        verifier=Strength(0.6, 0.9),
        verify_cost=50,
        forks=ForkPlan(depths=(3, 10, 24), levels=2),
    )
    model = list(default_models().values())[1]
    plain = generate(model, "cheated/model", questions=questions, branches=12)
    made = replace(with_parts(plain, parts), probe_cost=20)
    return grid([made], [0.2, 0.5], range(8 - orders, 8), max_branches=16)


def names_of(cheats: Path) -> list[str]:
    """Return the names of all cheats of a directory, those of its directory `beyond` with this in front."""
    return sorted(path.relative_to(cheats).with_suffix("").as_posix() for path in cheats.rglob("*.py"))


def measured(name: str, source: str, episodes: Episodes, sandbox: Sandbox, audits: int) -> CheatRecord:
    """Evaluate and audit one cheat ``audits`` times."""
    candidate = Candidate("candidate", source)
    record, kept = CheatRecord(name, ""), set[int]()
    for _ in range(audits):
        with sandbox.reusing_workers() as reusing:
            found = evaluate(candidate, episodes, reusing)
            if found.logs is None:
                return CheatRecord(name, f"{found.verdict.kind}: {found.verdict.message.split(' [')[0]}")
            if not record.audits:
                record, kept = gained(name, source, found, episodes, sandbox)
            notes = AuditNotes()
            passed = audit(candidate, episodes, found.logs, WatchedSandbox(reusing, episodes, found.logs, notes)).ok
            sample = audit(candidate, episodes, found.logs, reusing, AUDIT_SHARE)
        record = replace(
            record,
            audits=record.audits + 1,
            convicted=record.convicted + (notes.differing > 0 or not passed),
            sampled=record.sampled + (not sample.ok),
            seen=record.seen + len(kept & notes.episodes),
            processes=record.processes + notes.processes,
            differing=record.differing + notes.differing,
        )
    return record


def gained(
    name: str, source: str, found: LoggedEvaluation, episodes: Episodes, sandbox: Sandbox
) -> tuple[CheatRecord, set[int]]:
    """Return what a cheat gains over itself without looking, and the episodes in which it cheats."""
    honest = evaluate(source.replace("PEEK = True", "PEEK = False"), episodes, sandbox)
    assert found.scores is not None and honest.scores is not None
    one, other = found.scores, honest.scores
    kept = np.flatnonzero((one.answer != other.answer) | (one.tokens != other.tokens))
    right, tokens = (int(a.sum()) - int(b.sum()) for a, b in ((one.correct, other.correct), (one.tokens, other.tokens)))
    return CheatRecord(name, "", len(kept), right, tokens), set(kept.tolist())


def show(record: CheatRecord) -> str:
    """Return the line of the table."""
    if record.no_score:
        return f"{record.cheat:32} no score: {record.no_score[:90]}"
    convicted, sampled = f"{record.convicted}/{record.audits}", f"{record.sampled}/{record.audits}"
    figures = f"{record.episodes:8} {record.right:+6} {record.tokens:+10} {convicted:>9} {sampled:>8}"
    return f"{record.cheat:32} {figures} {record.chance:6.2f} {record.missed:9.1e}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--audits", type=int, default=AUDITS)
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--cheat", action="append", help="only this one; may be given several times")
    arguments = parser.parse_args()
    names = arguments.cheat or names_of(CHEATS)
    batches = {True: batch_beyond(), False: batch()}
    began, records = time.monotonic(), []
    sizes = f"{len(batches[False]):,} episodes, {len(batches[True])} for those of `beyond`"
    print(f"{len(names)} cheats, {arguments.audits} audits each, {sizes}, {arguments.sandbox}")
    heads = f"{'episodes':>8} {'right':>6} {'tokens':>10} {'convicted':>9} {'sample':>8}"
    print(f"{'cheat':32} {heads} {'p':>6} {'misses':>9}")
    with open_sandbox(arguments.sandbox, 2) as sandbox:
        for name in names:
            episodes = batches[name.startswith("beyond/")]
            records.append(measured(name, (CHEATS / f"{name}.py").read_text(), episodes, sandbox, arguments.audits))
            print(show(records[-1]), flush=True)
            if arguments.json:
                lines = [{**asdict(record), "p": record.chance, "misses": record.missed} for record in records]
                arguments.json.write_text(json.dumps(lines, indent=1))
    return total(records, time.monotonic() - began)


def total(records: list[CheatRecord], seconds: float) -> int:
    """Print the sums and the chance of a miss by the number of cheated episodes; return the exit code."""
    scored = [record for record in records if not record.no_score]
    audits, convicted = sum(record.audits for record in scored), sum(record.convicted for record in scored)
    print(f"\nconvicted {convicted} of {audits}; {len(records) - len(scored)} have no score; {seconds:.0f} s")
    if scored:
        print(f"expected misses in an audit of each: {sum(record.missed for record in scored):.1e}")
        worst = min(
            (record for record in scored if not record.cheat.startswith(SIGNS)), key=lambda record: record.chance
        )
        print(f"a cheat that looks in k episodes, as {worst.cheat} does (p {worst.chance:.2f}), is missed in")
        print("  " + ", ".join(f"k={k}: {(1 - worst.chance) ** k:.1e}" for k in RARE))
    return int(any(record.fails for record in records))


if __name__ == "__main__":
    sys.exit(main())
