"""`autotts trace --conviction`: shows the episode that convicted a version, on its recording and on decoys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import zip_longest

from autotts.envs.errors import InputError
from autotts.envs.plain_text import plain
from autotts.sandbox.audit.repeat import RepeatedEpisode, repeat_audit
from autotts.sandbox.evaluation import CandidateFailed, evaluate
from autotts.sandbox.outcome import Candidate

from ..archive import resolve
from ..archive.reader import open_reader


def show_conviction(args: argparse.Namespace) -> int:
    """Evaluate a rejected version again, repeat its audit, and print the convicting episode.

    Raises:
        InputError: no audit has convicted the version, or its episodes are not at hand.
        CandidateFailed: it does not run any more.
        SandboxError: the sandbox failed.
    """
    if getattr(args, "json", None):
        raise InputError("--conviction prints text only: leave out --json")
    archive, version = resolve.find_version(args.id, args.run, args.archive)
    card, candidate = archive.card(version), Candidate(version, archive.source(version))
    if card.conviction is None:
        raise InputError(f"no audit has convicted {version}: its verdict is {plain(card.verdict)}")
    episodes = open_reader(args.run, args.archive, args.data).episodes(card.protocol)
    with resolve.sandbox(args, [candidate]) as sandbox:
        logs = (found := evaluate(candidate, episodes, sandbox)).logs
        if logs is None:
            raise CandidateFailed(candidate, found.verdict)
        shown = repeat_audit(candidate, episodes, logs, card.conviction, sandbox)
    if shown is None:
        raise InputError(f"{version}: the audit that convicted it does not fit the episodes of its protocol")
    for line in [f"{version}: {card.verdict}: {card.message}", *_lines(shown)]:
        print(plain(line))
    return 0


def _lines(shown: RepeatedEpisode) -> Sequence[str]:
    lines = [f"audited again: {shown.where}", f"{'':6} {'on the recording':32} on decoys"]
    marked = False
    for number, (one, other) in enumerate(zip_longest(shown.recorded, shown.on_decoys, fillvalue="")):
        mark = "" if one == other or marked else "  <- first difference"
        marked |= one != other
        lines.append(f"{number:6} {one:32} {other}{mark}".rstrip())
    if not shown.verdict.ok:
        lines.append(f"on decoys it failed: {shown.verdict.kind}: {shown.verdict.message}")
    elif not shown.differs:
        lines.append("this time it acted the same: its actions depend on chance, time or earlier episodes")
    elif not marked:
        lines.append("the actions are the same; the answer differs  <- first difference")
    for branch, cells in shown.replaced:
        lines.append(f"replaced: branch {branch}, cells {_ranges(cells)}")
    return lines


def _ranges(cells: Sequence[int]) -> str:
    """Return ``0-3, 7`` for 0, 1, 2, 3, 7."""
    runs: list[list[int]] = []
    for cell in cells:
        if runs and cell == runs[-1][-1] + 1:
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
